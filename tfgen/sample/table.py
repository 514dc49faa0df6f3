"""Tables of samples: ``.csv`` and ``.parquet`` files that are streamed to disk batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column
from tfgen.data.conditions import Conditions, labels_in
from tfgen.data.labels import class_name
from tfgen.data.own.csv_writing import CsvFile
from tfgen.data.spec import DataSpec
from tfgen.plugin.data_options import DataOptions

if TYPE_CHECKING:
    import pyarrow as pa

#: Name of the column of labels; of a table that has one of that name, with an underscore behind it.
_LABEL = "label"


def write_table(
    path: Path,
    ending: str,
    batches: Iterator[NDArray[np.generic]],
    data: DataSpec,
    given: Conditions | None = None,
    options: DataOptions | None = None,
) -> None:
    """Stream vectors to disk as a table: columns by name and type, then the context and the label that they were drawn for.

    Args:
        path: of the file.
        ending: ``.csv`` or ``.parquet``.
        batches: of vectors [n, d].
        data: spec of the data set.
        given: labels or contexts of all vectors in order; see `tfgen.data.conditions`.
        options: of a run's data, with delimiter and decimal sign of a CSV file.
    """
    import pyarrow as pa

    writer: Any = None
    begin = 0
    try:
        for batch in batches:
            part = None if given is None else given[begin : begin + len(batch)]
            table = pa.table(_columns(batch, data, part))
            if writer is None:
                writer = _writer(path, ending, table.schema, options or DataOptions())
            writer.write_table(table)
            begin += len(batch)
    finally:
        if writer is not None:
            writer.close()


def _writer(path: Path, ending: str, schema: pa.Schema, options: DataOptions) -> Any:
    """Return an object that writes tables of a schema to a file, one after the other."""
    from pyarrow import csv, parquet

    if ending == ".parquet":
        return parquet.ParquetWriter(str(path), schema)
    if options.decimal != ".":  # which pyarrow writes alone
        return CsvFile(path, schema.names, options)
    return csv.CSVWriter(str(path), schema, write_options=csv.WriteOptions(delimiter=options.delimiter))


def _columns(x: NDArray[np.generic], data: DataSpec, given: Conditions | None) -> dict[str, pa.Array]:
    columns = data.columns or tuple(Column(name) for name in data.column_names)
    table = column_values(columns, x)
    if given is None:
        return table
    labels = labels_in(given, data.classes is not None)
    if given.ndim == 2:
        table |= column_values(data.context or (), given[:, int(data.classes is not None) :])
    if labels is not None:
        name = _LABEL
        while name in table:
            name += "_"
        table[name] = [class_name(int(label), data) for label in labels] if data.class_names else labels
    return table


def column_values(columns: Sequence[Column], x: NDArray[Any]) -> dict[str, Any]:
    """Return vectors [n, d] as columns by name: texts of categories, whole numbers, or floats."""
    table: dict[str, Any] = {}
    for place, column in enumerate(columns):
        values = x[:, place]
        if column.categories is not None:
            table[column.name] = [column.categories[int(number)] for number in values]
        else:
            table[column.name] = values.astype(np.int64 if column.discrete else np.float32)
    return table
