"""Data of a Python program as a data set: arrays, frames, `tf.data` and Hugging Face sets, by split, or a `Dataset`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.boundary import as_array
from tfgen.data.dataset import SPLITS, Dataset, SplitName
from tfgen.data.own.arrays import SPLIT_KEYS, raw_of_named
from tfgen.data.own.frames import frame_table
from tfgen.data.own.hugging_face import (
    EXAMPLE_KEYS,
    HUGGING_FACE,
    LABEL_KEYS,
    class_names,
    hugging_face_table,
    is_hugging_face,
    label_column,
    picture_column,
    read_hugging_face_pictures,
)
from tfgen.data.own.numbering import with_one_set_of_names
from tfgen.data.own.option_kinds import require_options_of
from tfgen.data.own.pipeline import elements_of
from tfgen.data.own.prepared import prepare_dataset, prepare_raw, prepared_folder
from tfgen.data.own.raw import Raw
from tfgen.data.own.spool import Spool
from tfgen.data.own.tables import raw_of_tables
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions
from tfgen.plugin.specs import DataSources

if TYPE_CHECKING:
    import pyarrow as pa

#: Keys of examples, labels and contexts in a mapping, as `tf.data` and Hugging Face sets have them.
_KEYS = {"x": EXAMPLE_KEYS, "labels": LABEL_KEYS, "context": ("context",)}
_PARTS = ("x", "labels", "context")
#: A `tf.data` pipeline with more examples than this is taken for one that repeats without end.
_MOST_EXAMPLES = 20_000_000


def prepared_name(data: Any, options: DataOptions, sources: DataSources) -> str:
    """Prepare data in memory, so that a run finds them again; return the name by which it does.

    Args:
        data: a `Dataset`; an array of examples, a tuple of examples, labels and contexts, or a mapping of arrays with the
            names that an .npz file has; a frame of pandas or Polars, or an Arrow table; a `tf.data.Dataset`, or a Hugging
            Face `datasets.Dataset`; or a mapping of such data by split, ``train``, ``valid``, ``test``.
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
    if isinstance(data, Mapping) and not _by_split(data):
        require_options_of("arrays", options, "the mapping of arrays")
        return raw_of_named(_arrays(data), "the mapping")
    splits: dict[SplitName | None, Any] = _splits(data) if isinstance(data, Mapping) else {None: data}
    hugging_face = all(map(is_hugging_face, splits.values()))
    if hugging_face and any(map(picture_column, splits.values())):
        require_options_of("pictures", options, "the data set")
        return read_hugging_face_pictures(splits, options, scratch)
    found = {split: _read(part, scratch, split) for split, part in splits.items()}
    tables = {split: part for split, part in found.items() if not isinstance(part, Raw)}
    if len(tables) == len(found):
        require_options_of("tables", options, "the data set" if hugging_face else "the frame")
        return raw_of_tables(tables, options, "the data set" if hugging_face else "the frame")
    if tables:
        raise DataError("the splits hold data of different kinds: tables and arrays; give all in one form.")
    require_options_of("arrays", options, "the array")
    return _joined({split: part for split, part in found.items() if isinstance(part, Raw)})


def _by_split(data: Mapping[Any, Any]) -> bool:
    """Return whether a mapping holds data by split, and not arrays by name."""
    return any(str(name).lower() in SPLIT_KEYS for name in data) or any(map(is_hugging_face, data.values()))


def _arrays(data: Mapping[Any, Any]) -> dict[str, NDArray[Any]]:
    return {str(name): as_array(array, f"the mapping: {name}") for name, array in data.items()}


def _splits(data: Mapping[Any, Any]) -> dict[SplitName | None, Any]:
    """Return data by split, in the order of the splits.

    Raises:
        DataError: for keys that name no split, or one twice.
    """
    strange = [name for name in data if str(name).lower() not in SPLIT_KEYS]
    named = [SPLIT_KEYS[str(name).lower()] for name in data if name not in strange]
    if strange or "train" not in named or len({*named}) != len(named):
        raise DataError(
            f"the data are under {', '.join(map(str, data))}; splits are called train, valid and test: give those to be used, "
            "such as {'train': data['train'], 'test': data['test']}."
        )
    found = dict(zip(named, data.values(), strict=True))
    return {split: found[split] for split in SPLITS if split in found}


def _read(data: Any, scratch: Path | None, split: SplitName | None = None) -> Raw | pa.Table:
    """Return the data of one split: a table, or raw examples that are under no split."""
    names, of_split = None, f" of the split {split}" if split else ""
    table = frame_table(data)
    if table is not None:
        return table
    if data is None:
        raise DataError("the data, or those of a split, are None; give arrays, or leave the split out.")
    if isinstance(data, Mapping):
        raw = raw_of_named(_arrays(data), "the mapping")
        if raw.examples.keys() != {None}:
            raise DataError("the mapping of a split holds arrays of splits; call them x, labels and context.")
        return raw
    if hasattr(data, "as_numpy_iterator"):  # tf.data
        parts = _gathered(elements_of(data.as_numpy_iterator, f"tf.data{of_split}"), scratch)
    elif is_hugging_face(data):
        table = hugging_face_table(data, _MOST_EXAMPLES)
        if table is not None:
            return table
        label = label_column(data)
        names = None if label is None else class_names(data, label)
        rows = elements_of(lambda: data.with_format("numpy"), f"{HUGGING_FACE}{of_split}")
        parts = _gathered(rows, scratch)
    elif isinstance(data, tuple):
        if not 2 <= len(data) <= 3:
            raise DataError(
                f"a tuple of data holds examples, labels and contexts, two or three arrays; got {len(data)}."
            )
        parts = dict(zip(_PARTS, data, strict=False))
    else:
        parts = {"x": data}
    if parts.get("x") is None:
        raise DataError("the data have labels or contexts and no examples; these come first: (x, labels).")
    arrays: dict[str, dict[SplitName | None, NDArray[Any]]] = {
        name: {} if parts.get(name) is None else {None: as_array(parts[name], f"the data: {name}")} for name in _PARTS
    }
    return Raw(arrays["x"], arrays["labels"], context=arrays["context"], class_names=names)


def _joined(raws: Mapping[SplitName | None, Raw]) -> Raw:
    """Return raw examples of several splits, each under none yet, as one."""
    if len(levels := {raw.levels for raw in raws.values()}) > 1:
        raise DataError(f"the splits have different levels, {', '.join(map(str, levels))}; give all of them one.")
    first = next(iter(raws.values()))
    examples, labels, context = (
        {split: part[None] for split, raw in raws.items() if (part := getattr(raw, name))}
        for name in ("examples", "labels", "context")
    )
    named, names = with_one_set_of_names(labels, {split: raw.class_names for split, raw in raws.items()}, "the data")
    return dataclasses.replace(first, examples=examples, labels=named, context=context, class_names=names)


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
            arrays["labels"] = _stacked(labels)
        except ValueError as error:
            raise DataError(
                f"the labels of the pipeline differ in shape: {error}; give one for each example."
            ) from error
    return arrays


def _stacked(labels: list[Any]) -> NDArray[Any]:
    """Return labels as an array: of numbers, or of texts as Python has them, which may be of any length."""
    if isinstance(labels[0], str | bytes):
        found = np.empty(len(labels), object)
        found[:] = labels
        return found
    return np.stack([np.asarray(label) for label in labels])


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
