"""Draw samples from a trained model into a picture (.png) or arrays (.npz)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tfgen.cli.parsing import by_default, parse, section, section_name
from tfgen.errors import require_option
from tfgen.plugin.options import field_names

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.plugin.specs import ModelSpec


@dataclass(frozen=True)
class Options:
    """What to draw, and where to. With the folder of a run, --help also shows the options of its model's sampler."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    count: int = 64
    """How many samples; a million need no more memory than a few batches."""
    labels: Annotated[tuple[int, ...], by_default("all classes")] = ()
    """Classes to draw, for a conditional model, for example --labels 0 1 2; gone round until the count is reached. A model
    that was trained with missing labels draws without one at -1."""
    seed: int = 0
    """Same seed, same samples; with the same batch size the same bytes."""
    batch_size: int = 200
    """Samples drawn at a time, however few are wanted; bounds the memory, and decides how products are rounded."""
    out: Path | None = None
    """File to write, .png or .npz; by default samples.png in the run's figures."""

    def __post_init__(self) -> None:
        require_option(self.count >= 1, "count", self.count, "at least 1")
        require_option(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Draw, and print where the file is."""
    options, sampling = parse_options(arguments, _spec_of_run(arguments, context))
    run = context.run(options.run)
    from tfgen.runs.sample_file import write_samples
    from tfgen.runtime import device_scope

    out = options.out or run.files.figures / "samples.png"
    with device_scope(run.config.device):
        write_samples(
            run.model, out, options.count, options.labels, options.seed, options.batch_size,
            quiet=False, options=sampling,
        )  # fmt: skip
    print(out)


def parse_options(arguments: Sequence[str], spec: ModelSpec | None) -> tuple[Options, dict[str, Any]]:
    """Return what to draw, and the options of the model's sampler by name.

    Args:
        arguments: what stands behind ``tfgen sample``.
        spec: of the run's model; None where that is not known, which leaves its options out.

    Raises:
        OptionError: for an option or a value that does not fit.
    """
    description = __doc__ or ""
    if spec is None or spec.sampling is None:
        return parse(Options, arguments, "sample", description), {}
    key = section_name(spec, taken=field_names(Options))
    group: Any = (key, section(spec.sampling), field(default=spec.sampling()))
    cls: Any = dataclasses.make_dataclass("Options", [group], bases=(Options,), frozen=True)
    parsed: Any = parse(cls, arguments, "sample", description)
    sampling = getattr(parsed, key)
    return parsed, {entry.name: getattr(sampling, entry.name) for entry in dataclasses.fields(sampling)}


def _spec_of_run(arguments: Sequence[str], context: CommandContext) -> ModelSpec | None:
    """Return the spec of the model of the run that the arguments name; None without a run, which `parse` complains about."""
    from tfgen.errors import TfgenError
    from tfgen.runs.folder import RunFolder
    from tfgen.runs.run import Run

    for argument in arguments:
        if not argument.startswith("-") and os.path.isfile(Path(argument, "config.json")):  # of any text
            try:
                run = Run(RunFolder.open(Path(argument)), context.registry())
                return run.registry.model(run.config.model)
            except TfgenError:  # a damaged folder is told once the options are read
                return None
    return None
