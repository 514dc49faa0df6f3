"""Read CSV and Parquet files as Arrow tables, within bounds of memory, with each fault in one line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.errors import DataError
from tfgen.reading import open_regular

if TYPE_CHECKING:
    import pyarrow as pa

#: A file may become so many times its size in memory, and so many bytes whatever its size.
_MOST_RATIO, _MOST_BYTES = 300, 2**30
_HEADER_BYTES = 1_000_000
#: Columns that a message names.
_NAMED = 8
_QUOTED = re.compile(r'"[^"]*"')
_DELIMITERS = {";": "';'", "\t": "$'\\t'", "|": "'|'"}


def read_table_file(path: Path, delimiter: str = ",", decimal: str = ".", texts: Collection[str] = ()) -> pa.Table:
    """Return a CSV or Parquet file as a table.

    Args:
        path: of the file.
        delimiter: between the fields of a CSV file.
        decimal: point or comma of its numbers.
        texts: columns of a CSV file that are read as text whatever they hold, such as 007; others are guessed.

    Raises:
        DataError: when it cannot be read; says what to do.
    """
    import pyarrow as pa

    try:
        is_csv = path.suffix.lower() != ".parquet"
        table = _read_csv(path, delimiter, decimal, texts) if is_csv else _read_parquet(path)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        first = (str(getattr(error, "strerror", None) or error) or type(error).__name__).splitlines()[0].rstrip(".")
        if "invalid UTF8" in first:
            raise DataError(f"{path} is not encoded as UTF-8; save it as UTF-8.") from error
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


def _read_csv(path: Path, delimiter: str, decimal: str, texts: Collection[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    header = _QUOTED.sub("", _header(path))
    _require_delimiter(path, header, delimiter)
    alone = delimiter not in header  # a blank line is a missing value, where there is one column
    broken: list[Any] = []

    def note(row: Any) -> str:
        broken.append(row)
        return "skip"

    def read(threads: bool) -> pa.Table:
        parse = csv.ParseOptions(
            delimiter=delimiter, invalid_row_handler=note, newlines_in_values=True, ignore_empty_lines=not alone
        )
        convert = csv.ConvertOptions(
            decimal_point=decimal, strings_can_be_null=True, column_types=dict.fromkeys(texts, pa.string())
        )
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
    if all(_is_number(name) for name in table.column_names):
        raise DataError(
            f"{path}: the first line holds numbers ({', '.join(table.column_names[:4])}); put a line with the names of columns "
            "before it."
        )
    return table.slice(0, max(0, len(table) - _blank_lines_at_the_end(path))) if alone else table


def _blank_lines_at_the_end(path: Path) -> int:
    """Return how many blank lines end a file, which are no rows."""
    with open_regular(path) as file:
        file.seek(max(0, path.stat().st_size - _HEADER_BYTES))
        content = file.read().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return max(0, len(content) - len(content.rstrip(b"\n")) - 1)


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
    """Refuse a header without columns, and with two columns of one name or one without a name."""
    if not names:
        raise DataError(f"{where} has no columns.")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{where}: {Counter(names)[twice[0]]} columns are called {twice[0]!r}; rename them, each name once."
        )
    if any(not name.strip() for name in names):
        place = next(number for number, name in enumerate(names) if not name.strip())
        raise DataError(f"{where}: column {place} (counted from 0) has no name in the header; give it one.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def listed(names: Sequence[str]) -> str:
    """Return names of columns for a message, the first few of many."""
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def quoted(name: str) -> str:
    """Return the name of a column as it is typed after an option."""
    return f"{name!r}" if " " in name else name
