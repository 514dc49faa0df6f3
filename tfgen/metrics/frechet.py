"""Frechet distance between Gaussians: FID, for features of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError
from tfgen.metrics.estimate import Estimate
from tfgen.metrics.moments import Moments

#: What is no asymmetry, and no negative eigenvalue, relative to the largest entry or eigenvalue: float32 may have been there.
_ROUNDING = 1e-4


def frechet_distance(mean1: Any, covariance1: Any, mean2: Any, covariance2: Any) -> float:
    """Return the squared Frechet (2-Wasserstein) distance between two Gaussians.

    It is

        d² = |m1 - m2|² + Tr(C1 + C2 - 2 (C1 C2)^{1/2})

    (Dowson, Landau 1982; Heusel et al. 2017, equation 6). The unit is that of the vectors, squared.

    C1 C2 is not symmetric, and where it is nearly singular its square root is inaccurate. But with the symmetric roots
    R1 = C1^{1/2} and R2 = C2^{1/2} it has the eigenvalues of ``R1 C2 R1 = (R2 R1)^T (R2 R1)``, and the roots of these are
    the singular values of R2 R1, so that

        Tr (C1 C2)^{1/2} = sum_i sigma_i(R2 R1).

    Singular values have an error in proportion to the largest one, where a square root of an eigenvalue near 0 would
    have that of the root of the rounding. Both roots come from eigenvalues in float64; those within rounding of 0, of
    either sign, count as 0, so any covariance of whatever rank will do.

    Args:
        mean1: [d].
        covariance1: [d, d].
        mean2: [d].
        covariance2: [d, d].

    Returns:
        At least 0; of two equal Gaussians 0 to rounding.

    Raises:
        DataError: when shapes do not match, a number is not finite, or a matrix is no covariance.
    """
    m1, root1, trace1 = _gaussian(mean1, covariance1, "the first Gaussian")
    m2, root2, trace2 = _gaussian(mean2, covariance2, "the second Gaussian", len(m1))
    return _distance(m1, root1, trace1, m2, root2, trace2)


def frechet_from_moments(blocks: Sequence[Moments], reference: Moments) -> Estimate:
    """Return the Frechet distance (FID) between samples, in blocks, and a reference, with a jackknife standard error.

    The value is that of all blocks together. Its standard error is the jackknife's over the blocks: with n samples in g
    blocks of m_j, the distance D of all and D_j without block j, and h_j = n / m_j,

        p_j = h_j D - (h_j - 1) D_j,    J = g D - sum_j (1 - m_j / n) D_j,    se² = 1/g sum_j (p_j - J)² / (h_j - 1)

    (Busing, Meijer, van der Leeden 1999, equation 9), which for equal blocks is ``(g - 1) / g sum_j (D_j - mean D_j)²``.
    It is the error due to the samples, for a fixed reference. Near the least distance that n
    samples can have it is too large, by about a half, since there the distance is quadratic in the deviations. It does not hold
    the bias: the distance between n samples and their own distribution is above 0 and falls as 1/n (Binkowski et al. 2018,
    appendix D), so distances of different n do not compare.

    Args:
        blocks: moments of disjoint blocks of the samples, ten or more for a good error; empty ones do not count.
        reference: of the vectors that the samples are compared with.

    Returns:
        The error is NaN when there is one block, or too few samples to leave one out.

    Raises:
        DataError: when dimensions do not match, or there are fewer than two vectors on a side.
    """
    held = [block for block in blocks if block.count]
    if not held:
        raise DataError("Frechet distance: there are no samples; draw at least two.")
    of_reference = _gaussian(reference.mean, reference.covariance, "the reference")

    def distance(moments: Moments) -> float:
        result = _gaussian(moments.mean, moments.covariance, "the samples", reference.dimensions)
        return _distance(*result, *of_reference)

    total: Moments = reduce(add, held)
    value, sizes = distance(total), np.array([block.count for block in held])
    if len(held) < 2 or total.count - sizes.max() < 2:
        return Estimate(value, math.nan)
    without = np.array([distance(reduce(add, held[:j] + held[j + 1 :])) for j in range(len(held))])
    ratio = total.count / sizes
    pseudo = ratio * value - (ratio - 1) * without
    jackknifed = len(held) * value - np.sum((1 - 1 / ratio) * without)
    return Estimate(value, float(np.sqrt(np.mean((pseudo - jackknifed) ** 2 / (ratio - 1)))))


_Gaussian = tuple[NDArray[np.float64], NDArray[np.float64], float]


def _gaussian(mean: Any, covariance: Any, what: str, dimensions: int | None = None) -> _Gaussian:
    """Return the mean [d], the symmetric root of the covariance [d, d], and the covariance's trace, after checking them."""
    mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    if mean.ndim != 1 or not len(mean) or covariance.shape != (len(mean), len(mean)):
        raise DataError(
            f"Frechet distance, {what}: expected a mean [d] and a covariance [d, d], got shapes {mean.shape} and "
            f"{covariance.shape}."
        )
    if dimensions is not None and len(mean) != dimensions:
        raise DataError(f"Frechet distance: expected Gaussians of one dimension, got {dimensions} and {len(mean)}.")
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise DataError(f"Frechet distance, {what}: not all numbers are finite; check what they were computed from.")
    if np.abs(covariance - covariance.T).max() > _ROUNDING * np.abs(covariance).max():
        raise DataError(f"Frechet distance, {what}: expected a covariance, got a matrix that is not symmetric.")
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    largest = float(np.abs(values).max())
    if values[0] < -_ROUNDING * largest:
        raise DataError(
            f"Frechet distance, {what}: expected a covariance, got a matrix with the negative eigenvalue {values[0]:.3g}."
        )
    nothing = len(mean) * float(np.finfo(np.float64).eps) * largest
    root: NDArray[np.float64] = (vectors * np.sqrt(np.where(values > nothing, values, 0.0))) @ vectors.T
    return mean, root, float(np.trace(covariance))


def _distance(
    mean1: NDArray[np.float64],
    root1: NDArray[np.float64],
    trace1: float,
    mean2: NDArray[np.float64],
    root2: NDArray[np.float64],
    trace2: float,
) -> float:
    difference = mean1 - mean2
    joint = float(np.linalg.svd(root2 @ root1, compute_uv=False).sum())
    return max(0.0, float(difference @ difference) + trace1 + trace2 - 2 * joint)  # below 0 it could only be rounding
