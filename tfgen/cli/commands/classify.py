"""Classify a split with a conditional model by Bayes' rule: accuracy, confusion, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from tfgen.cli.outputs import require_new
from tfgen.cli.parsing import parse
from tfgen.errors import OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext

_PRIORS = {"frequencies": "class frequencies of the training split", "uniform": "uniform"}


@dataclass(frozen=True)
class Options:
    """Run, split and class priors of a classification."""

    run: tyro.conf.Positional[Path]
    """Folder of the run; its model must be conditional."""
    split: Literal["train", "valid", "test"] = "test"
    """Examples to classify."""
    priors: Literal["frequencies", "uniform"] = "frequencies"
    """Class prior p(y): class frequencies of the training split, or uniform."""
    draws: int = 1
    """Samples of the noise for each image, over which posteriors are averaged; more are more accurate."""
    seed: int = 0
    """Seed of the noise, which is the same for every class."""
    batch_size: int = 500
    """The most examples at a time, in blocks of 200; limits the memory, and changes no result."""
    out: Path | None = None
    """File to write the arrays to, .npz: log_likelihoods and log_posteriors [n, classes], log_priors, labels."""
    overwrite: bool = False
    """Replace the file of --out if it is there already."""

    def __post_init__(self) -> None:
        require_option(self.draws >= 1, "draws", self.draws, "at least 1")
        require_option(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        if self.out is not None and self.out.suffix != ".npz":
            raise OutputError(f"cannot write {self.out}: the name must end in .npz (arrays).")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Classify, print, draw, and record."""
    options = parse(Options, arguments, "classify", __doc__ or "")
    if options.out is not None:
        require_new(options.out, options.overwrite)
    run = context.run(options.run)
    import numpy as np

    from tfgen.cli.result_lines import confusion_lines, metric_lines
    from tfgen.figures.classification import draw_confusion, draw_reliability
    from tfgen.files import written_whole
    from tfgen.metrics.rounding import measured

    result = run.classify(
        options.split,
        options.draws,
        options.seed,
        options.batch_size,
        options.priors,
        quiet=False,
        record=False,
    )
    say(*metric_lines(options.split, result.metrics), *confusion_lines(result.confusion, run.data_spec.class_names))
    if run.files.finished:
        run.record(options.split, {}, result.to_json())
    accuracy = result.metrics["accuracy"]
    title = (
        f"{run.name}\naccuracy {measured(accuracy.value, accuracy.standard_error)} on {options.split}\n"
        f"class prior p(y): {_PRIORS[options.priors]}"
    )
    ending = ".png" if options.split == "test" else f"_{options.split}.png"
    with written_whole(run.files.figures / f"confusion{ending}") as path:
        draw_confusion(result.confusion, title, path, run.data_spec.class_names)
    with written_whole(run.files.figures / f"reliability{ending}") as path:
        bins, error = result.reliability, result.metrics["ece"].value
        draw_reliability(bins.counts, bins.confidence, bins.accuracy, f"{title}, ECE {measured(error)}", path)
    say(f"pictures  {run.files.figures} (confusion{ending}, reliability{ending})")
    if options.out is not None:
        with written_whole(options.out) as path:
            arrays: dict[str, Any] = result.arrays()
            np.savez(path, **arrays)
        say(f"arrays    {options.out}")
