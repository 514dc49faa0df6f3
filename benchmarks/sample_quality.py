"""Benchmark of sample quality: FID and other metrics of several runs, images per second, and the cost of computing FID.

Runs stand in one table when their data are the same, so that one network sees all samples. The cost of the distance is timed in
rounds: sampling alone, passes of the network alone (over as many samples, and over the reference), and `measure_samples`, which
does both and the arithmetic; what counts is the ratio within a round.

    python benchmarks/sample_quality.py runs/gan-mnist runs/vae-mnist --json out.json
    python benchmarks/sample_quality.py runs/pixelcnn-mnist --reference stochastic --rounds 0
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if not __package__:  # run as a file, as in the first example
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.timings import machine_lines, middle, min_to_max
from tfgen import runtime
from tfgen.cli.tables import print_table
from tfgen.errors import OptionError, TfgenError, require_option
from tfgen.files import write_json
from tfgen.metrics import measured
from tfgen.plugin.loading import load_registry
from tfgen.runs.folder import RunFolder
from tfgen.runs.run import Run
from tfgen_benchmarks.machine import describe_machine

if TYPE_CHECKING:
    from tfgen.evaluate.features import FeatureNetwork

#: What the whole may take, in times of sampling and passes.
TARGET = 3.0
SHOWN = ("fid", "kid", "precision", "recall", "density", "coverage", "label_accuracy")
#: Of densities, the first that a run has: measured when it ended, and with what is said of the unit.
DENSITIES = ("bits_per_dim", "nll_nats", "cross_entropy_nats", "elbo_nats")


@dataclass(frozen=True)
class Options:
    """Options of the benchmark."""

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RUN ...")]] = ()
    """Folders of runs on one data set."""
    samples: int = 10_000
    """Samples of each run."""
    batch_size: int = 500
    """Samples at a time."""
    seed: int = 0
    """Of the samples."""
    reference: Literal["grey", "stochastic", "static", "threshold"] = "grey"
    """The test split as it is, or its bits."""
    features: Literal["auto", "classifier", "inception", "values"] = "auto"
    """The network."""
    rounds: int = 3
    """How often the cost of the distance is timed, after one round that warms up; 0 leaves it out."""
    json: Path | None = None
    """File for all numbers."""
    markdown: Path | None = None
    """File for the table, as a page has it."""

    def __post_init__(self) -> None:
        require_option(self.rounds >= 0, "rounds", self.rounds, "0 or more")
        if not self.runs:
            raise OptionError("no run is named; for example: python benchmarks/sample_quality.py runs/gan-mnist")


@dataclass
class Found:
    """Results of one run.

    Attributes:
        run: its name.
        model: registered name.
        seed: of its training.
        train_seconds: as its results have them.
        parameters: of the model.
        metrics: of its samples, as `Run.measure_samples` returns them.
        density: name and metric of the first density or bound among its results, on the test split.
        images_per_second: as `tfgen.sample.throughput` times them.
        seconds: of each round: ``sampling``, ``passes``, ``fid``.
    """

    run: str
    model: str
    seed: int
    train_seconds: float
    parameters: int
    metrics: Mapping[str, Any]
    density: tuple[str, Mapping[str, Any]] | None
    images_per_second: Mapping[str, Any]
    seconds: list[dict[str, float]]

    @property
    def ratios(self) -> list[float]:
        """The whole over its parts, of each round."""
        return [round_["fid"] / (round_["sampling"] + round_["passes"]) for round_ in self.seconds]


def measure(run: Run, network: FeatureNetwork, options: Options) -> Found:
    """Evaluate the samples of a run, and time the evaluation."""
    from tfgen.evaluate.sample_quality import measure_samples, resolve_metrics, sample_metrics
    from tfgen.metrics import metrics_to_json
    from tfgen.sample.throughput import samples_per_second

    plan = sample_metrics(resolve_metrics((), run.model), options.samples, options.reference)
    metrics = measure_samples(
        run.model, run.data, network, plan, seed=options.seed, batch_size=options.batch_size, quiet=False
    )
    test = run.results.get("test", {})
    return Found(
        run=run.name,
        model=run.config.model,
        seed=run.config.training.seed,
        train_seconds=run.results["train_seconds"],
        parameters=run.results["parameters"],
        metrics=metrics_to_json(metrics),
        density=next(((name, test[name]) for name in DENSITIES if name in test), None),
        images_per_second=samples_per_second(run.model).to_json(),
        seconds=[_round(run, network, options) for _ in range(options.rounds + 1)][1:] if options.rounds else [],
    )


def _round(run: Run, network: FeatureNetwork, options: Options) -> dict[str, float]:
    from tfgen.evaluate.sample_quality import measure_samples, sample_metrics
    from tfgen.sample.sampling import labels_for, sample_batches

    count, size = options.samples, options.batch_size
    labels = labels_for(run.model, count, None)
    batches: list[Any] = []
    truth = run.data.test.x

    def passes() -> None:
        for batch in batches:
            network.extract(batch)
        for begin in range(0, len(truth), size):
            network.extract(truth[begin : begin + size])

    plan = sample_metrics(("fid",), count, options.reference)
    return {
        "sampling": _seconds(lambda: batches.extend(sample_batches(run.model, count, labels, options.seed, size))),
        "passes": _seconds(passes),
        "fid": _seconds(
            lambda: measure_samples(run.model, run.data, network, plan, seed=options.seed, batch_size=size)
        ),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rows_of(result: Sequence[Found]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows: a row for each run."""
    headings = ["run", "seed", "training, s", *SHOWN, "density", "images/s", "fid / its parts"]
    rows = []
    for each in result:
        metrics = [each.metrics.get(name) for name in SHOWN]
        cells = ["-" if not metric else measured(metric["value"], metric["standard_error"]) for metric in metrics]
        density = "-"
        if each.density:
            name, metric = each.density
            density = f"{measured(metric['value'], metric['standard_error'])} {name}"
        ratio = f"{middle(each.ratios)} ({min_to_max(each.ratios)})" if each.ratios else "-"
        rate = f"{each.images_per_second['value']:,.0f}"
        rows.append([each.run, str(each.seed), f"{each.train_seconds:.0f}", *cells, density, rate, ratio])
    return headings, rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = tyro.cli(Options, args=given, description=__doc__, config=(tyro.conf.OmitArgPrefixes,))
        _measure_all(options, given)
    except TfgenError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _measure_all(options: Options, given: Sequence[str]) -> None:
    runtime.load_tensorflow(announce=True)
    from tfgen.evaluate.features import default_network, feature_network

    registry = load_registry()
    runs = [Run(RunFolder.open(folder), registry) for folder in options.runs]
    names = sorted({run.config.data for run in runs})
    if len(names) > 1:
        raise OptionError(
            f"runs are on {', '.join(names)}; one network sees one data set, so name runs on one of them."
        )
    first = runs[0]
    chosen = default_network(first.data) if options.features == "auto" else options.features
    network = feature_network(chosen, first.data, first.config.sources, quiet=False)
    result: list[Found] = []
    for run in runs:
        with runtime.without_retracing_warnings():
            print(f"{run.name} ...", file=sys.stderr, flush=True)
            result.append(measure(Run(run.files, registry), network, options))
    headings, rows = rows_of(result)
    machine = describe_machine("auto")
    command = shlex.join(["python", "benchmarks/sample_quality.py", *given])
    print_table(headings, rows)
    print(f"network: {network.name}; reference: {options.reference}; {options.samples} samples, seed {options.seed}")
    ratios = [ratio for each in result for ratio in each.ratios]
    if ratios:
        print(f"target: fid within {TARGET:g} times sampling and passes; the most of any round: {max(ratios):.2f}")
    print("\n".join(machine_lines(machine, command)))
    if options.json:
        asked = {name: value for name, value in asdict(options).items() if name not in ("runs", "json", "markdown")}
        content = {
            "benchmark": "sample_quality",
            "options": asked,
            "network": network.name,
            "machine": machine,
            "command": command,
        }
        write_json(options.json, content | {"runs": [asdict(each) | {"ratios": each.ratios} for each in result]})
    if options.markdown:
        lines = ["| " + " | ".join(row) + " |" for row in [headings, ["---"] * len(headings), *rows]]
        options.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
