"""Growth of the cost: the exponent of a power law, fitted to the time of an example at several sizes.

Seconds an example ~ c * size^a, where a is the slope of the least-squares line through the points (log size, log seconds).
It is fitted in each round by itself, since the machine's speed differs from round to round and is only a factor within one.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tfgen_benchmarks.rows import BenchmarkRow

#: Through two points there is always a line.
FEWEST_SIZES = 3


@dataclass(frozen=True)
class Fit:
    """Power-law fit of one program's cost along one axis.

    Attributes:
        model: registered name.
        contender: ``tfgen``, or the name of another library.
        work: ``sample``, ``train``, ``decode`` or ``encode``.
        way: the contender's setting.
        batch: examples in a batch, the same at all sizes.
        axis: what was varied, for example ``side``.
        sizes: that have numbers, in order.
        seconds_each: of an example at each size, median over the rounds.
        exponents: the fitted one in each round.
        local: the slope between the last two sizes, of the medians. Where it is far from the exponent, the fit is not
            asymptotic yet: what does not grow, such as making the calls, still takes its share.
        off: the largest factor between a size's median and the fitted line.
        counted: the exponent of the multiply-adds of an example at these sizes, which is the theoretical one; None where
            they are unknown.
        counted_local: the same between the last two sizes.
        left_out: why sizes have no numbers.
        reason: why there is no fit, if so.
    """

    model: str
    contender: str
    work: str
    way: str
    batch: int
    axis: str
    sizes: tuple[int, ...] = ()
    seconds_each: tuple[float, ...] = ()
    exponents: tuple[float, ...] = ()
    local: float | None = None
    off: float | None = None
    counted: float | None = None
    counted_local: float | None = None
    left_out: dict[int, str] = field(default_factory=dict)
    reason: str | None = None

    @property
    def exponent(self) -> float | None:
        """The median over the rounds; None without a fit."""
        return statistics.median(self.exponents) if self.exponents else None

    def line(self, size: float) -> float:
        """Return the fitted seconds of an example of that size; only where there is a fit."""
        return _on_line(self.sizes, self.seconds_each, self.exponent or 0.0, size)


def fits(rows: Sequence[BenchmarkRow]) -> list[Fit]:
    """Return a fit for each model, contender, work, way, batch and axis among the rows of growth, in their order."""
    grown = [row for row in rows if row.part == "growth"]
    groups: dict[tuple[str, str, str, str, int, str], list[BenchmarkRow]] = {}
    for row in grown:
        axis = " and ".join(sorted(row.sizes))
        groups.setdefault((row.model, row.contender, row.work, row.way, row.batch, axis), []).append(row)
    return [_fit(Fit(*key), group) for key, group in groups.items()]


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the least-squares line through (log size, log value)."""
    x, y = np.log(sizes), np.log(values)
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / (x @ x))


def _fit(what: Fit, rows: Sequence[BenchmarkRow]) -> Fit:
    """Return the fit through the rows that have numbers."""
    known = {name: getattr(what, name) for name in ("model", "contender", "work", "way", "batch", "axis")}
    if any(len(row.sizes) != 1 for row in rows):
        return Fit(**known, reason="a fit needs exactly one size that varies")
    rows = sorted(rows, key=_size)
    timed = [row for row in rows if row.seconds and row.reason is None]  # what failed in a later round has seconds, too
    left_out = {_size(row): row.reason or "no numbers" for row in rows if row not in timed}
    sizes = tuple(_size(row) for row in timed)
    each = [[1 / rate for rate in row.rates] for row in timed]  # seconds of an example, [size][round]
    medians = tuple(statistics.median(seconds) for seconds in each)
    known |= {"sizes": sizes, "seconds_each": medians, "left_out": left_out}
    if len(set(sizes)) < FEWEST_SIZES:
        return Fit(**known, reason=f"{len(set(sizes))} sizes have numbers, and a fit needs {FEWEST_SIZES}")
    # All take turns, so that round i of one size is near in time to round i of another.
    exponents = tuple(slope(sizes, seconds) for seconds in zip(*each, strict=False))
    middle = statistics.median(exponents)
    off = max(
        max(seconds / line, line / seconds)
        for size, seconds in zip(sizes, medians, strict=True)
        for line in [_on_line(sizes, medians, middle, size)]
    )
    work = [row.multiply_adds_each or 0.0 for row in timed]
    counted = all(work)
    return Fit(
        **known,
        exponents=exponents,
        local=slope(sizes[-2:], medians[-2:]),
        off=off,
        counted=slope(sizes, work) if counted else None,
        counted_local=slope(sizes[-2:], work[-2:]) if counted else None,
    )


def _on_line(sizes: Sequence[float], values: Sequence[float], exponent: float, size: float) -> float:
    """Return the value at a size on the line of that slope through the middle of the points, in logarithms."""
    middle_size, middle_value = np.log(sizes).mean(), np.log(values).mean()
    return float(np.exp(middle_value + exponent * (np.log(size) - middle_size)))


def _size(row: BenchmarkRow) -> int:
    (size,) = row.sizes.values()
    return size
