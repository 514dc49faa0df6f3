"""Hugging Face data sets: pictures decoded as those of a folder, arrays by name, columns of single numbers as a table.

The library `datasets` is not imported: a set is recognised by its methods, and pictures or classes by the class name of
the column's feature.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.data.dataset import SplitName
from tfgen.data.own.numbering import label_text, require_names, with_one_set_of_names
from tfgen.data.own.picture_reading import Item, PictureReading
from tfgen.data.own.pipeline import elements_of
from tfgen.data.own.raw import Raw
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions

if TYPE_CHECKING:
    import pyarrow as pa

#: Names of the columns that hold the examples and the labels, most usual first.
EXAMPLE_KEYS, LABEL_KEYS = ("x", "image", "images", "img", "data"), ("labels", "label", "y", "fine_label")
#: The library, in messages.
HUGGING_FACE = "Hugging Face"
_ROWS = 1000


def is_hugging_face(data: Any) -> bool:
    """Return whether data are a `datasets.Dataset` or `datasets.IterableDataset`, or have their methods."""
    return hasattr(data, "with_format") and hasattr(data, "column_names")


def picture_column(data: Any) -> str | None:
    """Return the column of a Hugging Face set that holds encoded pictures; None for a set without one.

    Raises:
        DataError: when it has several, and none of a usual name.
    """
    found = [name for name, feature in _features(data).items() if type(feature).__name__ == "Image"]
    usual = next((key for key in EXAMPLE_KEYS if key in found), None)
    if usual is None and len(found) > 1:
        raise DataError(f"the data set has pictures in the columns {', '.join(found)}; call the one to be used image.")
    return usual or (found[0] if found else None)


def read_hugging_face_pictures(
    splits: Mapping[SplitName | None, Any], options: DataOptions, scratch: Path | None = None
) -> Raw:
    """Return the pictures of Hugging Face sets, one for each split, as uint8 images; see `pictures.read_pictures`.

    Raises:
        DataError: when one is broken, or sizes differ and none is asked for.
    """
    reading = PictureReading("the data set", options, scratch, ", picture ")
    names: dict[SplitName | None, Sequence[str] | None] = {}
    for split, data in splits.items():
        key = picture_column(data)
        if key is None:
            raise DataError("some splits of the data set hold pictures and others none; give those that do.")
        label = label_column(data)
        names[split] = None if label is None else class_names(data, label)
        feature = _features(data)[key]
        rows = data.cast_column(key, type(feature)(decode=False))
        reading.read(_items(rows, key, label, split), len(data) if hasattr(data, "__len__") else 0)
    raw = reading.raw()
    labels, one = with_one_set_of_names(raw.labels, names, "the data set")
    return dataclasses.replace(raw, labels=labels, class_names=one)


def _items(rows: Any, key: str, label: str | None, split: SplitName | None) -> Iterator[tuple[Item, Path | bytes]]:
    for number, row in enumerate(elements_of(lambda: rows, HUGGING_FACE)):
        picture = row[key] or {}
        content = picture.get("bytes")
        source = content if content is not None else Path(picture.get("path") or "")
        name = f"{number:,}{f' of {split}' if split else ''}"
        text = None if label is None else label_text(row[label])
        if label is not None and text is None:
            raise DataError(
                f"the data set, picture {name}: its label is {str(row[label])[:60]}; labels are whole numbers or names: leave "
                "such rows out, with data.filter, or remove the column."
            )
        if text is not None:
            require_names([text], f"the data set, picture {name}")
        yield Item(name, split, text), source


def hugging_face_table(data: Any, most: int) -> pa.Table | None:
    """Return a Hugging Face set of single numbers and texts as an Arrow table; None for one of arrays with a usual name.

    Classes are a column of their names.

    Args:
        data: the set.
        most: rows; a set with more may have no end.

    Raises:
        DataError: for more rows.
    """
    import pyarrow as pa

    first: Mapping[str, Any] = next(elements_of(lambda: data.with_format("numpy"), HUGGING_FACE), {})
    if any(np.ndim(first[key]) > 0 for key in EXAMPLE_KEYS if key in first):
        return None
    if first and all(np.ndim(value) > 0 for name, value in first.items() if name not in LABEL_KEYS):
        raise DataError(
            f"the data set has the columns {', '.join(first)}; call the one of the examples x or image: "
            "data.rename_column(OLD, 'x')."
        )
    batches: list[pa.Table] = []
    for batch in elements_of(lambda: data.with_format("arrow").iter(batch_size=_ROWS), HUGGING_FACE, len):
        batches.append(batch)
        if sum(map(len, batches)) > most:
            raise DataError(f"the data set has more than {most:,} rows: it may have no end; take some with .take(N).")
    if not batches:
        raise DataError("the data set has no rows.")
    table = pa.concat_tables(batches).combine_chunks()
    for place, name in enumerate(table.column_names):
        if (names := class_names(data, name)) is not None:
            table = table.set_column(place, name, _named(table.column(name), names, name))
    return table


def _named(numbers: pa.ChunkedArray, names: Sequence[str], column: str) -> pa.DictionaryArray:
    """Return numbers of classes as their names; -1, which stands for an unknown class, as a missing value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.if_else(pc.equal(numbers, -1), None, numbers).combine_chunks().cast(pa.int32())
    try:
        return pa.DictionaryArray.from_arrays(known, pa.array(names))
    except pa.ArrowException as error:
        raise DataError(f"column {column!r} has classes beyond its {len(names)} names.") from error


def label_column(data: Any) -> str | None:
    """Return the column of the labels, by its usual names; None where there is none."""
    columns = data.column_names or ()
    return next((key for key in LABEL_KEYS if key in columns), None)


def class_names(data: Any, column: str) -> Sequence[str] | None:
    """Return the names of the classes 0, 1, ... of a column; None for a column without them."""
    names: Sequence[str] | None = getattr(_features(data).get(column), "names", None)
    return names


def _features(data: Any) -> Mapping[str, Any]:
    return getattr(data, "features", None) or {}
