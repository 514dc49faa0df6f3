"""Summary of a data set: counts of its classes, grey levels in use, duplicate examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfgen.data.dataset import SPLITS, Dataset, SplitName
from tfgen.data.labels import class_name
from tfgen.data.mapped import extremes
from tfgen.data.own.hashing import hashes
from tfgen.data.own.splitting import copies_across


@dataclass(frozen=True)
class ClassCount:
    """A class and its examples.

    Attributes:
        name: of the class, or its number.
        counts: of train, validation and test.
    """

    name: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Copies:
    """Examples that are there more than once.

    Attributes:
        within: examples that are copies of an earlier one of their split.
        across: examples of a split with a copy in an earlier split, which spoil what is measured on it.
    """

    within: int
    across: dict[SplitName, int]


def class_counts(data: Dataset) -> list[ClassCount]:
    """Return the classes of a data set with their counts; none without labels."""
    if data.spec.classes is None:
        return []
    labels = [data.splits[name].labels for name in SPLITS]
    counts = [np.bincount(known, minlength=data.spec.classes) for known in labels if known is not None]
    return [
        ClassCount(class_name(label, data.spec), tuple(int(count[label]) for count in counts))
        for label in range(data.spec.classes)
    ]


def copies(data: Dataset) -> Copies:
    """Count the examples that are there more than once, by a hash of their bytes."""
    found = {name: hashes(data.splits[name].x) for name in SPLITS}
    within = sum(len(values) - len(np.unique(values)) for values in found.values())
    return Copies(within, copies_across(found))


def levels_used(data: Dataset) -> tuple[int, int]:
    """Return the darkest and the brightest grey level of an image set."""
    ranges = [extremes(data.splits[name].x) for name in SPLITS]
    return min(low for low, _ in ranges), max(high for _, high in ranges)
