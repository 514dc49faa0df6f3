"""Figures of examples: grids and rows of images, points in the plane."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib import image as mpl_image
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.figures.saving import save_figure

_GRID_PIXELS = 560  # grids of small images are enlarged, by a whole factor, to about this width
_GAP = 1
_GAP_GREY = 96
_DIGIT_PIXELS = 128  # images of a row are enlarged, by a whole factor, to about this height,
_STRIP_PIXELS = 4096  # unless the row would become wider than this


def draw_examples(x: NDArray[np.generic], data: DataSpec, path: Path) -> None:
    """Write examples as a picture: images in a grid, rows first, vectors as a scatter of their first two coordinates."""
    if data.layout == "grid":
        mpl_image.imsave(path, image_grid(x, data.levels), format="png")
        return
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(x[:, 0], x[:, 1], s=4, alpha=0.5, linewidths=0)
    axes.set(xlim=data.value_range, ylim=data.value_range, aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    save_figure(figure, path)


def image_grid(images: NDArray[np.generic], levels: int = 256, columns: int | None = None) -> NDArray[np.uint8]:
    """Return images [n, h, w, c] as one RGB picture [H, W, 3], with a grey line between them.

    Args:
        images: integer grey levels in ``0 .. levels - 1``; one or three channels (others: the first is shown).
        levels: the brightest level is ``levels - 1``.
        columns: images in a row; by default as many as there are rows.
    """
    count, height, width, _ = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    factor = max(1, _GRID_PIXELS // (columns * width))
    enlarged = in_colour(images, levels).repeat(factor, axis=1).repeat(factor, axis=2)
    cell_height, cell_width = height * factor + _GAP, width * factor + _GAP
    grid = np.full((rows * cell_height + _GAP, columns * cell_width + _GAP, 3), _GAP_GREY, np.uint8)
    for index, picture in enumerate(enlarged):
        top, left = (index // columns) * cell_height + _GAP, (index % columns) * cell_width + _GAP
        grid[top : top + height * factor, left : left + width * factor] = picture
    return grid


def in_colour(images: NDArray[np.generic], levels: int = 256) -> NDArray[np.uint8]:
    """Return images [n, h, w, c] as RGB [n, h, w, 3] of 8 bits; arguments as for `image_grid`."""
    bright = (images.astype(np.float32) * (255.0 / (levels - 1))).round().astype(np.uint8)
    return bright if images.shape[-1] == 3 else np.repeat(bright[..., :1], 3, axis=-1)


def draw_side_by_side(images: NDArray[np.generic], levels: int, path: Path) -> None:
    """Write images [n, height, width, channels] as a picture: one row, without a gap, enlarged by a whole factor."""
    count, height, width, _ = images.shape
    factor = max(1, min(_DIGIT_PIXELS // height, _STRIP_PIXELS // (count * width)))
    row = np.concatenate(list(in_colour(images, levels)), axis=1)
    mpl_image.imsave(path, row.repeat(factor, axis=0).repeat(factor, axis=1), format="png")
