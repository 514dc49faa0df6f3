"""Exact nearest neighbours by Euclidean distance, block by block in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError
from tfgen.metrics.vectors import BLOCK_COLUMNS, BLOCK_ENTRIES, blocks, squared_distances


def nearest_neighbours(
    queries: Any, references: Any, k: int, report: Callable[[int], None] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find the k nearest neighbours of each query among the references, by exact Euclidean distance.

    All pairs are compared, in float64, through matrix products of blocks; of uint8 images only the block at hand is ever held
    as float. The distances of those found are computed again from differences, so that a duplicate has distance 0.

    Args:
        queries: [n, ...]: images or vectors.
        references: [m, ...] of the same shape, m at least k; may be a memory map.
        k: number of neighbours.
        report: called after each block with the number of queries done.

    Returns:
        distances [n, k], nearest first, and indices [n, k] of the references; of equally near ones any.

    Raises:
        DataError: for shapes that do not match, fewer than k references, or numbers that are not finite.
    """
    queries, references = _flat(queries, "queries"), _flat(references, "references")
    if queries.shape[1] != references.shape[1]:
        raise DataError(
            f"nearest neighbours: expected queries and references of one shape, got {queries.shape[1]} and "
            f"{references.shape[1]} numbers in each."
        )
    if not 1 <= k <= len(references):
        raise DataError(
            f"nearest neighbours: k must be from 1 to the number of references, {len(references)}; got {k}."
        )
    distances, indices = np.zeros((len(queries), k)), np.zeros((len(queries), k), np.int64)
    # Integers are exact; other numbers far from 0 would lose digits.
    centre = 0.0 if references.dtype.kind in "iub" else _centre(references)
    for here in blocks(len(queries), BLOCK_ENTRIES // BLOCK_COLUMNS):
        block = _block(queries, here, centre, "queries")
        best = np.full((len(block), k), np.inf)
        which = np.zeros((len(block), k), np.int64)
        for there in blocks(len(references), BLOCK_COLUMNS):
            squared = squared_distances(block, _block(references, there, centre, "references"))
            kept = _least(squared, k)
            best = np.concatenate([best, np.take_along_axis(squared, kept, axis=1)], axis=1)
            which = np.concatenate([which, kept + there.start], axis=1)
            kept = _least(best, k)
            best, which = np.take_along_axis(best, kept, axis=1), np.take_along_axis(which, kept, axis=1)
        for neighbour in range(k):
            result = references[which[:, neighbour]].astype(np.float64) - centre
            distances[here, neighbour] = np.linalg.norm(block - result, axis=1)
        order = np.argsort(distances[here], axis=1, kind="stable")
        distances[here] = np.take_along_axis(distances[here], order, axis=1)
        indices[here] = np.take_along_axis(which, order, axis=1)
        if report is not None:
            report(here.stop)
    return distances, indices


def _flat(x: Any, what: str) -> NDArray[np.generic]:
    """Return examples as [n, d], a view."""
    x = np.asarray(x)
    if x.ndim < 2 or x.dtype.kind not in "iufb":
        raise DataError(f"nearest neighbours: {what} must be numbers [n, ...], got {x.dtype} of shape {x.shape}.")
    return x.reshape(len(x), math.prod(x.shape[1:]))


def _centre(x: NDArray[np.generic]) -> NDArray[np.float64]:
    sums = [x[here].sum(axis=0, dtype=np.float64) for here in blocks(len(x), BLOCK_COLUMNS)]
    return _finite(np.sum(sums, axis=0) / len(x), "references")


def _block(x: NDArray[np.generic], rows: slice, centre: float | NDArray[np.float64], what: str) -> NDArray[np.float64]:
    block: NDArray[np.float64] = x[rows].astype(np.float64) - centre
    return _finite(block, what) if x.dtype.kind == "f" else block


def _finite(values: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    if not np.isfinite(values).all():
        raise DataError(f"nearest neighbours: not all numbers of the {what} are finite; check what they come from.")
    return values


def _least(values: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Return where the k least entries of each row are, in any order, [n, k] (or all, of shorter rows)."""
    if values.shape[1] <= k:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.argpartition(values, k - 1, axis=1)[:, :k]
