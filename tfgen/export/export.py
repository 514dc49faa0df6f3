"""Export of a run: written in a format, with an example and a model card, loaded again without tfgen, and compared."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen.errors import CapabilityError, OptionError, OutputError, PluginError
from tfgen.export.card import model_card
from tfgen.export.compared import Compared, to_compare
from tfgen.export.noise import draws_of, with_noise_inputs
from tfgen.export.script import example_script
from tfgen.export.signatures import Signature, signatures_of
from tfgen.export.verify import Difference, verify
from tfgen.files import folders_made, temporary_beside, write_json
from tfgen.model.author_errors import author_errors
from tfgen.model.program import bijector_cache, custom_gradients
from tfgen.plugin.author_code import author_function
from tfgen.plugin.specs import ExportFormatSpec
from tfgen.runs.run import Run
from tfgen.runtime import captured_stderr, device_scope
from tfgen.version import DISTRIBUTION

_TRACED = "what an export holds is compiled for any number of examples, of which the first axis of tensors is unknown"


@dataclass(frozen=True)
class Export:
    """An exported run.

    Attributes:
        folder: where it is.
        signatures: its functions by name.
        differences: between these and the run's own, from the check.
        left_out: functions of the model that the format cannot hold, by name, and why.
        compared_on: what the check computed them of, in words.
    """

    folder: Path
    signatures: Mapping[str, Signature]
    differences: list[Difference]
    left_out: Mapping[str, str]
    compared_on: str


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
    # What libraries keep of a program in global tables goes with the export; see `tfgen.model.program`.
    with device_scope(run.config.device), bijector_cache, custom_gradients:
        signatures, left_out = _signatures(run, spec, options, particles)
        compared = to_compare(run)
        try:
            with folders_made(out.parent), temporary_beside(out) as folder:
                folder.mkdir()
                left_out |= _written(run, spec, signatures, folder)
                signatures = {name: found for name, found in signatures.items() if name not in left_out}
                _require_some(spec, signatures, left_out)
                differences = _checked_and_described(run, spec, signatures, folder, compared, licence)
                os.rename(folder, out)
        except OSError as error:
            raise OutputError(f"cannot write {out}: {error.strerror or error}; choose another place.") from error
    return Export(out, signatures, differences, left_out, compared.described)


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
    """Return the functions that the format can hold, traced, and why it cannot hold the others."""
    found, left_out = {}, {}
    for name, signature in signatures_of(run.model, options, particles).items():
        try:
            with author_errors(run.model, name, _TRACED):
                # A seed stays an input in any case: a model may draw by generators that `draws_of` does not see.
                held = signature if spec.noise == "seed" else with_noise_inputs(signature, draws_of(signature))
                _ = held.program()
            found[name] = held
        except (CapabilityError, PluginError, NotImplementedError) as error:
            left_out[name] = str(error)
    _require_some(spec, found, left_out)
    return found, left_out


def _require_some(spec: ExportFormatSpec, found: Mapping[str, Signature], left_out: Mapping[str, str]) -> None:
    if not found:
        raise CapabilityError(
            f"format {spec.name} can hold nothing of this model: {'; '.join(dict.fromkeys(left_out.values()))}."
        )


def _written(run: Run, spec: ExportFormatSpec, signatures: Mapping[str, Signature], folder: Path) -> Mapping[str, str]:
    """Write the signatures into a folder; return those that the format cannot hold."""
    contract = "it takes (signatures, model, folder), writes into the folder and returns what it left out, and why"
    # Converters write much to stderr that says nothing to a user; it is shown if one fails.
    with author_function(f"export format {spec.name!r}", contract), captured_stderr():
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
    compared: Compared,
    licence: str | None,
) -> list[Difference]:
    """Write example and card beside what was written, once it is checked; return the differences."""
    example = folder / "example.py"
    example.write_text(example_script(spec, signatures), encoding="utf-8")
    differences = verify(folder, example, signatures, compared.arrays)
    for found in differences:
        if not found.rounding:
            raise OutputError(
                f"the export's {found.signature} is not the run's: {found.in_words}; nothing was written. Please report it, "
                "or choose another --format."
            )
    content = {
        "format": 1,
        "export_format": spec.name,
        "model": run.config.model,
        "signatures": {name: signature.to_json() for name, signature in signatures.items()},
        "checked": [found.to_json() for found in differences],
        "checked_on": compared.described,
    }
    write_json(folder / "signature.json", content)
    model = run.registry.model(run.config.model)
    card = model_card(run, model, spec, signatures, differences, compared.described, licence)
    (folder / "model_card.md").write_text(card, encoding="utf-8")
    return differences
