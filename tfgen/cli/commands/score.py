"""Score each example by the density or bound of a run: a file of log-likelihoods, and how well they tell two sets apart."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.cli.outputs import output_file
from tfgen.cli.parsing import parse, section
from tfgen.errors import OptionError, OutputError, require_option
from tfgen.plugin.data_options import DataOptions
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.data.own.ordered import Ordered
    from tfgen.evaluate.examples import ExampleScores
    from tfgen.metrics.estimate import Estimate
    from tfgen.runs.run import Run

_SHOWN = 5  # of the least likely examples
_TRAINING = 2000  # training examples whose mean log-likelihood counts as typical


@dataclass(frozen=True)
class Options:
    """Options of scoring. The folder of the run and the data (a split, a name or a path) come before them."""

    against: str | None = None
    """Other data, in the same form: AUROC says how well the scores tell them from the first."""
    background: Path | None = None
    """Run of a background model, for the likelihood ratio in the comparison with --against: a simpler model of the same data,
    or one of noisier or more general data."""
    draws: int = 1
    """Passes with other noise (dequantisation, binarisation), averaged; with two or more each score has an error."""
    particles: int = 1
    """Codes for each example in the importance-weighted (IWAE) bound, of a model with a bound."""
    seed: int = 0
    """Seed of the noise."""
    batch_size: int = 500
    """The most examples at a time; limits the memory, and changes no score."""
    out: Path | None = None
    """File to write, .csv or .npz; by default score_DATA.csv in the run's folder."""
    overwrite: bool = False
    """Replace the output if it is there already: without, --out refuses to, and the usual name gets a number."""

    def __post_init__(self) -> None:
        require_option(self.draws >= 1, "draws", self.draws, "at least 1")
        require_option(self.seed >= 0, "seed", self.seed, "0 or more")
        require_option(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        if self.background is not None and self.against is None:
            raise OptionError("--background is for the comparison with other data; add --against OTHER.")
        if self.out is not None and self.out.suffix not in (".csv", ".npz"):
            raise OutputError(f"cannot write {self.out}: the name must end in .csv or .npz.")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Score the examples, write the file, and print what it holds."""
    named = [word for word in arguments[:2] if not word.startswith("-")]
    fields = [("score", section(Options)), ("data", section(DataOptions))]
    cls: Any = dataclasses.make_dataclass("Score", fields, frozen=True)
    parsed: Any = parse(cls, arguments[len(named) :], "score RUN DATA", __doc__ or "")
    if not named:
        raise OptionError("which run? For example: tfgen score runs/NAME test, or: tfgen score runs/NAME ./pictures")
    options: Options = parsed.score
    name = named[1] if len(named) > 1 else "test"
    run = context.run(Path(named[0]))
    out = output_file(options.out, run.folder / f"score_{_stem(name)}.csv", options.overwrite)
    from tfgen.files import written_whole
    from tfgen.metrics.estimate import mean_estimate
    from tfgen.metrics.rounding import measured
    from tfgen.runtime import device_scope

    with device_scope(run.config.device):
        examples = _examples(run, name, parsed.data)
        compared = None if options.against is None else _examples(run, options.against, parsed.data)
        sets = [examples] if compared is None else [examples, compared]
        background = None if options.background is None else _background(run, sets, context.run(options.background))
        scores = _score(run, examples, options)
        separation = {} if compared is None else _separation(run, (examples, scores), compared, options, background)
    with written_whole(out) as path:
        (_write_csv if out.suffix == ".csv" else _write_npz)(path, run, examples, scores)
    mean = measured(*mean_estimate(scores.log_likelihood))
    say(f"scores    {out} ({len(examples.x):,} examples of {name})")
    say(f"mean      log-likelihood {mean} nats")
    say(f"least     {', '.join(_least(examples, scores))}")
    for kind, estimate in separation.items():
        against = f"{0 if compared is None else len(compared.x):,} examples of {options.against}"
        say(f"auroc     {measured(*estimate)} by {kind}, against {against}")


def _background(run: Run, sets: Sequence[Ordered], background: Run) -> Run:
    """Return the run of a background model, which is checked before anything is scored."""
    from tfgen.runs.background import require_background

    require_background(background, run, sets)
    return background


def _separation(
    run: Run, inside: tuple[Ordered, ExampleScores], outside: Ordered, options: Options, background: Run | None
) -> dict[str, Estimate]:
    """Return the AUROC of two sets by each score of `tfgen.evaluate.novelty`."""
    from tfgen.evaluate.novelty import novelty_scores
    from tfgen.metrics.separation import auroc
    from tfgen.runs.background import as_background_sees

    usual = float(_score(run, _training_examples(run), options).log_likelihood.mean())
    found = []
    for examples, scores in (inside, (outside, _score(run, outside, options))):
        under = None
        if background is not None:
            under = _score(background, as_background_sees(examples, background), options).log_likelihood
        found.append(novelty_scores(examples.x, scores.log_likelihood, usual, under))
    return {kind: auroc(found[0][kind], found[1][kind]) for kind in found[0]}


def _examples(run: Run, name: str, options: DataOptions) -> Ordered:
    """Return the examples of a split of the run, of a file or folder, or of the test split of another data set."""
    from tfgen.data.dataset import SPLITS
    from tfgen.runs.other_data import ordered_split, other_examples

    if name in SPLITS:
        return ordered_split(run.data.splits[name])
    return other_examples(run, name, None if options == DataOptions() else options)


def _training_examples(run: Run) -> Ordered:
    from tfgen.runs.other_data import ordered_split

    return ordered_split(run.data.train.subset(_TRAINING))


def _score(run: Run, examples: Ordered, options: Options) -> ExampleScores:
    from tfgen.evaluate.examples import score_examples
    from tfgen.runs.other_data import given_in

    return score_examples(
        run.model, run.data, examples.x, given_in(run, examples),
        draws=options.draws, particles=options.particles, seed=options.seed, batch_size=options.batch_size, quiet=False,
    )  # fmt: skip


def _stem(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in Path(name).stem) or "data"


def _least(examples: Ordered, scores: ExampleScores) -> list[str]:
    """Return the names or numbers of the examples with the smallest log-likelihoods."""
    order = scores.log_likelihood.argsort()[:_SHOWN]
    return [
        f"{examples.names[i] if examples.names else f'example {i}'} ({scores.log_likelihood[i]:.1f})" for i in order
    ]


def _columns(run: Run, examples: Ordered, scores: ExampleScores) -> dict[str, Any]:
    """Return the columns of the output by name."""
    from tfgen.data.labels import class_name

    columns: dict[str, Any] = {"name": examples.names} if examples.names else {}
    if examples.labels is not None:
        columns["label"] = [class_name(int(label), run.data_spec) for label in examples.labels]
    columns |= {"log_likelihood": scores.log_likelihood, "error": scores.error}
    if scores.given_label is not None:
        columns["log_likelihood_given_label"] = scores.given_label
    return columns


def _write_csv(path: Path, run: Run, examples: Ordered, scores: ExampleScores) -> None:
    columns = _columns(run, examples, scores)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["example", *columns])
        for number, row in enumerate(zip(*columns.values(), strict=True)):
            writer.writerow([number, *(repr(float(value)) if not isinstance(value, str) else value for value in row)])


def _write_npz(path: Path, run: Run, examples: Ordered, scores: ExampleScores) -> None:
    import numpy as np

    arrays: dict[str, Any] = {name: np.asarray(column) for name, column in _columns(run, examples, scores).items()}
    with path.open("wb") as file:
        np.savez(file, **arrays)
