"""Comparison of two benchmark results: rows that became slower, separated from a slower machine.

The clock alone cannot tell: machines are noisy by 2-3x from hour to hour. So each row is judged twice: by the ratio of its
rates (new through old), and by the same ratio after each round's rate has been divided by the ceiling measured in that round,
which a slower machine lowers as well. That is the ratio of the shares of the ceiling as long as an example takes as many
multiply-adds as before. Where it takes fewer, its share falls though nothing was lost; the rate through the ceiling does not.

Each ratio has a band, from the slowest new round through the fastest old one to the fastest through the slowest. It holds 1
when the ranges of the two results overlap. When n and m rounds come from one distribution, all new ones are slower than all
old ones with probability 1 / (n + m over n) (the least value of the rank-sum statistic: Mann and Whitney 1947), so that out of
many rows some look slower by chance alone: `BenchmarkComparison.by_chance` says how many.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tfgen_benchmarks.doubts import doubts
from tfgen_benchmarks.record import Result
from tfgen_benchmarks.rows import BenchmarkRow
from tfgen_benchmarks.words import count, factor

#: ``slower`` and ``faster``: beyond noise, by the clock and against the ceiling. ``machine``: by the clock alone, so that the
#: machine explains it. ``suspect``: as fast as before or faster by the clock, but slower against a ceiling that has risen: a
#: faster machine may hide a loss. ``unjudged``: a single round has no band. ``same``: all else.
Verdict = Literal["slower", "suspect", "faster", "machine", "unjudged", "same"]
VERDICTS: tuple[Verdict, ...] = ("slower", "suspect", "faster", "machine", "unjudged", "same")
#: A difference of medians within this is none: two processes of one program lie as far apart, whatever their rounds say.
TOLERANCE = 0.05
_CEILINGS = ("products", "memory")
_MEMORY_FACTOR, _FIRST_FACTOR, _CORES_FACTOR = 1.25, 2.0, 1.25  # of what is told about a row, though it is not judged
_FIRST_SECONDS = 1.0


@dataclass(frozen=True)
class Band:
    """A ratio, new through old: of the medians, and the least and the most that two rounds give."""

    middle: float
    low: float
    high: float

    def direction(self, tolerance: float) -> int:
        """Return -1 for less than 1 beyond noise, 1 for more, 0 for neither."""
        if self.low <= 1 <= self.high or abs(math.log(self.middle)) <= math.log1p(tolerance):
            return 0
        return -1 if self.middle < 1 else 1


@dataclass(frozen=True)
class Change:
    """A row that has numbers in both results.

    Attributes:
        old: the row then.
        new: the row now.
        by_clock: the ratio of rates.
        against_ceiling: the ratio of rates, each through the ceiling of its round; None where no ceiling is in both.
        ceiling: which one: the one that bounds the row.
        verdict: see `Verdict`.
        remarks: what else has changed.
    """

    old: BenchmarkRow
    new: BenchmarkRow
    by_clock: Band
    against_ceiling: Band | None
    ceiling: str | None
    verdict: Verdict
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the change as JSON, without the rows."""
        return {
            **_named(self.new),
            "rate": {"old": self.old.rate, "new": self.new.rate},
            "rounds": {"old": len(self.old.seconds), "new": len(self.new.seconds)},
            "by_clock": asdict(self.by_clock),
            "against_ceiling": self.against_ceiling and asdict(self.against_ceiling),
            "ceiling": self.ceiling,
            "verdict": self.verdict,
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True)
class BenchmarkComparison:
    """Result of `compare_results`: changes of rows and ceilings, doubts, missing rows.

    Attributes:
        doubts: why the two may not be comparable.
        ceilings: how the machine's ceilings have changed, by name.
        changes: rows with numbers in both, in the order of the new result.
        only_old: rows that the new result lacks.
        only_new: rows that the old result lacks.
        lost: rows that had numbers and have a reason for none now.
        gained: rows that had none and have numbers now.
        without: rows that have numbers in neither.
        tolerance: within which medians count as equal.
    """

    doubts: list[str]
    ceilings: dict[str, Band]
    changes: list[Change]
    only_old: list[BenchmarkRow] = field(default_factory=list)
    only_new: list[BenchmarkRow] = field(default_factory=list)
    lost: list[BenchmarkRow] = field(default_factory=list)
    gained: list[BenchmarkRow] = field(default_factory=list)
    without: list[BenchmarkRow] = field(default_factory=list)
    tolerance: float = TOLERANCE

    def judged(self, verdict: Verdict) -> list[Change]:
        """Return the changes with that verdict."""
        return [change for change in self.changes if change.verdict == verdict]

    @property
    def slower(self) -> list[Change]:
        """Rows that have become slower, beyond noise and beyond what the machine explains: none, if all is well."""
        return self.judged("slower")

    @property
    def by_chance(self) -> float:
        """How many rows would look slower by the clock, by chance, if nothing had changed; fewer against both measures."""
        rounds = [(len(change.old.seconds), len(change.new.seconds)) for change in self.changes]
        return sum(1 / math.comb(n + m, n) for n, m in rounds if min(n, m) > 1)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        listed = ("only_old", "only_new", "lost", "gained", "without")
        return {
            "benchmark": "comparison",
            "format": 1,
            "doubts": self.doubts,
            "tolerance": self.tolerance,
            "ceilings": {name: asdict(band) for name, band in self.ceilings.items()},
            "verdicts": {verdict: len(self.judged(verdict)) for verdict in VERDICTS},
            "slower_by_chance": self.by_chance,
            "rows": [change.to_json() for change in self.changes],
            **{name: [{**_named(row), "reason": row.reason} for row in getattr(self, name)] for name in listed},
        }


def compare_results(old: Result, new: Result, tolerance: float = TOLERANCE) -> BenchmarkComparison:
    """Compare two results row by row; rows are the same when `BenchmarkRow.name` is.

    Args:
        old: what was.
        new: what is.
        tolerance: differences of medians within this share count as none.
    """
    before = {row.name: row for row in old.rows}
    after = {row.name: row for row in new.rows}
    both = [(before[name], row) for name, row in after.items() if name in before]
    twice = len(old.rows) - len(before) + len(new.rows) - len(after)
    return BenchmarkComparison(
        doubts=doubts(old, new) + ([f"rows of one name: {twice} were left out, the last one counts"] if twice else []),
        ceilings=_ceilings(both),
        changes=[_change(a, b, tolerance) for a, b in both if _timed(a) and _timed(b)],
        only_old=[row for name, row in before.items() if name not in after],
        only_new=[row for name, row in after.items() if name not in before],
        lost=[b for a, b in both if _timed(a) and not _timed(b)],
        gained=[b for a, b in both if _timed(b) and not _timed(a)],
        without=[b for a, b in both if not _timed(a) and not _timed(b)],
        tolerance=tolerance,
    )


def _timed(row: BenchmarkRow) -> bool:
    """Return whether a row has numbers; what failed in a later round has seconds and a reason."""
    return bool(row.seconds) and row.reason is None


def _change(old: BenchmarkRow, new: BenchmarkRow, tolerance: float) -> Change:
    by_clock = _band(old.rates, new.rates)
    ceiling = _ceiling(old, new)
    against = _band(_per_ceiling(old, ceiling), _per_ceiling(new, ceiling)) if ceiling else None
    few = min(len(old.seconds), len(new.seconds)) < 2
    verdict = "unjudged" if few else _verdict(by_clock, against, old, tolerance)
    remarks = _remarks(old, new)
    if few:
        remarks.insert(0, "a single round has no noise band")
    if against is None:
        remarks.insert(0, "no ceiling in both: by the clock alone")
    elif verdict == "machine" and by_clock.middle < 1 and against.middle < math.sqrt(by_clock.middle):
        # Most of the loss is left, and only since the ceiling was noisy does it count as the machine's.
        remarks.insert(0, "the ceiling is too noisy to tell: measure again")
    return Change(old, new, by_clock, against, ceiling, verdict, tuple(remarks))


def _verdict(by_clock: Band, against: Band | None, old: BenchmarkRow, tolerance: float) -> Verdict:
    clock = by_clock.direction(tolerance)
    relative = clock if against is None else against.direction(tolerance)
    if clock >= 0 and relative < 0:
        # What takes its time in making calls need not become faster with products and copies.
        held = old.bound in _CEILINGS
        return "suspect" if held else "machine" if clock else "same"
    if clock == 0:
        return "same"
    if relative != clock:
        return "machine"
    return "slower" if clock < 0 else "faster"


def _band(old: Sequence[float], new: Sequence[float]) -> Band:
    return Band(statistics.median(new) / statistics.median(old), min(new) / max(old), max(new) / min(old))


def _ceiling(old: BenchmarkRow, new: BenchmarkRow) -> str | None:
    """Return the ceiling that the old row comes nearest to, among those that both have; products where no share is known."""
    usable = [
        name for name in _CEILINGS if all(len(row.ceilings.get(name, [])) == len(row.seconds) for row in (old, new))
    ]
    shares = {"products": old.products_share or 0.0, "memory": old.memory_share or 0.0}
    return max(usable, key=lambda name: shares[name], default=None)


def _per_ceiling(row: BenchmarkRow, ceiling: str) -> list[float]:
    return [rate / most for rate, most in zip(row.rates, row.ceilings[ceiling], strict=True)]


def _ceilings(both: Sequence[tuple[BenchmarkRow, BenchmarkRow]]) -> dict[str, Band]:
    """Return the ratio of each ceiling, over the rows that are in both results."""
    result = {}
    for name in _CEILINGS:
        old, new = ([value for pair in both for value in pair[place].ceilings.get(name, [])] for place in (0, 1))
        if old and new:
            result[name] = _band(old, new)
    return result


def _remarks(old: BenchmarkRow, new: BenchmarkRow) -> list[str]:
    """Return remarks: changed computations, and values measured only once."""
    remarks = []
    if None not in (old.parameters, new.parameters) and old.parameters != new.parameters:
        remarks.append(f"{count(old.parameters)} parameters before, {count(new.parameters)} now: another model")
    work = old.multiply_adds_each, new.multiply_adds_each
    if work[0] and work[1] and abs(work[1] / work[0] - 1) > 0.01:
        remarks.append(f"{count(work[0])} multiply-adds an example before, {count(work[1])} now")
    if old.bound and new.bound and old.bound != new.bound:
        remarks.append(f"bound by {old.bound} before, by {new.bound} now")
    peaks = _off(old.peak_bytes, new.peak_bytes, _MEMORY_FACTOR)
    if peaks:
        remarks.append(f"peak memory {factor(peaks)} times")
    first = _off(old.first_seconds, new.first_seconds, _FIRST_FACTOR)
    if first and abs((new.first_seconds or 0) - (old.first_seconds or 0)) >= _FIRST_SECONDS:
        remarks.append(f"first call {factor(first)} times as long")
    if old.cores_busy and new.cores_busy:
        busy = statistics.median(old.cores_busy), statistics.median(new.cores_busy)
        if _off(*busy, _CORES_FACTOR):
            remarks.append(f"cores busy {factor(busy[0])} before, {factor(busy[1])} now")
    return remarks


def _off(old: float | None, new: float | None, limit: float) -> float | None:
    """Return new through old where that is beyond the limit, either way."""
    if not old or not new:
        return None
    ratio = new / old
    return ratio if not 1 / limit < ratio < limit else None


def _named(row: BenchmarkRow) -> Mapping[str, Any]:
    """Return the parts of `BenchmarkRow.name`."""
    names = ("part", "model", "contender", "work", "way", "batch", "sizes")
    return {name: getattr(row, name) for name in names}
