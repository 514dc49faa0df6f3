"""Boundary of data sets: examples and labels of a split are cast to the types of the spec, or refused. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column
from tfgen.data.labels import is_one_hot, require_classes
from tfgen.data.mapped import blocks
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError


def checked_examples(x: Any, spec: DataSpec, where: str) -> NDArray[np.generic]:
    """Return examples as the spec has them: ``[n, *shape]``, uint8 levels or finite float32; others are cast or refused.

    Whole numbers of any type are cast to grey levels, and floats of any precision to float32. Arrays that fit are returned as
    they are, memory maps too.

    Args:
        x: as a data set gives them.
        spec: of the data set.
        where: data set and split, for the message.

    Raises:
        DataError: for another type or shape, levels outside the range, and numbers that are not finite.
    """
    x = as_array(x, f"{where}: examples")
    wanted = np.dtype(spec.dtype)
    if x.shape[1:] != spec.shape or not x.ndim or not (x.dtype == wanted or spec.rules.takes(x.dtype)):
        advice = spec.rules.advice(x, spec.shape)
        raise DataError(
            f"{where}: expected {wanted} examples of shape {spec.shape}{spec.rules.range_text(spec.levels)}, "
            f"got {x.dtype} of {x.shape[1:]}{f'; {advice}' if advice else ''}."
        )
    if not len(x):
        raise DataError(f"{where} is empty.")
    stray = spec.rules.stray_level(x, spec.levels)
    if stray is not None:
        raise DataError(f"{where}: grey levels must lie in 0 .. {spec.levels - 1}, as spec.levels says; got {stray}.")
    if x.dtype != wanted:
        with np.errstate(over="ignore"):  # a number too large for float32 is refused as infinite
            x = x.astype(wanted)
    if x.dtype.kind == "f":
        require_finite(x, where)
    return x


def require_finite(x: NDArray[np.generic], where: str) -> None:
    """Raise for NaN and infinity; names the first by row and column, and how many there are."""
    first: tuple[int, ...] | None = None
    start = count = affected = 0
    for block in blocks(x):
        lost = ~np.isfinite(block)
        if lost.any():
            found = np.argwhere(lost)
            first = first or (start + int(found[0][0]), *map(int, found[0][1:]))
            count, affected = count + len(found), affected + len(np.unique(found[:, 0]))
        start += len(block)
    if first is None:
        return
    row, *column = first
    place = f"row {row}, column {', '.join(map(str, column))}" if column else f"row {row}"
    others = "" if count == 1 else f", and {count - 1} more are not finite"
    raise DataError(
        f"{where}: {place} (counted from 0) is {x[first]}{others}; numbers must be finite in float32: "
        f"leave {'this row' if affected == 1 else f'these {affected} rows'} out, or fill in a value."
    )


def checked_labels(labels: Any, count: int, classes: int, where: str) -> NDArray[np.int32]:
    """Return labels as int32 ``[n]``, each in ``0 .. classes - 1``; others are cast or refused.

    Cast are integers and bools of any type, floats that are whole numbers, a column ``[n, 1]``, and rows ``[n, classes]``
    with a single one (one-hot).

    Args:
        labels: as a data set gives them.
        count: of the examples.
        classes: number of classes.
        where: data set and split, for the message.

    Raises:
        DataError: for another type or shape, and labels that are none of the classes.

    >>> checked_labels(np.array([[0.0, 1.0], [1.0, 0.0]]), 2, 2, "set"), checked_labels([[3]], 1, 4, "set")
    (array([1, 0], dtype=int32), array([3], dtype=int32))
    """
    values = as_array(labels, f"{where}: labels")
    if values.dtype.kind not in "iubf":
        raise DataError(
            f"{where}: labels must be whole numbers, 0 .. {classes - 1}, got {values.dtype}; number the classes, for example "
            "with numpy.unique(labels, return_inverse=True)."
        )
    if values.shape == (count, classes) and is_one_hot(values):
        values = values.argmax(axis=1)
    if values.shape == (count, 1):
        values = values[:, 0]
    if values.shape != (count,):
        raise DataError(
            f"{where}: expected {count} labels, one for each example (or one-hot rows of {classes}), "
            f"got an array of shape {values.shape}."
        )
    if values.dtype.kind == "f":
        strays = values[~(np.isfinite(values) & (values == np.floor(values)))]
        if len(strays):
            raise DataError(f"{where}: labels must be whole numbers, 0 .. {classes - 1}, got {strays[0]}.")
    require_classes(values, classes, f"{where}: labels")
    return values.astype(np.int32, copy=False)


def checked_context(context: Any, count: int, columns: Sequence[Column] | None, where: str) -> NDArray[np.float32]:
    """Return contexts as float32 ``[n, k]``, finite; others are cast or refused.

    Args:
        context: as a data set gives them; None for none.
        count: of the examples.
        columns: of the context, k, as the spec has them.
        where: data set and split, for the message.

    Raises:
        DataError: for another type or shape, numbers that are not finite, and contexts of which the spec does not know.
    """
    if context is None or columns is None:
        raise DataError(f"{where}: context and spec.context must be given together.")
    values = as_array(context, f"{where}: context")
    if values.dtype.kind not in "iubf" or values.shape != (count, len(columns)):
        raise DataError(
            f"{where}: the context must be numbers of shape [{count}, {len(columns)}], one row for each example; got "
            f"{values.dtype} of shape {list(values.shape)}."
        )
    with np.errstate(over="ignore"):  # a number too large for float32 is refused as infinite
        numbers: NDArray[np.float32] = values.astype(np.float32, copy=False)
    require_finite(numbers, f"{where}: context")
    return numbers


def as_array(values: Any, what: str) -> NDArray[Any]:
    """Return an array, or a list as one; a memory map stays one.

    Raises:
        DataError: for what is none, such as rows of unequal length, and for masked values, which are missing ones.
    """
    if isinstance(values, np.ma.MaskedArray):
        if len(masked := np.argwhere(np.ma.getmaskarray(values))):
            place = ", ".join(map(str, masked[0]))
            raise DataError(
                f"{what}: the value at [{place}] is masked, and so are {len(masked):,} in all; fill them in, with "
                "x.filled(VALUE), or leave their rows out."
            )
        return np.asarray(values.data)
    if isinstance(values, np.ndarray):
        return values
    if values is None:
        raise DataError(f"{what} are no array: they are None.")
    try:
        return np.asarray(values)
    except Exception as error:  # rows of unequal length, or whatever an object does that is asked for its array
        why = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{what} are no array: {why[:200]}.") from error
