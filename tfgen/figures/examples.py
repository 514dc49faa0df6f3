"""Figures of examples: grids and rows of images, points in the plane, histograms; with real examples beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import image as mpl_image
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from tfgen.data.spec import DataSpec
from tfgen.figures.grids import MOST_PIXELS, grid_layout, image_grid, in_colour
from tfgen.figures.histograms import draw_histogram
from tfgen.figures.saving import NEUTRAL, save_clear, save_figure
from tfgen.figures.tables import draw_tables

#: Titles of samples and of the data beside them.
TITLES = ("samples of the model", "real examples, for comparison")
_DIGIT_PIXELS = 128  # images of a row are enlarged, by a whole factor, to about this height
#: The most pixels of a row's width: two hundred images of MNIST's size have room.
MOST_STRIP = 2 * MOST_PIXELS
_DPI = 100
_TITLE_PIXELS, _NOTE_PIXELS, _MARGIN = 34, 26, 24
_LEAST_WIDTH = 300  # pixels, of a panel with text
#: Height of the band of labels above a row of images.
LABEL_PIXELS = 24


def draw_examples(x: NDArray[np.generic], data: DataSpec, path: Path, real: NDArray[np.generic] | None = None) -> None:
    """Write examples as a picture: images in a grid, rows first; vectors as a histogram, a scatter plot, or plots of a table.

    Args:
        x: examples [n, ...].
        data: their spec.
        path: of the picture.
        real: examples of the data set, drawn beside them for comparison.
    """
    if data.layout == "grid":
        _draw_grids(x, data, path, real)
        return
    if data.layout == "table":
        draw_tables(x, data, path, real)
        return
    panels = [x] if real is None else [x, real]
    if data.layout == "histogram":
        figure = Figure(figsize=(6.4, 4), layout="constrained")
        draw_histogram(figure.add_subplot(), data, dict(zip(TITLES, panels, strict=False)))
    else:
        figure = Figure(figsize=(5 * len(panels), 5), layout="constrained")
        for axes, points, title in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, TITLES, strict=False):
            draw_points(axes, points, data, title if real is not None else "", s=4, alpha=0.5)
    save_figure(figure, path)


def draw_points(axes: Axes, points: NDArray[np.generic], data: DataSpec, title: str = "", **look: Any) -> None:
    """Draw vectors [n, d] as a scatter of their first two coordinates, in the frame of the data."""
    axes.scatter(points[:, 0], points[:, 1], linewidths=0, **look)
    axes.set(xlim=data.value_range, ylim=data.value_range, aspect="equal", xlabel="$x_1$", ylabel="$x_2$", title=title)


def _draw_grids(x: NDArray[np.generic], data: DataSpec, path: Path, real: NDArray[np.generic] | None) -> None:
    """Write one grid, or two side by side, pixel for pixel, with titles above and a note below where they are due."""
    count, height, width, _ = x.shape
    layout = grid_layout(count, height, width)
    grids = [image_grid(images, data.levels, layout=layout) for images in ([x] if real is None else [x, real[:count]])]
    if real is None and not layout.note():
        mpl_image.imsave(path, grids[0], format="png")
        return
    titles = TITLES if real is not None else ("",)
    _save_pixels(grids, titles, layout.note(), path)


def _save_pixels(grids: Sequence[NDArray[np.uint8]], titles: Sequence[str], note: str, path: Path) -> None:
    """Write pictures side by side without scaling them, each with its title above, and a note below all."""
    high, wide = grids[0].shape[:2]
    column = max(wide, _LEAST_WIDTH)
    above, below = _TITLE_PIXELS if any(titles) else 0, _NOTE_PIXELS if note else 0
    size = (column * len(grids) + _MARGIN * (len(grids) - 1), above + high + below)
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
    for number, (grid, title) in enumerate(zip(grids, titles, strict=True)):
        left = number * (column + _MARGIN)
        figure.figimage(grid, left + (column - wide) // 2, size[1] - above - high)
        place = ((left + column / 2) / size[0], 1 - above / 2 / size[1])
        figure.text(*place, title, ha="center", va="center", fontsize=11, color=NEUTRAL)
    if note:
        figure.text(0.5, below / 2 / size[1], note, ha="center", va="center", fontsize=9, color=NEUTRAL)
    save_clear(figure, path, _DPI)


def draw_side_by_side(
    images: NDArray[np.generic], levels: int, path: Path, labels: Sequence[object] | None = None
) -> None:
    """Write images [n, height, width, channels] as a picture: one row, without a gap, scaled by a whole factor.

    Small images are enlarged; those of a row that would be too wide or too high are reduced, to the mean of square blocks.

    Args:
        images: integer grey levels in ``0 .. levels - 1``.
        levels: the brightest level is ``levels - 1``.
        path: of the picture.
        labels: of the images, in a band of `LABEL_PIXELS` above the row.
    """
    count, height, width, _ = images.shape
    row = np.concatenate(list(in_colour(images, levels)), axis=1)
    factor = max(1, min(_DIGIT_PIXELS // height, MOST_PIXELS // (count * width)))
    reduced = max(-(-height // MOST_PIXELS), -(-count * width // MOST_STRIP))
    if reduced > 1:
        row = np.asarray(Image.fromarray(row).reduce(reduced))
    row = row.repeat(factor, axis=0).repeat(factor, axis=1)
    if labels is not None:
        row = np.concatenate([_band(labels, row.shape[1]), row])
    mpl_image.imsave(path, row, format="png")


def _band(labels: Sequence[object], width: int) -> NDArray[np.uint8]:
    """Return texts as a white picture [LABEL_PIXELS, width, 3], each in the middle of its equal share of the width."""
    figure = Figure(figsize=(width / 100, LABEL_PIXELS / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    for place, label in enumerate(labels):
        size = min(9.0, 72 * width / len(labels) / 100)  # points; a character is narrower than it is high
        figure.text(
            (place + 0.5) / len(labels), 0.5, str(label), fontsize=size, ha="center", va="center", parse_math=False
        )
    canvas.draw()
    band = np.asarray(canvas.buffer_rgba())[:LABEL_PIXELS, :width, :3]
    missing = ((0, LABEL_PIXELS - band.shape[0]), (0, width - band.shape[1]), (0, 0))  # where sizes are rounded down
    return np.pad(band, missing, constant_values=255)
