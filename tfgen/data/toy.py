"""2-D toy data sets (`two_gaussians`, `checkerboard`) with exact densities, drawn once with fixed seeds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Dataset, Split
from tfgen.data.spec import DataSpec

#: How many examples train, validate and test.
SIZES = (50_000, 10_000, 10_000)
GAUSSIANS_SEED = 2001
CHECKERBOARD_SEED = 2002

CENTRES = np.array([[-2.0, 0.0], [2.0, 0.0]])
DEVIATION = 0.75


def load_two_gaussians() -> Dataset:
    """Return 70,000 float32 points ``[n, 2]`` of an equal mixture of two Gaussians; the label is the component.

    Drawn with ``Generator(Philox(2001))``: ``x = m_y + 0.75 e``, with y uniform on {0, 1}, e ~ N(0, I),
    m_0 = (-2, 0) and m_1 = (2, 0). See `two_gaussians_log_prob` for the density.
    """
    random = np.random.Generator(np.random.Philox(GAUSSIANS_SEED))
    labels = random.integers(2, size=sum(SIZES)).astype(np.int32)
    x = CENTRES[labels] + DEVIATION * random.standard_normal((len(labels), 2))
    return Dataset(
        name="two_gaussians",
        spec=DataSpec(kind="vector", shape=(2,), classes=2, value_range=(-5.0, 5.0)),
        splits=dict(zip(SPLITS, _cut(x.astype(np.float32), labels), strict=True)),
        source=f"drawn with Philox({GAUSSIANS_SEED})",
        log_prob=two_gaussians_log_prob,
    )


def two_gaussians_log_prob(x: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the exact log-density in nats, ``[n, 2] -> [n]``, in float64.

    ``p(x) = 1/2 N(x; (-2, 0), s^2 I) + 1/2 N(x; (2, 0), s^2 I)`` with s = 0.75, where
    ``N(x; m, s^2 I) = exp(-|x - m|^2 / (2 s^2)) / (2 pi s^2)``.

    Raises:
        ValueError: when `x` is not of shape ``[n, 2]``.

    >>> two_gaussians_log_prob(np.zeros((1, 2))).round(4)
    array([-4.8181])
    """
    squares = ((_points(x)[:, None, :] - CENTRES) ** 2).sum(axis=-1)
    left, right = (-squares / (2 * DEVIATION**2) - math.log(2 * math.pi * DEVIATION**2)).T
    mixture: NDArray[np.float64] = np.logaddexp(left, right) - math.log(2)
    return mixture


def load_checkerboard() -> Dataset:
    """Return 70,000 float32 points ``[n, 2]``, uniform on the dark squares of a 4x4 board on [-4, 4]^2; no labels.

    Drawn with ``Generator(Philox(2002))``: one of the eight squares at random, then a point in it. Coordinates within
    a square lie on the grid ``2 (k + 1/2) / 2^20``, which float32 holds exactly, so no point is ever rounded onto a
    border, where the density ends. See `checkerboard_log_prob` for the density.
    """
    random = np.random.Generator(np.random.Philox(CHECKERBOARD_SEED))
    n = sum(SIZES)
    row = random.integers(4, size=n)
    column = 2 * random.integers(2, size=n) + row % 2
    within = (random.integers(2**20, size=(n, 2)) + 0.5) / 2**20
    x = 2 * (np.stack([column, row], axis=1) + within) - 4
    return Dataset(
        name="checkerboard",
        spec=DataSpec(kind="vector", shape=(2,), value_range=(-4.5, 4.5)),
        splits=dict(zip(SPLITS, _cut(x.astype(np.float32), None), strict=True)),
        source=f"drawn with Philox({CHECKERBOARD_SEED})",
        log_prob=checkerboard_log_prob,
    )


def checkerboard_log_prob(x: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the exact log-density in nats, ``[n, 2] -> [n]``, in float64.

    With ``i = floor((x_1 + 4) / 2)`` and ``j = floor((x_2 + 4) / 2)``, ``p(x) = 1/32`` where i and j lie in 0..3 and
    i + j is even (eight squares of area 4), and ``p(x) = 0``, so minus infinity here, elsewhere.

    Raises:
        ValueError: when `x` is not of shape ``[n, 2]``.

    >>> checkerboard_log_prob(np.array([[-3.0, -3.0], [-3.0, -1.0]])).round(4)
    array([-3.4657,    -inf])
    """
    square = np.floor((_points(x) + 4) / 2)
    dark = ((square >= 0) & (square <= 3)).all(axis=1) & (square.sum(axis=1) % 2 == 0)
    return np.where(dark, -math.log(32), -np.inf)


def _points(x: NDArray[np.generic]) -> NDArray[np.float64]:
    points = np.asarray(x, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"expected points of shape [n, 2]; got {list(points.shape)}")
    return points


def _cut(x: NDArray[np.float32], labels: NDArray[np.int32] | None) -> list[Split]:
    """Cut the points into training, validation and test split of `SIZES`, in the order in which they were sampled."""
    ends = np.cumsum(SIZES)
    cuts = [slice(end - size, end) for size, end in zip(SIZES, ends, strict=True)]
    return [Split(x, labels).take(cut) for cut in cuts]
