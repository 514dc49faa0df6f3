"""Inpainting masks by name (`lower`, `box:Y,X,H,W`, `random:P`, a PNG): which pixels are known."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import image as mpl_image
from numpy.typing import NDArray

from tfgen.errors import DataError, OptionError, UnknownNameError, require_option
from tfgen.unpacking import read_png

Known = NDArray[np.bool_]
#: Largest picture that is read as a mask; images have the same size, and these are 2048 x 2048.
_MOST_PIXELS, _MOST_BYTES = 2**22, 2**25
#: ``(random, count, height, width) -> known``, [count, height, width], or [height, width] where all images have one mask.
_Rule = Callable[[np.random.Generator, int, int, int], Known]

#: Forms of ``--mask``.
MASKS = ("lower", "upper", "left", "right", "box:Y,X,H,W", "random:0.5", "FILE.png")


@dataclass(frozen=True)
class InpaintingMask:
    """An inpainting mask by its description; the size of the images turns it into known pixels.

    Attributes:
        text: the value of ``--mask``.
        rule: which pixels are known.
    """

    text: str
    rule: _Rule

    def known(self, random: np.random.Generator, count: int, height: int, width: int) -> Known:
        """Return the known pixels as booleans, [count, height, width].

        Args:
            random: generator of random masks.
            count: number of images; a random mask differs between images.
            height: of the images.
            width: of the images.

        Raises:
            DataError: for a file of another size than the images.
            OptionError: for a box outside the images, or where nothing or everything is known.
        """
        known = np.broadcast_to(self.rule(random, count, height, width), (count, height, width))
        if not known.any():
            raise OptionError(
                f"--mask {self.text} leaves no pixel known; take another mask, or draw whole images by: tfgen sample"
            )
        if known.all():
            raise OptionError(f"--mask {self.text} leaves nothing to draw: every pixel is known; take another mask.")
        return known


def parse_mask(text: str) -> InpaintingMask:
    """Parse the value of ``--mask``, which names the unknown part.

    - ``lower``, ``upper``, ``left``, ``right``: that half; of an odd number of rows or columns, the smaller one.
    - ``box:Y,X,H,W``: H rows from row Y on, W columns from column X on, counted from 0.
    - ``random:P``: each pixel with probability P.
    - ``FILE.png``: the black pixels of a picture, those darker than middle grey.

    Raises:
        UnknownNameError: for any other text, with the closest one.
        OptionError: for a box or a probability that is none.
        DataError: when the file is missing, damaged or partly transparent.
    """
    name, _, numbers = text.partition(":")
    if text in _HALVES:
        return InpaintingMask(text, _HALVES[text])
    if text.lower().endswith(".png"):
        return InpaintingMask(text, _of_size(text, _read(Path(text))))
    if name == "box":
        return InpaintingMask(text, _outside(text, *_four_numbers(text, numbers)))
    if name == "random":
        return InpaintingMask(text, _drawn(_probability(text, numbers)))
    raise UnknownNameError("mask", text, MASKS)


def behind_a_hole(known: Known) -> Known:
    """Return which known pixels [n, height, width] come after an unknown one of their image in raster order."""
    flat = known.reshape(len(known), -1)
    late: Known = (flat & np.logical_or.accumulate(~flat, axis=1)).reshape(known.shape)
    return late


def _half(axis: int, first: bool) -> _Rule:
    """Return the rule for half of the rows (axis 0) or columns (axis 1): the first ones, or the last."""

    def rule(random: np.random.Generator, count: int, height: int, width: int) -> Known:
        place, size = np.indices((height, width))[axis], (height, width)[axis]
        return place >= size // 2 if first else place < size - size // 2

    return rule


_HALVES: dict[str, _Rule] = {
    "lower": _half(0, first=False),
    "upper": _half(0, first=True),
    "left": _half(1, first=True),
    "right": _half(1, first=False),
}


def _four_numbers(text: str, numbers: str) -> tuple[int, int, int, int]:
    try:
        top, left, rows, columns = (int(number) for number in numbers.split(","))
    except ValueError:
        top = left = rows = columns = -1
    rule = "box:Y,X,H,W with whole numbers: the first row and column, 0 or more, and how many of each, at least 1"
    require_option(min(top, left) >= 0 and min(rows, columns) >= 1, "mask", text, rule)
    return top, left, rows, columns


def _outside(text: str, top: int, left: int, rows: int, columns: int) -> _Rule:
    def rule(random: np.random.Generator, count: int, height: int, width: int) -> Known:
        if top + rows > height or left + columns > width:
            raise OptionError(
                f"--mask {text} reaches row {top + rows - 1} and column {left + columns - 1}; "
                f"the images have rows 0 .. {height - 1} and columns 0 .. {width - 1}."
            )
        known = np.ones((height, width), bool)
        known[top : top + rows, left : left + columns] = False
        return known

    return rule


def _probability(text: str, number: str) -> float:
    try:
        probability = float(number)
    except ValueError:
        probability = -1.0
    require_option(0 < probability < 1, "mask", text, "random:P with a probability P between 0 and 1")
    return probability


def _drawn(probability: float) -> _Rule:
    return lambda random, count, height, width: random.random((count, height, width)) >= probability


def _of_size(text: str, known: Known) -> _Rule:
    def rule(random: np.random.Generator, count: int, height: int, width: int) -> Known:
        if known.shape != (height, width):
            rows, columns = known.shape
            raise DataError(
                f"--mask {text}: the picture has {rows} rows and {columns} columns, the images have {height} and {width}; "
                "make one of their size, white where a pixel is known, black where it is to be drawn."
            )
        return known

    return rule


def _read(path: Path) -> Known:
    """Read a mask image: white pixels, [height, width]."""
    try:
        content, _ = read_png(path, _MOST_BYTES, _MOST_PIXELS)  # its size, before it is decoded
        picture = np.atleast_3d(mpl_image.imread(io.BytesIO(content), format="png"))
    except FileNotFoundError as error:
        raise DataError(f"--mask {path}: there is no such file.") from error
    # The decoder of a damaged picture raises errors of many kinds, SyntaxError among them.
    except Exception as error:
        raise DataError(f"--mask {path} cannot be read as a PNG picture ({error}); make it again.") from error
    channels = picture.shape[-1]
    if channels in (2, 4) and (picture[..., -1] < 1).any():
        raise DataError(
            f"--mask {path}: the picture is transparent in parts; make it white where a pixel is known, "
            "black where it is to be drawn."
        )
    bright: Known = picture[..., : 3 if channels >= 3 else 1].mean(axis=-1) > 0.5
    return bright
