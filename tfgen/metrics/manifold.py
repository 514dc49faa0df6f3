"""Precision, recall, density and coverage of samples, from nearest-neighbour balls."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError
from tfgen.metrics.estimate import Estimate
from tfgen.metrics.neighbours import nearest_neighbours
from tfgen.metrics.vectors import BLOCK_ENTRIES, blocks, check_vectors, squared_distances

#: k of precision and recall (Kynkaanniemi et al. 2019), and of density and coverage (Naeem et al. 2020), as in these papers.
NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5
#: Parts that both sets are cut into for standard errors, or fewer where a part would be too small; and how often they are cut.
_PARTS, _CUTS = (4, 2), 3


def manifold_metrics(
    real: Any,
    fake: Any,
    neighbours: int = NEIGHBOURS,
    density_neighbours: int = DENSITY_NEIGHBOURS,
    block: int | None = None,
) -> dict[str, Estimate]:
    """Return ``precision``, ``recall``, ``density`` and ``coverage`` of samples.

    Around each vector v of a set V lies the ball B_k(v) up to its k-th nearest other vector in V; the balls of V together
    are its manifold. With the real vectors x_1 .. x_N and the fake y_1 .. y_M,

        precision = 1/M sum_j 1[y_j in some B_k(x_i)],    recall = 1/N sum_i 1[x_i in some B_k(y_j)],    k = `neighbours`

    (Kynkaanniemi et al. 2019, equations 1 and 2), and

        density = 1/(k M) sum_j sum_i 1[y_j in B_k(x_i)],    coverage = 1/N sum_i 1[some y_j in B_k(x_i)]

    with k = `density_neighbours` (Naeem et al. 2020, equations 3 to 5). Balls are closed: a vector exactly as far as the k-th
    neighbour is inside, and so is a copy of a vector that has k copies, whose ball is a point. Distances are taken as less by
    what rounding may have added to them (of the order of 1e-6 of a vector's distance from the mean), so that this holds for
    computed numbers, too.

    Density may be above 1. Between two sets of one distribution precision, recall and coverage are below 1, and
    depend on N and M, so only equal numbers compare: coverage has the expectation 1 - (N - 1)! (M + N - k - 1)! /
    ((N - k - 1)! (M + N - 1)!), near 1 - 2^-k for N = M (Naeem et al. 2020, lemma 2).

    Standard errors are for two sets drawn anew, each metric's spread over disjoint parts of both sets: with the sets cut at
    random (always in the same way) into g = 4 parts (2 of small sets), and t_b the metric of the parts b,

        se² = 1/(g (g - 1)) sum_b (t_b - mean t)²,    averaged over `_CUTS` = 3 such cuts

    (subsampling: Politis, Romano, Wolf 1999). The error of a mean over examples, 1/M sum_j (a_j - mean a)² / (M - 1), takes the
    manifolds as known, and is up to three times too small. For Gaussians of 100 to 1000 vectors in 2 to 16 dimensions the
    error is 0.75 to 1.3 times the spread of sets drawn anew, and itself varies by a quarter. A metric that is 1 in each part
    has the error 0.

    Args:
        real: vectors of data [N, d].
        fake: vectors of samples [M, d].
        neighbours: k of precision and recall.
        density_neighbours: k of density and coverage.
        block: real vectors whose distances to all fake ones are held at a time; by default so many that they take 32 MB.

    Returns:
        The errors are NaN where a half of the real or of the fake vectors has no k neighbours.

    Raises:
        DataError: for wrong shapes, numbers that are not finite, or sets of no more than k vectors.
    """
    if min(neighbours, density_neighbours) < 1:
        raise DataError(f"precision and recall: k must be at least 1, got {neighbours} and {density_neighbours}.")
    real = check_vectors(real, "precision and recall, real vectors", least=max(neighbours, density_neighbours) + 1)
    fake = check_vectors(fake, "precision and recall, samples", real.shape[1], least=neighbours + 1)
    centre = real.mean(axis=0, dtype=np.float64)
    x, y = real - centre, fake - centre  # float64
    ks = neighbours, density_neighbours
    errors = _errors(x, y, *ks, block)
    return {name: Estimate(value, errors[name]) for name, value in _metrics(x, y, *ks, block).items()}


def _metrics(
    x: NDArray[np.float64], y: NDArray[np.float64], neighbours: int, density_neighbours: int, block: int | None
) -> dict[str, float]:
    """Return the four metrics of the samples y [M, d] for the data x [N, d]."""
    by_near = _squared_radii(x, sorted({neighbours, density_neighbours}))
    near, dense = by_near[neighbours], by_near[density_neighbours]
    around_fake = _squared_radii(y, [neighbours])[neighbours]

    fake_inside = np.zeros(len(y), bool)
    real_inside = np.zeros(len(x), bool)
    covered = np.zeros(len(x), bool)
    pairs = 0
    for here in blocks(len(x), block or max(1, BLOCK_ENTRIES // len(y))):
        squared = squared_distances(x[here], y, slack=1)
        fake_inside |= (squared <= near[here, None]).any(axis=0)
        real_inside[here] = (squared <= around_fake).any(axis=1)
        inside = squared <= dense[here, None]
        covered[here] = inside.any(axis=1)
        pairs += int(np.count_nonzero(inside))
    return {
        "precision": float(fake_inside.mean()),
        "recall": float(real_inside.mean()),
        "density": pairs / (density_neighbours * len(y)),
        "coverage": float(covered.mean()),
    }


def _errors(
    x: NDArray[np.float64], y: NDArray[np.float64], neighbours: int, density_neighbours: int, block: int | None
) -> dict[str, float]:
    """Return the standard errors of the four metrics, from their spread over disjoint parts of both sets."""
    enough = [g for g in _PARTS if len(x) // g > max(neighbours, density_neighbours) and len(y) // g > neighbours]
    if not enough:
        return dict.fromkeys(("precision", "recall", "density", "coverage"), math.nan)
    random, variances = np.random.default_rng(0), []
    for _ in range(_CUTS):
        cut = zip(*(np.array_split(v[random.permutation(len(v))], enough[0]) for v in (x, y)), strict=True)
        parts = [_metrics(real, fake, neighbours, density_neighbours, block) for real, fake in cut]
        variances.append({name: np.var([part[name] for part in parts], ddof=1) / len(parts) for name in parts[0]})
    return {name: math.sqrt(np.mean([variance[name] for variance in variances])) for name in variances[0]}


def _squared_radii(x: NDArray[np.float64], ks: list[int]) -> dict[int, NDArray[np.float64]]:
    """Return for each k the squared distance of each vector to its k-th nearest other one, [n]."""
    # A vector is its own nearest neighbour, or is as near as a copy of it: the k-th other one is the (k+1)-th of all.
    distances, _ = nearest_neighbours(x, x, max(ks) + 1)
    return {k: distances[:, k] ** 2 for k in ks}
