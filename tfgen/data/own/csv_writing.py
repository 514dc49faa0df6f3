"""Write rows as a CSV file in the form of a run's data, its delimiter and decimal sign, so that the run reads them again."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.errors import OutputError
from tfgen.plugin.data_options import DataOptions
from tfgen.reading import open_regular

if TYPE_CHECKING:
    import pyarrow as pa


class CsvFile:
    """CSV file that is written table by table; values are quoted where they need it.

    Args:
        path: of the file.
        names: of the columns.
        options: with the delimiter and the decimal sign.

    Raises:
        OutputError: for a column that a text cannot hold.
    """

    def __init__(self, path: Path, names: Sequence[str], options: DataOptions) -> None:
        self._decimal = options.decimal
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, delimiter=options.delimiter, lineterminator="\n")
        self._writer.writerow(names)

    def write_table(self, table: pa.Table) -> None:
        """Write the rows of a table."""
        columns = [csv_texts(table.column(name), name, self._decimal) for name in table.column_names]
        self._writer.writerows(zip(*columns, strict=True))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def csv_texts(values: pa.ChunkedArray | pa.Array, name: str, decimal: str) -> list[str]:
    """Return the values of a column as a CSV file has them: floats in as few digits as say them, nothing where one is missing.

    Args:
        values: of any type that is no list or structure.
        name: of the column, for messages.
        decimal: sign of decimal fractions.

    Raises:
        OutputError: for values that a text cannot hold.
    """
    import pyarrow as pa

    try:
        texts = values.cast(pa.string()).to_pylist()
    except pa.ArrowException as error:
        raise OutputError(
            f"column {name!r} is of type {values.type}, which a CSV file cannot hold; write a .parquet: --out x.parquet"
        ) from error
    fractions = pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)
    return ["" if text is None else text.replace(".", decimal) if fractions else text for text in texts]


def columns_as_texts(path: Path, names: Sequence[str], options: DataOptions) -> pa.Table:
    """Return all columns of a CSV file that can be read as the texts that stand there, none of them missing.

    Types would change what the file says: 01234 would become a number, and NA a missing value.

    Raises:
        OutputError: for fields that are not encoded as UTF-8.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types: dict[str, Any] = dict.fromkeys(names, pa.string())
    parse = arrow_csv.ParseOptions(delimiter=options.delimiter, newlines_in_values=True)
    convert = arrow_csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    try:
        with open_regular(path) as file:
            return arrow_csv.read_csv(file, parse_options=parse, convert_options=convert)
    except pa.ArrowException as error:
        raise OutputError(
            f"{path} is not encoded as UTF-8, and its columns cannot be kept; save it as UTF-8."
        ) from error
