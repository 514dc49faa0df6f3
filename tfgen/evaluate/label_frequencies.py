"""Labelled examples by class: few of each class, none of some classes, given class frequencies (label shift), and P(y)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Split
from tfgen.errors import DataError


def few_labels(split: Split, classes: int, each: int | None, unseen: Sequence[int] = ()) -> Split:
    """Return the first examples of each class, all of them for None, and none of the classes in `unseen`.

    Raises:
        DataError: when nothing is left.
    """
    assert split.labels is not None
    kept = [np.flatnonzero(split.labels == label)[:each] for label in range(classes) if label not in unseen]
    chosen = np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.int64)
    if not len(chosen):
        raise DataError("no labelled example is left to train on.")
    return split.take(chosen)


def with_frequencies(split: Split, frequencies: Sequence[float], classes: int) -> Split:
    """Return as many examples of a split as have the given class frequencies, the first ones of each class.

    Raises:
        DataError: when frequencies are negative, add up to something else than 1, or a class has no examples.
    """
    shares = np.asarray(frequencies, np.float64)
    assert split.labels is not None
    counts = np.bincount(split.labels, minlength=classes)
    if len(shares) != classes or (shares < 0).any() or not math.isclose(shares.sum(), 1, abs_tol=1e-6):
        raise DataError(
            f"--frequencies: expected {classes} numbers of 0 or more that add up to 1, got {list(frequencies)}."
        )
    total = float(np.min(counts[shares > 0] / shares[shares > 0]))
    kept = [np.flatnonzero(split.labels == k)[: int(total * share)] for k, share in enumerate(shares)]
    chosen = np.sort(np.concatenate(kept))
    if not len(chosen):
        raise DataError("--frequencies: a class that is to be there has no examples in the split.")
    return split.take(chosen)


def class_shares(counts: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return P(y) by the labelled examples of each class; a class without any has 1 / classes, the others the rest.

    >>> class_shares(np.array([3, 1, 0, 0])).tolist()
    [0.375, 0.125, 0.25, 0.25]
    """
    unseen = counts == 0
    seen = counts / max(1, counts.sum()) * (1 - unseen.mean())
    return np.where(unseen, 1 / len(counts), seen)
