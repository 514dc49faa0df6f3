"""Comparison part of a report page: the table of `tfgen compare`, and validation curves in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tfgen.runs import SPLITS, ComparisonRow, RunFacts, compare, comparison_rows, curves, draw_curve_panels, text_table
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
        improvement: of the second of two runs over the first; empty where there is none.
    """

    title: str
    basis: list[str]
    cells: list[Cell]
    improvement: str = ""


@dataclass(frozen=True)
class SideBySide:
    """Comparison of runs for the template.

    Attributes:
        facts: rows of facts (model, data, cost): label and a cell for each run.
        metrics: rows of comparable metrics, of the test split if there is one.
        alone: such rows with the value of one run alone.
        further: such rows on the other splits.
        options: rows of the options that differ.
        options_of_some: rows of options that some of the runs do not have.
        notes: legend, and metrics that do not compare, with reasons.
        curves: of all runs that have them; None if no two runs share a validation curve.
        without_curve: the runs that are not in that picture.
    """

    facts: list[TableRow]
    metrics: list[TableRow]
    alone: list[TableRow]
    further: list[TableRow]
    options: list[TableRow]
    options_of_some: list[TableRow]
    notes: list[str]
    curves: Inlined | None
    without_curve: list[str]


def side_by_side(runs: Sequence[RunFacts]) -> SideBySide:
    """Return the comparison of two runs or more, as of `tfgen compare`."""
    comparison = compare(runs)
    measured_on = min((row.split for row in comparison.metrics), key=SPLITS.index, default="test")
    rows: dict[str, list[TableRow]] = {kind: [] for kind in ("fact", "option", "some", "metric", "alone", "further")}
    for row in comparison_rows(comparison):
        rows[_place(row, measured_on)].append(_row(row, runs))
    if not rows["metric"]:  # better these than none
        rows["metric"], rows["alone"] = rows["alone"], []
    terms = curves(runs)
    displayed = {run.name for term in terms for run in term.runs}
    picture = drawn(partial(draw_curve_panels, terms)) if terms else None
    alone = [run.name for run in runs if run.name not in displayed]
    notes = list(text_table(comparison).notes)
    return SideBySide(
        rows["fact"],
        rows["metric"],
        rows["alone"],
        rows["further"],
        rows["option"],
        rows["some"],
        notes,
        picture,
        alone,
    )


def _place(row: ComparisonRow, measured_on: str) -> str:
    """Return the table that a row belongs to: rows with little but dashes are not among the first."""
    if row.metric is not None and row.metric.split != measured_on:
        return "further"
    if row.metric is not None and sum(map(bool, row.cells)) < 2:  # no two runs to compare
        return "alone"
    if row.kind == "option" and not all(row.cells):
        return "some"
    return row.kind


def _row(row: ComparisonRow, runs: Sequence[RunFacts]) -> TableRow:
    standings = row.metric.standings if row.metric else {}
    verdicts = [standings[run.name].verdict if run.name in standings else "" for run in runs]
    return TableRow(
        row.title, row.basis, [Cell(*cell) for cell in zip(row.cells, verdicts, strict=True)], row.improvement
    )
