"""Export a trained model: a SavedModel, or another format that needs no tfgen to run, checked against the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tfgen.cli.parsing import by_default
from tfgen.cli.sampling_section import parse_with_sampling, spec_of_run
from tfgen.errors import OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext


@dataclass(frozen=True)
class Options:
    """Run to export, and folder to write. `tfgen export RUN --help` also shows the options of the model's sampler."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    format: str = "savedmodel"
    """Format: savedmodel, or another one; `tfgen plugins` lists them."""
    out: Annotated[Path | None, by_default("the run's folder, export-FORMAT")] = None
    """Folder to make; it must not be there yet."""
    particles: int = 1
    """Codes of the importance-weighted (IWAE) bound, and particles of inpainting; a constant of the export."""
    licence: Annotated[str | None, by_default("the card says that it is not given")] = None
    """Licence of the weights for the model card, for example CC-BY-4.0."""

    def __post_init__(self) -> None:
        require_option(self.particles >= 1, "particles", self.particles, "at least 1")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Write the folder, and print what it holds and how far it is from the run."""
    spec = spec_of_run(arguments, context)
    options, sampling = parse_with_sampling(Options, arguments, "export", __doc__ or "", spec)
    from tfgen.plugin.specs import ExportFormatSpec
    from tfgen.runs.folder import RunFolder

    out = options.out or RunFolder.open(options.run).path / f"export-{options.format}"
    context.registry().find(ExportFormatSpec, options.format)  # an unknown format ends here, before TensorFlow loads
    if out.exists() or out.is_symlink():
        raise OutputError(f"{out} is there already; name a folder that is not, with --out.")
    run = context.run(options.run)
    from tfgen.export import export_run

    export = export_run(run, out, options.format, sampling, options.particles, options.licence)
    for found in export.differences:
        names = ", ".join(argument.name for argument in export.signatures[found.signature].inputs)
        say(f"{found.signature:<9} ({names}): {found.in_words}")
    say(*(f"left out  {name}: {why}" for name, why in export.left_out.items()))
    say(f"written   {out}, with model_card.md, signature.json, example.py")
    say(f"checked   in a fresh process without tfgen, against the run, on {export.compared_on}")
