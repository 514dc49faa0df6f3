"""Tables of numbers on a report page: headlines, every metric with its basis, classification."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tfgen.metrics import Catalogue, Metric, entry_text, measured
from tfgen.runs import SPLITS, RunFacts, in_words, rate_in_words
from tfgen_plugins.report.reading import is_number

_WIDEST = 20  # classes in a matrix; more fit no page
_MOST_BARS = 100
_TOLD_MISTAKES = 3


@dataclass(frozen=True)
class Card:
    """A headline number of a run.

    Attributes:
        title: of the number.
        number: as text.
        error: its standard error as text; empty without one.
        unit: of the number.
        about: split, data or other remarks.
    """

    title: str
    number: str
    error: str = ""
    unit: str = ""
    about: str = ""


@dataclass(frozen=True)
class ChartBar:
    """One bar of a bar chart.

    Attributes:
        label: below the bar.
        share: height, from 0 to 1.
        text: the value.
    """

    label: str
    share: float
    text: str


@dataclass(frozen=True)
class MetricLine:
    """One metric as a line of a table.

    Attributes:
        split: of the examples.
        name: of the metric in results.json.
        title: of the metric.
        number: with its standard error.
        unit: of the number.
        direction: ``lower is better``, ``higher is better``, or empty if neither.
        basis: of the metric, as text.
        bars: value for each class, if recorded.
    """

    split: str
    name: str
    title: str
    number: str
    unit: str
    direction: str
    basis: str
    bars: list[ChartBar] = field(default_factory=list)


@dataclass(frozen=True)
class Classified:
    """Classification of a split.

    Attributes:
        split: of the examples.
        lines: its metrics.
        confusion: for each true class the counts of the predicted ones and their shares of the row; empty for many classes.
        bars: accuracy (recall) for each class.
        mistakes: the most frequent confusions, as text.
    """

    split: str
    lines: list[MetricLine]
    confusion: list[list[tuple[int, float]]]
    bars: list[ChartBar]
    mistakes: str


def cards_of(run: RunFacts) -> list[Card]:
    """Return the headline numbers: metrics of the test split (else of another one), and the cost of training."""
    catalogue = run.catalogue
    split = next((split for split in SPLITS if run.measured(split)), "test")
    # What a bound is made of goes either way in the better model: no headline.
    cards = [
        _metric_card(split, metric, catalogue)
        for name, metric in run.measured(split).items()
        if name not in catalogue or catalogue[name].better
    ]
    if accuracy := run.classified("test").get("accuracy"):
        cards.append(_metric_card("test", accuracy, catalogue))
    if not run.finished and run.curve_points():
        cards.append(_reached(run))
    if run.finished or run.rows:
        epochs = run.results.get("epochs") or next((row["epoch"] for row in reversed(run.rows) if "epoch" in row), None)
        passes = f"{epochs:,.0f} epochs, " if epochs else ""
        cards.append(Card("training", duration(run.seconds), about=f"{passes}{run.steps:,} steps"))
    if "parameters" in run.results:
        cards.append(Card("parameters", f"{run.results['parameters']:,.0f}"))
    if timing := run.sampling:
        rate = rate_in_words(timing.value)
        cards.append(Card("sampling", rate, unit="per second", about=f"batches of {timing.basis.get('batch_size')}"))
    return cards


def lines_of(run: RunFacts) -> list[MetricLine]:
    """Return every metric of results.json except classification, the test split first."""
    return [metric_line(split, metric, run.catalogue) for split in SPLITS for metric in run.measured(split).values()]


def warnings_of(run: RunFacts) -> list[str]:
    """Return a sentence for each thing that spoils the results, such as a rare class, or a KL divergence below zero."""
    return [f"{note.about}: {note.text}" for note in run.notes()]


def metric_line(split: str, metric: Metric, catalogue: Catalogue) -> MetricLine:
    """Return one metric as a line of a table."""
    entries = {key: value for key, value in metric.basis.to_json().items() if key not in ("split", "data")}
    basis = " · ".join(entry_text(key, in_words(value)) for key, value in entries.items())
    better = catalogue[metric.name].better if metric.name in catalogue else None
    return MetricLine(
        split, metric.name, catalogue.title(metric.name), measured(metric.value, metric.standard_error), metric.unit,
        f"{better} is better" if better else "", basis, bars_of(list(metric.per_class)),
    )  # fmt: skip


def bars_of(values: Any) -> list[ChartBar]:
    """Return a bar for each class from a list of numbers or nulls; no bars for anything else.

    Shares stand on a scale from 0 to 1, larger values on one from 0 to the largest of them.
    """
    if not isinstance(values, list) or not 0 < len(values) <= _MOST_BARS:
        return []
    if not all(value is None or is_number(value) for value in values):
        return []
    known = [value for value in values if value is not None and math.isfinite(value)]
    scale = max([1.0, *known])
    digits = 3 if scale == 1.0 else 1
    return [
        ChartBar(str(label), min(max(value / scale, 0.0), 1.0), f"{value:.{digits}f}")
        if value is not None and math.isfinite(value)
        else ChartBar(str(label), 0.0, "—")
        for label, value in enumerate(values)
    ]


def classified_of(run: RunFacts) -> list[Classified]:
    """Return the classification of each split; a malformed confusion matrix is left out."""
    result = run.results.get("classification", {})
    return [_classified(run, split, result[split].get("confusion")) for split in result]


def _classified(run: RunFacts, split: str, counts: Any) -> Classified:
    lines = [metric_line(split, metric, run.catalogue) for metric in run.classified(split).values()]
    if not _is_matrix(counts):
        return Classified(split, lines, [], [], "")
    rows = [[(count, count / max(sum(row), 1)) for count in row] for row in counts]
    recognised = [row[label][1] if sum(counts[label]) else None for label, row in enumerate(rows)]
    wrong = [(count, i, j) for i, row in enumerate(counts) for j, count in enumerate(row) if i != j and count]
    most = sorted(wrong, key=lambda mistake: (-mistake[0], mistake[1:]))[:_TOLD_MISTAKES]
    mistakes = ", ".join(f"{true} taken for {predicted} ({count:,} times)" for count, true, predicted in most)
    return Classified(split, lines, rows if len(rows) <= _WIDEST else [], bars_of(recognised), mistakes)


def _is_matrix(counts: Any) -> bool:
    return (
        isinstance(counts, list)
        and bool(counts)
        and all(isinstance(row, list) and len(row) == len(counts) for row in counts)
        and all(isinstance(count, int) and count >= 0 for row in counts for count in row)
    )


def duration(seconds: float) -> str:
    """Return a duration as readable text.

    >>> duration(8.25), duration(461.0), duration(36000.0)
    ('8.2 s', '7 min 41 s', '10 h 0 min')
    """
    if not math.isfinite(seconds):
        return "—"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _metric_card(split: str, metric: Metric, catalogue: Catalogue) -> Card:
    number, _, error = measured(metric.value, metric.standard_error).partition(" ± ")
    title = catalogue.title(metric.name)
    return Card(title, number, error, "" if metric.unit == title else metric.unit, f"{split} split")


def _reached(run: RunFacts) -> Card:
    values: Sequence[float] = [point.value for point in run.curve_points()]
    curve = run.curve or ""
    word, best = ("highest", max(values)) if run.catalogue.rises(curve) else ("lowest", min(values))
    return Card(f"{word} {run.catalogue.title(curve)} so far", measured(best), about="validation, while training")
