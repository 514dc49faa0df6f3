"""Train, validation and test splits by a hash of each example's bytes: adding examples moves none from one to another.

An example with the hash h in [0, 1) is in the first split whose shares, added up, are above h. So each example has its
place whatever others there are, copies of one example are in one split, and each class is split by the same shares, up
to chance. Within a split the examples are in the order of their hashes: the same examples are the same data set, in
whatever files and order they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Split, SplitName
from tfgen.errors import DataError


@dataclass(frozen=True)
class Splitting:
    """Examples that were split.

    Attributes:
        splits: train, validation and test, each in the order of the hashes.
        copies: examples of the validation and the test split whose copies are in an earlier split as well.
    """

    splits: Mapping[SplitName, Split]
    copies: Mapping[SplitName, int]


def hashes(x: NDArray[np.generic], seed: int = 0) -> NDArray[np.uint64]:
    """Return a hash of the bytes of each example, [n]; for another seed another one.

    Args:
        x: examples [n, ...]; -0.0 counts as 0.0.
        seed: of the hash.
    """
    key = f"tfgen {seed}".encode()
    values: NDArray[Any] = x
    if values.dtype.kind == "f":
        values = values + values.dtype.type(0)  # minus zero becomes zero, which it is equal to
    digests = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest() for row in values)
    return np.frombuffer(digests, "<u8").astype(np.uint64, copy=False)


def split_examples(
    parts: Mapping[SplitName | None, Split], shares: Sequence[float], seed: int = 0, name: str = "the data"
) -> Splitting:
    """Split what has no split yet, and put each split into the order of its hashes.

    Args:
        parts: the splits that are given; under None what is to be split. Without that, the splits that are missing are cut
            off from the training split, in the ratio of the shares.
        shares: of train, validation and test.
        seed: of the hash.
        name: of the data, for messages.

    Raises:
        DataError: when a split is empty.
    """
    wanted = dict(zip(SPLITS, shares, strict=True))
    given: dict[SplitName, list[_Hashed]] = {split: [] for split in SPLITS}
    for split, part in parts.items():
        hashed = _Hashed(part, hashes(part.x, seed))
        if split == "train" or split is None:
            missing = [other for other in SPLITS if other != "train" and other not in parts]
            for other, piece in _cut(hashed, {"train": wanted["train"], **{name: wanted[name] for name in missing}}):
                given[other].append(piece)
        else:
            given[split].append(hashed)
    splits: dict[SplitName, Split] = {}
    found: dict[SplitName, NDArray[np.uint64]] = {}
    for split in SPLITS:
        pieces = [piece for piece in given[split] if len(piece.hashes)]
        if not pieces:
            raise DataError(
                f"{name}: the {split} split has no example; give other shares with --split-sizes (now "
                f"{' '.join(f'{share:g}' for share in shares)} of train, valid and test), or more examples."
            )
        splits[split], found[split] = _ordered(pieces)
    return Splitting(splits, copies_across(found))


def copies_across(found: Mapping[SplitName, NDArray[np.uint64]]) -> dict[SplitName, int]:
    """Return how many examples of a split have a copy in an earlier one, by split, where there are any.

    Args:
        found: hashes of the examples of train, validation and test.
    """
    copies: dict[SplitName, int] = {}
    seen = np.zeros(0, np.uint64)
    for split in SPLITS:
        if count := int(np.isin(found[split], seen).sum()):
            copies[split] = count
        seen = np.union1d(seen, found[split])
    return copies


@dataclass(frozen=True)
class _Hashed:
    """Examples with their hashes."""

    split: Split
    hashes: NDArray[np.uint64]


def _cut(hashed: _Hashed, shares: Mapping[SplitName, float]) -> list[tuple[SplitName, _Hashed]]:
    """Cut examples by their hashes in the ratio of the shares."""
    total = sum(shares.values())
    ends = np.cumsum([share / total for share in shares.values()])[:-1]
    places = np.searchsorted(ends, hashed.hashes / 2.0**64, side="right")
    pieces = []
    for number, name in enumerate(shares):
        chosen = np.flatnonzero(places == number)
        pieces.append((name, _Hashed(hashed.split.take(chosen), hashed.hashes[chosen])))
    return pieces


def _ordered(pieces: Sequence[_Hashed]) -> tuple[Split, NDArray[np.uint64]]:
    """Join pieces of one split in the order of their hashes; copies of an example in that of their labels and contexts."""
    found = np.concatenate([piece.hashes for piece in pieces])
    parts = zip(*((piece.split.x, piece.split.labels, piece.split.context) for piece in pieces), strict=True)
    joined: list[Any] = [np.concatenate(part) if part[0] is not None else None for part in parts]
    x, labels, context = joined
    ties = [*(() if context is None else context.T[::-1]), *(() if labels is None else (labels,))]
    order = np.lexsort((*ties, found))
    return Split(x, labels, context).take(order), found[order]
