"""Results table of a sweep: a row for each combination, with mean and standard deviation over the seeds."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfgen.files import finite
from tfgen.metrics import given_label, in_percent, measured
from tfgen.plugin.option_types import to_json as option_to_json
from tfgen.runs import in_words, label_notes, metric_rows, on_one_machine, rate_in_words, with_given_label
from tfgen_plugins.sweep.sweeps import Outcome

if TYPE_CHECKING:
    from tfgen.runs import MetricRow

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


@dataclass(frozen=True)
class Column:
    """A test metric of the table, perhaps in two forms: given the label of conditional models, and without.

    Attributes:
        name: of the metric.
        unit: of its values.
        forms: names under which a combination may have it; the first that it has is shown.
    """

    name: str
    unit: str
    forms: Sequence[str]

    def form_of(self, row: Combination) -> str | None:
        """Return the form that a combination has."""
        return next((name for name in self.forms if name in row.metrics), None)

    def value_of(self, row: Combination) -> MeanAndDeviation | None:
        """Return its value."""
        form = self.form_of(row)
        return None if form is None else row.metrics[form]


def columns(outcomes: Sequence[Outcome]) -> list[Column]:
    """Return the columns of the table: a metric without labels beside its form given the label, where the rest is equal.

    An ELBO of a `vae` and one of a `cvae` given the label share a column, as they share a row of `tfgen compare`.
    """
    rows = combinations(outcomes)
    units = {name: unit for row in rows for name, unit in row.units.items()}
    both = {row.name for row in _test_rows(outcomes) if row.given_label}
    shared = {given_label(name) for name in both if given_label(name) in units and name in units}
    return [
        Column(name, unit, (name, given_label(name)) if given_label(name) in shared else (name,))
        for name, unit in units.items()
        if name not in shared
    ]


def _test_rows(outcomes: Sequence[Outcome]) -> list[MetricRow]:
    """Return the rows that `tfgen compare` would have of the finished runs' test metrics."""
    facts = [outcome.facts for outcome in outcomes if outcome.facts]
    rows = [row for row in metric_rows(facts) if row.split == "test"]
    return list(with_given_label(rows, [run.name for run in facts]))


def table(outcomes: Sequence[Outcome]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of text: the combination, its seeds, each test metric, parameters, seconds, sampling.

    Two combinations have a row more, the change of each metric from the first to the second.
    """
    rows, shown = combinations(outcomes), columns(outcomes)
    varied = list(rows[0].varied) if rows else []
    batches = {row.sample_batch for row in rows if row.sample_batch}
    batch = f", batches of {batches.pop()}" if len(batches) == 1 else ""
    headings = [
        "model", *varied, "seeds", *(f"test {column.name}, {column.unit}" for column in shown),
        "parameters", "training, s", f"samples/s{batch}",
    ]  # fmt: skip
    cells = [
        [
            row.model,
            *(in_words(row.varied[name]) for name in varied),
            _seeds(row),
            *(_cell(column, row) for column in shown),
            _NOTHING if row.parameters is None else f"{row.parameters:,}",
            _NOTHING if row.train_seconds is None else f"{row.train_seconds.mean:.1f}",
            _NOTHING if row.samples_per_second is None else rate_in_words(row.samples_per_second.mean),
        ]
        for row in rows
    ]
    changed = changes(outcomes)
    if changed:
        texts = [_change(changed[column.name]) if column.name in changed else "" for column in shown]
        cells.append(["change", *[""] * len(varied), "", *texts, "", "", ""])
    return headings, cells


@dataclass(frozen=True)
class Change:
    """Difference of two means over seeds, the second minus the first.

    Attributes:
        difference: of the means.
        error: its standard error, ``sqrt(s1^2 / n1 + s2^2 / n2)`` (Welch); NaN where one of both has a single seed.
        first: the mean of the first.
    """

    difference: float
    error: float
    first: float


def change(first: MeanAndDeviation, second: MeanAndDeviation) -> Change:
    """Return the change of a mean from one combination to another.

    >>> change(MeanAndDeviation(4.0, 0.3, 9), MeanAndDeviation(3.0, 0.4, 16))
    Change(difference=-1.0, error=0.1414213562373095, first=4.0)
    """
    error = math.hypot(first.deviation / math.sqrt(first.seeds), second.deviation / math.sqrt(second.seeds))
    return Change(second.mean - first.mean, error, first.mean)


def changes(outcomes: Sequence[Outcome]) -> dict[str, Change]:
    """Return the change of each metric from the first combination to the second, by column; of two alone.

    Metrics that were measured on different bases do not compare, and have none.
    """
    rows = combinations(outcomes)
    if len(rows) != 2:
        return {}
    bases = Counter(row.name for row in _test_rows(outcomes) if not row.given_label)
    found = {}
    for column in columns(outcomes):
        first, second = (column.value_of(row) for row in rows)
        if first is not None and second is not None and max(bases[form] for form in column.forms) <= 1:
            found[column.name] = change(first, second)
    return {name: value for name, value in found.items() if math.isfinite(value.difference)}


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """Return notes on the table: meaning of ±, metrics that do not compare, missing runs."""
    rows, result = combinations(outcomes), []
    if any(len(row.seeds) > 1 for row in rows):
        result.append("mean ± standard deviation over the seeds; seconds and samples/s are means")
    elif any(row.seeds for row in rows):
        result.append("one seed: the variation between seeds is unknown")
    if changes(outcomes):
        result.append(
            "change: from the first row to the second, ± its standard error over the seeds, and in percent of the first"
        )
    facts = [outcome.facts for outcome in outcomes if outcome.facts]
    tests = _test_rows(outcomes)
    result += label_notes(tests, facts)
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
    """Return the content of ``sweep.json``: each run, the table, and the change between two rows; NaN becomes null."""
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
    changed = {metric: vars(value) for metric, value in changes(outcomes).items()}
    result: dict[str, Any] = finite({"name": name, "runs": runs, "table": rows, "change": changed})
    return result


def _varied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: option_to_json(value) for name, value in values.items()}


def _seeds(row: Combination) -> str:
    done = ", ".join(map(str, row.seeds)) or "none"
    return f"{done} (not {', '.join(map(str, row.unfinished))})" if row.unfinished else done


def _cell(column: Column, row: Combination) -> str:
    value = column.value_of(row)
    if value is None:
        return _NOTHING
    text = measured(value.mean, value.deviation)
    return text if column.form_of(row) == column.name else f"{text} given y"


def _change(found: Change) -> str:
    share = in_percent(found.difference, found.first)
    return measured(found.difference, found.error, signed=True) + (f" ({share})" if share else "")
