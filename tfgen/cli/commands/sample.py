"""Draw samples from a trained model into a picture (.png), arrays (.npz) or a table (.csv, .parquet)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tfgen.cli.default_context import say_default_categories
from tfgen.cli.outputs import output_file
from tfgen.cli.parsing import by_default
from tfgen.cli.sampling_section import parse_with_sampling, spec_of_run
from tfgen.errors import OptionError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.runs.run import Run


@dataclass(frozen=True)
class Options:
    """What to draw, and where to. With the folder of a run, --help also shows the options of its model's sampler."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    count: int = 64
    """How many samples; a million need no more memory than a few batches."""
    labels: Annotated[tuple[str, ...], by_default("all classes")] = ()
    """Classes to draw, for a conditional model: numbers or names, for example --labels 0 1 2; gone round until the count is
    reached. A model that was trained with missing labels draws without one at -1."""
    context: Annotated[tuple[str, ...], by_default("means of the training data, and most frequent categories")] = ()
    """Numbers that are given to a model with a context, for example --context 0.3 1.2; categories by their names."""
    context_file: Path | None = None
    """.csv or .parquet with the columns of the context; a row for each sample, gone round until the count is reached."""
    seed: int = 0
    """Same seed, same samples, to the byte."""
    batch_size: int = 400
    """The most samples drawn at a time, in whole blocks of 200; limits the memory, and changes no sample."""
    out: Path | None = None
    """File to write, .png, .npz, or of vectors .csv or .parquet; by default samples.png in the run's figures."""
    overwrite: bool = False
    """Replace the output if it is there already: without, --out refuses to, and the usual name gets a number."""

    def __post_init__(self) -> None:
        require_option(self.count >= 1, "count", self.count, "at least 1")
        if self.context and self.context_file is not None:
            raise OptionError("--context and --context-file cannot be given together; leave one of them out.")
        require_option(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Draw, and print where the file is."""
    spec = spec_of_run(arguments, context)
    options, sampling = parse_with_sampling(Options, arguments, "sample", __doc__ or "", spec)
    run = context.run(options.run)
    from tfgen.runs.sample_file import write_samples
    from tfgen.runtime import device_scope

    out = output_file(options.out, run.files.figures / "samples.png", options.overwrite)
    with device_scope(run.config.device):
        write_samples(
            run.model, out, options.count, options.labels, options.seed, options.batch_size,
            quiet=False, options=sampling, contexts=_contexts(options, run), form=run.config.data_options,
        )  # fmt: skip
    say(out)


def _contexts(options: Options, run: Run) -> Any:
    """Return the contexts that were asked for, [m, k] or [k]; None for none, with a note on what stands in for categories."""
    from tfgen.data.conditions import context_numbers

    given = run.data_spec.context or ()
    if options.context:
        return context_numbers(options.context, given)
    if options.context_file is None:
        say_default_categories(run.model, "; choose with --context or --context-file")
        return None
    from tfgen.data.own.context_file import read_columns

    columns = run.data_spec.context
    if columns is None:
        raise OptionError("--context-file: the model of this run takes no context; leave it out.")
    return read_columns(options.context_file, columns, run.config.data_options)
