"""Results table of a sweep: a row for each combination, with mean and standard deviation over the seeds."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfgen.files import finite
from tfgen.metrics import measured
from tfgen.plugin.option_types import to_json as option_to_json
from tfgen.runs import in_words, metric_rows, on_one_machine, rate_in_words
from tfgen_plugins.sweep.sweeps import Outcome

_NOTHING = "—"


@dataclass(frozen=True)
class MeanAndDeviation:
    """Mean and standard deviation of a number over the seeds of a combination.

    Attributes:
        mean: over the seeds.
        deviation: standard deviation over the seeds, ``sqrt(sum (v - mean)^2 / (n - 1))``; NaN for one seed.
        seeds: number of seeds.
    """

    mean: float
    deviation: float
    seeds: int


@dataclass(frozen=True)
class Combination:
    """A model with one value of each varied option, over its seeds.

    Attributes:
        model: its name.
        varied: the options that the sweep varies.
        seeds: finished seeds.
        unfinished: seeds that failed or are to do.
        metrics: of the test split, by name: over the finished seeds.
        units: of the metrics, by name.
        parameters: trainable numbers; None when no seed is finished.
        train_seconds: of training.
        samples_per_second: when it was timed.
        sample_batch: samples in a batch of this timing.
    """

    model: str
    varied: Mapping[str, Any]
    seeds: Sequence[int]
    unfinished: Sequence[int]
    metrics: Mapping[str, MeanAndDeviation]
    units: Mapping[str, str]
    parameters: int | None
    train_seconds: MeanAndDeviation | None
    samples_per_second: MeanAndDeviation | None
    sample_batch: int | None


def mean_and_deviation(values: Sequence[float]) -> MeanAndDeviation:
    """Return mean and standard deviation.

    >>> mean_and_deviation([1.0, 3.0])
    MeanAndDeviation(mean=2.0, deviation=1.4142135623730951, seeds=2)
    """
    finite = all(map(math.isfinite, values))
    deviation = statistics.stdev(values) if finite and len(values) > 1 else math.nan
    return MeanAndDeviation(statistics.fmean(values), deviation, len(values))


def combinations(outcomes: Sequence[Outcome]) -> list[Combination]:
    """Return a row for each combination in the order of the sweep."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        key = json.dumps([outcome.planned.config.model, _varied(outcome.planned.varied)])
        groups.setdefault(key, []).append(outcome)
    return [_combination(members) for members in groups.values()]


def _combination(outcomes: Sequence[Outcome]) -> Combination:
    finished = [outcome.facts for outcome in outcomes if outcome.facts]
    measured = [
        {name: metric for (split, name), metric in run.metrics().items() if split == "test"} for run in finished
    ]
    # A metric that only some seeds have (classified later, say) is no mean over the seeds.
    names = [name for name in (measured[0] if measured else {}) if all(name in metrics for metrics in measured)]
    timed = [run.sampling for run in finished if run.sampling is not None]
    first = outcomes[0].planned
    return Combination(
        model=first.config.model,
        varied=first.varied,
        seeds=[outcome.planned.config.training.seed for outcome in outcomes if outcome.facts],
        unfinished=[outcome.planned.config.training.seed for outcome in outcomes if not outcome.facts],
        metrics={name: mean_and_deviation([metrics[name].value for metrics in measured]) for name in names},
        units={name: measured[0][name].unit for name in names},
        parameters=finished[0].results.get("parameters") if finished else None,
        train_seconds=mean_and_deviation([run.seconds for run in finished]) if finished else None,
        samples_per_second=mean_and_deviation([timing.value for timing in timed]) if timed else None,
        sample_batch=timed[0].basis.get("batch_size") if timed else None,
    )


def table(rows: Sequence[Combination]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of text: the combination, its seeds, each test metric, parameters, seconds, sampling."""
    varied = list(rows[0].varied) if rows else []
    units = {name: unit for row in rows for name, unit in row.units.items()}
    batches = {row.sample_batch for row in rows if row.sample_batch}
    batch = f", batches of {batches.pop()}" if len(batches) == 1 else ""
    headings = [
        "model", *varied, "seeds", *(f"test {name}, {unit}" for name, unit in units.items()),
        "parameters", "training, s", f"samples/s{batch}",
    ]  # fmt: skip
    cells = [
        [
            row.model,
            *(in_words(row.varied[name]) for name in varied),
            _seeds(row),
            *(_number(row.metrics.get(name)) for name in units),
            _NOTHING if row.parameters is None else f"{row.parameters:,}",
            _NOTHING if row.train_seconds is None else f"{row.train_seconds.mean:.1f}",
            _NOTHING if row.samples_per_second is None else rate_in_words(row.samples_per_second.mean),
        ]
        for row in rows
    ]
    return headings, cells


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """Return notes on the table: meaning of ±, metrics that do not compare, missing runs."""
    rows, result = combinations(outcomes), []
    if any(len(row.seeds) > 1 for row in rows):
        result.append("mean ± standard deviation over the seeds; seconds and samples/s are means")
    elif any(row.seeds for row in rows):
        result.append("one seed: the variation between seeds is unknown")
    facts = [outcome.facts for outcome in outcomes if outcome.facts]
    tests = [row for row in metric_rows(facts) if row.split == "test"]
    for name in dict.fromkeys(row.name for row in tests):
        differing = dict.fromkeys(key for row in tests if row.name == name for key in row.differing)
        keys = ["data"] if "data" in differing else list(differing)
        if keys:
            result.append(f"test {name} has different bases ({', '.join(keys)}): not all rows compare")
    if not on_one_machine(facts):
        result.append("seconds were taken on different machines and do not compare")
    result += [f"failed: {outcome.planned.name}: {outcome.error}" for outcome in outcomes if outcome.error]
    return result


def to_json(name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the content of ``sweep.json``: each run, and the table; NaN becomes null."""
    runs = [
        {
            "name": outcome.planned.name,
            "model": outcome.planned.config.model,
            "data": outcome.planned.config.data,
            "varied": _varied(outcome.planned.varied),
            "seed": outcome.planned.config.training.seed,
            "state": outcome.state,
            "error": outcome.error,
            "test": outcome.facts.results.get("test") if outcome.facts else None,
            "train_seconds": outcome.facts.seconds if outcome.facts else None,
            "sampling": outcome.facts.results.get("sampling") if outcome.facts else None,
        }
        for outcome in outcomes
    ]
    rows = [
        {
            "model": row.model,
            "varied": _varied(row.varied),
            "seeds": list(row.seeds),
            "unfinished_seeds": list(row.unfinished),
            "test": {metric: {**vars(value), "unit": row.units[metric]} for metric, value in row.metrics.items()},
            "parameters": row.parameters,
            "train_seconds": row.train_seconds and vars(row.train_seconds),
            "samples_per_second": row.samples_per_second
            and {**vars(row.samples_per_second), "batch_size": row.sample_batch},
        }
        for row in combinations(outcomes)
    ]
    result: dict[str, Any] = finite({"name": name, "runs": runs, "table": rows})
    return result


def _varied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: option_to_json(value) for name, value in values.items()}


def _seeds(row: Combination) -> str:
    done = ", ".join(map(str, row.seeds)) or "none"
    return f"{done} (not {', '.join(map(str, row.unfinished))})" if row.unfinished else done


def _number(value: MeanAndDeviation | None) -> str:
    return _NOTHING if value is None else measured(value.mean, value.deviation)
