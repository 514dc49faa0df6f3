"""Dataset and Split: fixed training, validation and test arrays, their spec and, if known, the exact density."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tfgen.data.boundary import checked_context, checked_examples, checked_labels
from tfgen.data.resolution import require_resolved
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")
_SUBSET = 11  # the purpose of this module's random numbers


@dataclass(frozen=True, repr=False)
class Split:
    """Examples, their labels and their contexts, in a fixed order.

    Attributes:
        x: ``[n, *spec.shape]``, uint8 for images, float32 for vectors; may be a memory map that is larger than memory.
        labels: ``[n]`` int32, or None for a set without labels.
        context: ``[n, k]`` float32, the numbers of `DataSpec.context` that are given to a conditional model; None for a set
            without.
    """

    x: NDArray[np.generic]
    labels: NDArray[np.int32] | None = None
    context: NDArray[np.float32] | None = None

    def __repr__(self) -> str:
        labels = "without labels" if self.labels is None else "with labels"
        context = "" if self.context is None else f", context {list(self.context.shape[1:])}"
        return f"Split({len(self.x):,} examples, {self.x.dtype} {list(self.x.shape[1:])}, {labels}{context})"

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.x)

    def take(self, which: NDArray[np.integer[Any]] | slice) -> Split:
        """Return the examples that indices or a slice pick, with their labels and contexts."""
        labels = None if self.labels is None else self.labels[which]
        return Split(self.x[which], labels, None if self.context is None else self.context[which])

    def subset(self, count: int) -> Split:
        """Return `count` examples, the same ones each time, in their order; all where there are no more.

        They are chosen at random, since the examples of a split may be sorted by label.
        """
        from tfgen.seeds import generator  # which loads TensorFlow; prepared data are read without it

        if count >= len(self):
            return self
        return self.take(np.sort(generator(_SUBSET).permutation(len(self))[:count]))

    def like(self, count: int, labels: NDArray[np.int32] | None = None) -> NDArray[np.generic]:
        """Return up to `count` examples to show beside as many samples; of these labels, in their order, if given: [n, ...].

        A class with fewer examples than asked for repeats them; where a class has none, labels are left out of account.
        """
        if labels is None or self.labels is None or not np.isin(labels, self.labels).all():
            return self.subset(count).x
        of_class = {label: np.flatnonzero(self.labels == label) for label in np.unique(labels).tolist()}
        drawn = dict.fromkeys(of_class, 0)
        chosen = []
        for label in labels[:count].tolist():
            chosen.append(of_class[label][drawn[label] % len(of_class[label])])
            drawn[label] += 1
        return self.x[chosen]


@dataclass(frozen=True, repr=False)
class Dataset:
    """A data set: training, validation and test split with one `DataSpec`.

    Examples and labels of other types are cast where their meaning is plain (whole numbers to grey levels, floats to
    float32; integers, bools, whole floats, columns ``[n, 1]`` and one-hot rows to labels), and refused elsewhere.

    Attributes:
        name: the name under which it is registered.
        spec: kind, shape, classes and value range of one example.
        splits: ``train``, ``valid`` and ``test``.
        source: origin, for the record: a version, a checksum, a seed.
        log_prob: the exact log-density in nats, ``[n, d] -> [n]``, if known; of a set with contexts that given the context,
            ``([n, d], [n, k]) -> [n]``.

    Raises:
        DataError: when a split does not agree with the spec, holds numbers that are not finite, or labels that are none of
            the classes; names the split, and the row and column.
    """

    name: str
    spec: DataSpec
    splits: Mapping[SplitName, Split]
    source: str = ""
    log_prob: Callable[..., NDArray[np.float64]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in SPLITS:
            if name not in self.splits:
                raise DataError(f"data set {self.name!r} has no {name!r} split; it has {', '.join(self.splits)}.")
        checked = {name: self._checked(name, split) for name, split in self.splits.items() if name in SPLITS}
        object.__setattr__(self, "splits", {**self.splits, **checked})

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(split):,}" for name, split in self.splits.items())
        classes = "" if self.spec.classes is None else f", {self.spec.classes} classes"
        return f"Dataset({self.name!r}: {self.spec.described()}{classes}; {sizes})"

    def _checked(self, name: SplitName, split: Split) -> Split:
        where, classes = f"data set {self.name!r}, split {name!r}", self.spec.classes
        x = checked_examples(split.x, self.spec, where)
        if name == "train" and x is not split.x and not self.spec.quantised:
            require_resolved(np.asarray(split.x), None, where)
        if (split.labels is None) != (classes is None):
            raise DataError(f"{where}: labels and spec.classes must be given together.")
        labels = None
        if split.labels is not None and classes is not None:
            labels = checked_labels(split.labels, len(x), classes, where)
        context = None
        if split.context is not None or self.spec.context is not None:
            context = checked_context(split.context, len(x), self.spec.context, where)
        same = x is split.x and labels is split.labels and context is split.context
        return split if same else Split(x, labels, context)

    @property
    def train(self) -> Split:
        """The training examples."""
        return self.splits["train"]

    @property
    def valid(self) -> Split:
        """The validation examples, for early stopping and the choice of options."""
        return self.splits["valid"]

    @property
    def test(self) -> Split:
        """The test examples, for reported metrics."""
        return self.splits["test"]
