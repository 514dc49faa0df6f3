"""Benchmark result as text: a table for each part, and notes on how the numbers were measured."""

from __future__ import annotations

import math
import re
import statistics
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfgen.cli.tables import markdown_table, print_table
from tfgen.printed import say
from tfgen_benchmarks.growth import Fit, fits
from tfgen_benchmarks.parity import OURS, parities
from tfgen_benchmarks.record import Result
from tfgen_benchmarks.rows import BenchmarkRow, best, ratios
from tfgen_benchmarks.words import NOTHING, count, exponent, factor, listed, middle, number, percent, with_range

_TITLES = {
    "sampling": "Sampling",
    "training": "Training",
    "directions": "Codes to images (decode) and images to codes (encode)",
    "growth": "How cost grows",
}
_NUMBERS_BEFORE = ["model", "by", "batch", "images/s (range)"]
_NUMBERS_AFTER = [
    "first call s",
    "peak MB",
    "multiply-adds an image",
    "GFLOP/s",
    "of product ceiling",
    "of copy ceiling",
]
_GROWTH = ["model", "by", "batch", "sizes", "ms an image", "exponent", "at the end", "of multiply-adds", "at the end"]
#: Description of a ceiling, its printed unit, and what one unit of `BenchmarkRow.ceilings` is of it.
CEILINGS: Mapping[str, tuple[str, str, float]] = {
    "products": ("a large matrix product", "GFLOP/s", 2e-9),
    "memory": ("a large copy (v += w in place)", "GB/s", 1e-9),
}
#: Under which name a datasheet has what limits it.
_ON_DATASHEET = {"products": "multiply_adds", "memory": "bytes"}


_NEARER = " *"
_HEADING_LETTERS, _NAME_LETTERS = 9, 14


@dataclass(frozen=True)
class Table:
    """A printed table: cells of text."""

    title: str
    headings: list[str]
    rows: list[list[str]]

    def print(self, widest: int = 30) -> None:
        """Print it: a model named once, and long cells on several lines, since one long reason would narrow all columns.

        Args:
            widest: letters in a line of a cell.
        """
        say("", self.title)
        headings = [textwrap.fill(heading, _HEADING_LETTERS, break_long_words=False) for heading in self.headings]
        before = ["", *(row[0] for row in self.rows)]
        rows = [["" if row[0] == last else row[0], *row[1:]] for row, last in zip(self.rows, before, strict=False)]
        print_table(headings, [[_broken(cell, widest) for cell in row] for row in rows])


def _broken(cell: str, widest: int) -> str:
    """Return a cell on lines that are not too wide: broken between words, and a model with its options behind commas."""
    if " " in cell or len(cell) <= _NAME_LETTERS:
        return textwrap.fill(cell, widest)
    lines = [""]
    for piece in re.split(r"(?<=[:,+])", cell):
        if lines[-1] and len(lines[-1] + piece) > _NAME_LETTERS:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def print_report(result: Result) -> None:
    """Print tables and notes."""
    for table in tables(result):
        table.print()
    for heading, lines in below(result).items():
        say("", *([heading] if heading else []))
        for line in lines:
            say(f"  {line}" if heading else line)


def markdown(result: Result, title: str = "Benchmarks") -> str:
    """Return everything as Markdown."""
    blocks = [f"# {title}"]
    for table in tables(result):
        blocks += [f"## {table.title}", markdown_table(table.headings, table.rows).rstrip()]
    for heading, lines in below(result).items():
        blocks.append("\n".join([*([f"**{heading}**", ""] if heading else []), *(f"- {line}" for line in lines)]))
    return "\n\n".join(blocks) + "\n"


def tables(result: Result) -> list[Table]:
    """Return a table for each part that has rows."""
    notes = _numbered(result.rows)
    found = []
    for part, title in _TITLES.items():
        rows = [row for row in result.rows if row.part == part]
        if not rows:
            continue
        headings, cells = _growth_table(rows, notes) if part == "growth" else _rates_table(rows, notes)
        found.append(Table(title, headings, cells))
    return found


def below(result: Result) -> dict[str, list[str]]:
    """Return lines under a heading each; those under an empty one speak for themselves."""
    numbered = [f"[{place}] {note}" for note, place in _numbered(result.rows).items()]
    ways: dict[str, str] = {}
    for row in result.rows:
        ways.setdefault(_way(row.contender, row.way), row.description)
    found = {
        "What runs": [f"{name}: {description}" for name, description in ways.items() if description != name],
        "Notes": numbered,
        "The same work": [parity.text() for parity in parities(result.rows)],
        "What the machine can do, measured in the same rounds": ceiling_lines(result),
        "": machine_lines(result),
    }
    return {heading: lines for heading, lines in found.items() if lines}


def _rates_table(rows: Sequence[BenchmarkRow], notes: Mapping[str, int]) -> tuple[list[str], list[list[str]]]:
    """Return headings and cells of examples per second."""
    timed = [row for row in rows if row.reason is None]
    with_peers = any(row.contender != OURS for row in rows)
    with_encoding = any(row.work == "encode" for row in rows)
    headings = _NUMBERS_BEFORE + ["tfgen's best: times as many"] * with_peers
    headings += ["times as long as decode"] * with_encoding + _NUMBERS_AFTER
    cells = []
    for group in _alike(rows):
        row = group[0]
        name = [row.model, _by(row, notes), _batches(group)]
        if row.reason is not None:
            cells.append([*name, row.reason, *[""] * (len(headings) - len(name) - 1)])
            continue
        compared = []
        if with_peers:
            ours = best(timed, contender=OURS, model=row.model, work=row.work, batch=row.batch)
            compared.append(_times(row, ours))
        if with_encoding:
            same = {"contender": row.contender, "model": row.model, "way": row.way, "batch": row.batch}
            decode = best(timed, work="decode", **same) if row.work == "encode" else None
            compared.append(_times(row, decode))
        cells.append([*name, with_range(row.rates), *compared, *_costs(row)])
    return headings, cells


def _costs(row: BenchmarkRow) -> list[str]:
    """Return the cells of the cost of a row, and its shares of the ceilings."""
    flops = [2e-9 * row.multiply_adds / seconds for seconds in row.seconds] if row.multiply_adds is not None else []
    return [
        NOTHING if row.first_seconds is None else f"{row.first_seconds:.1f}",
        NOTHING if row.peak_bytes is None else f"{row.peak_bytes / 1e6:,.0f}",
        count(row.multiply_adds_each),
        middle(flops),
        percent(row.products_share) + _NEARER * (row.bound == "products"),
        percent(row.memory_share) + _NEARER * (row.bound == "memory"),
    ]


def _times(slow: BenchmarkRow, fast: BenchmarkRow | None) -> str:
    """Return how many times as many examples a second the second row makes, with its range within the rounds."""
    if fast is None:
        return NOTHING
    if len(slow.seconds) == len(fast.seconds):
        return with_range(ratios(slow, fast), factor)
    return factor((fast.rate or 0.0) / (slow.rate or 1.0))  # a slow one may have had fewer rounds


def _alike(rows: Sequence[BenchmarkRow]) -> list[list[BenchmarkRow]]:
    """Return each row by itself, but rows that have the same reason for want of numbers together, at their first place."""
    groups: dict[tuple[Any, ...], list[BenchmarkRow]] = {}
    for row in rows:
        key = row.name if row.reason is None else (row.model, row.contender, row.work, row.way, row.reason)
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _batches(group: Sequence[BenchmarkRow]) -> str:
    return listed([row.batch for row in group]) if len(group) < 3 else f"{group[0].batch}..{group[-1].batch}"


def _by(row: BenchmarkRow, notes: Mapping[str, int] | None = None) -> str:
    """Return whose the row is and in which way, with the numbers of its notes."""
    name = _way(row.contender, row.way) + ("" if row.work in ("sample", "train") else f", {row.work}")
    places = [str(notes[note]) for note in row.notes] if notes else []
    return f"{name} [{','.join(places)}]" if places else name


def _way(contender: str, way: str) -> str:
    """Return contender and way; one that could not even be asked for its ways has a dash in their place."""
    return contender if way == NOTHING else f"{contender} {way}"


def _numbered(rows: Sequence[BenchmarkRow]) -> dict[str, int]:
    """Return every note once, with its number."""
    return {note: place for place, note in enumerate(dict.fromkeys(note for row in rows for note in row.notes), 1)}


def _growth_table(rows: Sequence[BenchmarkRow], notes: Mapping[str, int]) -> tuple[list[str], list[list[str]]]:
    """Return headings and cells of the fits: sizes, milliseconds an image, and exponents, each beside the counted one."""
    cells = []
    for fit in fits(rows):
        own = [row for row in rows if (row.model, row.contender, row.work, row.way) == _key(fit)]
        remarked = dict.fromkeys(note for row in own if row.batch == fit.batch for note in row.notes)
        name = f"{_way(fit.contender, fit.way)}, {fit.work}"
        by = f"{name} [{','.join(str(notes[note]) for note in remarked)}]" if remarked else name
        sizes = [f"{fit.axis} {listed(fit.sizes)}" if fit.sizes else fit.axis]
        sizes += [f"({size}: {reason})" for size, reason in fit.left_out.items()]
        times = listed([number(1000 * seconds) for seconds in fit.seconds_each]) or NOTHING
        exponents = with_range(fit.exponents, exponent) if fit.reason is None else fit.reason
        slopes = [
            NOTHING if value is None else exponent(value) for value in (fit.local, fit.counted, fit.counted_local)
        ]
        cells.append([fit.model, by, str(fit.batch), " ".join(sizes), times, exponents, *slopes])
    return list(_GROWTH), cells


def _key(fit: Fit) -> tuple[str, str, str, str]:
    return (fit.model, fit.contender, fit.work, fit.way)


def ceiling_values(rows: Sequence[BenchmarkRow], name: str) -> list[float]:
    """Return the measurements of a ceiling, without duplicates: rows of a round share one."""
    return list(dict.fromkeys(value for row in rows for value in row.ceilings.get(name, [])))


def ceiling_lines(result: Result) -> list[str]:
    """Return the ceilings as lines, with the datasheet's values if known."""
    lines = []
    for name, (what, unit, scale) in CEILINGS.items():
        values = [scale * value for value in ceiling_values(result.rows, name)]
        if values:
            lines.append(
                f"{what}: {with_range(values)} {unit}{_promised(result, name, statistics.median(values) / scale)}"
            )
    if lines:
        lines.append(
            "the mark * is at the nearer ceiling, which bounds the row; without it the row reaches 15 % of neither: its time "
            "goes into making the calls"
        )
        lines.append("bytes are counted as if nothing stayed in a cache, so that the share of the copy may pass 100 %")
    return lines


def _promised(result: Result, name: str, measured: float) -> str:
    """Return the share of the datasheet's number that was measured, in words; nothing where it is not known."""
    sheet = result.datasheet or {}
    promised = sheet.get(_ON_DATASHEET[name])
    if not isinstance(promised, int | float) or promised <= 0:
        return ""
    _, unit, scale = CEILINGS[name]
    described = {key.replace("_", " "): value for key, value in sheet.items() if key not in _ON_DATASHEET.values()}
    basis = f" ({_told(described)})" if described else ""
    return f", {percent(measured / promised)} of the {number(scale * promised)} {unit} of the datasheet{basis}"


def machine_lines(result: Result) -> list[str]:
    """Return machine, versions and command, as lines."""
    machine = result.machine
    lines = []
    if not result.idle:
        lines.append(f"WARNING: the machine was not idle (load {result.load_at_start:g} at the start)")
    if result.calibration:
        slept, timed, off = (result.calibration.get(name, math.nan) for name in ("slept_ms", "timed_ms", "off_percent"))
        lines.append(f"clock: a model that sleeps for {slept:.4g} ms was timed at {timed:.4g} ms, {off:.2g} % off")
    lines += [f"{name}: {_told(facts)}" for name, facts in result.peers.items()]
    lines.append(
        f"machine: {machine.get('cpu', 'unknown')}, {machine.get('cores_usable', '?')} of {machine.get('cores', '?')} cores, "
        f"device {machine.get('device', 'unknown')}, load {result.load_at_start:g} at the start"
    )
    if machine.get("versions"):
        lines.append(f"versions: {_told(machine['versions'])}")
    return [*lines, f"command: {result.command}"]


def _told(facts: Mapping[str, Any]) -> str:
    """Return names and values in a line; what is nested without the name of its group."""
    parts = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            parts.append(_told(value))
        else:
            parts.append(f"{name} {f'{value:.4g}' if isinstance(value, float) else value}")
    return ", ".join(parts)
