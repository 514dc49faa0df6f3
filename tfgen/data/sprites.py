"""The data set `sprites`: pictures of one shape whose five factors are known exactly, for metrics of disentanglement."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column
from tfgen.data.dataset import SPLITS, Dataset, Split
from tfgen.data.spec import DataSpec

#: Height and width of a picture, and points along each side of a pixel whose mean is its grey level.
SIDE, _FINE = 32, 8
SHAPES = ("square", "ellipse", "heart")
#: Half widths in pixels; angles in degrees, below the smallest symmetry of a shape; centres in pixels, along x and along y.
SIZES = (3.0, 4.0, 5.0, 6.0)
ANGLES = tuple(11.25 * step for step in range(8))
CENTRES = tuple(float(9 + 2 * step) for step in range(8))
#: How many examples train, validate and test: together every combination of the factors once.
SPLIT_SIZES = (4608, 512, 1024)
SEED = 2005


def load_sprites() -> Dataset:
    """Return the 6,144 pictures of 3 shapes, 4 sizes, 8 angles, 8 x 8 centres, uint8 ``[n, 32, 32, 1]``, 256 grey levels.

    The label is the shape; the context has all five factors: ``shape`` (a category), ``size`` (half the width, pixels),
    ``angle`` (degrees), ``x`` and ``y`` (the centre, pixels). No two pictures are alike: angles stay below 90 degrees, under
    which a square is the same again. The order is the one that sorts the first 6,144 words of ``numpy.random.Philox(2005)``.
    It has the factors of dSprites (Matthey, Higgins, Hassabis, Lerchner 2017), drawn anew at a quarter of its size.
    """
    values = [range(len(SHAPES)), SIZES, ANGLES, CENTRES, CENTRES]
    factors = np.array(list(itertools.product(*values)), np.float32)
    order = np.argsort(np.random.Philox(SEED).random_raw(len(factors)))
    factors = factors[order]
    stamps = {(kind, size, angle): stamp(kind, size, angle) for kind in SHAPES for size in SIZES for angle in ANGLES}
    middle = SIDE // 2
    x = np.stack(
        [
            np.roll(
                stamps[SHAPES[int(kind)], float(size), float(angle)], (int(down) - middle, int(across) - middle), (0, 1)
            )
            for kind, size, angle, across, down in factors
        ]
    )
    whole = Split(x[..., None], factors[:, 0].astype(np.int32), factors)
    ends = np.cumsum(SPLIT_SIZES)
    columns = (Column("shape", "category", SHAPES), *(Column(name) for name in ("size", "angle", "x", "y")))
    return Dataset(
        name="sprites",
        spec=DataSpec("image", (SIDE, SIDE, 1), classes=len(SHAPES), class_names=SHAPES, context=columns),
        splits={
            name: whole.take(slice(int(end - size), int(end)))
            for name, size, end in zip(SPLITS, SPLIT_SIZES, ends, strict=True)
        },
        source=f"drawn, in the order of Philox({SEED})",
    )


def stamp(shape: str, size: float, angle: float) -> NDArray[np.uint8]:
    """Return a shape in the middle of a picture, [32, 32]: the share of each pixel that it covers, times 255.

    Args:
        shape: of `SHAPES`.
        size: half its width, in pixels.
        angle: by which it is turned clockwise, in degrees.
    """
    along = (np.arange(SIDE * _FINE) + 0.5) / _FINE - SIDE / 2
    across, down = np.meshgrid(along / size, along / size)
    turn = np.deg2rad(angle)
    x, y = np.cos(turn) * across + np.sin(turn) * down, np.sin(turn) * across - np.cos(turn) * down
    inside = {
        "square": lambda: np.maximum(abs(x), abs(y)) <= 1,
        "ellipse": lambda: x**2 + (2 * y) ** 2 <= 1,
        # The curve (x^2 + y^2 - 1)^3 = x^2 y^3, 1.14 wide on either side.
        "heart": lambda: ((1.14 * x) ** 2 + (1.14 * y) ** 2 - 1) ** 3 <= (1.14 * x) ** 2 * (1.14 * y) ** 3,
    }[shape]()
    shares = inside.reshape(SIDE, _FINE, SIDE, _FINE).mean(axis=(1, 3))
    return np.rint(255 * shares).astype(np.uint8)
