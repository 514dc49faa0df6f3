"""Estimate the divergences of two models, KL both ways and JS; or plot both for two Bernoulli distributions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tfgen.cli.outputs import require_new
from tfgen.cli.parsing import parse
from tfgen.errors import DataError, OptionError, OutputError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.metrics.metric import Metric
    from tfgen.runs.run import Run

_BASIS_OF_EACH = ("draws of", "samples")


@dataclass(frozen=True)
class Options:
    """Two runs p and q, or the plot of two Bernoulli distributions."""

    runs: tyro.conf.Positional[
        Annotated[
            tuple[Path, ...], tyro.conf.arg(metavar="RUN_P RUN_Q", help_behavior_hint="(required without --bernoulli)")
        ]
    ] = ()
    """Folders of two runs whose models have densities, trained on the same data."""
    samples: int = 10_000
    """Samples of each model; four times as many halve the standard error."""
    seed: int = 0
    """Seed of the samples."""
    batch_size: int = 500
    """Samples scored in a batch; limits the memory, and changes no result."""
    json: bool = False
    """Print the divergences as JSON, for programs."""
    bernoulli: Annotated[float | None, tyro.conf.arg(metavar="PROBABILITY")] = None
    """Plot instead the divergences of Bernoulli distributions from one with this probability, for example --bernoulli 0.3
    --out bits.png."""
    out: Path | None = None
    """File of the plot of --bernoulli, .png."""
    overwrite: bool = False
    """Replace the picture if it is there already."""

    def __post_init__(self) -> None:
        require_option(self.samples >= 2, "samples", self.samples, "at least 2")
        require_option(self.seed >= 0, "seed", self.seed, "0 or more")
        require_option(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        if self.bernoulli is None:
            if len(self.runs) != 2:
                got = ", ".join(map(str, self.runs)) or "none"
                raise OptionError(
                    f"a divergence is between two models: name two runs (got {got}); or see tfgen divergence --help."
                )
            if self.out is not None:
                raise OptionError("--out is for the picture of --bernoulli; leave it out, numbers are printed.")
            return
        require_option(0 < self.bernoulli < 1, "bernoulli", self.bernoulli, "between 0 and 1, and neither of them")
        if self.runs:
            raise OptionError("--bernoulli draws a picture that needs no runs; leave out one or the other.")
        if self.json:
            raise OptionError("--json prints the numbers of two runs, and --bernoulli draws; leave out one of them.")
        if self.out is None or self.out.suffix != ".png":
            where = "" if self.out is None else f" {self.out}"
            raise OutputError(
                f"cannot write the picture{where}: give a name that ends in .png, for example --out bits.png"
            )


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Print three numbers with their errors, or draw the picture."""
    options = parse(Options, arguments, "divergence", __doc__ or "")
    if options.bernoulli is not None and options.out is not None:
        require_new(options.out, options.overwrite)
        _draw(options.bernoulli, options.out)
        return
    runs = _runs(options.runs, context)
    metrics = _measure(runs, options)
    if options.json:
        from tfgen.files import finite
        from tfgen.metrics.metric import metrics_to_json

        content = {"p": str(runs[0].folder), "q": str(runs[1].folder), "metrics": metrics_to_json(metrics)}
        say(*json.dumps(finite(content), indent=2, allow_nan=False).splitlines())
    else:
        say(*_lines(runs, metrics))


def _draw(probability: float, out: Path) -> None:
    from tfgen.figures.divergence import draw_bernoulli_divergences
    from tfgen.files import written_whole

    with written_whole(out) as path:
        draw_bernoulli_divergences(probability, path)
    say(out)


def _runs(folders: Sequence[Path], context: CommandContext) -> tuple[Run, Run]:
    """Return both runs, checked before TensorFlow loads."""
    from tfgen.runs.folder import RunFolder
    from tfgen.runs.run import Run

    files = [RunFolder.open(folder) for folder in folders]
    registry = context.registry()
    p, q = (Run(each, registry) for each in files)
    for run in (p, q):
        run.check()
    if p.config.data != q.config.data:
        raise DataError(
            f"{p.folder} was trained on {p.config.data!r} and {q.folder} on {q.config.data!r}; "
            "name two runs of the same data."
        )
    context.tensorflow()
    return p, q


def _measure(runs: tuple[Run, Run], options: Options) -> dict[str, Metric]:
    from tfgen.evaluate.model_divergences import model_divergences
    from tfgen.runtime import device_scope, without_retracing_warnings

    p, q = runs
    with device_scope(p.config.device), without_retracing_warnings():
        labelled = p.model.conditional or q.model.conditional
        return model_divergences(
            p.model, q.model, options.samples, options.seed, options.batch_size,
            quiet=False, data=p.data if labelled else None,
        )  # fmt: skip


def _lines(runs: tuple[Run, Run], metrics: Mapping[str, Metric]) -> list[str]:
    """Return a line that names the runs, and a line for each divergence."""
    from tfgen.metrics.catalogue import CATALOGUE
    from tfgen.metrics.metric import entry_text
    from tfgen.metrics.rounding import measured

    lines = []
    for name, run in zip("pq", runs, strict=True):
        rests_on = [
            entry_text(key.removeprefix(f"{name}: "), value)
            for key, value in metrics["js_nats"].basis.other.items()
            if key.startswith(f"{name}: ")
        ]
        lines.append(f"{name:<11} {run.folder}  ({', '.join([run.config.model, *rests_on])})")
    for name, metric in metrics.items():
        title = CATALOGUE.title(name)
        basis = ", ".join(f"{key} {metric.basis.get(key)}" for key in _BASIS_OF_EACH)
        most = f", at most log 2 = {math.log(2):.4f}" if name == "js_nats" else ""
        lines.append(f"{title:<11} {measured(metric.value, metric.standard_error)} {metric.unit}   ({basis}{most})")
    return lines
