"""Figures of densities in the plane, and of one dimension as curves: exact (if known) and learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.data.spec import DataSpec
from tfgen.figures.histograms import draw_histogram
from tfgen.figures.saving import save_figure

_CURVE_CELLS = 1001
_DENSITY_PANELS = 12  # of classes; more would be too small to see


def density_points(data: DataSpec, cells: int) -> NDArray[np.float32]:
    """Return the points at which pictures show a density over the data's value range: [cells^d, d] for d = 1 or 2.

    In the plane, rows of a picture go upwards: the first coordinate changes fastest.
    """
    ticks = np.linspace(*data.value_range, cells, dtype=np.float32)
    return np.stack(np.meshgrid(*[ticks] * data.dimensions), axis=-1).reshape(-1, data.dimensions)


def draw_density(
    log_prob: Callable[[NDArray[np.float32]], NDArray[np.generic]],
    data: Dataset,
    path: Path,
    cells: int = 200,
    learned: str = "learned density",
) -> None:
    """Write the density of 2-D data: true (where known), learned, and the data, side by side in one colour scale.

    Of 1-D data the densities are curves over a histogram of the data.

    Args:
        log_prob: the model's log-density, ``[n, d] -> [n]``; or ``log p(x, y)``, ``[n, d] -> [n, classes]``, which is summed
            over the classes, and of which each class gets a panel or curve of its own (up to twelve).
        data: vectors of d = 1 or 2 coordinates.
        path: of the picture.
        cells: grid points along each side.
        learned: title of the model's panel.
    """
    if data.spec.layout == "histogram":
        _draw_density_curves(log_prob, data, path, learned)
        return
    low, high = data.spec.value_range
    points = density_points(data.spec, cells)
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


def _draw_density_curves(
    log_prob: Callable[[NDArray[np.float32]], NDArray[np.generic]], data: Dataset, path: Path, learned: str
) -> None:
    """Write the density of 1-D data as curves: true (where known), learned and that of each class, over a histogram."""
    points = density_points(data.spec, _CURVE_CELLS)
    joint = np.exp(np.asarray(log_prob(points), np.float64)).reshape(len(points), -1)
    whole: dict[str, Any] = {"color": "C0", "linewidth": 1.8}
    curves = [(learned, joint.sum(axis=-1), whole)]
    if data.log_prob is not None:
        curves.append(
            ("true density", np.exp(data.log_prob(points)).reshape(-1), {"color": "black", "linestyle": "--"})
        )
    if 1 < joint.shape[-1] <= _DENSITY_PANELS:
        curves += [
            (f"learned $p(x, y={label})$", joint[:, label], {"linewidth": 1, "color": f"C{label % 9 + 1}"})
            for label in range(joint.shape[-1])
        ]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    draw_histogram(axes, data.spec, {"test data": data.test.x}, filled=True)
    for title, density, look in curves:
        axes.plot(points[:, 0], density, label=title, **look)
    axes.legend(fontsize="small")
    save_figure(figure, path)
