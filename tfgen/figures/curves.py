"""Figures of training curves: losses, their terms, bits per dimension."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from tfgen.figures.saving import save_figure
from tfgen.metrics.catalogue import CATALOGUE, Catalogue


def draw_curves(rows: Sequence[Mapping[str, Any]], path: Path, catalogue: Catalogue = CATALOGUE) -> None:
    """Write the training curves: bits/dim (given the label, for a conditional model) if logged, else each loss.

    Terms of the loss that are metrics with a panel of their own, such as reconstruction and KL of a bound, or the outputs of a
    discriminator, are drawn beside it.

    Args:
        rows: of ``metrics.jsonl``.
        path: of the picture.
        catalogue: of the metrics, with their panels.
    """
    names = sorted({name.partition("/")[2] for row in rows for name in row if name.startswith("train/")})
    displayed = next(
        ([name] for name in catalogue.curves() if name in names and catalogue[name].unit == "bits/dim"), []
    )
    displayed = displayed or [name for name in names if name.endswith("loss")]
    terms: dict[str, list[str]] = {}
    for metric in catalogue.values():  # in the order of the catalogue
        if metric.panel is not None:
            terms.setdefault(metric.panel, []).extend(name for name in names if name.rpartition("/")[2] == metric.name)
    terms = {panel: drawn for panel, drawn in terms.items() if drawn}
    figure = Figure(figsize=(11 if terms else 7, 4), layout="constrained")
    grid = figure.add_gridspec(len(terms) or 1, 2 if terms else 1, width_ratios=(5, 4) if terms else None)
    label = catalogue.title(displayed[0]) if len(displayed) == 1 else "loss"
    _draw_curve(figure.add_subplot(grid[:, 0]), rows, displayed, label)
    beside = [figure.add_subplot(grid[number, 1]) for number in range(len(terms))]
    for axes, (panel, drawn) in zip(beside, terms.items(), strict=True):
        _draw_curve(axes, rows, drawn, panel)
        if axes is not beside[-1]:
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)
    save_figure(figure, path)


def _draw_curve(axes: Axes, rows: Sequence[Mapping[str, Any]], names: Sequence[str], label: str) -> None:
    """Draw terms against steps, in training and in validation."""
    drawn: list[float] = []
    later: list[float] = []
    for name in names:
        for split, style in (("train", {"alpha": 0.6, "linewidth": 1}), ("valid", {"marker": "o", "markersize": 3})):
            curve = [(row["step"], row.get(f"{split}/{name}", math.nan)) for row in rows]
            points = [(step, value) for step, value in curve if math.isfinite(value)]
            if points:
                steps, values = zip(*points, strict=True)
                axes.plot(steps, values, label=f"{split} {name}", **style)
                drawn += values
                later += values[len(values) // 2 :]
    if drawn:  # the first steps of a run are often far above the rest and would flatten it
        low, high = min(drawn), max(float(np.quantile(drawn, 0.95)), *later)
        margin = 0.08 * (high - low) or 0.1
        axes.set_ylim(low - margin, high + margin)
        axes.legend(fontsize="small" if len(axes.figure.axes) > 1 else None)
    axes.set(xlabel="step", ylabel=label)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 20k: a hundred thousand steps are too wide for a small panel
    axes.grid(alpha=0.3)
