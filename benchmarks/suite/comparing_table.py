"""Table of `tfgen bench compare`: reasons for doubt, the rows from worst to best, and the verdict."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from tfgen.cli.tables import markdown_table
from tfgen.printed import say
from tfgen_benchmarks.comparing import VERDICTS, Band, BenchmarkComparison, Change
from tfgen_benchmarks.report import CEILINGS, Table
from tfgen_benchmarks.rows import BenchmarkRow
from tfgen_benchmarks.words import NOTHING, factor, listed, number

_HEADINGS = [
    "part",
    "model",
    "by",
    "batch",
    "images/s before",
    "now",
    "times as fast (band)",
    "against the ceiling (band)",
    "verdict",
    "remarks",
]
_MEANINGS = {
    "slower": "beyond noise, by the clock and against the ceiling of its round",
    "suspect": "not slower by the clock, but against a ceiling that has risen: a faster machine may hide a loss; measure again",
    "faster": "beyond noise, by the clock and against the ceiling of its round",
    "machine": "another rate by the clock, which the change of the machine's ceiling explains",
    "unjudged": "one of the two has a single round, and so no noise band",
    "same": "the bands hold 1, or the medians differ by no more than {tolerance:.0%}",
}


def print_comparison(comparison: BenchmarkComparison) -> None:
    """Print doubts, the table and the verdict."""
    say(*above(comparison))
    table(comparison).print(widest=26)
    say(*below(comparison))


def markdown(comparison: BenchmarkComparison) -> str:
    """Return everything as Markdown."""
    displayed = table(comparison)
    lists = ["\n".join(f"- {line}" for line in lines) for lines in (above(comparison), below(comparison))]
    blocks = [f"# {displayed.title}", lists[0], markdown_table(displayed.headings, displayed.rows).rstrip(), lists[1]]
    return "\n\n".join(block for block in blocks if block) + "\n"


def above(comparison: BenchmarkComparison) -> list[str]:
    """Return the lines above the table: reasons for doubt, and changes of the machine."""
    lines = [f"DOUBT: {doubt}" for doubt in comparison.doubts]
    for name, band in comparison.ceilings.items():
        lines.append(f"{CEILINGS[name][0]} now runs {_banded(band)} times as fast as then")
    return lines


def table(comparison: BenchmarkComparison) -> Table:
    """Return the rows that have numbers in both, the worst verdict first, and in it the greatest loss."""
    order = sorted(comparison.changes, key=lambda change: (VERDICTS.index(change.verdict), change.by_clock.middle))
    return Table("New through old", list(_HEADINGS), [_cells(change) for change in order])


def below(comparison: BenchmarkComparison) -> list[str]:
    """Return the lines below the table: meaning and number of verdicts, expected false alarms, rows without a ratio."""
    lines = []
    for verdict in VERDICTS:
        result = comparison.judged(verdict)
        if result:
            meaning = _MEANINGS[verdict].format(tolerance=comparison.tolerance)
            lines.append(f"{verdict}: {_rows(len(result))}: {meaning}")
    lines += _overall(comparison)
    if comparison.by_chance >= 0.05:  # below, nobody need think of it
        lines.append(
            f"had nothing changed, chance alone would make about {factor(comparison.by_chance)} of "
            f"{_rows(len(comparison.changes))} look slower by the clock; more rounds make it fewer"
        )
    for what, rows in (
        ("LOST its numbers", comparison.lost),
        ("has numbers now", comparison.gained),
        ("only in the old result", comparison.only_old),
        ("only in the new result", comparison.only_new),
    ):
        lines += [f"{what}: {named}" for named in _gathered(rows)]
    if comparison.without:
        lines.append(f"without numbers in both: {_rows(len(comparison.without))}")
    for change in comparison.slower:  # once more, where a long table leaves the eye
        against = f", {_banded(change.against_ceiling)} against {change.ceiling}" if change.against_ceiling else ""
        lines.append(f"SLOWER: {_gathered([change.new])[0]}: {_banded(change.by_clock)} times as fast{against}")
    if not comparison.changes:
        lines.append("no row has numbers in both results: nothing was compared")
    return lines


def _overall(comparison: BenchmarkComparison) -> list[str]:
    """Return for each part the geometric mean of the ratios: what moves all rows at once is seldom the doing of one."""
    lines = []
    for part in dict.fromkeys(change.new.part for change in comparison.changes):
        own = [change for change in comparison.changes if change.new.part == part]
        line = f"{part}: {_rows(len(own))}, {factor(_mean([change.by_clock for change in own]))} times as fast by the clock"
        against = [change.against_ceiling for change in own if change.against_ceiling is not None]
        if against:
            line += f", {factor(_mean(against))} against the ceilings"
        lines.append(f"{line} (geometric means)")
    return lines


def _mean(bands: Sequence[Band]) -> float:
    return math.exp(statistics.fmean(math.log(band.middle) for band in bands))


def _cells(change: Change) -> list[str]:
    row, against = change.new, change.against_ceiling
    return [
        row.part,
        row.model,
        _by(row),
        str(row.batch),
        number(change.old.rate or 0.0),
        number(row.rate or 0.0),
        _banded(change.by_clock),
        f"{_banded(against)} {change.ceiling}" if against else NOTHING,
        change.verdict,
        "; ".join(change.remarks),
    ]


def _banded(band: Band) -> str:
    if band.low == band.high:
        return factor(band.middle)
    return f"{factor(band.middle)} ({factor(band.low)}-{factor(band.high)})"


def _by(row: BenchmarkRow) -> str:
    work = "" if row.work in ("sample", "train") else f", {row.work}"
    sizes = listed([f"{name} {size}" for name, size in row.sizes.items()])
    return f"{row.contender} {row.way}{work}" + (f", {sizes}" if sizes else "")


def _gathered(rows: Sequence[BenchmarkRow]) -> list[str]:
    """Return rows in words, those that differ only in batch or size together; each with why it has no numbers."""
    groups: dict[tuple[str, ...], list[BenchmarkRow]] = {}
    for row in rows:
        key = (row.part, row.model, f"{row.contender} {row.way}", row.work, *row.sizes, row.reason or "")
        groups.setdefault(key, []).append(row)
    lines = []
    for (part, model, by, work, *axes, reason), group in groups.items():
        sizes = [f"{axis} {_each([row.sizes[axis] for row in group])}" for axis in axes]
        described = listed([part, model, by, work, *sizes, f"batch {_each([row.batch for row in group])}"])
        lines.append(f"{described}: {reason}" if reason else described)
    return lines


def _each(values: Sequence[int]) -> str:
    """Return each value once."""
    return " ".join(map(str, dict.fromkeys(values)))


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"
