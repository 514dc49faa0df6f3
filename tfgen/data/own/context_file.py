"""Contexts in a file: some columns of a table, as a model's data have them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column, check_values
from tfgen.data.own.csv_texts import read_with_texts
from tfgen.data.own.table_files import listed
from tfgen.data.own.tables import matrix_of
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions


def read_columns(path: Path, columns: Sequence[Column], options: DataOptions) -> NDArray[np.float32]:
    """Return some columns of a CSV or Parquet file, float32 [n, d], as a model's data have them.

    Args:
        path: of the file.
        columns: as the model's data have them.
        options: of the run: delimiter and decimal sign.

    Raises:
        DataError: when the file cannot be read, lacks a column, or has a missing value there.
    """
    texts = {column.name: column.categories for column in columns if column.categories is not None}
    table = read_with_texts({None: path}, texts, options)[None]
    lost = [column.name for column in columns if column.name not in table.column_names]
    if lost:
        raise DataError(f"{path} lacks the column {listed(lost)}; it has {listed(table.column_names)}.")
    for column in columns:
        if table.column(column.name).null_count:
            raise DataError(f"{path}: a row has no value in column {column.name!r}; fill it in, or leave the row out.")
    x = matrix_of(table, columns, str(path))
    check_values(x, columns, str(path))
    return x
