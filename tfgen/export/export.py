"""Export of a run: written in a format, with an example and a model card, loaded again without tfgen, and compared."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import CapabilityError, OptionError, OutputError, PluginError, TfgenError
from tfgen.export.card import model_card
from tfgen.export.noise import draws_of, with_noise_inputs
from tfgen.export.signatures import Signature, signatures_of
from tfgen.export.verify import EXAMPLES, Difference, verify
from tfgen.files import temporary_beside, write_json
from tfgen.model.capabilities import Samples
from tfgen.plugin.author_code import author_function
from tfgen.plugin.specs import ExportFormatSpec
from tfgen.runs.run import Run
from tfgen.runtime import device_scope
from tfgen.sample.sampling import given_of, labels_for
from tfgen.version import DISTRIBUTION


@dataclass(frozen=True)
class Export:
    """An exported run.

    Attributes:
        folder: where it is.
        signatures: its functions by name.
        differences: between these and the run's own, from the check.
        left_out: functions of the model that the format cannot hold, by name, and why.
    """

    folder: Path
    signatures: Mapping[str, Signature]
    differences: list[Difference]
    left_out: Mapping[str, str]


def export_run(
    run: Run,
    out: Path,
    format_name: str = "savedmodel",
    options: Mapping[str, Any] | None = None,
    particles: int = 1,
    licence: str | None = None,
) -> Export:
    """Export a run's model with `sample`, `log_prob` or `elbo`, `encode`, `decode` and `inpaint`, as far as it offers them.

    The folder also has `model_card.md`, `signature.json` and `example.py`, which loads it without tfgen. It appears only once
    a fresh process without tfgen has loaded it, with results that differ from the run's by no more than rounding.

    Args:
        run: finished, or with a checkpoint.
        out: folder that is made.
        format_name: ``savedmodel``, or another one that a plugin has registered.
        options: of the model's sampler, by name; constants of the export.
        particles: of an importance-weighted bound, and of inpainting; a constant as well.
        licence: of the weights, for the card.

    Raises:
        UnknownNameError: for an unknown format.
        OutputError: when `out` is there already, or the export does not agree with the run.
        CapabilityError: when the format can hold none of the model's functions.
    """
    spec = run.registry.find(ExportFormatSpec, format_name)
    require_importable(spec)
    if os.path.lexists(out):
        raise OutputError(f"{out} is there already; name a folder that is not, with --out.")
    if particles < 1:
        raise OptionError(f"--particles must be at least 1, got {particles}.")
    with device_scope(run.config.device):
        signatures, left_out = _signatures(run, spec, options, particles)
        known = _examples(run)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with temporary_beside(out) as folder:
                folder.mkdir()
                left_out |= _written(run, spec, signatures, folder)
                signatures = {name: found for name, found in signatures.items() if name not in left_out}
                _require_some(spec, signatures, left_out)
                differences = _checked_and_described(run, spec, signatures, folder, known, licence)
                os.rename(folder, out)
        except OSError as error:
            raise OutputError(f"cannot write {out}: {error.strerror or error}; choose another place.") from error
    return Export(out, signatures, differences, left_out)


def require_importable(spec: ExportFormatSpec) -> None:
    """Check that what a format needs is installed.

    Raises:
        OptionError: says how to install it.
    """
    missing = [name for name in spec.imports if importlib.util.find_spec(name) is None]
    if missing:
        how = f"pip install '{DISTRIBUTION}[{spec.extra}]'" if spec.extra else f"pip install {' '.join(missing)}"
        raise OptionError(f"format {spec.name} needs {', '.join(missing)}, which is not installed; {how}")


def _signatures(
    run: Run, spec: ExportFormatSpec, options: Mapping[str, Any] | None, particles: int
) -> tuple[dict[str, Signature], dict[str, str]]:
    found, left_out = {}, {}
    for name, signature in signatures_of(run.model, options, particles).items():
        if (
            spec.noise == "seed"
        ):  # always an input: a model may draw by TensorFlow's own generators, unseen by `draws_of`
            found[name] = signature
            continue
        try:
            found[name] = with_noise_inputs(signature, draws_of(signature))
        except CapabilityError as error:
            left_out[name] = str(error)
    _require_some(spec, found, left_out)
    return found, left_out


def _require_some(spec: ExportFormatSpec, found: Mapping[str, Signature], left_out: Mapping[str, str]) -> None:
    if not found:
        raise CapabilityError(f"format {spec.name} can hold nothing of this model: {'; '.join(left_out.values())}.")


def _written(run: Run, spec: ExportFormatSpec, signatures: Mapping[str, Signature], folder: Path) -> Mapping[str, str]:
    """Write the signatures into a folder; return those that the format cannot hold."""
    contract = (
        "it takes (signatures, model, folder), writes files into the folder and returns what it left out, and why"
    )
    with author_function(f"export format {spec.name!r}", contract):
        left_out = spec.function()(signatures, run.model, folder)
    if not isinstance(left_out, Mapping):
        raise PluginError(
            f"export format {spec.name!r}: its function must return a mapping of what it left out, and why; got "
            f"{type(left_out).__name__}."
        )
    return left_out


def _checked_and_described(
    run: Run,
    spec: ExportFormatSpec,
    signatures: Mapping[str, Signature],
    folder: Path,
    known: Mapping[str, NDArray[Any]],
    licence: str | None,
) -> list[Difference]:
    """Write example and card beside what was written, once it is checked; return the differences."""
    example = folder / "example.py"
    example.write_text(_example(spec, signatures), encoding="utf-8")
    differences = verify(folder, example, signatures, known)
    for found in differences:
        if not found.rounding:
            raise OutputError(
                f"the export's {found.signature} is not the run's: {found.in_words}; nothing was written. Please report it, "
                "or choose another --format."
            )
    checked = [found.to_json() for found in differences]
    content = {
        "format": 1,
        "export_format": spec.name,
        "model": run.config.model,
        "signatures": {name: signature.to_json() for name, signature in signatures.items()},
        "checked": checked,
    }
    write_json(folder / "signature.json", content)
    card = model_card(run, run.registry.model(run.config.model), spec, signatures, differences, licence)
    (folder / "model_card.md").write_text(card, encoding="utf-8")
    return differences


def _examples(run: Run) -> dict[str, NDArray[Any]]:
    """Return examples, labels, contexts and codes to compare functions on: of the test split, or sampled where it is gone."""
    model, numbers = run.model, np.arange(EXAMPLES)
    sampler: Any = model
    try:
        split = run.data.test
        examples = split.take(numbers % len(split))
        found = {"x": examples.x, "labels": examples.labels, "context": examples.context}
        given = given_of(model, examples)
    except TfgenError:
        if not isinstance(model, Samples):  # there is nothing else to compare it on
            raise
        given = labels_for(model, EXAMPLES, None)
        found = {"x": sampler.sample(EXAMPLES, given, seed=1).numpy()}
        found |= _parts(run, given)
    if hasattr(model, "encode"):
        found["z"] = sampler.encode(found["x"], given, seed=0).numpy()
    elif hasattr(model, "prior"):
        prior = sampler.prior(given)
        found["z"] = prior.sample(() if prior.batch_shape.rank else EXAMPLES, seed=(0, 1)).numpy()
    return {name: np.asarray(array) for name, array in found.items() if array is not None}


def _parts(run: Run, given: Any) -> dict[str, Any]:
    """Return labels and contexts apart."""
    if given is None:
        return {}
    if given.ndim == 1:
        return {"labels": given}
    labelled = run.data_spec.classes is not None
    return {"labels": given[:, 0] if labelled else None, "context": given[:, 1:] if labelled else given}


_EXAMPLE = '''\
"""{title}"""

{load}

if __name__ == "__main__":
    import pathlib

    import numpy as np

    model = load({place})
    result = model[{name!r}]({arguments})
    print(result.shape, result.dtype)
'''


def _example(spec: ExportFormatSpec, signatures: Mapping[str, Signature]) -> str:
    """Return a script that loads an export and calls its first function."""
    name, signature = next(iter(signatures.items()))
    arrays = {"count": "np.int32(4)", "seed": "np.array([0, 1], np.int32)", "first": "np.int32(0)"}
    arguments = [
        f"{argument.name}={arrays.get(argument.name) or _array(argument.shape, argument.dtype, argument.meaning)}"
        for argument in signature.inputs
    ]
    return _EXAMPLE.format(
        title="Load an exported model, without tfgen: functions by name, of NumPy arrays.", load=spec.load.strip() + "\n",
        place="pathlib.Path(__file__).parent", name=name,
        arguments=", ".join(arguments),
    )  # fmt: skip


def _array(shape: tuple[int | None, ...], dtype: str, meaning: str) -> str:
    sides = tuple(4 if side is None else side for side in shape)
    if "standard normal" in meaning:
        return f"np.random.default_rng(0).standard_normal({sides}, np.{dtype})"
    if "uniform" in meaning:
        return f"np.random.default_rng(0).random({sides}, np.{dtype})"
    return f"np.zeros({sides}, np.{dtype})"
