"""Table of a comparison of runs: a column for each run, a row for each differing option and each metric."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from tfgen.metrics.metric import entry_text
from tfgen.metrics.rounding import in_percent, measured
from tfgen.printed import escaped
from tfgen.runs.comparison import Comparison, rate_in_words
from tfgen.runs.facts import RunFacts
from tfgen.runs.metric_row import MetricRow, in_words

_NOTHING = "—"
#: Wider tables fit no usual terminal, so that letters head their columns.
_WIDTH = 100
_FIRST_COLUMN = 34
_CELL = 17
#: With more runs, errors stand below their numbers.
_COMFORTABLE = 6
_MARKS = {"best": " *", "level": " ~", "behind": ""}
_LEGEND = {
    "best": "* better than each other run of its row by more than two standard errors of the difference",
    "level": "~ level with the leading run: the difference is within two standard errors, so neither is called better",
    "behind": "below a number: how far it is from the leading run, ± the standard error of the difference, over the test "
    "examples; another training seed is not in it.",
}
_PAIRED = "errors of differences are those of paired tests: the runs were measured on the same examples"
_UNPAIRED = (
    "± sqrt(a² + b²) of the two standard errors for {metrics}: no scores of each example (a run folder keeps them since "
    "tfgen evaluate writes scores_SPLIT.npz), so mostly too large"
)
_IMPROVEMENT = "improvement"
_IMPROVEMENT_LEGEND = (
    "improvement: by how much {second} is better than {first}, and in percent of the number of {first}; below 0 if it is "
    "worse. Where neither direction is better it says change"
)


@dataclass(frozen=True)
class ComparisonRow:
    """A row of the table, before it is laid out as text or as a page.

    Attributes:
        kind: a ``fact`` (model, data, cost), an ``option`` that differs, or a ``metric``.
        title: what the row is of.
        cells: one for each run, perhaps of several lines; empty where a run has nothing.
        basis: of a metric, what differs from other rows with its title.
        metric: that is in the row.
        improvement: of the second of two runs over the first, with its error; empty where there is none.
    """

    kind: Literal["fact", "option", "metric"]
    title: str
    cells: list[str]
    basis: list[str] = field(default_factory=list)
    metric: MetricRow | None = None
    improvement: str = ""


@dataclass(frozen=True)
class TextTable:
    """A comparison as printed text.

    Attributes:
        legend: names of runs, if letters head the columns.
        headings: of the columns.
        rows: of text; a cell may have several lines.
        notes: below the table.
    """

    legend: list[str]
    headings: list[str]
    rows: list[list[str]]
    notes: list[str]


def comparison_rows(comparison: Comparison) -> list[ComparisonRow]:
    """Return the rows of a comparison: runs, differing options, training cost and metrics."""
    runs = comparison.runs
    names = [run.name for run in runs]
    rows = [
        _fact("model", runs, lambda run: run.config["model"]),
        _fact("data", runs, lambda run: run.config["data"]),
        _fact("state", runs, lambda run: "finished" if run.finished else "unfinished"),
    ]
    for option, values in comparison.options.items():
        if option not in ("model", "data"):
            cells = [in_words(values[name]) if name in values else "" for name in names]
            rows.append(ComparisonRow("option", option, cells))
    rows += [
        _fact(label, runs, displayed) for label, displayed in _EFFORT.items() if any(displayed(run) for run in runs)
    ]
    rows += _sampling_rows(runs) + _progress_rows(runs)
    crowded = len(runs) > _COMFORTABLE
    for row in comparison.metrics:
        cells = [_cell(row, name, crowded) for name in names]
        title = f"{row.split} {row.name}, {row.unit}"
        rows.append(ComparisonRow("metric", title, cells, _basis(row), row, _improvement(row, len(runs))))
    return rows


def text_table(comparison: Comparison) -> TextTable:
    """Return a comparison as text; see `comparison_rows`."""
    runs = comparison.runs
    names = [run.name for run in runs]
    wide = _FIRST_COLUMN + sum(max(len(name), _CELL) + 2 for name in names) > _WIDTH
    letters = _letters(len(runs)) if wide else names
    whole = comparison_rows(comparison)
    improved = [_IMPROVEMENT] if any(row.improvement for row in whole) else []
    rows = [
        ["\n".join([row.title, *row.basis]), *row.cells, *[row.improvement or " "] * len(improved)] for row in whole
    ]
    verdicts = {standing.verdict for row in comparison.metrics for standing in row.standings.values()}
    if "level" in verdicts:
        verdicts.add("behind")  # level runs show their difference as well
    legend = [f"{letter}  {name}" for letter, name in zip(letters, names, strict=True)] if wide else []
    notes = [text for verdict, text in _LEGEND.items() if verdict in verdicts]
    if improved:
        notes += [_IMPROVEMENT_LEGEND.format(first=names[0], second=names[1]), *_error_notes(comparison)]
    notes += comparison.notes
    return TextTable(legend, ["", *letters, *improved], [[cell or _NOTHING for cell in row] for row in rows], notes)


def plain_text(comparison: Comparison) -> str:
    """Return the table as lines of text, columns under each other; what `print` shows of a comparison."""
    table = text_table(comparison)
    cells = [[escaped(cell, keep="\n").split("\n") for cell in row] for row in [table.headings, *table.rows]]
    widths = [max(len(line) for row in cells for line in row[column]) for column in range(len(table.headings))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for row in cells
        for line in itertools.zip_longest(*row, fillvalue="")
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([*map(escaped, table.legend), lines[0], rule, *lines[1:], "", *map(escaped, table.notes)])


def _improvement(row: MetricRow, runs: int) -> str:
    """Return the improvement of a row of two runs as text; of more runs, the cells say how far each is from the best.

    Where neither direction is better, as of the two parts of an ELBO, it is the change.
    """
    if runs > 2 or row.change is None:
        return ""
    (value, error), first = row.change, next(iter(row.values.values()))
    if row.improvement is not None:
        value = row.improvement.value
    share = in_percent(value, first)
    text = measured(value, error, signed=True) + (f" ({share})" if share else "")
    return text if row.improvement is not None else f"change {text}"


def _error_notes(comparison: Comparison) -> list[str]:
    """Return how errors of differences came about."""
    improved = [(row, row.improvement) for row in comparison.metrics if row.improvement]
    unpaired = [f"{row.split} {row.name}" for row, found in improved if not found.paired]
    paired = [_PAIRED] if len(unpaired) < len(improved) else []
    return paired + ([_UNPAIRED.format(metrics=", ".join(unpaired))] if unpaired else [])


def _parameters(run: RunFacts) -> str:
    return f"{run.results['parameters']:,}" if "parameters" in run.results else ""


_EFFORT = {
    "parameters": _parameters,
    "steps": lambda run: f"{run.steps:,}" if run.rows or run.finished else "",
    "training, seconds": lambda run: f"{run.seconds:.1f}" if run.rows or run.finished else "",
}


def _fact(title: str, runs: Iterable[RunFacts], displayed: Any) -> ComparisonRow:
    return ComparisonRow("fact", title, [displayed(run) for run in runs])


def _sampling_rows(runs: Iterable[RunFacts]) -> list[ComparisonRow]:
    """Return a row of samples per second for each batch size with a timing."""
    timed = [run.sampling for run in runs]
    sizes = dict.fromkeys(timing.basis.get("batch_size") for timing in timed if timing)
    rows = []
    for size in sizes:
        alike = [timing if timing and timing.basis.get("batch_size") == size else None for timing in timed]
        cells = [rate_in_words(timing.value) if timing else "" for timing in alike]
        rows.append(ComparisonRow("fact", f"samples/s, batches of {size}", cells))
    return rows


def _progress_rows(runs: Iterable[RunFacts]) -> list[ComparisonRow]:
    """Return the best validation values of training, for runs without results."""
    runs = list(runs)
    if all(run.finished for run in runs):
        return []
    rows = []
    for term in dict.fromkeys(run.curve for run in runs if run.curve_points()):
        word, best = ("highest", max) if any(run.catalogue.rises(term or "") for run in runs) else ("lowest", min)
        reached = [best((point.value for point in run.curve_points()), default=math.nan) for run in runs]
        displayed = [
            measured(value) if run.curve == term and math.isfinite(value) else ""
            for run, value in zip(runs, reached, strict=True)
        ]
        rows.append(ComparisonRow("fact", f"{word} valid {term} while training", displayed))
    return rows


def _basis(row: MetricRow) -> list[str]:
    differing = ["data"] if "data" in row.differing else list(row.differing)
    texts = {key: row.described(key) for key in differing if row.differing[key] is not None}
    # A long entry needs no label; a very long one, such as the source of the data, is in the notes.
    lines = [entry_text(key, words) if len(words) < _CELL else words for key, words in texts.items()]
    given = [f"given the label: {', '.join(row.given_label)}"] if row.given_label else []
    return [line for line in lines if len(line) <= _FIRST_COLUMN] + given


def _cell(row: MetricRow, run: str, crowded: bool) -> str:
    if run not in row.values:
        return ""
    standing, before = row.standings.get(run), "\n" if crowded else " "
    value, error, mark = row.values[run], row.errors[run], _MARKS[standing.verdict] if standing else ""
    number = measured(value, error, f"{mark}\n") if crowded else f"{measured(value, error)}{mark}"
    if standing is None or not standing.error:
        return number
    return f"{number}\n{measured(standing.difference, standing.error, before, signed=True)}"


def _letters(count: int) -> list[str]:
    return [string.ascii_uppercase[i] if i < 26 else f"#{i + 1}" for i in range(count)]
