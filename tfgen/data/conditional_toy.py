"""Toy data sets with a context and exact conditional densities: `rotated_gaussians` and `linear_gaussian`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column
from tfgen.data.dataset import SPLITS, Dataset, Split
from tfgen.data.spec import DataSpec

#: How many examples train, validate and test.
SIZES = (50_000, 5_000, 5_000)
ROTATED_SEED, LINEAR_SEED = 2003, 2004

#: Deviations along and across the line through both centres, and the distance of a centre from the origin.
ALONG, ACROSS, DISTANCE = 0.5, 0.2, 2.0

#: x = A t + noise of this deviation: what is observed of the parameters t, whose prior is N(0, I).
MATRIX = np.array([[1.0, 0.5], [-0.4, 0.8], [0.3, 0.3]])
NOISE = 0.6

_LogProb = Callable[[NDArray[np.generic], NDArray[np.generic]], NDArray[np.float64]]


def load_rotated_gaussians() -> Dataset:
    """Return 60,000 points of two Gaussians in 2-D that are rotated by an angle, their context, in radians.

    Drawn with ``Generator(Philox(2003))``: ``x = R(a) (s m + D e)`` with the angle a uniform on [0, pi), s = -1 or 1,
    m = (2, 0), D = diag(0.5, 0.2) and e ~ N(0, I). See `rotated_gaussians_log_prob` for the density given a.
    """
    random = np.random.Generator(np.random.Philox(ROTATED_SEED))
    n = sum(SIZES)
    angle = random.uniform(0, math.pi, n).astype(np.float32)
    side = random.choice([-1.0, 1.0], n)
    y = random.standard_normal((n, 2)) * (ALONG, ACROSS)
    y[:, 0] += DISTANCE * side
    cosine, sine = np.cos(angle.astype(np.float64)), np.sin(angle.astype(np.float64))
    x = np.stack([cosine * y[:, 0] - sine * y[:, 1], sine * y[:, 0] + cosine * y[:, 1]], axis=1)
    return _dataset("rotated_gaussians", x, angle[:, None], ("angle",), ROTATED_SEED, rotated_gaussians_log_prob)


def rotated_gaussians_log_prob(x: NDArray[np.generic], context: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the exact ``log p(x|a)`` in nats, ``[n, 2], [n, 1] -> [n]``, in float64.

    With ``y = R(-a) x``: ``p(x|a) = 1/2 N(y; (-2, 0), D^2) + 1/2 N(y; (2, 0), D^2)``, D = diag(0.5, 0.2).

    >>> rotated_gaussians_log_prob(np.array([[0.0, 2.0]]), np.array([[np.pi / 2]])).round(4)
    array([-0.2284])
    """
    points, angle = np.asarray(x, np.float64), np.asarray(context, np.float64)[:, 0]
    along = np.cos(angle) * points[:, 0] + np.sin(angle) * points[:, 1]
    across = -np.sin(angle) * points[:, 0] + np.cos(angle) * points[:, 1]
    sides = [-0.5 * ((along - side * DISTANCE) / ALONG) ** 2 for side in (-1, 1)]
    constant = math.log(2) + math.log(2 * math.pi * ALONG * ACROSS)
    found: NDArray[np.float64] = np.logaddexp(*sides) - 0.5 * (across / ACROSS) ** 2 - constant
    return found


def load_linear_gaussian() -> Dataset:
    """Return 60,000 parameters t of a linear-Gaussian simulator with what is observed of each, its context.

    Drawn with ``Generator(Philox(2004))``: ``t ~ N(0, I)`` in 2-D, observed is ``A t + 0.6 e`` in 3-D with e ~ N(0, I). A
    conditional model of it is an amortised posterior; see `linear_gaussian_log_prob` for the exact one.
    """
    random = np.random.Generator(np.random.Philox(LINEAR_SEED))
    n = sum(SIZES)
    t = random.standard_normal((n, 2))
    observed = t @ MATRIX.T + NOISE * random.standard_normal((n, 3))
    names = ("y_1", "y_2", "y_3")
    return _dataset("linear_gaussian", t, observed, names, LINEAR_SEED, linear_gaussian_log_prob)


def linear_gaussian_log_prob(t: NDArray[np.generic], context: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the exact posterior ``log p(t|y)`` in nats, ``[n, 2], [n, 3] -> [n]``, in float64.

    ``p(t|y) = N(t; S A^T y / v, S)`` with ``S = (I + A^T A / v)^-1`` and v = 0.36.

    >>> linear_gaussian_log_prob(np.zeros((1, 2)), np.zeros((1, 3))).round(4)
    array([-0.2653])
    """
    variance = NOISE**2
    precision = np.eye(2) + MATRIX.T @ MATRIX / variance
    mean = np.asarray(context, np.float64) @ MATRIX @ np.linalg.inv(precision) / variance
    difference = np.asarray(t, np.float64) - mean
    squares = np.einsum("ni,ij,nj->n", difference, precision, difference)
    found: NDArray[np.float64] = 0.5 * (np.linalg.slogdet(precision)[1] - squares) - math.log(2 * math.pi)
    return found


def _dataset(
    name: str,
    x: NDArray[np.float64],
    context: NDArray[np.generic],
    names: tuple[str, ...],
    seed: int,
    log_prob: _LogProb,
) -> Dataset:
    whole = Split(x.astype(np.float32), None, context.astype(np.float32))
    ends = np.cumsum(SIZES)
    splits = {
        split: whole.take(slice(int(end - size), int(end)))
        for split, size, end in zip(SPLITS, SIZES, ends, strict=True)
    }
    spec = DataSpec("vector", (x.shape[1],), context=tuple(Column(column) for column in names))
    return Dataset(name, spec, splits, f"drawn with Philox({seed})", log_prob)
