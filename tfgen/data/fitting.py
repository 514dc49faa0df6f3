"""Fit the columns of vectors to a training split: kinds, and the shift and scale that standardise them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column, check_values, column_names, context_names
from tfgen.data.dataset import SPLITS, Dataset
from tfgen.data.notes import is_whole
from tfgen.errors import DataError

#: Digits to which shift and scale are kept, in deviations: so many that rounding the sums in another order changes nothing.
_DIGITS = 5
#: Columns that a message names.
_NAMED = 5


def with_fitted_columns(data: Dataset) -> Dataset:
    """Return a data set of vectors whose columns are fitted to its training split; other sets, and fitted ones, as they are.

    Columns that the set does not describe are real, or integer where all splits hold whole numbers alone.

    Args:
        data: the data set.

    Raises:
        DataError: for a constant column, whose density has no bound, and for values that are none of an integer's or a
            category's, or lie outside the bounds of the column; names the column, and the row.
    """
    spec = data.spec
    done = spec.kind != "vector" or (spec.columns is not None and all(column.fitted for column in spec.columns))
    if done and all(
        column.fitted and (column.mode is not None or not column.categories) for column in spec.context or ()
    ):
        return data
    context = None
    if spec.context is not None and data.train.context is not None:
        for name, split in data.splits.items():
            if split.context is not None:
                check_values(split.context, spec.context, f"data set {data.name!r}, split {name!r}, context")
        context = _fitted_context(data.train.context, spec.context, data.name)
        spec = dataclasses.replace(spec, context=context)
    if spec.kind != "vector":
        return dataclasses.replace(data, spec=spec)
    columns = spec.columns or _guessed(data)
    for name, split in data.splits.items():
        check_values(split.x, columns, f"data set {data.name!r}, split {name!r}")
    fitted = _fitted(data.train.x, columns, data.name)
    low, high = _span(data.train.x, spec.value_range)
    return dataclasses.replace(data, spec=dataclasses.replace(spec, columns=fitted, value_range=(low, high)))


def _guessed(data: Dataset) -> tuple[Column, ...]:
    """Return columns for vectors that come without: integer where each split has whole numbers alone, else real."""
    every = [split.x for name, split in data.splits.items() if name in SPLITS]
    names = column_names(None, data.spec.dimensions)
    return tuple(
        Column(name, "integer" if all(is_whole(x[:, place]) for x in every) else "real")
        for place, name in enumerate(names)
    )


def _fitted_context(x: NDArray[np.float32], columns: Sequence[Column], name: str) -> tuple[Column, ...]:
    """Return the fitted columns of contexts [n, k].

    Raises:
        DataError: for a column with a name of its own, or all of them, of one value; of an image some pixels may have one.
    """
    fitted = [
        column if column.fitted else _fitted_in_context(column, x[:, place]) for place, column in enumerate(columns)
    ]
    scales = [column.scale for column in fitted if column is not None and column.scale is not None]
    usual = math.sqrt(sum(scale**2 for scale in scales) / len(scales)) if scales else 1.0
    for column, found, unnamed in zip(columns, fitted, context_names(len(columns)), strict=True):
        if found is None and (column.name != unnamed or not scales):
            where = "the array context" if column.name == unnamed else "it"
            raise DataError(
                f"{name}: the context {column.name!r} has one value only in the training split, and tells a model nothing; "
                f"leave {where} out."
            )
    # A pixel of one value is scaled as the others are.
    scaled = [
        dataclasses.replace(column, shift=float(x[0, place]), scale=usual) if found is None else found
        for place, (column, found) in enumerate(zip(columns, fitted, strict=True))
    ]
    return tuple(_with_mode(column, x[:, place]) for place, column in enumerate(scaled))


def _with_mode(column: Column, numbers: NDArray[np.generic]) -> Column:
    """Return a column of categories with its mode over numbers of them, [n]; of equally frequent ones it is the first."""
    if column.categories is None or column.mode is not None:
        return column
    counts = np.bincount(numbers.astype(np.intp), minlength=len(column.categories))
    return dataclasses.replace(column, mode=int(counts.argmax()))


def _fitted_in_context(column: Column, values: NDArray[np.generic]) -> Column | None:
    """Return a column of a context fitted by the map that it is given to a network with, and of its own kind."""
    found = fit_column(column.in_context, values)
    return None if found is None else dataclasses.replace(found, kind=column.kind)


def _fitted(x: NDArray[np.generic], columns: Sequence[Column], name: str) -> tuple[Column, ...]:
    fitted = [column if column.fitted else fit_column(column, x[:, place]) for place, column in enumerate(columns)]
    constant = [repr(column.name) for column, found in zip(columns, fitted, strict=True) if found is None]
    if constant:
        named = ", ".join(constant[:_NAMED]) + (", ..." if len(constant) > _NAMED else "")
        raise DataError(
            f"{name}: {'columns' if len(constant) > 1 else 'column'} {named} {'have' if len(constant) > 1 else 'has'} one "
            "value only in the training split, whose density has no bound; leave out such columns (--ignore COLUMN, of a file)."
        )
    return tuple(column for column in fitted if column is not None)


def fit_column(column: Column, values: NDArray[np.generic]) -> Column | None:
    """Return a column with the shift and scale of its values [n]; None where they are all the same."""
    if len(values) == 0 or (values == values[0]).all():
        return None
    if column.heavy and column.tails is None:
        column = dataclasses.replace(column, tails=_tails(column.mapped(values)))
    mapped = column.mapped(values)
    mean, deviation = float(mapped.mean()), float(mapped.std())
    if not deviation > 0:
        return None
    scale = float(f"{deviation:.{_DIGITS}e}")
    shift = float(np.round(mean / scale, _DIGITS)) * scale
    return dataclasses.replace(column, shift=shift, scale=scale)


def _tails(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return median and half width: half the distance of the quartiles, the deviation where they are the same."""
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
    half = float(high - low) / 2 or float(values.std())
    return float(f"{median:.{_DIGITS}e}"), float(f"{half:.{_DIGITS}e}")


def _span(x: NDArray[Any], declared: tuple[float, float]) -> tuple[float, float]:
    """Return the range of the data: as declared, or the range of the values where most of them lie outside that."""
    inside = float(((x >= declared[0]) & (x <= declared[1])).mean())
    if inside > 0.5:
        return declared
    low, high = float(x.min()), float(x.max())
    return (low, high) if low < high else declared
