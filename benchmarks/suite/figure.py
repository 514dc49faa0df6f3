"""Figures of a benchmark result: rates against batch size under the machine's ceilings, and growth of the cost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from tfgen_benchmarks.growth import Fit, fits
from tfgen_benchmarks.parity import OURS
from tfgen_benchmarks.rows import BenchmarkRow, best
from tfgen_benchmarks.words import count, exponent, listed, with_range

_MOST_IN_A_ROW = 3
_MARKERS = "osD^vPX*<>"
_STYLES = ("-", "--", ":", "-.")
#: What limits a row, as the legend says it, and how it is drawn.
_LIMITS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "products": ("what the large product's rate would allow", {"color": "black", "linestyle": (0, (6, 2))}),
    "memory": ("what the large copy's rate would allow", {"color": "0.45", "linestyle": (0, (1, 1.5))}),
}
_LEAST_SPAN = 10.0
_AXES = {"side": "image side, pixels"}


def draw_throughput(rows: Sequence[BenchmarkRow], path: Path) -> bool:
    """Write images a second against batch, a panel for each model that samples, and the rates that the ceilings allow.

    A bar at a point spans the rounds. The ceilings are those of tfgen's fastest way at each batch, or of the fastest at all
    where tfgen has none: the ceiling's median through what an image costs.

    Args:
        rows: of a result; those of sampling with numbers are drawn.
        path: of the picture.

    Returns:
        Whether there was anything to draw; without, nothing is written.
    """
    timed = [
        row for row in rows if row.part == "sampling" and row.work == "sample" and row.seconds and row.reason is None
    ]
    models = list(dict.fromkeys(row.model for row in timed))
    if not models:
        return False
    looks = _looks(timed)
    figure, panels = _panels(len(models), 4.1, 3.3, 0.19 * math.ceil((len(looks) + len(_LIMITS)) / 3) + 0.3)
    lines: dict[str, Any] = {}
    for place, (axes, model) in enumerate(zip(panels, models, strict=True)):
        own = [row for row in timed if row.model == model]
        for name, limits in _allowed(own).items():
            label, look = _LIMITS[name]
            (lines[label],) = axes.plot(*zip(*limits, strict=True), linewidth=1.3, zorder=1, **look)
        for key, look in looks.items():
            points = sorted((row for row in own if (row.contender, row.way) == key), key=lambda row: row.batch)
            if points:
                lines[" ".join(key)] = _draw_rates(axes, points, look)
        _set_scales(axes, [row.batch for row in own])
        axes.set_title(model, fontsize=10)
        axes.set_xlabel("batch" if place + _columns(len(models)) >= len(models) else "", fontsize=9)
        axes.set_ylabel("images/s" if place % _columns(len(models)) == 0 else "", fontsize=9)
    names = [*(" ".join(key) for key in looks), *(label for label, _ in _LIMITS.values())]
    _legend(figure, {name: lines[name] for name in names if name in lines})
    figure.savefig(path, dpi=110, format="png")
    return True


def draw_growth(rows: Sequence[BenchmarkRow], path: Path) -> bool:
    """Write milliseconds an image against each size that was varied, with the fitted lines; their exponents in the legends.

    Args:
        rows: of a result; those of growth with numbers are drawn.
        path: of the picture.

    Returns:
        Whether there was anything to draw; without, nothing is written.
    """
    result = [fit for fit in fits(rows) if fit.sizes]
    axes_names = list(dict.fromkeys(fit.axis for fit in result))
    if not axes_names:
        return False
    programs = list(dict.fromkeys((fit.model, _by(fit)) for fit in result))
    entries = max(sum(fit.axis == axis for fit in result) for axis in axes_names)
    figure, panels = _panels(len(axes_names), 4.6, 3.4 + 0.19 * entries, 0.0)
    for place, (axes, axis) in enumerate(zip(panels, axes_names, strict=True)):
        displayed = [fit for fit in result if fit.axis == axis]
        for fit in displayed:
            number = programs.index((fit.model, _by(fit)))
            look: dict[str, Any] = {"color": f"C{number % 10}", "marker": _MARKERS[number % len(_MARKERS)]}
            times = [1000 * seconds for seconds in fit.seconds_each]
            axes.plot(fit.sizes, times, linestyle="none", markersize=5, label=_fit_label(fit), **look)
            if fit.reason is None:
                ends = np.array([fit.sizes[0], fit.sizes[-1]])
                axes.plot(ends, [1000 * fit.line(size) for size in ends], color=look["color"], linewidth=1.2)
        _set_scales(axes, [size for fit in displayed for size in fit.sizes])
        axes.set_xlabel(_AXES.get(axis, axis), fontsize=9)
        axes.set_ylabel("ms an image" if place % _columns(len(axes_names)) == 0 else "", fontsize=9)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), fontsize=8, frameon=False)
    figure.suptitle("exponent a of time ~ size$^a$; in brackets that of the multiply-adds", fontsize=10)
    figure.savefig(path, dpi=110, format="png")
    return True


def _looks(rows: Sequence[BenchmarkRow]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return how each contender and way is drawn: a colour for the contender, marker and line for its way."""
    contenders: dict[str, list[str]] = {}
    for row in rows:
        ways = contenders.setdefault(row.contender, [])
        if row.way not in ways:
            ways.append(row.way)
    ordered = sorted(contenders, key=lambda name: name != OURS)
    return {
        (name, way): {
            "color": f"C{colour % 10}",
            "marker": _MARKERS[place % len(_MARKERS)],
            "linestyle": _STYLES[place % len(_STYLES)],
        }
        for colour, name in enumerate(ordered)
        for place, way in enumerate(contenders[name])
    }


def _draw_rates(axes: Axes, rows: Sequence[BenchmarkRow], look: Mapping[str, Any]) -> Any:
    """Draw one program's medians, with bars over the rounds; return what stands in the legend."""
    rates = np.array([[min(row.rates), statistics.median(row.rates), max(row.rates)] for row in rows])
    low, middle, high = rates.T
    bars: dict[str, Any] = {"yerr": [middle - low, high - middle], "elinewidth": 1, "capsize": 2}
    return axes.errorbar([row.batch for row in rows], middle, markersize=4.5, linewidth=1.4, zorder=2, **bars, **look)


def _allowed(rows: Sequence[BenchmarkRow]) -> dict[str, list[tuple[int, float]]]:
    """Return for each ceiling the batches and the images a second that it allows at what an image costs there."""
    result: dict[str, list[tuple[int, float]]] = {}
    for batch in sorted({row.batch for row in rows}):
        row = best(rows, contender=OURS, batch=batch) or best(rows, batch=batch)
        if row is None or not row.examples:
            continue
        for name, amount in (("products", row.multiply_adds), ("memory", row.bytes)):
            if amount and row.ceilings.get(name):
                ceiling = statistics.median(row.ceilings[name])
                result.setdefault(name, []).append((batch, ceiling * row.examples / amount))
    return result


def _panels(number: int, width: float, height: float, legend: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with that many panels, up to three in a row, of a size in inches; `legend` is the height below."""
    columns = _columns(number)
    rows = math.ceil(number / columns)
    figure = Figure(figsize=(max(width * columns, 5.5), height * rows + legend), layout="constrained")
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in every[number:]:
        axes.set_axis_off()
    return figure, list(every[:number])


def _columns(number: int) -> int:
    """Return how many panels stand in a row: four as two by two, otherwise up to three."""
    return 2 if number == 4 else min(number, _MOST_IN_A_ROW)


def _set_scales(axes: Axes, sizes: Sequence[int]) -> None:
    """Make both axes logarithmic, with the measured sizes as ticks and numbers as people say them."""
    axes.set(xscale="log", yscale="log")
    ticks = sorted(set(sizes))
    while len(ticks) > 10:  # more would run into each other
        ticks = ticks[::2]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    low, high = axes.get_ylim()
    if high / low < _LEAST_SPAN:  # otherwise noise would fill the panel and look like a trend
        low, high = (math.sqrt(low * high * factor) for factor in (1 / _LEAST_SPAN, _LEAST_SPAN))
        axes.set_ylim(low, high)
    if high / low < 100:  # less than two powers of ten: some in between are needed to read a value
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)


def _legend(figure: Figure, lines: Mapping[str, Any]) -> None:
    figure.legend(
        list(lines.values()),
        list(lines),
        loc="outside lower center",
        ncols=min(3, len(lines)),
        fontsize=8,
        frameon=False,
    )


def _fit_label(fit: Fit) -> str:
    name = f"{fit.model}, {_by(fit)}"
    if fit.reason is not None:
        return f"{name}: no fit of {listed(fit.sizes)}"
    counted = "" if fit.counted is None else f" [{exponent(fit.counted)}]"
    return f"{name}: {with_range(fit.exponents, exponent)}{counted}"


def _by(fit: Fit) -> str:
    name = f"{fit.contender} {fit.way}"
    return name if fit.work in ("sample", "train") else f"{name}, {fit.work}"
