"""Pictures: grids of examples, training curves, densities. Drawn from arrays and capabilities; no model is known here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import image as mpl_image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.specs import DataSpec

_GRID_PIXELS = 560  # grids of small images are enlarged, by a whole factor, to about this width
_GAP = 1
_GAP_GREY = 96


def draw_examples(x: NDArray[np.generic], data: DataSpec, path: Path) -> None:
    """Write examples as a picture: images in a grid, rows first, vectors as a scatter of their first two coordinates."""
    if data.kind == "image":
        mpl_image.imsave(path, image_grid(x, data.levels), format="png")
        return
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(x[:, 0], x[:, 1], s=4, alpha=0.5, linewidths=0)
    axes.set(xlim=data.value_range, ylim=data.value_range, aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    _save(figure, path)


def image_grid(images: NDArray[np.generic], levels: int = 256, columns: int | None = None) -> NDArray[np.uint8]:
    """Return images [n, h, w, c] as one RGB picture [H, W, 3], with a grey line between them.

    Args:
        images: integer grey levels in ``0 .. levels - 1``; one or three channels (others: the first is shown).
        levels: the brightest level is ``levels - 1``.
        columns: images in a row; by default as many as there are rows.
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    bright = (images.astype(np.float32) * (255.0 / (levels - 1))).round().astype(np.uint8)
    coloured = bright if channels == 3 else np.repeat(bright[..., :1], 3, axis=-1)
    factor = max(1, _GRID_PIXELS // (columns * width))
    enlarged = coloured.repeat(factor, axis=1).repeat(factor, axis=2)
    cell_height, cell_width = height * factor + _GAP, width * factor + _GAP
    grid = np.full((rows * cell_height + _GAP, columns * cell_width + _GAP, 3), _GAP_GREY, np.uint8)
    for index, picture in enumerate(enlarged):
        top, left = (index // columns) * cell_height + _GAP, (index % columns) * cell_width + _GAP
        grid[top : top + height * factor, left : left + width * factor] = picture
    return grid


def draw_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the training curves: bits/dim where there is one, otherwise each loss, on training and validation data.

    Args:
        rows: of ``metrics.jsonl``.
        path: of the picture.
    """
    names = sorted({name.partition("/")[2] for row in rows for name in row if name.startswith("train/")})
    shown = [name for name in names if name == "bits_per_dim"] or [name for name in names if name.endswith("loss")]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    lowest_view: list[float] = []
    for name in shown:
        for split, style in (("train", {"alpha": 0.6, "linewidth": 1}), ("valid", {"marker": "o", "markersize": 3})):
            curve = [(row["step"], row.get(f"{split}/{name}", math.nan)) for row in rows]
            points = [(step, value) for step, value in curve if math.isfinite(value)]
            if points:
                steps, values = zip(*points, strict=True)
                axes.plot(steps, values, label=f"{split} {name}", **style)
                lowest_view += values
    if lowest_view:  # the first steps of a run are often far above the rest and would flatten it
        low, high = min(lowest_view), float(np.quantile(lowest_view, 0.95))
        margin = 0.08 * (high - low) or 0.1
        axes.set_ylim(low - margin, high + margin)
        axes.legend()
    axes.set(xlabel="step", ylabel=shown[0].replace("bits_per_dim", "bits/dim") if len(shown) == 1 else "loss")
    axes.grid(alpha=0.3)
    _save(figure, path)


def draw_density(
    log_prob: Callable[[NDArray[np.float32]], NDArray[np.generic]], data: Dataset, path: Path, cells: int = 200
) -> None:
    """Write the density of 2-D data: true (where known), learned, and the data, side by side in one colour scale.

    Args:
        log_prob: the model's log-density, ``[n, 2] -> [n]``.
        data: 2-D vectors.
        path: of the picture.
        cells: grid points along each side.
    """
    low, high = data.spec.value_range
    ticks = np.linspace(low, high, cells, dtype=np.float32)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    learned = np.exp(np.asarray(log_prob(points), np.float64)).reshape(cells, cells)
    panels = [("learned density", learned)]
    if data.log_prob is not None:
        panels.insert(0, ("true density", np.exp(data.log_prob(points)).reshape(cells, cells)))
    brightest = float(np.max(panels[0][1]))
    figure = Figure(figsize=(4.2 * (len(panels) + 1), 4.2), layout="constrained")
    axes = figure.subplots(1, len(panels) + 1)
    for axis, (title, density) in zip(axes, panels, strict=False):
        picture = axis.imshow(density, origin="lower", extent=(low, high, low, high), vmin=0, vmax=brightest)
        axis.set_title(title)
    figure.colorbar(picture, ax=list(axes[: len(panels)]), shrink=0.8, label="density")
    axes[-1].scatter(*data.test.x[:3000].T, s=2, alpha=0.4, linewidths=0)
    axes[-1].set(title="test data", xlim=(low, high), ylim=(low, high), aspect="equal")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=110, format="png")
