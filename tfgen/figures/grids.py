"""Grids of images: columns, whole-number scale and gaps, chosen so that both sides of the picture are bounded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

#: The most pixels of either side of a grid.
MOST_PIXELS = 4096
#: Small images are enlarged, by a whole factor, until the longer side of their grid is about so long.
_USUAL_PIXELS = 600
_LEAST_GAP = 3  # thinner lines vanish where a browser scales the picture down
_MOST_CELLS = MOST_PIXELS // 2 - 1  # in a row or column: of one pixel each, with gaps of one
_MOST_RATIO = 4  # of the sides of a cell in a figure
_GAP_COLOUR = (138, 148, 168)  # differs from black and from white, and in hue from every grey


@dataclass(frozen=True)
class GridLayout:
    """Layout of a grid of equal images. Pixels stay square: one scale for both directions.

    Attributes:
        rows: of images.
        columns: of images.
        enlarged: each pixel of an image becomes so many in each direction.
        reduced: so many pixels in each direction become one, their mean; 1 unless the grid would be too large.
        gap: pixels between two images.
    """

    rows: int
    columns: int
    enlarged: int
    reduced: int
    gap: int

    def note(self) -> str:
        """Return what was scaled down, as a sentence for the picture; empty if nothing was.

        >>> GridLayout(1, 100, 1, 3, 1).note()
        'scaled down: each pixel is the mean of 3 x 3'
        """
        return "" if self.reduced == 1 else f"scaled down: each pixel is the mean of {self.reduced} x {self.reduced}"


def grid_layout(count: int, height: int, width: int, columns: int | None = None, columns_of: int = 1) -> GridLayout:
    """Return the layout of a grid of `count` images of height x width pixels, no side longer than `MOST_PIXELS`.

    Args:
        count: at least 1.
        height: of an image.
        width: of an image.
        columns: images in a row; by default as many as make the grid about square.
        columns_of: the default number of columns is a multiple of this, unless the images are so wide that few stand in a row.
    """
    if columns is None:
        square = math.sqrt(count * (height + 1) / (width + 1))
        step = columns_of if 3 * square >= columns_of else 1
        columns = math.ceil(max(square, count / _MOST_CELLS) / step) * step
        columns = min(columns, max(count, columns_of), _MOST_CELLS)
    rows = math.ceil(count / columns)
    enlarged = max(1, _USUAL_PIXELS // max(rows * (height + 1), columns * (width + 1)))
    reduced, gap = 1, max(_LEAST_GAP, enlarged)

    def longest() -> int:
        return gap + max(
            rows * (-(-height // reduced) * enlarged + gap), columns * (-(-width // reduced) * enlarged + gap)
        )

    while longest() > MOST_PIXELS:
        if gap > 1:
            gap -= 1
        elif reduced >= max(height, width):
            break  # millions of images: even as single pixels they need more room
        else:
            reduced += 1
    return GridLayout(rows, columns, enlarged if reduced == 1 else 1, reduced, gap)


def image_grid(
    images: ArrayLike, levels: int = 256, columns: int | None = None, layout: GridLayout | None = None
) -> NDArray[np.uint8]:
    """Return images [n, h, w, c] as one RGB picture [H, W, 3], with gaps between them and around.

    Args:
        images: integer grey levels in ``0 .. levels - 1``, an array or a tensor; one or three channels (others: the first is
            shown).
        levels: the brightest level is ``levels - 1``.
        columns: images in a row; see `grid_layout`.
        layout: in the place of `columns`.
    """
    images = np.asarray(images)
    count, height, width, _ = images.shape
    layout = layout or grid_layout(count, height, width, columns)
    cells = in_colour(images, levels)
    if layout.reduced > 1:
        cells = np.stack([np.asarray(Image.fromarray(cell).reduce(layout.reduced)) for cell in cells])
    cells = cells.repeat(layout.enlarged, axis=1).repeat(layout.enlarged, axis=2)
    _, height, width, _ = cells.shape
    gap, down, right = layout.gap, height + layout.gap, width + layout.gap
    grid = np.full((layout.rows * down + gap, layout.columns * right + gap, 3), _GAP_COLOUR, np.uint8)
    for index, cell in enumerate(cells):
        top, left = index // layout.columns * down + gap, index % layout.columns * right + gap
        grid[top : top + height, left : left + width] = cell
    return grid


def in_colour(images: ArrayLike, levels: int = 256) -> NDArray[np.uint8]:
    """Return images [n, h, w, c] as RGB [n, h, w, 3] of 8 bits; arguments as for `image_grid`."""
    images = np.asarray(images)
    bright = (images.astype(np.float32) * (255.0 / (levels - 1))).round().astype(np.uint8)
    return bright if images.shape[-1] == 3 else np.repeat(bright[..., :1], 3, axis=-1)


def framed(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB pictures [..., h, w, 3] with margins at the shorter side, so that no side is over four times the other.

    Figures with heads above columns and numbers below images have room for them then, however narrow the images are.
    """
    *leading, height, width, _ = pictures.shape
    high, wide = max(height, -(-width // _MOST_RATIO)), max(width, -(-height // _MOST_RATIO))
    if (high, wide) == (height, width):
        return pictures
    top, left = (high - height) // 2, (wide - width) // 2
    result = np.full((*leading, high, wide, 3), _GAP_COLOUR, np.uint8)
    result[..., top : top + height, left : left + width, :] = pictures
    return result
