"""Dataset and Split: fixed training, validation and test arrays, their spec and, if known, the exact density."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.errors import DataError

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")
_SUBSET = 11  # the purpose of this module's random numbers


@dataclass(frozen=True)
class Split:
    """Examples and their labels, in a fixed order.

    Attributes:
        x: ``[n, *spec.shape]``, uint8 for images, float32 for vectors; may be a memory map that is larger than memory.
        labels: ``[n]`` int32, or None for a set without labels.
    """

    x: NDArray[np.generic]
    labels: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.x)

    def subset(self, count: int) -> Split:
        """Return `count` examples, the same ones each time, in their order; all where there are no more.

        They are chosen at random, since the examples of a split may be sorted by label.
        """
        from tfgen.seeds import generator  # which loads TensorFlow; prepared data are read without it

        if count >= len(self):
            return self
        chosen = np.sort(generator(_SUBSET).permutation(len(self))[:count])
        return Split(self.x[chosen], None if self.labels is None else self.labels[chosen])


@dataclass(frozen=True)
class Dataset:
    """A data set: training, validation and test split with one `DataSpec`.

    Attributes:
        name: the name under which it is registered.
        spec: kind, shape, classes and value range of one example.
        splits: ``train``, ``valid`` and ``test``.
        source: origin, for the record: a version, a checksum, a seed.
        log_prob: the exact log-density in nats, ``[n, d] -> [n]``, if known.

    Raises:
        DataError: when a split does not agree with the spec.
    """

    name: str
    spec: DataSpec
    splits: Mapping[SplitName, Split]
    source: str = ""
    log_prob: Callable[[NDArray[np.generic]], NDArray[np.float64]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if problem := self.spec.rules.shape_problem(self.spec.shape):
            raise DataError(f"data set {self.name!r}: {problem}")
        dtype = np.dtype(self.spec.dtype)
        for name in SPLITS:
            if name not in self.splits:
                raise DataError(f"data set {self.name!r} has no {name!r} split; it has {', '.join(self.splits)}.")
            self._check(name, self.splits[name], dtype)

    def _check(self, name: SplitName, split: Split, dtype: np.dtype[np.generic]) -> None:
        where = f"data set {self.name!r}, split {name!r}"
        if split.x.dtype != dtype or split.x.shape[1:] != self.spec.shape:
            levels = self.spec.rules.range_text(self.spec.levels)
            raise DataError(
                f"{where}: expected {dtype} examples of shape {self.spec.shape}{levels}, "
                f"got {split.x.dtype} of {split.x.shape[1:]}."
            )
        if not len(split):
            raise DataError(f"{where} is empty.")
        brightest = self.spec.rules.excess_level(split.x, self.spec.levels)
        if brightest is not None:
            raise DataError(
                f"{where}: grey levels must lie in 0 .. {self.spec.levels - 1}, as spec.levels says; got {brightest}."
            )
        if (split.labels is None) != (self.spec.classes is None):
            raise DataError(f"{where}: labels and spec.classes must be given together.")
        if split.labels is not None and split.labels.shape != (len(split),):
            raise DataError(f"{where}: expected {len(split)} labels, got an array of shape {split.labels.shape}.")

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
