"""Figure of inpainting: in each row an image, its known part, and its completions."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfgen.figures.grids import framed, in_colour
from tfgen.figures.saving import neutral_text, save_clear
from tfgen.metrics.rounding import fixed
from tfgen.sample.inpainting import Inpainting

#: The most rows of a picture; further ones would make it too high to open.
MOST_IMAGES = 100
#: The most completions in a row.
MOST_SAMPLES = 30
_DPI = 130
_CELL = 0.8  # inches, of the longer side of an image
_GAP = 0.12  # of a cell, between images
_SCORE = 0.2  # of a cell, for the number below an image
#: Of unknown pixels: no image in grey levels has it.
_UNKNOWN = "#3b82c4"


def draw_inpainting(result: Inpainting, levels: int, mask: str, path: Path) -> None:
    """Write originals, known parts and completions as a picture, with log-likelihoods below.

    Args:
        result: the completions.
        levels: the brightest grey level is ``levels - 1``.
        mask: name of the mask.
        path: of the picture.
    """
    with neutral_text():
        save_clear(_figure(result, levels, mask), path, _DPI)


def _figure(result: Inpainting, levels: int, mask: str) -> Figure:
    table, scores = _table(result, levels), _scores(result)
    count, columns, height, width, _ = table.shape
    high, wide = height / max(height, width), width / max(height, width)
    step_down, step_right = high + _GAP + (0 if scores is None else _SCORE), wide + _GAP
    figure = Figure(figsize=(_CELL * step_right * columns + 0.8, _CELL * step_down * count + 1.0), layout="constrained")
    # A file name is no formula, whatever it has between dollars.
    figure.suptitle(_broken(_title(result, mask), figure.get_figwidth()), fontsize=9, parse_math=False)
    axes = figure.add_subplot()
    for row in range(count):
        top = row * step_down
        for column in range(columns):
            left = column * step_right
            axes.imshow(
                table[row, column], extent=(left, left + wide, top + high, top), interpolation="nearest", zorder=1
            )
            if scores is not None and np.isfinite(scores[row, column]):
                look: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 6.5}
                axes.text(left + wide / 2, top + high + 0.04, fixed(scores[row, column], 1), **look)
    axes.set(xlim=(-_GAP / 2, columns * step_right - _GAP / 2), ylim=(count * step_down - _GAP, -_GAP / 2))
    heads = ["original", "masked", *(f"completion {number + 1}" for number in range(columns - 2))]
    axes.set_xticks(np.arange(columns) * step_right + wide / 2, heads, fontsize=6.5)
    names = [] if result.labels is None else [str(label) for label in result.labels]
    axes.set_yticks(np.arange(len(names)) * step_down + high / 2, names, fontsize=8)
    axes.set_ylabel("class" if names else "", fontsize=8)
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    return figure


def _title(result: Inpainting, mask: str) -> str:
    title = f"Mask {mask}, {result.particles} particle{'' if result.particles == 1 else 's'}"
    if result.log_prob is None:
        return title
    return f"{title}; below each image its log-likelihood{'' if result.labels is None else ' given the class'} in nats"


def _broken(title: str, inches: float) -> str:
    return "\n".join(textwrap.wrap(title, int(13 * inches), break_on_hyphens=False))


def _table(result: Inpainting, levels: int) -> NDArray[np.uint8]:
    """Return the images in colour, [rows, columns, height, width, 3]."""
    count, samples, height, width, channels = result.completions.shape
    originals = in_colour(result.x, levels)
    blank = np.round(255 * np.array(to_rgb(_UNKNOWN))).astype(np.uint8)
    masked = np.where(result.known[..., None], originals, blank)
    drawn = in_colour(result.completions.reshape(-1, height, width, channels), levels)
    completions = drawn.reshape(count, samples, height, width, 3)
    return framed(np.concatenate([originals[:, None], masked[:, None], completions], axis=1))


def _scores(result: Inpainting) -> NDArray[np.float64] | None:
    """Return the log-likelihood below each image, [rows, columns], NaN without one; None without densities."""
    if result.log_prob is None or result.log_prob_x is None:
        return None
    return np.concatenate([result.log_prob_x[:, None], np.full((len(result.x), 1), np.nan), result.log_prob], axis=1)
