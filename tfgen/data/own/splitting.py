"""Train, validation and test splits by a hash of each example: adding examples moves none from one to another.

An example with the hash h in [0, 1) is in the first split whose shares, added up, are above h. So each example has its
place whatever others there are, and each class is split by the same shares, up to chance. Within a split the examples are
in the order of their hashes: the same examples are the same data set, in whatever files and order they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Split, SplitName
from tfgen.data.mapped import block_rows, gather
from tfgen.data.own.hashing import example_hashes
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError


@dataclass(frozen=True)
class Reordered:
    """Rows of examples in a new order, which are gathered only when they are asked for.

    Attributes:
        examples: in their old order; may be memory maps.
        order: rows of them, [n].
    """

    examples: Split
    order: NDArray[np.intp]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.order)

    def split(self) -> Split:
        """Return all rows, in memory."""
        return self._take(self.order)

    def blocks(self) -> Iterator[Split]:
        """Yield the rows in consecutive parts of some megabytes."""
        rows = block_rows(self.examples.x)
        for start in range(0, len(self), rows):
            yield self._take(self.order[start : start + rows])

    def _take(self, rows: NDArray[np.intp]) -> Split:
        found = self.examples
        labels = None if found.labels is None else found.labels[rows]
        return Split(gather(found.x, rows), labels, None if found.context is None else found.context[rows])


@dataclass(frozen=True)
class Splitting:
    """Examples that were split.

    Attributes:
        splits: train, validation and test, each in the order of the hashes.
        copies: examples of the validation and the test split whose copies are in an earlier split as well.
    """

    splits: Mapping[SplitName, Reordered]
    copies: Mapping[SplitName, int]


def split_examples(
    parts: Mapping[SplitName | None, Split],
    spec: DataSpec,
    shares: Sequence[float],
    seed: int = 0,
    name: str = "the data",
) -> Splitting:
    """Split what has no split yet, and put each split into the order of its hashes.

    Args:
        parts: the splits that are given; under None what is to be split. Without that, the splits that are missing are cut
            off from the training split, in the ratio of the shares.
        spec: of the data.
        shares: of train, validation and test.
        seed: of the hash.
        name: of the data, for messages.

    Raises:
        DataError: when a split is empty.
    """
    wanted = dict(zip(SPLITS, shares, strict=True))
    given: dict[SplitName, _Hashed] = {}
    for split, part in _joined(parts).items():
        found = example_hashes(part, spec, seed)
        hashed = _Hashed(part, np.arange(len(part)), found.hashes, found.repeatable)
        if split == "train" or split is None:
            missing = [other for other in SPLITS if other != "train" and other not in parts]
            given |= hashed.cut({"train": wanted["train"], **{name: wanted[name] for name in missing}})
        else:
            given[split] = hashed
    splits: dict[SplitName, Reordered] = {}
    unique: dict[SplitName, NDArray[np.uint64]] = {}  # hashes of examples whose copies are accidents
    for split in SPLITS:
        if split not in given or not len(given[split].rows):
            raise DataError(
                f"{name}: the {split} split has no example; give other shares with --split-sizes (now "
                f"{' '.join(f'{share:g}' for share in shares)} of train, valid and test), or more examples."
            )
        splits[split] = given[split].ordered()
        unique[split] = given[split].hashes[~given[split].repeatable]
    return Splitting(splits, copies_across(unique))


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


def _joined(parts: Mapping[SplitName | None, Split]) -> Mapping[SplitName | None, Split]:
    """Return parts of which one at most is to be cut: examples without a split are added to those of training."""
    if not {None, "train"} <= parts.keys():
        return parts
    pairs = zip(*((part.x, part.labels, part.context) for part in (parts["train"], parts[None])), strict=True)
    train: list[Any] = [np.concatenate(pair) if pair[0] is not None else None for pair in pairs]
    return {"train": Split(*train), **{split: part for split, part in parts.items() if split not in (None, "train")}}


@dataclass(frozen=True)
class _Hashed:
    """Rows of examples with their hashes."""

    examples: Split
    rows: NDArray[np.intp]
    hashes: NDArray[np.uint64]
    repeatable: NDArray[np.bool_]

    def cut(self, shares: Mapping[SplitName, float]) -> dict[SplitName, _Hashed]:
        """Cut the rows by their hashes in the ratio of the shares."""
        total = sum(shares.values())
        ends = np.cumsum([share / total for share in shares.values()])[:-1]
        places = np.searchsorted(ends, self.hashes / 2.0**64, side="right")
        chosen = {name: np.flatnonzero(places == number) for number, name in enumerate(shares)}
        return {
            name: _Hashed(self.examples, self.rows[at], self.hashes[at], self.repeatable[at])
            for name, at in chosen.items()
        }

    def ordered(self) -> Reordered:
        """Return the rows in the order of their hashes; copies of an example in that of their labels and contexts."""
        labels, context = self.examples.labels, self.examples.context
        order = np.argsort(self.hashes, kind="stable")
        same = np.diff(self.hashes[order]) == 0
        tied = np.flatnonzero(np.concatenate([[False], same]) | np.concatenate([same, [False]]))
        if len(tied):
            places = np.sort(order[tied])
            rows = self.rows[places]
            ties = [] if context is None else [column[rows] for column in context.T[::-1]]
            ties += [] if labels is None else [labels[rows]]
            order[tied] = places[np.lexsort((*ties, self.hashes[places]))]
        return Reordered(self.examples, self.rows[order])
