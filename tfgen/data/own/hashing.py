"""Hashes of examples, by which they are split: of what an example is by itself, whatever other examples there are.

An image is hashed by its bytes, so that its copies are in one split; a grey one as grey, whether or not others have
colours. A row of a vector set is hashed with its label and context, and by the names of its categories and class, whose
numbers depend on which others occur. Rows of whole numbers, and of one number, repeat by nature: the second copy of such a
row has a hash of its own, the third another, so that a value is not held out as a whole.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column
from tfgen.data.dataset import Split
from tfgen.data.mapped import blocks
from tfgen.data.spec import DataSpec


class Hashes(NamedTuple):
    """Hashes of examples, [n], and which examples repeat by nature, [n]."""

    hashes: NDArray[np.uint64]
    repeatable: NDArray[np.bool_]


def hashes(x: NDArray[np.generic], seed: int = 0) -> NDArray[np.uint64]:
    """Return a hash of the bytes of each example, [n]; for another seed another one.

    Args:
        x: examples [n, ...]; -0.0 counts as 0.0.
        seed: of the hash.
    """
    return _of_rows((row.tobytes() for block in blocks(x) for row in _plain(block)), seed)


def example_hashes(part: Split, spec: DataSpec, seed: int) -> Hashes:
    """Return the hashes by which examples are split; see the module.

    Args:
        part: examples with their labels and contexts.
        spec: of the data set.
        seed: of the hash.
    """
    if spec.spatial:
        return Hashes(_of_rows(_images(part.x), seed), np.zeros(len(part), bool))
    rows = _as_texts(_plain(part.x), spec.columns)
    beside = []
    if part.labels is not None:
        names = spec.class_names or tuple(map(str, range(spec.classes or 0)))
        beside.append(_codes(names)[part.labels][:, None])
    if part.context is not None:
        beside.append(_as_texts(_plain(part.context), spec.context))
    # Labels and contexts stand behind the example; without them the bytes are those of the example alone.
    found = hashes(np.concatenate([rows, *beside], axis=1) if beside else rows, seed)
    repeatable = (part.x % 1 == 0).all(axis=1) if part.x.shape[1] > 1 else np.ones(len(part), bool)
    return Hashes(np.where(repeatable, _by_turns(found, seed), found), repeatable)


def _images(x: NDArray[Any]) -> Iterator[bytes]:
    """Yield the bytes of each image, those of a grey one of its first channel alone."""
    for block in blocks(x):
        if x.shape[-1] == 1:
            yield from (image.tobytes() for image in block)
            continue
        grey = (block == block[..., :1]).all(axis=(1, 2, 3))
        for image, is_grey in zip(block, grey, strict=True):
            yield (image[..., :1] if is_grey else image).tobytes()


def _as_texts(x: NDArray[np.float32], columns: Sequence[Column] | None) -> NDArray[np.uint32]:
    """Return the bits of numbers, [n, d], with a code of its text for each category."""
    bits = np.array(x, np.float32).view(np.uint32)
    for place, column in enumerate(columns or ()):
        if column.categories is not None:
            bits[:, place] = _codes(column.categories)[x[:, place].astype(np.intp)]
    return bits


def _codes(texts: Sequence[str]) -> NDArray[np.uint32]:
    return np.array([zlib.crc32(text.encode("utf-8", "surrogatepass")) for text in texts], np.uint32)


def _by_turns(found: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Return hashes of which the second of equal ones, the third and so on are others, [n]."""
    order = np.argsort(found, kind="stable")
    ascending = found[order]
    firsts = np.flatnonzero(np.diff(ascending, prepend=~ascending[:1]) != 0)
    turns = np.arange(len(found)) - np.repeat(firsts, np.diff(firsts, append=len(found)))
    later = np.flatnonzero(turns)
    pairs = np.stack([ascending[later], turns[later].astype(np.uint64)], axis=1)
    ascending[later] = _of_rows((pair.tobytes() for pair in pairs), seed)
    result = np.empty_like(found)
    result[order] = ascending
    return result


def _of_rows(rows: Iterator[bytes], seed: int) -> NDArray[np.uint64]:
    key = f"tfgen {seed}".encode()
    digests = b"".join(hashlib.blake2b(row, digest_size=8, key=key).digest() for row in rows)
    return np.frombuffer(digests, "<u8").astype(np.uint64, copy=False)


def _plain(x: NDArray[Any]) -> NDArray[Any]:
    """Return numbers of which equal ones have equal bytes: minus zero becomes zero."""
    return x + x.dtype.type(0) if x.dtype.kind == "f" else x
