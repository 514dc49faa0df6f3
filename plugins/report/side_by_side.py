"""Comparison part of a report page: the table of `tfgen compare`, and validation curves in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tfgen.cli import ComparisonRow, comparison_rows, text_table
from tfgen.runs import SPLITS, RunFacts, compare, curves, draw_curve_panels
from tfgen_plugins.report.pictures import Inlined, drawn


@dataclass(frozen=True)
class Cell:
    """A cell of the table.

    Attributes:
        text: lines of text.
        verdict: ``best``, ``level`` or ``behind``; empty where nothing is ranked.
    """

    text: str
    verdict: str = ""


@dataclass(frozen=True)
class TableRow:
    """A row of the table.

    Attributes:
        title: of the row.
        basis: entries that differ from other rows with this title, in lines.
        cells: one for each run.
    """

    title: str
    basis: list[str]
    cells: list[Cell]


@dataclass(frozen=True)
class SideBySide:
    """Comparison of runs for the template.

    Attributes:
        facts: rows of facts (model, data, cost): label and a cell for each run.
        metrics: rows of comparable metrics, of the test split if there is one.
        further: such rows on the other splits.
        options: rows of the options that differ.
        notes: legend, and metrics that do not compare, with reasons.
        curves: of all runs that have them; None if no two runs share a validation curve.
        without_curve: the runs that are not in that picture.
    """

    facts: list[TableRow]
    metrics: list[TableRow]
    further: list[TableRow]
    options: list[TableRow]
    notes: list[str]
    curves: Inlined | None
    without_curve: list[str]


def side_by_side(runs: Sequence[RunFacts]) -> SideBySide:
    """Return the comparison of two runs or more, as of `tfgen compare`."""
    comparison = compare(runs)
    measured_on = min((row.split for row in comparison.metrics), key=SPLITS.index, default="test")
    rows: dict[str, list[TableRow]] = {"fact": [], "option": [], "metric": [], "further": []}
    for row in comparison_rows(comparison):
        further = row.metric is not None and row.metric.split != measured_on
        rows["further" if further else row.kind].append(_row(row, runs))
    terms = curves(runs)
    displayed = {run.name for term in terms for run in term.runs}
    picture = drawn(partial(draw_curve_panels, terms)) if terms else None
    alone = [run.name for run in runs if run.name not in displayed]
    notes = list(text_table(comparison).notes)
    return SideBySide(rows["fact"], rows["metric"], rows["further"], rows["option"], notes, picture, alone)


def _row(row: ComparisonRow, runs: Sequence[RunFacts]) -> TableRow:
    standings = row.metric.standings if row.metric else {}
    verdicts = [standings[run.name].verdict if run.name in standings else "" for run in runs]
    return TableRow(row.title, row.basis, [Cell(*cell) for cell in zip(row.cells, verdicts, strict=True)])
