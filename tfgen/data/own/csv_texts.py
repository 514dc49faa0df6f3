"""Columns of CSV files that are read as text: categories and labels, of which 007 and 7, true and True are different."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.data.dataset import SplitName
from tfgen.data.own.table_files import read_table_file
from tfgen.plugin.data_options import DataOptions

if TYPE_CHECKING:
    import pyarrow as pa

_DIGITS = re.compile(r"-?\d+(\.\d*)?([eE][-+]?\d+)?", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d*)?([eE][-+]?\d+)?", re.ASCII)


def read_with_texts(
    paths: Mapping[SplitName | None, Path], texts: Mapping[str, Collection[str]], options: DataOptions
) -> dict[SplitName | None, pa.Table]:
    """Return CSV and Parquet files as tables, by split; see `read_table_file`.

    Args:
        paths: the file of each split.
        texts: columns of CSV files that are read as text, and the categories or classes that a model knows of them.
        options: delimiter and decimal sign.

    Raises:
        DataError: when a file cannot be read.
    """
    tables = {split: read_table_file(path, options.delimiter, options.decimal, texts) for split, path in paths.items()}
    is_csv = all(path.suffix.lower() == ".csv" for path in paths.values())
    return with_plain_numbers(tables, texts, options.decimal) if is_csv else tables


def with_plain_numbers(
    tables: Mapping[SplitName | None, pa.Table], texts: Mapping[str, Collection[str]], decimal: str = "."
) -> dict[SplitName | None, pa.Table]:
    """Return tables whose columns of fractions are written alike: 1.50 as 1.5, and 1.0 as 1, in every split.

    A column is one of fractions if all its texts are numbers and some have a point or exponent, as in files that other
    programs write where whole numbers have gaps. Columns with 007 or the like are none.

    Args:
        tables: by split, as they were read.
        texts: the columns that were read as text, and texts of each that stay as they are.
        decimal: point or comma of fractions.
    """
    found = dict(tables)
    for name, known in texts.items():
        every = {split: table.column(name) for split, table in found.items() if name in table.column_names}
        changed = _plain(_different(every.values()), decimal, known)
        if not changed:
            continue
        for split, values in every.items():
            place = found[split].column_names.index(name)
            found[split] = found[split].set_column(place, name, _replaced(values, changed))
    return found


def is_number(text: str) -> bool:
    """Return whether a text is a number with a point, if it has one, and without leading zeros.

    >>> is_number("-1.5"), is_number("007"), is_number("a")
    (True, False, False)
    """
    return _NUMBER.fullmatch(text) is not None


def in_order(values: Collection[Any]) -> list[Any]:
    """Return different values by size, where all are numbers or texts of numbers, else in the order of their texts.

    >>> in_order(["10", "2", "007"]), in_order([10, 2.5]), in_order(["10", "2", "x"])
    (['2', '007', '10'], [2.5, 10], ['10', '2', 'x'])
    """
    numbers = all(isinstance(value, int | float) for value in values)
    if numbers or all(isinstance(value, str) and _DIGITS.fullmatch(value) for value in values):
        return sorted(values, key=lambda value: (float(value), str(value)))
    return sorted(values, key=str)


def _different(columns: Collection[pa.ChunkedArray]) -> list[str]:
    """Return the different texts of columns; none where one is not of text, as that of a Parquet file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not all(pa.types.is_string(values.type) for values in columns):
        return []
    return [text for values in columns for text in pc.unique(values).to_pylist() if text is not None]


def _plain(texts: list[str], decimal: str, known: Collection[str]) -> dict[str, str]:
    """Return how numbers are written, by how they were; empty where they are no numbers, or all whole."""
    points = {text: text.replace(decimal, ".") for text in texts}
    if not all(map(is_number, points.values())) or not any({*text} & {*".eE"} for text in points.values()):
        return {}
    return {text: text if text in known else _written(float(number)) for text, number in points.items()}


def _written(value: float) -> str:
    return f"{value + 0.0:.0f}" if value.is_integer() else str(value)


def _replaced(values: pa.ChunkedArray, changed: Mapping[str, str]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    before = pa.array(changed.keys(), pa.string())
    after = pa.array(changed.values(), pa.string())
    return pc.take(after, pc.index_in(values, value_set=before))
