"""Tables of a user's own data: CSV and Parquet files, and frames of pandas and Polars, read through pyarrow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column
from tfgen.data.dataset import SPLITS, SplitName
from tfgen.data.own.arrays import SPLIT_KEYS
from tfgen.data.own.csv_texts import in_order, is_number, read_with_texts
from tfgen.data.own.numbering import require_names
from tfgen.data.own.raw import Raw
from tfgen.data.own.table_files import listed, quoted, require_header
from tfgen.data.own.table_roles import roles_of
from tfgen.data.resolution import require_resolved
from tfgen.data.spec import MOST_CLASSES
from tfgen.errors import DataError, UnknownNameError
from tfgen.plugin.data_options import DataOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from tfgen.data.spec import DataSpec

ENDINGS = (".csv", ".parquet")
#: Larger whole numbers are read as real ones: float32 has eight fractions of a number there, and soon none, so that noise in
#: [0, 1) would be lost.

MOST_WHOLE = 2**20
#: More categories than this are names, or numbers that identify a row.
MOST_CATEGORIES = 10_000

Tables = Mapping[SplitName | None, "pa.Table"]


def table_files(folder: Path) -> dict[SplitName | None, Path]:
    """Return the files ``train.csv``, ``valid.csv``, ``test.csv`` (or ``.parquet``) of a folder by split, if it has train.

    Raises:
        DataError: when a split has two files, or there are other tables beside them, which would be left out.
    """
    found: dict[SplitName | None, Path] = {}
    others, names = [], []
    with contextlib.suppress(OSError):  # a folder that cannot be read is refused later, by `walked`
        names = sorted(os.listdir(folder))
    for path in (folder / name for name in names if name.lower().endswith(ENDINGS) and not name.startswith(".")):
        if not path.is_file():
            continue
        split = SPLIT_KEYS.get(path.stem.lower())
        if split is None:
            others.append(path.name)
        elif split in found:
            raise DataError(f"{folder} holds {found[split].name} and {path.name}; keep one of them.")
        else:
            found[split] = path
    if "train" not in found:
        return {}
    if folders := [name for name in names if name.lower() in SPLIT_KEYS and (folder / name).is_dir()]:
        raise DataError(
            f"{folder} holds {found['train'].name} and the folder {folders[0]}; name one of them, such as "
            f"{folder / found['train'].name}, or move the other."
        )
    if others:
        raise DataError(
            f"{folder} holds {listed(others)} beside {listed([path.name for path in found.values()])}; tables of splits are "
            "called train, valid and test: rename it, or take it out."
        )
    return {split: found[split] for split in SPLITS if split in found}


def read_tables(paths: Mapping[SplitName | None, Path], options: DataOptions, like: DataSpec | None = None) -> Raw:
    """Return the rows of CSV or Parquet files as vectors.

    Args:
        paths: the file of each split.
        options: which columns are used, and for what.
        like: spec of the data of a model that is to take the rows; its columns and categories are looked for.

    Raises:
        DataError: when a file cannot be read, or a column cannot be used; names it, and says what to do.
        UnknownNameError: for a column that the table does not have.
    """
    texts: dict[str, Collection[str]] = dict.fromkeys(options.categorical, ())
    if options.label is not None:
        texts[options.label] = (like.class_names if like else None) or ()
    for column in (*(like.columns or ()), *(like.context or ())) if like else ():
        if column.categories is not None:
            texts[column.name] = column.categories
    tables = read_with_texts(paths, texts, options)
    where = " and ".join(str(path) for path in paths.values())
    return raw_of_tables(tables, options, where, like)


def raw_of_tables(tables: Tables, options: DataOptions, where: str, like: DataSpec | None = None) -> Raw:
    """Return the rows of Arrow tables as vectors, float32 [n, d], with labels and contexts; see `read_tables`."""
    headers = {tuple(table.column_names) for table in tables.values()}
    if len(headers) > 1:
        first, second = sorted(headers, key=len)[:2]
        other = sorted({*first} ^ {*second})
        raise DataError(
            f"{where}: the splits have different columns{f' ({listed(other)})' if other else ', in another order'}."
        )
    (header,) = headers
    for table in tables.values():
        require_header(where, table.column_names)
    tables = _of_one_type(tables, where)
    use = roles_of(header, options, where, like)
    notes = []
    whole, tables = _without_missing(
        {s: t.select(list(dict.fromkeys(use.every))) for s, t in tables.items()}, options, where
    )
    if whole:
        notes.append(whole)
    for name in use.every:
        for table in tables.values():
            _require_sound(table.column(name), name, where)
    known = {column.name: column for column in (*(like.columns or ()), *(like.context or ()))} if like else {}
    columns = [
        _column(name, tables, options, where, known.get(name), name in use.context)
        for name in (*use.examples, *use.context)
    ]
    of = {column.name: column for column in columns}
    large = [c.name for c in columns if c.kind == "real" and c.name in use.examples and _is_integer(tables, c.name)]
    if large and not known:
        notes.append(f"{listed(large)}: whole numbers above {MOST_WHOLE:,} are read as real numbers")
    examples: dict[SplitName | None, NDArray[Any]] = {}
    context: dict[SplitName | None, NDArray[Any]] = {}
    labels: dict[SplitName | None, NDArray[Any]] = {}
    for split, table in tables.items():
        examples[split] = matrix_of(table, [of[name] for name in use.examples], where)
        if use.context:
            context[split] = matrix_of(table, [of[name] for name in use.context], where)
        if use.label is not None:
            labels[split] = _labels(table, use.label, where, (like.class_names if like else None) or ())
    if like is None:
        judged = tables.get("train", next(iter(tables.values())))
        for column in columns:
            if not column.discrete:
                require_resolved(_in_float64(judged.column(column.name)), column.name, where)
    return Raw(
        examples, labels, notes=notes, columns=tuple(of[name] for name in use.examples),
        context=context, context_columns=tuple(of[name] for name in use.context) or None,
    )  # fmt: skip


def _of_one_type(tables: Tables, where: str) -> Tables:
    """Return tables whose columns have the same types in every split: integers become floats where one split has these."""
    import pyarrow as pa

    try:
        schema = pa.unify_schemas([table.schema for table in tables.values()], promote_options="permissive")
        return {split: table.cast(schema) for split, table in tables.items()}
    except pa.ArrowException as error:
        first, other = [*tables.values()][:2]
        unlike = [name for name in first.column_names if first.schema.field(name).type != other.schema.field(name).type]
        raise DataError(
            f"{where}: the splits have different types in {listed(unlike) or 'a column'}; write them alike."
        ) from error


def _without_missing(tables: Tables, options: DataOptions, where: str) -> tuple[str, dict[SplitName | None, pa.Table]]:
    """Return tables without missing values, and a note on the rows left out; refuses them unless they may be dropped."""
    import pyarrow.compute as pc

    kept: dict[SplitName | None, pa.Table] = {}
    dropped = total = 0
    for split, table in tables.items():
        lost = np.zeros(len(table), bool)
        for name in table.column_names:
            values = table.column(name)
            missing = pc.is_null(values, nan_is_null=True).to_numpy()
            if missing.any() and options.missing == "refuse":
                row, count = int(np.argmax(missing)), int(missing.sum())
                more = f", and in {count - 1:,} more rows" if count > 1 else ""
                if count == len(table):
                    raise DataError(
                        f"{where}: column {name!r} has no values; leave it out with --ignore {quoted(name)}."
                    )
                raise DataError(
                    f"{where}{f', {split}' if split else ''}: row {row} (counted from 0, without the header) has no value in "
                    f"column {name!r}{more}; leave such rows out: --missing drop, or the column: --ignore {quoted(name)}."
                )
            lost |= missing
        dropped, total = dropped + int(lost.sum()), total + len(table)
        kept[split] = table.filter(~lost) if lost.any() else table
        if not len(kept[split]):
            raise DataError(f"{where}: no row is left{' without a missing value' if lost.any() else ''}.")
    return f"{dropped:,} of {total:,} rows have missing values and are left out" if dropped else "", kept


def _column(
    name: str, tables: Tables, options: DataOptions, where: str, known: Column | None, in_context: bool
) -> Column:
    """Return kind, categories, bounds and tails of a column from its type and the options."""
    import pyarrow as pa

    if known is not None:
        return known
    kind = next(iter(tables.values())).schema.field(name).type
    if pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind) or isinstance(kind, pa.BaseExtensionType):
        raise DataError(
            f"{where}: column {name!r} is of type {kind}, which is no number; leave it out: --ignore {quoted(name)}."
        )
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise DataError(
            f"{where}: column {name!r} is of bytes ({kind}) that are no text; save a CSV file as UTF-8, or leave the column "
            f"out: --ignore {quoted(name)}."
        )
    bounds = options.column_bounds.get(name)
    heavy = name in options.heavy_tails or (options.heavy_tails == ("all",) and bounds is None and not in_context)
    if heavy and bounds is not None:
        raise DataError(f"{where}: column {name!r} has --bounds, and so no --heavy-tails; leave one of them out.")
    if name in options.categorical or pa.types.is_boolean(kind) or pa.types.is_dictionary(kind):
        for option, given in (("--bounds", bounds is not None), ("--heavy-tails", name in options.heavy_tails)):
            if given:
                raise DataError(f"{where}: column {name!r} is of categories, which have no {option}; leave that out.")
        categories = _categories(name, tables, where)
        if len(categories) > MOST_CATEGORIES:
            raise DataError(
                f"{where}: column {name!r} has {len(categories):,} categories; leave it out with --ignore {quoted(name)}."
            )
        if len(categories) < 2:
            raise DataError(f"{where}: column {name!r} has one value only; leave it out with --ignore {quoted(name)}.")
        return Column(name, "category", categories)
    if pa.types.is_integer(kind):
        small = not in_context and _largest(name, tables) < MOST_WHOLE
        return Column(name, "integer" if small else "real", bounds=bounds, heavy=heavy)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        whole = not in_context and all(_holds_whole_numbers(table.column(name)) for table in tables.values())
        return Column(name, "integer" if whole else "real", bounds=bounds, heavy=heavy)
    if pa.types.is_null(kind):
        raise DataError(f"{where}: column {name!r} has no values; leave it out with --ignore {quoted(name)}.")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        sample = next((str(value) for value in next(iter(tables.values())).column(name) if value.as_py()), "")
        comma = sample.replace(",", "", 1).lstrip("-").isdigit() and "," in sample
        remedy = (
            "pass --decimal , (numbers have decimal commas)"
            if comma
            else (f"pass --categorical, --label or --ignore {quoted(name)}: each text a category, a class, or left out")
        )
        raise DataError(f"{where}: column {name!r} is text ({sample[:30]!r}); {remedy}.")
    raise DataError(
        f"{where}: column {name!r} is of type {kind}, which is no number; make it one (days since a date, for example), or "
        f"leave it out with --ignore {quoted(name)}."
    )


def _holds_whole_numbers(values: pa.ChunkedArray) -> bool:
    """Return whether all numbers are whole, as those of a column of integers that was written with a gap."""
    numbers = _in_float64(values)
    return bool((numbers == np.floor(numbers)).all() and np.abs(numbers).max(initial=0.0) < MOST_WHOLE)


def _in_float64(values: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return numbers of any type as float64, integers beyond 2^53 rounded."""
    import pyarrow as pa

    found: NDArray[np.float64] = values.cast(pa.float64(), safe=False).to_numpy()
    return found


def _categories(name: str, tables: Tables, where: str) -> tuple[str, ...]:
    """Return the different values of a column, numbers by size, also those in texts, else by name."""
    import pyarrow.compute as pc

    values = {value for table in tables.values() for value in _python(pc.unique(table.column(name)), name, where)}
    return tuple(dict.fromkeys(map(category_text, in_order(values))))


def _python(values: pa.ChunkedArray, name: str, where: str) -> list[Any]:
    """Return the values of a column as objects of Python, which has no years beyond 9999."""
    try:
        found: list[Any] = values.to_pylist()
    except (ValueError, OverflowError, LookupError) as error:  # also of time zones that are not known here
        raise DataError(
            f"{where}: column {name!r} has a value that Python cannot hold ({error}); leave it out: --ignore {quoted(name)}."
        ) from error
    return found


def _require_sound(values: pa.ChunkedArray, name: str, where: str) -> None:
    """Refuse a column whose bytes are not what its type says, such as text that is not UTF-8."""
    import pyarrow as pa

    try:
        values.validate(full=True)
    except pa.ArrowException as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"{where}: column {name!r} is damaged ({why[:200]}); save it as UTF-8, or leave it out: --ignore {quoted(name)}."
        ) from error


def category_text(value: Any) -> str:
    """Return a category as text: whole floats without a point, bools in small letters."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value + 0.0:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def _largest(name: str, tables: Tables) -> int:
    import pyarrow.compute as pc

    spans = [pc.min_max(table.column(name)).as_py() for table in tables.values()]
    return max(max(abs(span["min"]), abs(span["max"])) for span in spans)


def _is_integer(tables: Tables, name: str) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(next(iter(tables.values())).schema.field(name).type)


def matrix_of(table: pa.Table, columns: Sequence[Column], where: str) -> NDArray[np.float32]:
    """Return the columns of a table as float32 [n, d], categories as their numbers."""
    x = np.empty((len(table), len(columns)), np.float32)
    for place, column in enumerate(columns):
        x[:, place] = numbers_of(table.column(column.name), column, where)
    return x


def numbers_of(values: pa.ChunkedArray, column: Column, where: str) -> NDArray[Any]:
    """Return the values of a column as numbers, [n]; of categories their numbers.

    Raises:
        UnknownNameError: for a category that the column does not have.
        DataError: for a column of another type, and numbers that are not finite in float32.
    """
    import pyarrow as pa

    if column.categories is not None:
        places = {name: number for number, name in enumerate(column.categories)}
        texts = [category_text(value) for value in _python(values, column.name, where)]
        if column.categories == ("false", "true"):  # bools, which programs write in several ways
            texts = [text.lower() for text in texts]
        strange = next((text for text in texts if text not in places), None)
        if strange is not None:
            raise UnknownNameError(
                "category", strange, column.categories, f"It stands in column {column.name!r} of {where}."
            )
        return np.array([places[text] for text in texts], np.float32)
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)):
        raise DataError(f"{where}: column {column.name!r} is of type {values.type}, and the model's is of numbers.")
    numbers = _in_float64(values)
    with np.errstate(over="ignore"):
        narrow = numbers.astype(np.float32)
    if not np.isfinite(narrow).all():
        row = int(np.argmin(np.isfinite(narrow)))
        raise DataError(
            f"{where}: row {row} (counted from 0, without the header), column {column.name!r} is {numbers[row]:g}; numbers "
            "must be finite in float32: leave the row out, or give the column in another unit."
        )
    return narrow


def _labels(table: pa.Table, name: str, where: str, known: Collection[str]) -> NDArray[Any]:
    """Return labels as texts, [n], objects of which each class has one; fractions are none, unless they are known classes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = table.column(name)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if not (text or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise DataError(f"{where}: column {name!r} is of type {kind}; labels are names or whole numbers.")
    if text or pa.types.is_floating(kind):  # of which some widths cannot be looked up
        values = values.cast(pa.large_string() if text else pa.float64())
    different = pc.unique(values)
    if len(different) > MOST_CLASSES:
        raise DataError(f"{where}: column {name!r} has {len(different):,} different labels, which are no classes.")
    texts = [category_text(value) for value in _python(different, name, where)]
    plain = [text.removeprefix("-").isdigit() or text in known for text in texts]
    if not all(plain) and (pa.types.is_floating(kind) or all(map(is_number, texts))):
        raise DataError(
            f"{where}: column {name!r} holds fractions, and labels are names or whole numbers; give numbers that are "
            f"conditions with --context {quoted(name)}."
        )
    require_names(texts, f"{where}: column {name!r}")
    return np.array(texts, object)[pc.index_in(values, value_set=different).to_numpy()]
