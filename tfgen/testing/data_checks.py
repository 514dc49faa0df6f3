"""Conformance checks of data sets: one loads, is a `tfgen.Dataset`, and has the same examples each time that it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfgen.data.dataset import SPLITS, Dataset
from tfgen.data.lookup import load_dataset
from tfgen.errors import DataError
from tfgen.plugin.specs import DataSources

if TYPE_CHECKING:
    from tfgen.plugin.registry import Registry


def check_dataset(name: str, registry: Registry, sources: DataSources) -> Dataset:
    """Load a data set twice, and return it.

    Random numbers without a fixed seed would make a resumed run go on with other examples, and every evaluation of it rest
    on other ones.

    Raises:
        DataError: when it cannot be had, or when a split differs between the two times.
        PluginError: when its function fails or returns something else.
    """
    first, second = (load_dataset(name, registry, sources) for _ in range(2))
    for split in SPLITS:
        one, other = getattr(first, split), getattr(second, split)
        if not _equal(one.x, other.x) or not _equal(one.labels, other.labels):
            raise DataError(
                f"data set {name!r}: split {split!r} has other examples each time that it is loaded. Draw them with a fixed "
                "seed, such as numpy.random.default_rng(0)."
            )
    return first


def _equal(one: object, other: object) -> bool:
    if one is None or other is None:
        return one is other
    first, second = np.asarray(one), np.asarray(other)
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
