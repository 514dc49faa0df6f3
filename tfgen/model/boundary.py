"""Boundary between models and the core: arguments, results and exceptions of a model's public methods are checked once.

`GenerativeModel` puts the checks around the methods of every subclass, so that a plugin's author need not write any. They
look at shapes and types, which are known while a function is traced, and so cost nothing at run time; the range of grey
levels is checked where the values are at hand.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.errors import DataError, PluginError, TfgenError
from tfgen.model.sampling_options import sampling_options

if TYPE_CHECKING:
    from tfgen.model.base import GenerativeModel


@dataclass(frozen=True)
class Contract:
    """Signature and result of a public method of a model.

    Attributes:
        signature: its arguments, as the docs have them.
        positional: the names of the arguments that are given by position.
        keywords: the names of those that are given by name.
        returns: in words, for messages.
        result: what is checked of the result: examples, one number for each example, codes, or nothing.
    """

    signature: str
    positional: tuple[str, ...]
    keywords: tuple[str, ...]
    returns: str
    result: Literal["examples", "numbers", "codes", ""] = ""


LOSS_CONTRACT = "it takes (batch, seed, context) and returns a dictionary of scalars with 'loss' among them"
#: The public methods that a model may offer.
METHODS: dict[str, Contract] = {
    "objectives": Contract("()", (), (), "a sequence of tfgen.Objective"),
    "sample": Contract(
        "(n, labels=None, seed=0, first=0)", ("n", "labels"), ("seed", "first"), "n examples", "examples"
    ),
    "log_prob": Contract(
        "(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "a number in nats for each example", "numbers"
    ),
    "energy": Contract(
        "(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "a number in nats for each example", "numbers"
    ),
    "elbo": Contract(
        "(x, labels=None, seed=0, particles=1)", ("x", "labels"), ("seed", "particles"),
        "a number in nats for each example", "numbers",
    ),
    "posterior": Contract("(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "a tfd.Distribution of codes"),
    "elbo_terms": Contract(
        "(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "E_q[log p(x|z)] and KL(q || p), each [batch]"
    ),
    "encode": Contract("(x, labels=None, seed=0)", ("x", "labels"), ("seed",), "codes [batch, latent]", "codes"),
    "decode": Contract("(z, labels=None, seed=0)", ("z", "labels"), ("seed",), "an example for each code", "examples"),
    "prior": Contract("(labels=None)", ("labels",), (), "a tfd.Distribution of codes"),
    "inpaint": Contract(
        "(x, known_mask, labels=None, seed=0, particles=1)", ("x", "known_mask", "labels"), ("seed", "particles"),
        "images equal to x where the mask is true", "examples",
    ),
}  # fmt: skip


#: Arguments of `sample` that are no options of the model.
_SAMPLE = {"n", "labels", "seed", "first"}


def guard(cls: type[GenerativeModel]) -> None:
    """Put the checks around the public methods that a class defines itself."""
    for name, contract in METHODS.items():
        method = cls.__dict__.get(name)
        if inspect.isfunction(method):
            setattr(cls, name, _guarded(name, contract, method))


def _guarded(name: str, contract: Contract, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def checked(self: GenerativeModel, *positional: Any, **named: Any) -> Any:
        if getattr(type(self), name) is not checked:  # called by a subclass's method of that name, which is checked
            return method(self, *positional, **named)
        given = dict(zip(contract.positional, positional, strict=False)) | named
        if "x" in given:
            require_examples(self, name, given["x"])
        if name == "sample" and self.sampling is not None:
            asked = {key: named[key] for key in named.keys() - _SAMPLE if not tf.is_tensor(named[key])}
            named |= {key: value for key, value in sampling_options(self, asked).items() if key in asked}
        with author_errors(self, name, f"it takes {contract.signature} and returns {contract.returns}"):
            result = method(self, *positional, **named)
        if contract.result == "examples":
            _require_examples_of(self, name, result, given.get("n"))
        elif contract.result == "numbers":
            _require_numbers(self, name, result)
        elif contract.result == "codes":
            _require_codes(self, name, result)
        return result

    return checked


def check_signatures(model: GenerativeModel) -> None:
    """Check that each public method of a model can be called as the core calls it.

    Raises:
        PluginError: names the method, its arguments and those that it has to take.
    """
    for name, contract in METHODS.items():
        method = getattr(model, name, None)
        if not callable(method):
            continue
        found = inspect.signature(method)
        options = sampling_options(model) if name == "sample" else {}
        wanted = contract.signature[:-1] + "".join(f", {key}={value!r}" for key, value in options.items()) + ")"
        try:
            found.bind(*contract.positional, **dict.fromkeys([*contract.keywords, *options]))
        except TypeError as error:
            raise PluginError(
                f"model {type(model).__name__}: {name} must take {wanted}, and it is defined with {found} "
                f"({error}) ({_place_of(method)})."
            ) from error
        for key, value in options.items():
            default = found.parameters[key].default if key in found.parameters else value
            if default != value:
                raise PluginError(
                    f"model {type(model).__name__}: {key} of {name} is {value!r} by default in "
                    f"{type(model.sampling).__name__}, and {default!r} in the method ({_place_of(method)})."
                )


def require_examples(model: GenerativeModel, method: str, x: Any) -> None:
    """Refuse what is no batch of the model's data, before the model computes something of it.

    Raises:
        DataError: says what was expected and what came.
    """
    data = model.data
    if not isinstance(x, tf.Tensor | np.ndarray):
        x = np.asarray(x)
    dtype = tf.as_dtype(x.dtype)
    fits = dtype == tf.uint8 if data.kind == "image" else dtype.is_floating
    shape = tf.TensorShape(x.shape)
    if not fits or not shape.is_compatible_with([None, *data.shape]):
        raise DataError(
            f"model {type(model).__name__}: {method} takes {data.described()}; got {dtype.name} {_shape_text(shape)}."
        )
    if data.kind == "image" and data.levels < 256:
        values = tf.get_static_value(x) if isinstance(x, tf.Tensor) else x
        if values is not None and values.size and values.max() >= data.levels:
            raise DataError(
                f"model {type(model).__name__}: {method} takes {data.described()}; got a grey level of {values.max()}."
            )


def _require_examples_of(model: GenerativeModel, method: str, x: Any, n: Any) -> None:
    """Refuse a result that is not `n` examples of the model's data, as far as it is known while a function is traced.

    Raises:
        PluginError: says what was expected and what came.
    """
    data, count = model.data, tf.get_static_value(n) if n is not None else None
    wanted = [None if count is None else int(count), *data.shape]
    found = tf.convert_to_tensor(x)
    expected = tf.uint8 if data.kind == "image" else model.density_dtype
    if found.dtype != expected or not found.shape.is_compatible_with(wanted):
        raise PluginError(
            f"model {type(model).__name__}: {method} must return {expected.name} {_shape_text(tf.TensorShape(wanted))}, "
            f"got {found.dtype.name} {_shape_text(found.shape)} ({_place_of(getattr(model, method))})."
        )


def require_values(model: GenerativeModel, method: str, x: NDArray[Any]) -> NDArray[Any]:
    """Return examples that a model has made, after refusing values that no example of its data has.

    Raises:
        PluginError: for a grey level that is too high, or a vector that is not finite.
    """
    data, name = model.data, type(model).__name__
    if data.kind == "image":
        if data.levels < 256 and x.size and x.max() >= data.levels:
            raise PluginError(
                f"model {name}: {method} drew a grey level of {x.max()}, and the data have 0 .. {data.levels - 1} "
                f"({_place_of(getattr(model, method))})."
            )
    elif not np.isfinite(x).all():
        raise PluginError(
            f"model {name}: {method} drew vectors that are not finite ({_place_of(getattr(model, method))}); "
            "if training went well, the sampler is at fault, else train with a smaller --learning-rate."
        )
    return x


def _require_numbers(model: GenerativeModel, method: str, values: Any) -> None:
    """Refuse a result that is not one number for each example, in the precision of densities.

    Raises:
        PluginError: says what was expected and what came.
    """
    found = tf.convert_to_tensor(values)
    if found.dtype != model.density_dtype or found.shape.rank not in (1, None):
        raise PluginError(
            f"model {type(model).__name__}: {method} must return {model.density_dtype.name} [batch], "
            f"got {found.dtype.name} {_shape_text(found.shape)} ({_place_of(getattr(model, method))})."
        )


def _require_codes(model: GenerativeModel, method: str, codes: Any) -> None:
    """Refuse a result that is not a code for each example: floating-point, or int32 of a model with discrete codes.

    Raises:
        PluginError: says what was expected and what came.
    """
    found = tf.convert_to_tensor(codes)
    fits = found.dtype == tf.int32 if model.discrete_codes else found.dtype.is_floating
    if not fits or found.shape.rank not in (2, None):
        wanted = "int32" if model.discrete_codes else model.density_dtype.name
        advice = "" if fits else "; discrete_codes of the class says which of the two kinds of codes it has"
        raise PluginError(
            f"model {type(model).__name__}: {method} must return {wanted} [batch, latent], got {found.dtype.name} "
            f"{_shape_text(found.shape)} ({_place_of(getattr(model, method))}){advice}."
        )


@contextlib.contextmanager
def author_errors(model: object, method: str, contract: str) -> Iterator[None]:
    """Tell an exception in a plugin's code as one line: the model, the method, what went wrong and where in the author's file.

    Errors of tfgen pass, and so do interrupts, a device that has no memory left, and what a library has not implemented.

    Raises:
        PluginError: in the place of any other exception, which is its cause.
    """
    try:
        yield
    except (TfgenError, NotImplementedError):
        raise
    except tf.errors.OpError as error:
        if not isinstance(error, tf.errors.InvalidArgumentError):
            raise
        raise _told(model, method, contract, error) from error
    except Exception as error:
        raise _told(model, method, contract, error) from error


def _told(model: object, method: str, contract: str, error: Exception) -> PluginError:
    name = model if isinstance(model, str) else type(model).__name__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    what = f"{type(error).__name__}: {lines[0]}".rstrip(".: ")
    place = _author_place(error)
    symbolic = "SymbolicTensor" in what or "AutoGraph" in str(error)
    advice = (
        "; it is compiled without AutoGraph, where tensors have no values: take tf.cond and the like"
        if symbolic
        else ""
    )
    return PluginError(
        f"model {name}: {method} failed: {what}{f' ({place})' if place else ''}; {contract}{advice}. "
        "With --traceback all of it is shown."
    )


def _author_place(error: BaseException) -> str | None:
    """Return file and line of the last frame that is neither tfgen's own nor a library's."""
    own = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not _is_library(str(frame.f_globals.get("__name__")).partition(".")[0])
    ]
    return own[-1] if own else None


_LIBRARIES = frozenset({"tfgen", "tensorflow", "tensorflow_probability", "keras", "tf_keras", "numpy", "wrapt", "tree"})


def _is_library(package: str) -> bool:
    return package in _LIBRARIES or package in sys.stdlib_module_names


def author_file(path: str) -> bool:
    """Return whether a source file is neither tfgen's own, nor a library's that tfgen stands on, nor Python's."""
    file, python = Path(path), Path(contextlib.__file__).parent
    if file.is_relative_to(python) and "site-packages" not in file.parts:
        return False
    return file.exists() and not any(file.is_relative_to(folder) for folder in _library_folders())


@functools.cache
def _library_folders() -> tuple[Path, ...]:
    files = [getattr(sys.modules.get(name), "__file__", None) for name in _LIBRARIES]
    return tuple(Path(file).parent for file in files if file)


def _place_of(method: Callable[..., Any]) -> str:
    function = inspect.unwrap(method)
    code = getattr(function, "__code__", None)
    module = sys.modules.get(getattr(function, "__module__", ""), None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else str(getattr(module, "__file__", "unknown file"))


def _shape_text(shape: tf.TensorShape) -> str:
    if shape.rank is None:
        return "of unknown shape"
    return f"[{', '.join('batch' if size is None else str(size) for size in shape)}]"
