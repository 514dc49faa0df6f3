"""Data of a Python program as a data set: arrays, pairs, frames, `tf.data` and Hugging Face sets, or a `Dataset`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset, SplitName
from tfgen.data.own.frames import frame_table
from tfgen.data.own.loading import require_no_table_options
from tfgen.data.own.prepared import prepare_dataset, prepare_raw, prepared_folder
from tfgen.data.own.raw import Raw
from tfgen.data.own.spool import Spool
from tfgen.data.own.tables import raw_of_tables
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions
from tfgen.plugin.specs import DataSources

#: Keys of examples, labels and contexts in a mapping, as `tf.data` and Hugging Face sets have them.
_KEYS = {
    "x": ("x", "image", "images", "img", "data"), "labels": ("labels", "label", "y", "fine_label"), "context": ("context",),
}  # fmt: skip
_PARTS = ("x", "labels", "context")
#: A `tf.data` pipeline with more examples than this is taken for one that repeats without end.
_MOST_EXAMPLES = 20_000_000


def prepared_name(data: Any, options: DataOptions, sources: DataSources) -> str:
    """Prepare data in memory, so that a run finds them again; return the name by which it does.

    Args:
        data: a `Dataset`; an array of examples, or a tuple of examples, labels and contexts; a frame of pandas or Polars, or
            an Arrow table; a `tf.data.Dataset`, or a Hugging Face `datasets.Dataset`.
        options: which columns are used for what, and how examples are split.
        sources: where prepared sets are kept.

    Raises:
        DataError: when they fit no spec, or cannot be kept.
        OptionError: for an option of tables with other data.
    """
    if isinstance(data, Dataset):
        return prepare_dataset(data, sources).source
    return prepare_raw(raw_of_memory(data, options, prepared_folder(sources)), options, sources).source


def raw_of_memory(data: Any, options: DataOptions, scratch: Path | None = None) -> Raw:
    """Return data of a Python program as raw examples, those of a long pipeline as a memory map.

    Args:
        data: see `prepared_name`.
        options: which columns are used for what.
        scratch: where the temporary file of a long pipeline lies; in the system's folder for such files where None.
    """
    table = frame_table(data)
    if table is not None:
        return raw_of_tables({None: table}, options, "the frame")
    if hasattr(data, "as_numpy_iterator"):  # tf.data
        parts = _gathered(data.as_numpy_iterator(), scratch)
    elif hasattr(data, "with_format") and hasattr(data, "column_names"):  # Hugging Face
        rows = data.with_format("numpy")
        key = next((key for key in _KEYS["x"] if key in data.column_names), None)
        first: Any = next(iter(rows), {})
        if key is None or np.ndim(first.get(key)) == 0:  # columns of single numbers
            return raw_of_tables({None: data.with_format("arrow")[:]}, options, "the data set")
        parts = _gathered(iter(rows), scratch)
    elif isinstance(data, tuple):
        if not 2 <= len(data) <= 3:
            raise DataError(
                f"a tuple of data holds examples, labels and contexts, two or three arrays; got {len(data)}."
            )
        parts = dict(zip(_PARTS, data, strict=False))
    else:
        parts = {"x": data}
    require_no_table_options(options, "the array")
    arrays: dict[str, dict[SplitName | None, NDArray[Any]]] = {
        name: {} if parts.get(name) is None else {None: np.asarray(parts[name])} for name in _PARTS
    }
    return Raw(arrays["x"], arrays["labels"], context=arrays["context"])


def _gathered(elements: Iterable[Any], scratch: Path | None) -> dict[str, NDArray[Any]]:
    """Return the elements of a pipeline as arrays by part: single examples stacked."""
    gathered: dict[str, Spool] = {}
    labels: list[Any] = []  # which may be texts of any length
    for count, element in enumerate(elements):
        if count == _MOST_EXAMPLES:
            raise DataError(
                f"the pipeline has more than {_MOST_EXAMPLES:,} examples: it may repeat without end; leave .repeat() out."
            )
        for name, value in _named(element).items():
            if name == "labels":
                labels.append(value)
                continue
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise DataError(
                    f"the elements of the pipeline are no numbers ({name}, number {count:,}: {array.dtype})."
                )
            try:
                gathered.setdefault(name, Spool(scratch)).append(array)
            except ValueError as error:
                raise DataError(
                    f"the elements of the pipeline differ: {error} ({name}, number {count:,}); give single examples of one "
                    "size and type: leave .batch() out, and resize images."
                ) from error
    if not gathered:
        raise DataError("the pipeline has no examples.")
    arrays = {name: values.array() for name, values in gathered.items()}
    if labels:
        try:
            arrays["labels"] = np.stack([np.asarray(label) for label in labels])
        except ValueError as error:
            raise DataError(
                f"the labels of the pipeline differ in shape: {error}; give one for each example."
            ) from error
    return arrays


def _named(element: Any) -> dict[str, Any]:
    """Return the parts of an element by name: a mapping, a tuple of examples and labels, or an example."""
    if isinstance(element, Mapping):
        found = {name: element[key] for name, keys in _KEYS.items() for key in keys if key in element}
        if "x" not in found:
            raise DataError(
                f"the elements have the keys {', '.join(map(str, element))}; call the examples x or image, the labels label."
            )
        return found
    if isinstance(element, tuple):
        return dict(zip(_PARTS, element, strict=False))
    return {"x": element}
