"""Check of an export: a fresh process without tfgen loads it, and its results are compared with those of the run."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.errors import OutputError, TfgenError
from tfgen.export.compared import EXAMPLES
from tfgen.export.signatures import Argument, Signature
from tfgen.plugin.author_code import failure
from tfgen.seeds import generator

#: What rounding may change: numbers by this share of the largest in their column, and this share of whole numbers at all.
_OF_NUMBERS, _OF_WHOLE = 1e-4, 0.01
#: Share of examples that may differ altogether: where rounding changes a category or a grey level, all that is drawn after it.
_OF_EXAMPLES = 1 / 32
_RANDOM = {"seed": (3, 7), "first": 5}  # not zero, or an export that ignores them would pass
_SECONDS = 1200
_FRESH = """
import json, runpy, sys
import numpy as np
sys.modules["tfgen"] = sys.modules["tfgen_plugins"] = None  # an import of either fails
folder, inputs, outputs, example = sys.argv[1:]
functions = runpy.run_path(example)["load"](folder)
with np.load(inputs) as arrays:
    given = {}
    for key in arrays.files:
        signature, name = key.split(".")
        given.setdefault(signature, {})[name] = arrays[key]
np.savez(outputs, **{name: functions[name](**arrays) for name, arrays in given.items()})
"""


@dataclass(frozen=True)
class Difference:
    """Difference between an exported function and the run's own, on the same inputs.

    Attributes:
        signature: name of the function.
        examples: how many were compared.
        largest: largest absolute difference.
        unequal: share of the values that are not equal.
        rounding: whether it is no more than rounding explains.
    """

    signature: str
    examples: int
    largest: float
    unequal: float
    rounding: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as ``signature.json`` has it."""
        return dict(vars(self))

    @property
    def in_words(self) -> str:
        """In words, for a line of output."""
        if self.unequal == 0:
            return "equal"
        return f"largest difference {self.largest:.2g}, {100 * self.unequal:.2g} % of the values"


def inputs_for(signature: Signature, known: Mapping[str, NDArray[Any]], seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return arrays for the inputs of a signature.

    Args:
        signature: that is checked.
        known: examples, labels, context and codes by the names of the inputs, `EXAMPLES` of each.
        seed: of noise and masks.
    """
    random = generator(seed, len(signature.name))
    return {argument.name: _input(argument, known, random) for argument in signature.inputs}


def _input(argument: Argument, known: Mapping[str, NDArray[Any]], random: np.random.Generator) -> NDArray[Any]:
    dtype, shape = np.dtype(argument.dtype), tuple(EXAMPLES if side is None else side for side in argument.shape)
    if argument.name in known:
        return known[argument.name].astype(dtype)
    if argument.name == "count":
        return np.array(EXAMPLES, dtype)
    if argument.name in _RANDOM:
        return np.array(_RANDOM[argument.name], dtype)
    if argument.name == "known":
        return np.broadcast_to(np.arange(shape[1])[:, None] < shape[1] // 2, shape).copy()
    if argument.noise == "uniform":
        return np.floor(random.random(shape) * 2**24).astype(dtype) / dtype.type(2**24)
    return random.standard_normal(shape).astype(dtype)


def verify(
    folder: Path, example: Path, signatures: Mapping[str, Signature], known: Mapping[str, NDArray[Any]]
) -> list[Difference]:
    """Load an export in a fresh process without tfgen, and compare its functions with those of the run.

    Args:
        folder: of the export.
        example: script that defines ``load``.
        signatures: of the run's model.
        known: as in `inputs_for`.

    Raises:
        OutputError: when the export does not load there; says why.
    """
    given = {name: inputs_for(signature, known) for name, signature in signatures.items()}
    with tempfile.TemporaryDirectory() as place:
        inputs, outputs = Path(place) / "inputs.npz", Path(place) / "outputs.npz"
        named: dict[str, Any] = {
            f"{name}.{key}": array for name, arrays in given.items() for key, array in arrays.items()
        }
        np.savez(inputs, **named)
        _run_fresh([str(folder), str(inputs), str(outputs), str(example)])
        with np.load(outputs) as found:
            exported = {name: found[name] for name in signatures}
    return [difference(name, _own(signature, given[name]), exported[name]) for name, signature in signatures.items()]


def _own(signature: Signature, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return the result of the run's own model, which is not compiled for this.

    Raises:
        OutputError: when it fails; says how.
    """
    try:
        with _full_float32():
            result = signature.call(**{name: tf.constant(array) for name, array in arrays.items()})
    except TfgenError:
        raise
    except Exception as error:  # whatever a model may raise
        how = failure(f"the run's own {signature.name}", "an export is compared with it", error)
        raise OutputError(str(how)) from error
    found: NDArray[Any] = tf.cast(result, tf.as_dtype(signature.output.dtype)).numpy()
    return found


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    """Context manager in which a GPU computes products in float32, and not in TensorFloat-32."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def difference(name: str, own: NDArray[Any], exported: NDArray[Any]) -> Difference:
    """Return the difference between two arrays, which is no rounding where their shapes or types are not the same.

    Args:
        name: of the signature.
        own: of the run, a row for each example: scores [n], codes or rows of a table [n, columns], or images.
        exported: the same of the export.
    """
    if own.shape != exported.shape or own.dtype != exported.dtype:
        return Difference(name, len(own), math.inf, 1.0, False)
    if own.dtype.kind == "f":
        apart, allowed = _apart(own, exported), _OF_NUMBERS * _sizes(own)
        beyond = apart > allowed
        sound = not beyond.any() or (_has_whole_numbers(own) and _examples_beyond(beyond) <= _OF_EXAMPLES)
    else:
        apart = np.abs(own.astype(float) - exported)
        sound = bool((apart > 0).mean() <= _OF_WHOLE) or _examples_beyond(apart > 0) <= _OF_EXAMPLES
    return Difference(name, len(own), float(apart.max(initial=0.0)), float((apart > 0).mean()), bool(sound))


def _apart(own: NDArray[Any], exported: NDArray[Any]) -> NDArray[np.float64]:
    """Return absolute differences; infinities of one sign are equal, and so are two NaN."""
    with np.errstate(invalid="ignore"):
        apart = np.where(own == exported, 0.0, np.abs(own.astype(float) - exported))
    apart[np.isnan(own) & np.isnan(exported)] = 0.0
    return np.nan_to_num(apart, nan=math.inf, posinf=math.inf)


def _sizes(own: NDArray[Any]) -> NDArray[np.float64]:
    """Return the largest absolute number of each column, of scores at least one nat."""
    finite = np.where(np.isfinite(own), np.abs(own.astype(float)), 0.0)
    return finite.max(axis=0, initial=1.0 if own.ndim == 1 else 0.0)


def _has_whole_numbers(rows: NDArray[Any]) -> bool:
    """Return whether a column of a table has whole numbers only: categories or counts."""
    return rows.ndim > 1 and bool((rows == np.round(rows)).all(axis=0).any())


def _examples_beyond(beyond: NDArray[np.bool_]) -> float:
    """Return the share of examples with a value that differs."""
    return float(beyond.reshape(len(beyond), -1).any(axis=1).mean()) if beyond.size else 0.0


def _run_fresh(arguments: list[str]) -> None:
    # Products of a GPU in TensorFloat-32 have ten bits of mantissa: more than rounding of float32.
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "NVIDIA_TF32_OVERRIDE": "0"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _FRESH, *arguments],
            env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise OutputError(f"the export did not load and run within {_SECONDS} seconds.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise OutputError(f"the export does not work without tfgen: {last}")
