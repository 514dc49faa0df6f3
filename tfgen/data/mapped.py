"""Memory maps read a block at a time, whose pages are given back: a set larger than memory is gone through in little of it.

The pages of a map count as memory of the process until they are given back. The system keeps them as its cache of the file
while there is room, so that giving them back costs little.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

#: Bytes of a block.
BLOCK_BYTES = 2**23
#: Bytes that are put into order in memory at a time.
BUCKET_BYTES = 2**26
#: Bytes that are converted to float64 in one go.
_AT_ONCE = 2**22
#: A block is read ahead when more than this share of its rows is wanted.
_LEAST_SHARE = 1 / 8

Number = TypeVar("Number", bound=np.generic)


def block_rows(x: NDArray[Any], most_bytes: int | None = None) -> int:
    """Return how many rows of an array make a block: at least one, and no more than `most_bytes` hold; None for `BLOCK_BYTES`.

    >>> block_rows(np.zeros((100, 4), np.float32), 64)
    4
    """
    return max(1, (most_bytes or BLOCK_BYTES) // max(1, x[:1].nbytes))


def blocks(x: NDArray[Number], most_bytes: int | None = None) -> Iterator[NDArray[Number]]:
    """Yield the rows of an array in consecutive parts; of a memory map, each part is given back when the next is asked for.

    Args:
        x: [n, ...].
        most_bytes: of a part, if one row is not larger; None for `BLOCK_BYTES`.
    """
    rows = block_rows(x, most_bytes)
    for start in range(0, len(x), rows):
        yield x[start : start + rows]
        release(x)


def extremes(x: NDArray[Any]) -> tuple[int, int]:
    """Return the smallest and the largest of whole numbers, [n, ...].

    >>> extremes(np.array([[3], [1], [2]]))
    (1, 3)
    """
    found = [(int(block.min()), int(block.max())) for block in blocks(x)]
    return min(low for low, _ in found), max(high for _, high in found)


def gather(x: NDArray[Number], rows: NDArray[np.integer[Any]]) -> NDArray[Number]:
    """Return rows of an array, as ``x[rows]``; a memory map is read in ascending order, in large pieces, and given back.

    Args:
        x: [n, ...].
        rows: from 0, any shape.
    """
    found = _map_of(x)
    if found is None:
        return x[rows]
    flat = rows.reshape(-1)
    order = np.argsort(flat, kind="stable")
    ascending = flat[order]
    _expect(x, ascending)
    result = np.empty((len(flat), *x.shape[1:]), x.dtype)
    result[order] = x[ascending]
    _advise(found, "MADV_DONTNEED")
    return result.reshape(*rows.shape, *x.shape[1:])


def write_reordered(
    x: NDArray[Any], rows: NDArray[np.integer[Any]], target: NDArray[Any], most_bytes: int | None = None
) -> None:
    """Write rows of an array to a memory map in a new order, ``target[:] = x[rows]``, as a distribution sort in two passes.

    Both are gone through in large pieces, from start to end, so that a disk need not fetch single rows: first each row of `x`
    goes to the part of `target` that it belongs to (a bucket), behind those that are there; then each bucket is put into order
    in memory.

    Args:
        x: [n, ...].
        rows: of `x`, [m], each once at most.
        target: [m, ...], a memory map.
        most_bytes: of a bucket, if one row is not larger; None for `BUCKET_BYTES`.
    """
    size = block_rows(x, most_bytes or BUCKET_BYTES)
    place = np.full(len(x), -1, np.int64)  # in the target, of each row of x
    place[rows] = np.arange(len(rows))
    filled = np.arange(0, len(rows), size)  # where the next row of each bucket goes
    held = np.empty(len(rows), np.int64)  # the place of the row that lies, for now, in this one
    start = 0
    for block in blocks(x):
        places = place[start : start + len(block)]
        start += len(block)
        wanted = np.flatnonzero(places >= 0)
        wanted = wanted[np.argsort(places[wanted] // size, kind="stable")]
        buckets, begins = np.unique(places[wanted] // size, return_index=True)
        for bucket, begin, end in zip(buckets, begins, [*begins, len(wanted)][1:], strict=True):
            part = wanted[begin:end]
            free = slice(filled[bucket], filled[bucket] + len(part))
            target[free], held[free] = block[part], places[part]
            filled[bucket] += len(part)
        release(target)
    for first in range(0, len(rows), size):
        bucket = slice(first, first + size)
        ordered = np.empty(target[bucket].shape, x.dtype)
        ordered[held[bucket] - first] = target[bucket]
        target[bucket] = ordered
        release(target)


def release(x: NDArray[Any]) -> None:
    """Give back the pages of the memory map that an array is, or is a part of; nothing for other arrays."""
    if (found := _map_of(x)) is not None:
        _advise(found, "MADV_DONTNEED")


def _expect(x: NDArray[Any], ascending: NDArray[np.integer[Any]]) -> None:
    """Tell the system which blocks of a memory map are read next, a good part of each, so that it reads each in one piece."""
    found = _map_of(x)
    if found is None or not x.flags.c_contiguous:
        return
    start = x.__array_interface__["data"][0] - np.frombuffer(found, np.uint8).__array_interface__["data"][0]
    size, rows = x[:1].nbytes, block_rows(x)
    wanted, counts = np.unique(ascending // rows, return_counts=True)
    for block in wanted[counts > _LEAST_SHARE * rows].tolist():
        first = (start + block * rows * size) // mmap.PAGESIZE * mmap.PAGESIZE
        end = min(len(found), start + (block + 1) * rows * size)
        _advise(found, "MADV_WILLNEED", first, end - first)


def _map_of(x: NDArray[Any]) -> mmap.mmap | None:
    """Return the memory map under an array whose pages may be given back: a `numpy.memmap` that is shared with its file."""
    base: Any = x
    shared = False
    while isinstance(base, np.ndarray):
        shared = shared or (isinstance(base, np.memmap) and base.mode in ("r", "r+", "w+"))
        base = base.base
    return base if shared and isinstance(base, mmap.mmap) else None


def _advise(found: mmap.mmap, name: str, *where: int) -> None:
    option = getattr(mmap, name, None)  # not on every system
    if option is not None:
        with contextlib.suppress(OSError):  # it is advice: locked pages stay where they are
            found.madvise(option, *where)


def column_moments(x: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance (of the population) of each column of ``[n, ...]``, in float64, a part of the rows at a time.

    >>> column_moments(np.array([[1.0, 0.0], [3.0, 0.0]]))
    (array([2., 0.]), array([1., 0.]))
    """
    mean = sum(block.astype(np.float64).sum(axis=0) for block in blocks(x, _AT_ONCE)) / len(x)
    squares = sum(((block.astype(np.float64) - mean) ** 2).sum(axis=0) for block in blocks(x, _AT_ONCE))
    return np.asarray(mean), np.asarray(squares / len(x))
