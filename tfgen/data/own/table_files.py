"""Read CSV and Parquet files as Arrow tables, within bounds of memory, with each fault in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.errors import DataError
from tfgen.reading import open_regular

if TYPE_CHECKING:
    import pyarrow as pa

#: A file may become so many times its size in memory, and so many bytes whatever its size.
_MOST_RATIO, _MOST_BYTES = 300, 2**30
_HEADER_BYTES = 1_000_000
_DELIMITERS = {";": "';'", "\t": "$'\\t'", "|": "'|'"}


def read_table_file(path: Path, delimiter: str = ",", decimal: str = ".") -> pa.Table:
    """Return a CSV or Parquet file as a table.

    Args:
        path: of the file.
        delimiter: between the fields of a CSV file.
        decimal: point or comma of its numbers.

    Raises:
        DataError: when it cannot be read; says what to do.
    """
    import pyarrow as pa

    try:
        table = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path, delimiter, decimal)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        first = str(getattr(error, "strerror", None) or error).splitlines()[0].rstrip(".")
        raise DataError(f"{path} cannot be read: {first[:300]}; write it again.") from error
    if not table.num_columns:
        raise DataError(f"{path} has no columns.")
    if not table.num_rows:
        raise DataError(f"{path} has no rows below its header ({', '.join(table.column_names[:5])}).")
    return table


def _read_parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_regular(path) as file:
        found = pq.ParquetFile(file, memory_map=False)
        require_header(str(path), found.schema_arrow.names)
        declared = sum(found.metadata.row_group(k).total_byte_size for k in range(found.num_row_groups))
        rows = found.metadata.num_rows * max(1, found.metadata.num_columns) * 8
        most = max(_MOST_BYTES, _MOST_RATIO * path.stat().st_size)
        if max(declared, rows) > most:
            raise ValueError(f"it unpacks to more than {most:,} bytes")
        batches, unpacked = [], 0
        for batch in found.iter_batches():
            unpacked += batch.nbytes  # of texts that the file holds once and the table in every row
            if unpacked > most:
                raise ValueError(f"it unpacks to more than {most:,} bytes")
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=batches[0].schema if batches else found.schema_arrow)


def _read_csv(path: Path, delimiter: str, decimal: str) -> pa.Table:
    from pyarrow import csv

    header = _header(path)
    _require_delimiter(path, header, delimiter)
    broken: list[Any] = []

    def note(row: Any) -> str:
        broken.append(row)
        return "skip"

    def read(threads: bool) -> pa.Table:
        parse = csv.ParseOptions(delimiter=delimiter, invalid_row_handler=note, newlines_in_values=True)
        convert = csv.ConvertOptions(decimal_point=decimal, strings_can_be_null=True)
        with open_regular(path) as file:
            return csv.read_csv(file, csv.ReadOptions(use_threads=threads), parse, convert)

    table = read(threads=True)
    if broken:
        broken.clear()
        read(threads=False)  # which knows the numbers of rows
        row = broken[0]
        number = "" if row.number is None else f" {row.number}"
        raise DataError(
            f"{path}: line{number} has {row.actual_columns} fields, and the header {row.expected_columns}: {row.text[:60]!r}; "
            "mend it, or put quotes around fields that hold the delimiter."
        )
    require_header(str(path), table.column_names)
    return table


def _header(path: Path) -> str:
    """Return the first line of a CSV file."""
    with open_regular(path) as file:
        start = file.read(_HEADER_BYTES)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path} is encoded as UTF-16; save it as UTF-8.")
    try:
        line = start.splitlines()[0].decode("utf-8-sig") if start.strip() else ""
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not encoded as UTF-8; save it as UTF-8.") from error
    if not line.strip():
        raise DataError(f"{path} is empty; it needs a first line with the names of the columns.")
    return line


def _require_delimiter(path: Path, header: str, delimiter: str) -> None:
    """Refuse a file whose header has another delimiter."""
    if delimiter in header:
        return
    for other, typed in _DELIMITERS.items():
        if other in header and other != delimiter:
            raise DataError(
                f"{path}: the fields are separated by {other!r}, not by {delimiter!r}; pass --delimiter {typed}."
            )


def require_header(where: str, names: Sequence[str]) -> None:
    """Refuse a header with two columns of one name, without a name, or of numbers alone."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{where}: {Counter(names)[twice[0]]} columns are called {twice[0]!r}; rename them, each name once."
        )
    if any(not name.strip() for name in names):
        place = next(number for number, name in enumerate(names) if not name.strip())
        raise DataError(f"{where}: column {place} (counted from 0) has no name in the first line; give it one.")
    if all(_is_number(name) for name in names):
        raise DataError(
            f"{where}: the first line holds numbers ({', '.join(names[:4])}); put a line with the names of columns before it."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
