"""Checks of vector arrays, and squared Euclidean distances in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError

#: Entries of a matrix that is held at a time: 32 MB in float64.
BLOCK_ENTRIES = 1 << 22
#: Vectors of the longer side of such a matrix.
BLOCK_COLUMNS = 4096


def check_vectors(x: Any, what: str, dimensions: int | None = None, least: int = 0) -> NDArray[np.generic]:
    """Return `x` as an array after checking that it is a matrix of finite numbers, one vector in each row.

    Args:
        x: vectors [n, d].
        what: they are called in the error message.
        dimensions: d, where it is known.
        least: vectors are needed.

    Raises:
        DataError: when it is not.
    """
    x = np.asarray(x)
    if x.ndim != 2 or not x.shape[1]:
        raise DataError(f"{what}: expected one vector in each row, [n, d]; got an array of shape {x.shape}.")
    if x.dtype.kind not in "iufb":
        raise DataError(f"{what}: expected real numbers, got {x.dtype}.")
    if dimensions is not None and x.shape[1] != dimensions:
        raise DataError(f"{what}: expected vectors of {dimensions} dimensions, got {x.shape[1]}.")
    if len(x) < least:
        raise DataError(f"{what}: at least {least} vectors are needed, got {len(x)}; take more.")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        broken = np.flatnonzero(~np.isfinite(x).all(axis=1))
        raise DataError(
            f"{what}: {len(broken)} of {len(x)} vectors are not finite, the first being vector {broken[0]}; "
            "check what they were computed from."
        )
    return x


def blocks(count: int, size: int) -> Iterator[slice]:
    """Yield the slices that cut `count` rows into pieces of `size`, the last one smaller."""
    for begin in range(0, count, size):
        yield slice(begin, min(begin + size, count))


def squared_distances(a: NDArray[np.float64], b: NDArray[np.float64], slack: float = 0.0) -> NDArray[np.float64]:
    """Return ``|a_i|² + |b_j|² - 2 a_i b_j``, [n, m], by one matrix product.

    Where vectors lie far from the origin and close together this cancels: the error of an entry is at most
    ``2 d eps (|a_i|² + |b_j|²)`` with eps = 2.2e-16, so vectors should be centred first. Integers of up to 2^53 have no error.

    Args:
        a: vectors [n, d].
        b: vectors [m, d].
        slack: in units of that error, which is taken off: with 1, no entry is above the true squared distance, and may be
            below 0.
    """
    shrunk = 1 - 2 * slack * a.shape[1] * float(np.finfo(np.float64).eps)
    result: NDArray[np.float64] = a @ b.T
    result *= -2
    result += shrunk * np.einsum("ij,ij->i", a, a)[:, None]
    result += shrunk * np.einsum("ij,ij->i", b, b)
    return result
