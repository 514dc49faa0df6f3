"""Figures of tables: marginals of each column and pair plots, of samples beside data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tfgen.data.columns import Column
from tfgen.data.spec import DataSpec
from tfgen.figures.saving import save_figure

#: Columns in the pair plot, and in the rows of marginals; a table with more shows its first ones and says so.
MOST_PAIRS, MOST_MARGINALS = 5, 24
_ACROSS = 6
_POINTS = 1500
_MOST_BARS = 30
_TAIL = (
    0.002  # share of the data outside the frame of a column at either end, so that few outliers do not squeeze the rest
)
_DATA, _SAMPLES = "0.55", "C0"


def draw_tables(x: NDArray[np.generic], data: DataSpec, path: Path, real: NDArray[np.generic] | None = None) -> None:
    """Write marginals of all columns and a pair plot of the first ones.

    Args:
        x: samples, or examples where `real` is None, [n, d].
        data: their spec.
        path: of the picture.
        real: examples of the data, drawn in grey behind the samples.
    """
    columns = data.columns or tuple(Column(name) for name in data.column_names)
    sets = {"examples": x} if real is None else {"data": real, "samples": x}
    shown, paired = min(len(columns), MOST_MARGINALS), min(len(columns), MOST_PAIRS)
    rows = -(-shown // _ACROSS)
    figure = Figure(figsize=(2.2 * _ACROSS, 2.0 * rows + 2.2 * paired + 0.6), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[2.0 * rows, 2.2 * paired])
    above, below = parts
    frames = [_frame(next(iter(sets.values()))[:, place], column) for place, column in enumerate(columns[:shown])]
    axes = above.subplots(rows, _ACROSS, squeeze=False).ravel()
    for place, axis in enumerate(axes):
        if place >= shown:
            axis.axis("off")
            continue
        _marginal(axis, columns[place], {name: values[:, place] for name, values in sets.items()}, frames[place])
    handles, names = axes[0].get_legend_handles_labels()
    more = f" (the first {shown} of {len(columns)} columns)" if shown < len(columns) else ""
    above.suptitle(f"marginals{more}", fontsize=10)
    if len(sets) > 1:
        figure.legend(handles, names, loc="upper right", ncols=2, fontsize="small", frameon=False)
    sides = "" if len(sets) == 1 else ": data below the diagonal, samples above"
    below.suptitle(f"pairs{'' if paired == len(columns) else f' of the first {paired} columns'}{sides}", fontsize=10)
    _pairs(below, columns[:paired], sets, frames[:paired])
    save_figure(figure, path)


def _pairs(
    figure: Any,
    columns: Sequence[Column],
    sets: Mapping[str, NDArray[np.generic]],
    frames: Sequence[tuple[float, float]],
) -> None:
    """Draw a square of scatter plots: the first set below the diagonal, the last above it, correlations on it."""
    grid = figure.subplots(len(columns), len(columns), squeeze=False)
    random = np.random.default_rng(0)
    names = list(sets)
    for row, axis_row in enumerate(grid):
        for column, axis in enumerate(axis_row):
            axis.set(xlim=frames[column], ylim=frames[row], xticks=[], yticks=[])
            if row == column:
                axis.text(
                    0.5, 0.5, _short(columns[row].name), ha="center", va="center", transform=axis.transAxes, fontsize=9
                )
                continue
            name = names[0] if row > column else names[-1]
            values = np.asarray(sets[name][:_POINTS], np.float64)
            points = values[:, [column, row]]
            for place, which in enumerate((column, row)):
                if columns[which].discrete:  # points of whole numbers would lie on one another
                    points[:, place] += random.uniform(-0.3, 0.3, len(points))
            axis.scatter(
                *points.T,
                s=2,
                alpha=0.4,
                linewidths=0,
                color=_DATA if name == names[0] and len(names) > 1 else _SAMPLES,
            )
            axis.text(
                0.04, 0.96, f"r = {_correlation(values[:, column], values[:, row]):.2f}", ha="left", va="top",
                transform=axis.transAxes, fontsize=7,
            )  # fmt: skip


def _marginal(axis: Axes, column: Column, sets: Mapping[str, NDArray[Any]], frame: tuple[float, float]) -> None:
    """Draw the histogram of a column, of each set: bars of shares for few whole numbers or categories, else a density."""
    bars = column.discrete and frame[1] - frame[0] <= _MOST_BARS + 1
    if bars:
        edges = np.arange(np.floor(frame[0]) + 0.5, frame[1] + 0.5)
    else:
        smallest = min(len(values) for values in sets.values())
        edges = np.linspace(*frame, int(np.clip(np.sqrt(smallest), 12, 50)) + 1)
    for number, (name, values) in enumerate(sets.items()):
        counts, _ = np.histogram(np.asarray(values, np.float64), edges)
        heights = counts / (len(values) * np.diff(edges))
        filled = number == 0 and len(sets) > 1
        axis.stairs(heights, edges, label=name, fill=filled, color="0.8" if filled else _SAMPLES, linewidth=1.2)
    axis.set_title(_short(column.name), fontsize=8)
    axis.set(xlim=frame, ylim=(0, None), yticks=[])
    axis.tick_params(labelsize=6)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    if column.categories is not None and len(column.categories) <= 6:
        axis.set_xticks(range(len(column.categories)), [_short(name, 8) for name in column.categories])


def _frame(values: NDArray[Any], column: Column) -> tuple[float, float]:
    """Return the range of a column's plots: that of the data without the outermost ones; the cells of few whole numbers."""
    if column.categories is not None:
        return -0.5, len(column.categories) - 0.5
    low, high = (float(q) for q in np.quantile(np.asarray(values, np.float64), (_TAIL, 1 - _TAIL)))
    if column.discrete:
        return np.floor(low) - 0.5, np.ceil(high) + 0.5
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(x, y)[0, 1])


def _size(count: int) -> float:
    """Return the area of points, in square points: larger where there are few of them."""
    return float(np.clip(1000 / count, 2, 14))


def _short(name: str, most: int = 18) -> str:
    text = name if len(name) <= most else f"{name[: most - 1]}…"
    return text.replace("$", r"\$")
