"""Roles of the columns of a table, as options and the data of a model say: examples, contexts and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfgen.data.own.table_files import listed
from tfgen.errors import DataError, UnknownNameError
from tfgen.plugin.data_options import DataOptions

if TYPE_CHECKING:
    from tfgen.data.spec import DataSpec


@dataclass(frozen=True)
class Roles:
    """Roles of the columns of a table: examples, context and label, by name.

    Attributes:
        examples: columns of the vectors.
        context: columns of the contexts.
        label: column of the labels; None for none.
    """

    examples: tuple[str, ...]
    context: tuple[str, ...]
    label: str | None

    @property
    def every(self) -> tuple[str, ...]:
        """All columns that are used."""
        return (*self.examples, *self.context, *(() if self.label is None else (self.label,)))


def roles_of(header: Sequence[str], options: DataOptions, where: str, like: DataSpec | None) -> Roles:
    """Return which columns are used, and for what.

    Args:
        header: names of all columns.
        options: of the user.
        where: the table comes from, for messages.
        like: spec of the data of a model that is to take the rows; None where the options alone tell.

    Raises:
        DataError: when a column has two uses, or an option is for a column without use.
        UnknownNameError: for a column that the table does not have.
    """
    wanted = {
        "columns": options.columns, "ignore": options.ignore, "context": options.context,
        "categorical": options.categorical, "heavy_tails": () if options.heavy_tails == ("all",) else options.heavy_tails,
        "bounds": tuple(options.column_bounds), "label": () if options.label is None else (options.label,),
    }  # fmt: skip
    for option, names in wanted.items() if like is None else ():
        flag = f"--{option.replace('_', '-')}"
        for name in names:
            if name not in header:
                raise UnknownNameError("column", name, header, f"It stands after {flag}.")
        if len({*names}) != len(names):
            raise DataError(f"{where}: {flag} names a column twice; once is enough.")
    context = options.context or (tuple(c.name for c in like.context) if like and like.context else ())
    label = options.label if like is None or options.label in header else None
    if like is not None and like.columns is not None:
        examples = (
            like.column_names if like.named else header[: like.dimensions] if not options.columns else options.columns
        )
        if lost := [name for name in (*examples, *context) if name not in header]:
            raise DataError(
                f"{where} lacks the {'columns' if len(lost) > 1 else 'column'} {listed(lost)} of the model's data."
            )
        return Roles(tuple(examples), context, label)
    taken = {*options.ignore, *context, *(() if label is None else (label,))}
    uses = [*options.columns, *options.ignore, *context, *(() if label is None else (label,))]
    if twice := [name for name in header if uses.count(name) > 1]:
        raise DataError(
            f"{where}: column {twice[0]!r} is named by two of --columns, --ignore, --context, --label; keep one."
        )
    treated = [*options.categorical, *options.column_bounds, *wanted["heavy_tails"]]
    if twice := [name for name in header if treated.count(name) > 1]:
        raise DataError(
            f"{where}: column {twice[0]!r} is named by two of --categorical, --bounds, --heavy-tails; keep one."
        )
    examples = options.columns or tuple(name for name in header if name not in taken)
    if not examples:
        raise DataError(f"{where}: no column is left for the examples; it has {listed(header)}.")
    if unused := [name for name in treated if name not in (*examples, *context)]:
        raise DataError(
            f"{where}: column {unused[0]!r} is no number of the examples or contexts, and has no treatment; leave it out of "
            "--categorical, --bounds and --heavy-tails."
        )
    return Roles(tuple(examples), context, label)
