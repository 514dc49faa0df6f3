"""Kernel distance (squared MMD) between two sets of vectors: KID, for features of images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError
from tfgen.metrics.estimate import Estimate
from tfgen.metrics.vectors import blocks, check_vectors

#: Sums over a kernel matrix: of its rows [n], its columns [m], and of the squares of its entries.
_Sums = tuple[NDArray[np.float64], NDArray[np.float64], float]


def kernel_distance(
    x: Any, y: Any, degree: int = 3, scale: float | None = None, offset: float = 1.0, block: int = 2048
) -> Estimate:
    """Return the unbiased estimate of the squared maximum mean discrepancy under a polynomial kernel.

    That is

        k(x, y) = (scale x^T y + offset)^degree,
        MMD² = 1/(n (n-1)) sum_{i != j} k(x_i, x_j) + 1/(m (m-1)) sum_{i != j} k(y_i, y_j) - 2/(n m) sum_{i, j} k(x_i, y_j)

    (Gretton et al. 2012, lemma 6; with degree 3, scale 1/d and offset 1 the KID of Binkowski et al. 2018, section 4). It is
    unbiased: of equal distributions it is 0 on average, so often below, and numbers of different n and m compare.

    The standard error is over draws of both sets. To first order the estimate is a mean over the x_i of
    ``2 h(x_i)`` and another over the y_j, where ``h(x_i) = mean_j k(x_i, x_j) - mean_j k(x_i, y_j)``, whose empirical means
    fall out of the same pass. This gives ``4 Var h(x) / n + 4 Var h(y) / m``. The empirical h(x_i) vary also by the choice
    of the others, which counts the variance of second order, Q, twice, so Q is taken off once:

        se² = max(4 s²(h(x)) / n + 4 s²(h(y)) / m - Q, Q),    Q = 2 v_xx / (n (n-1)) + 2 v_yy / (m (m-1)) + 4 v_xy / (n m)

    where v is the variance of the kernel matrix's entries that is left when row and column means are taken off. Where the
    distributions are equal, h is constant and Q is all there is. There
    the error is right in the median (a fifth too large in the mean square), but the estimate is no Gaussian, it leans to the
    right, so two standard errors are no exact 95%. The error fails where single vectors decide, as far outliers do under a
    cubic kernel: a sample without any does not know of them.

    Args:
        x: vectors [n, d], at least two.
        y: vectors [m, d], at least two.
        degree: a whole number from 1 on.
        scale: of the inner product; by default 1/d.
        offset: added to it.
        block: rows and columns of the kernel matrix that are held at a time.

    Returns:
        The estimate; its error is NaN with fewer than four vectors on a side.

    Raises:
        DataError: for wrong shapes, numbers that are not finite, too few vectors, or a kernel that is none.
    """
    x = check_vectors(x, "kernel distance, x", least=2)
    y = check_vectors(y, "kernel distance, y", x.shape[1], least=2)
    if degree != int(degree) or degree < 1:
        raise DataError(f"kernel distance: the degree must be a whole number from 1 on, got {degree}.")
    scale = 1 / x.shape[1] if scale is None else scale
    if not (scale > 0 and math.isfinite(scale) and offset >= 0 and math.isfinite(offset)):
        raise DataError(
            f"kernel distance: the scale must be above 0 and the offset 0 or more, got {scale} and {offset}."
        )
    kernel: dict[str, Any] = {"degree": int(degree), "scale": scale, "offset": offset, "block": block}
    within_x, within_y, across = _sums(x, None, **kernel), _sums(y, None, **kernel), _sums(x, y, **kernel)
    n, m = len(x), len(y)
    of_x = within_x[0] / (n - 1) - across[0] / m  # h, [n]
    of_y = within_y[0] / (m - 1) - across[1] / n  # [m]
    value = float(of_x.mean() + of_y.mean())
    if min(n, m) < 4:
        return Estimate(value, math.nan)
    first = 4 * float(of_x.var(ddof=1)) / n + 4 * float(of_y.var(ddof=1)) / m
    second = 2 * _rest_within(within_x) / (n * (n - 1)) + 2 * _rest_within(within_y) / (m * (m - 1))
    second += 4 * _rest_across(across) / (n * m)
    return Estimate(value, math.sqrt(max(first - second, second)))


def _sums(
    a: NDArray[np.generic], b: NDArray[np.generic] | None, degree: int, scale: float, offset: float, block: int
) -> _Sums:
    """Return sums over the kernel matrix of a and b; without b, over that of a and itself without the diagonal."""
    other = a if b is None else b
    rows, columns, squares = np.zeros(len(a)), np.zeros(len(other)), 0.0
    for here in blocks(len(a), block):
        left = a[here].astype(np.float64)
        for there in blocks(len(other), block):
            if b is None and there.start < here.start:
                continue  # the matrix is symmetric: the other half has been counted
            base = left @ other[there].astype(np.float64).T
            base *= scale
            base += offset
            values = base.copy() if degree > 1 else base
            for _ in range(degree - 1):
                values *= base
            if b is None and here == there:
                np.fill_diagonal(values, 0.0)
            row, column, square = values.sum(axis=1), values.sum(axis=0), float(np.vdot(values, values))
            rows[here] += row
            columns[there] += column
            squares += square
            if b is None and here != there:
                rows[there] += column
                columns[here] += row
                squares += square
    return rows, columns, squares


def _rest_within(sums: _Sums) -> float:
    """Return the variance of ``k(x_i, x_j) - c - a_i - a_j`` over i != j, with the a_i that make it least.

    In least squares a_i = (n-1)/(n-2) (r_i - c), r_i being the row's mean, and n (n-3) degrees of freedom are left.
    """
    rows, _, squares = sums
    n = len(rows)
    mean = rows.sum() / (n * (n - 1))
    effects = (rows / (n - 1) - mean) * ((n - 1) / (n - 2))
    left = squares - n * (n - 1) * mean**2 - 2 * (n - 2) * np.sum(effects**2)
    return max(0.0, float(left) / (n * (n - 3)))


def _rest_across(sums: _Sums) -> float:
    """Return the variance of ``k(x_i, y_j)`` that is left without the row's and the column's mean."""
    rows, columns, squares = sums
    n, m = len(rows), len(columns)
    mean = rows.sum() / (n * m)
    left = squares - n * m * mean**2 - m * np.sum((rows / m - mean) ** 2) - n * np.sum((columns / n - mean) ** 2)
    return max(0.0, float(left) / ((n - 1) * (m - 1)))
