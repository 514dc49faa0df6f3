"""Measure a trained model on a split of its data, and add the numbers to results.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from tfgen.command_line import parse

if TYPE_CHECKING:
    from tfgen.cli import Context


@dataclass(frozen=True)
class Options:
    """What to measure."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    split: Literal["train", "valid", "test"] = "test"
    """Examples to measure on."""
    draws: int = 1
    """How often the density of each image is drawn and averaged; more draws, less noise in the number."""
    particles: int = 1
    """Codes for each example in the importance-weighted bound, of a model with a bound; 1 is the ELBO alone."""
    metric: tuple[str, ...] = ()
    """Print these numbers only, for example --metric bits_per_dim; all of them by default."""
    seed: int = 0
    """Seed of the noise."""
    batch_size: int = 500
    """The most examples at a time; bounds the memory."""


def main(arguments: Sequence[str], context: Context) -> None:
    """Measure, print, and record."""
    options = parse(Options, arguments, "evaluate", __doc__ or "")
    run = context.run(options.run)
    from tfgen.errors import CapabilityError
    from tfgen.evaluation import check_metrics
    from tfgen.report import metric_lines

    check_metrics(options.metric, run.model)
    metrics = run.evaluate(
        options.split, options.draws, options.seed, options.batch_size, quiet=False, particles=options.particles
    )
    shown = {name: value for name, value in metrics.items() if not options.metric or name in options.metric}
    print("\n".join(metric_lines(options.split, shown)))
    if run.files.finished:
        run.files.write_results({**run.results, options.split: metrics})
    missing = [name for name in options.metric if name not in metrics]
    if missing:
        raise CapabilityError(f"{missing[0]} is not among what was measured; there are {', '.join(metrics)}.")
