"""Trade-off figure of a sweep: every other test metric over one of them, a point for each combination."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfgen import OptionError
from tfgen.figures import save_figure
from tfgen.runs import in_words
from tfgen_plugins.sweep.sweeps import Outcome
from tfgen_plugins.sweep.table import Column, Combination, MeanAndDeviation, columns, combinations

_ACROSS = 3
_WIDTH, _HEIGHT = 3.6, 3.0  # inches, of a panel


def draw_trade_off(outcomes: Sequence[Outcome], against: str, path: Path) -> None:
    """Write the figure: means over the seeds, with bars of one standard deviation, and a line for each model.

    Args:
        outcomes: of the sweep.
        against: the metric of the horizontal axes.
        path: of the picture.

    Raises:
        OptionError: when no combination has that metric, or any other.
    """
    from matplotlib.figure import Figure

    shown, rows = columns(outcomes), combinations(outcomes)
    along = next((column for column in shown if against in column.forms), None)
    others = [column for column in shown if column is not along]
    if along is None or not others:
        names = ", ".join(column.name for column in shown) or "none yet"
        raise OptionError(f"--against {against}: no run has this test metric and another one; there are {names}.")
    height = -(-len(others) // _ACROSS)
    width = min(_ACROSS, len(others))
    figure = Figure(figsize=(_WIDTH * width, _HEIGHT * height), layout="constrained")
    axes = figure.subplots(height, width, squeeze=False).ravel()
    for axis, column in zip(axes, others, strict=False):
        _panel(axis, along, column, rows)
    for axis in axes[len(others) :]:
        axis.axis("off")
    if len({row.model for row in rows}) > 1:
        axes[0].legend(fontsize="small", frameon=False)
    save_figure(figure, path)


def _panel(axis: Any, along: Column, column: Column, rows: Sequence[Combination]) -> None:
    """Draw a metric over another one, with the varied values beside the points."""
    for model in dict.fromkeys(row.model for row in rows):
        points = [
            (row, x, y)
            for row in rows
            if row.model == model and (x := along.value_of(row)) and (y := column.value_of(row))
        ]
        axis.errorbar(
            [x.mean for _, x, _ in points], [y.mean for _, _, y in points],
            xerr=[_bar(x) for _, x, _ in points], yerr=[_bar(y) for _, _, y in points],
            marker="o", markersize=4, linewidth=1, capsize=2, label=model,
        )  # fmt: skip
        for row, x, y in points:
            words = ", ".join(f"{name} {in_words(value)}" for name, value in row.varied.items())
            axis.annotate(words, (x.mean, y.mean), xytext=(4, 4), textcoords="offset points", fontsize="x-small")
    axis.set_xlabel(f"{along.name}, {along.unit}", fontsize="small")
    axis.set_ylabel(f"{column.name}, {column.unit}" if column.unit != "1" else column.name, fontsize="small")
    axis.margins(x=0.25, y=0.15)
    axis.tick_params(labelsize="small")


def _bar(value: MeanAndDeviation) -> float:
    """Return half the length of an error bar; 0 for a single seed."""
    return value.deviation if value.seeds > 1 and value.deviation == value.deviation else 0.0
