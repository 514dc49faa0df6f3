"""Tables with missing values, for a model that fills them in: read with NaN, written with all other columns kept."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column, check_values
from tfgen.data.conditions import Conditions, joined
from tfgen.data.labels import class_texts
from tfgen.data.own.csv_texts import read_with_texts
from tfgen.data.own.csv_writing import CsvFile, columns_as_texts, csv_texts
from tfgen.data.own.tables import category_text, numbers_of
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError, UnknownNameError
from tfgen.plugin.data_options import DataOptions

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Incomplete:
    """Rows of a table.

    Attributes:
        x: the model's columns, float64 [n, d], NaN where a value is missing.
        given: labels or contexts of the rows; None where the data have neither.
        table: all columns as they were read.
        spec: of the model's data.
        texts: all columns as they stand in a CSV file; None for a file of another kind, which has types.
    """

    x: NDArray[np.float64]
    given: Conditions | None
    table: pa.Table
    spec: DataSpec
    texts: pa.Table | None = None


def read_incomplete(path: Path, spec: DataSpec, options: DataOptions, conditional: bool = False) -> Incomplete:
    """Return the rows of a CSV or Parquet file for a model.

    Args:
        path: of the file.
        spec: of the model's data, with columns.
        options: of the run: its column of labels, delimiter and decimal sign.
        conditional: whether labels and contexts are needed.

    Raises:
        DataError: when the file cannot be read, lacks a column, or misses a label or context.
    """
    if spec.spatial or spec.columns is None:
        raise DataError("missing values of a table are filled in, and the data of this run are no table with columns.")
    every = (*spec.columns, *(spec.context or ()))
    texts = {column.name: column.categories for column in every if column.categories is not None}
    if options.label is not None:
        texts[options.label] = spec.class_names or ()
    table = read_with_texts({None: path}, texts, options)[None]
    x = np.stack([_with_nan(table, column, path) for column in spec.columns], axis=1)
    for place, column in enumerate(spec.columns):
        known = ~np.isnan(x[:, place])
        if known.any():
            check_values(x[known, place : place + 1], [column], f"{path}, known values")
    given = _given(table, path, spec, options) if conditional else None
    typed = path.suffix.lower() == ".parquet"
    return Incomplete(x, given, table, spec, None if typed else columns_as_texts(path, table.column_names, options))


def _given(table: pa.Table, path: Path, spec: DataSpec, options: DataOptions) -> Conditions | None:
    """Return labels and contexts of the rows, all of which must be there."""
    context = labels = None
    if spec.context:
        context = np.stack([_with_nan(table, column, path) for column in spec.context], axis=1)
        if np.isnan(context).any():
            raise DataError(f"{path}: row {int(np.isnan(context).any(axis=1).argmax())} lacks a number of its context.")
        check_values(context, spec.context, f"{path}, context")
    if spec.classes is not None:
        if options.label is None or options.label not in table.column_names:
            raise DataError(f"{path} lacks the column of the labels{f', {options.label}' if options.label else ''}.")
        values = table.column(options.label).to_pylist()
        if None in values:
            raise DataError(
                f"{path}: row {values.index(None)} has no value in the column of the labels, {options.label}."
            )
        numbers = {name: number for number, name in enumerate(class_texts(spec))}
        texts = [category_text(value) for value in values]
        if strange := next((text for text in texts if text not in numbers), None):
            where = f"It stands in column {options.label!r} of {path}."
            raise UnknownNameError("class", strange, tuple(numbers), where)
        labels = np.array([numbers[text] for text in texts], np.int32)
    return joined(labels, context)


def _with_nan(table: pa.Table, column: Column, path: Path) -> NDArray[np.float64]:
    """Return a column as float64 [n], NaN where a value is missing."""
    import pyarrow.compute as pc

    if column.name not in table.column_names:
        raise DataError(f"{path} lacks the column {column.name!r} of the model's data; add it, with empty fields.")
    values = table.column(column.name)
    missing = pc.is_null(values, nan_is_null=True).to_numpy()
    found = np.full(len(table), np.nan)
    if not missing.all():
        found[~missing] = numbers_of(values.filter(~missing), column, str(path))
    return found


def write_completed(
    path: Path,
    ending: str,
    rows: Incomplete,
    x: NDArray[np.float32],
    effective: NDArray[np.float64],
    options: DataOptions | None = None,
) -> None:
    """Write the completed rows: all columns of the table in their order, then ``draw`` (of several) and ``ess``.

    What was there stays as it was: of a CSV file each field, of a Parquet file each value and type.

    Args:
        path: of the file.
        ending: ``.csv`` or ``.parquet``.
        rows: as they were read.
        x: completed, [draws, n, d].
        effective: effective sample size of each row, [n].
        options: of the run, with the form of a CSV file.

    Raises:
        OutputError: for columns that a CSV file cannot hold.
    """
    import pyarrow as pa
    from pyarrow import parquet

    form = options or DataOptions()
    as_text = ending == ".csv" and rows.texts is not None
    before = rows.table if rows.texts is None else rows.texts
    for column in rows.spec.context or () if not as_text else ():  # which a model is given as numbers
        if column.name in before.column_names:
            place = before.column_names.index(column.name)
            before = before.set_column(place, column.name, rows.table.column(column.name))
    parts = []
    for draw, completed in enumerate(x):
        table = before
        for place, column in enumerate(rows.spec.columns or ()):
            known, drawn = rows.x[:, place], completed[:, place]
            values = (
                _completed_texts(table.column(column.name), column, known, drawn, form)
                if as_text
                else _completed(rows.table.column(column.name), column, known, drawn)
            )
            table = table.set_column(table.column_names.index(column.name), column.name, [values])
        extra: dict[str, Any] = {"draw": np.full(len(table), draw)} if len(x) > 1 else {}
        for name, values in {**extra, "ess": effective}.items():
            table = table.append_column(_free(name, table.column_names), pa.array(values))
        parts.append(table)
    whole = pa.concat_tables(parts)
    if ending == ".parquet":
        parquet.write_table(whole, str(path))
        return
    with contextlib.closing(CsvFile(path, whole.column_names, form)) as file:
        file.write_table(whole)


def _completed_texts(
    before: pa.ChunkedArray,
    column: Column,
    known: NDArray[np.float64],
    completed: NDArray[np.float32],
    form: DataOptions,
) -> pa.Array:
    """Return the fields of a column with the missing ones filled in, the others as they stood."""
    import pyarrow as pa

    missing = np.isnan(known)
    drawn = completed[missing]
    if column.categories is not None:
        filled = iter([column.categories[int(value)] for value in drawn])
    else:
        numbers = pa.array(drawn.astype(np.int64) if column.discrete else drawn)
        filled = iter(csv_texts(numbers, column.name, form.decimal))
    return pa.array(
        [next(filled) if lost else text for lost, text in zip(missing, before.to_pylist(), strict=True)], pa.string()
    )


def _completed(
    before: pa.ChunkedArray, column: Column, known: NDArray[np.float64], completed: NDArray[np.float32]
) -> pa.Array:
    """Return a column with the missing values filled in, the others and the type as they were read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = np.isnan(known)
    if column.categories is not None:
        filled = iter([column.categories[int(value)] for value in completed[missing]])
        texts = [
            next(filled) if lost else category_text(value)
            for lost, value in zip(missing, before.to_pylist(), strict=True)
        ]
        return _of_type(pa.array(texts), before.type)
    # What was there stays to the last digit, which float32 would not keep.
    kind = pa.int64() if column.discrete else pa.float64()
    kept = before.cast(kind, safe=False)
    drawn = pa.array(completed.astype(np.int64 if column.discrete else np.float64))
    values = pc.if_else(pa.array(missing), drawn, kept.combine_chunks())
    # Fractions that are drawn do not fit into whole numbers, which a column of large ones has been read from.
    return _of_type(values, before.type) if column.discrete or pa.types.is_floating(before.type) else values


def _of_type(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return values as another type where they can be; a column of missing values alone has none."""
    import pyarrow as pa

    if pa.types.is_null(kind):
        return values
    if pa.types.is_dictionary(kind):
        return values.cast(kind.value_type).dictionary_encode()
    try:
        return values.cast(kind, safe=False)
    except pa.ArrowException:
        return values


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name
