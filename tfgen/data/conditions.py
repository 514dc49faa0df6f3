"""Conditions of a conditional model: labels, contexts, or both in one array. No TensorFlow here.

A model that takes contexts is given them where others are given labels: as float32 ``[n, k]``, or ``[n, 1 + k]`` with the
label in the first column where the data have both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column, check_values
from tfgen.errors import DataError

#: Categories that a note names.
_NAMED = 5
#: Labels int32 [n], or conditions float32 [n, k] of a model that takes contexts.
Conditions = NDArray[Any]


def joined(labels: NDArray[Any] | None, context: NDArray[Any] | None) -> Conditions | None:
    """Return labels [n], contexts [n, k], or both as one array [n, 1 + k]; None for neither.

    >>> joined(np.array([2]), np.array([[0.5]], np.float32)).tolist()
    [[2.0, 0.5]]
    """
    if context is None:
        return labels
    if labels is None:
        return np.asarray(context, np.float32)
    return np.concatenate([np.asarray(labels, np.float32)[:, None], context], axis=1, dtype=np.float32)


def labels_in(given: Conditions | None, labelled: bool = True) -> NDArray[np.int32] | None:
    """Return the labels in what a model is given, int32 [n]; None where there are none.

    Args:
        given: labels [n], or conditions [n, k].
        labelled: whether the data have classes, whose numbers then stand in the first column of conditions.
    """
    if given is None or (given.ndim == 2 and not labelled):
        return None
    return np.asarray(given if given.ndim == 1 else given[:, 0], np.int32)


def contexts_for(columns: Sequence[Column], count: int, contexts: Any) -> NDArray[np.float32]:
    """Return contexts for `count` examples, going round the given ones; without any `middle_of` the columns.

    Args:
        columns: of the context, fitted.
        count: number of examples.
        contexts: [m, k], or one of them, [k]; None for the means of the training split, and of categories the most
            frequent.

    Raises:
        DataError: for another shape, and numbers that are not finite.
    """
    if contexts is None:
        return np.tile(middle_of(columns), (count, 1))
    given = np.asarray(contexts)
    if given.dtype.kind not in "iuf" or given.ndim > 2 or not given.size or given.shape[-1:] != (len(columns),):
        names = ", ".join(column.name for column in columns)
        raise DataError(
            f"the context is {len(columns)} number{'s' if len(columns) > 1 else ''} ({names}); got "
            f"{_shape_text(given)}."
        )
    rows = given.reshape(-1, len(columns)).astype(np.float32)
    if not np.isfinite(rows).all():
        raise DataError(f"the context must be finite, got {rows[~np.isfinite(rows)][0]}.")
    check_values(rows, columns, "the context")
    return rows[np.arange(count) % len(rows)]


def context_numbers(words: Sequence[str], columns: Sequence[Column]) -> list[float]:
    """Return a context as numbers: categories by name, or by number.

    Args:
        words: as a user has typed them.
        columns: of the context.

    Raises:
        DataError: for a word that is neither.
    """
    numbers = []
    for place, word in enumerate(words):
        categories = columns[place].categories if place < len(columns) else None
        try:
            numbers.append(float(categories.index(word)) if categories and word in categories else float(word))
        except ValueError as error:
            known = f"; its categories are {', '.join(categories[:8])}" if categories else ""
            name = columns[place].name if place < len(columns) else "the context"
            raise DataError(f"--context: {name} cannot be {word!r}{known}; give a number.") from error
    return numbers


def middle_of(columns: Sequence[Column]) -> NDArray[np.float32]:
    """Return the middle of each column over the training split, [k], see `Column.middle`; of categories the most frequent.

    Of a run that was made before it was recorded, it is the first category.
    """
    return np.array([_middle(column) for column in columns], np.float32)


def _middle(column: Column) -> float:
    if column.kind == "category":
        return float(column.mode or 0)
    middle = column.in_context.middle
    return round(middle) if column.discrete else middle


def default_categories_note(columns: Sequence[Column]) -> str | None:
    """Return which categories stand in where no context is given, as a note; None without columns of categories.

    >>> default_categories_note([Column("dose"), Column("sex", "category", ("f", "m"), mode=1)])
    'samples are drawn at the most frequent category of the context, sex m'
    """
    parts = []
    for what, recorded in (("most frequent", True), ("first", False)):
        named = [
            f"{column.name} {column.categories[column.mode or 0]}"
            for column in columns
            if column.categories and (column.mode is not None) == recorded
        ]
        if named:
            shown = ", ".join(named[:_NAMED]) + (", ..." if len(named) > _NAMED else "")
            parts.append(f"the {what} {'categories' if len(named) > 1 else 'category'} of the context, {shown}")
    return f"samples are drawn at {', and at '.join(parts)}" if parts else None


def _shape_text(given: NDArray[Any]) -> str:
    if given.dtype.kind not in "iuf":
        return f"an array of {given.dtype}"
    return f"{given.size}" if given.ndim < 2 else f"an array of shape {list(given.shape)}"
