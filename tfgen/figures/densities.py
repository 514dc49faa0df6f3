"""Figures of 2-D densities: exact (if known) and learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.figures.saving import save_figure

_DENSITY_PANELS = 12  # of classes; more would be too small to see


def draw_density(
    log_prob: Callable[[NDArray[np.float32]], NDArray[np.generic]],
    data: Dataset,
    path: Path,
    cells: int = 200,
    learned: str = "learned density",
) -> None:
    """Write the density of 2-D data: true (where known), learned, and the data, side by side in one colour scale.

    Args:
        log_prob: the model's log-density, ``[n, 2] -> [n]``; or ``log p(x, y)``, ``[n, 2] -> [n, classes]``, which is summed
            over the classes, and of which each class gets a panel below (up to twelve).
        data: 2-D vectors.
        path: of the picture.
        cells: grid points along each side.
        learned: title of the model's panel.
    """
    low, high = data.spec.value_range
    ticks = np.linspace(low, high, cells, dtype=np.float32)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    joint = np.exp(np.asarray(log_prob(points), np.float64)).reshape(cells, cells, -1)
    panels = [(learned, joint.sum(axis=-1))]
    if data.log_prob is not None:
        panels.insert(0, ("true density", np.exp(data.log_prob(points)).reshape(cells, cells)))
    brightest, columns, classes = float(np.max(panels[0][1])), len(panels) + 1, joint.shape[-1]
    rows = 1 + (math.ceil(classes / columns) if 1 < classes <= _DENSITY_PANELS else 0)
    figure = Figure(figsize=(4.2 * columns, 4.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    below = [(f"learned $p(x, y={label})$", joint[..., label]) for label in range(classes)] if rows > 1 else []
    places = [*axes[: columns - 1], *axes[columns : columns + len(below)]]
    for axis, (title, density) in zip(places, [*panels, *below], strict=True):
        axis.set_axis_on()
        picture = axis.imshow(density, origin="lower", extent=(low, high, low, high), vmin=0, vmax=brightest)
        axis.set_title(title)
    figure.colorbar(picture, ax=list(axes[: columns - 1]), shrink=0.8, label="density")
    scatter, colours = axes[columns - 1], {}
    scatter.set_axis_on()
    if rows > 1 and data.test.labels is not None:
        colours = {"c": data.test.labels[:3000] % 10, "cmap": "tab10", "vmin": 0, "vmax": 9}
    scatter.scatter(*data.test.x[:3000].T, s=2, alpha=0.4, linewidths=0, **colours)
    scatter.set(title="test data", xlim=(low, high), ylim=(low, high), aspect="equal")
    save_figure(figure, path)
