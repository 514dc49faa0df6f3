"""Data of a Python program as a data set: an array, a pair of examples and labels, or a `Dataset`."""

from __future__ import annotations

from typing import Any

from tfgen.data.dataset import Dataset
from tfgen.data.own.prepared import prepare_arrays, prepare_dataset
from tfgen.plugin.data_options import DataOptions
from tfgen.plugin.specs import DataSources


def prepared_name(data: Any, options: DataOptions, sources: DataSources) -> str:
    """Prepare data in memory, so that a run finds them again; return the name by which it does.

    Args:
        data: a `Dataset`, an array of examples, or a pair of examples and labels.
        options: how examples are split.
        sources: where prepared sets are kept.

    Raises:
        DataError: when they fit no spec, or cannot be kept.
    """
    if isinstance(data, Dataset):
        return prepare_dataset(data, sources).source
    x, labels = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    return prepare_arrays(x, labels, options, sources).source
