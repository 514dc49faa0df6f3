"""Notes about data that spoil what is learnt: columns in unusual units, whole numbers, rare classes; moments of columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import Column
from tfgen.data.dataset import Dataset
from tfgen.data.mapped import column_moments as column_moments  # others find it here
from tfgen.data.spec import DataSpec

#: Deviations of columns that a network takes as they are; it expects about 1.
_DEVIATIONS = (0.01, 100.0)
#: A mean further from zero than this, in numbers or in deviations, is as bad as an unusual deviation.
_MOST_MEAN = 100.0
_MOST_DEVIATIONS_OFF = 30.0
#: A class with a smaller share of the examples, and a smaller one than two thirds of an even share, is rare.
_RARE = 0.05
_OF_AN_EVEN_SHARE = 2 / 3
_FRACTIONS = 2.0**20  # below it, float32 distinguishes at least eight fractions of a number
_NAMED = 5
#: Rows in which different values are counted, and how often each must be there on average to be noted.
_LOOKED_AT = 10_000
_REPEATED = 20


def data_notes(data: Dataset, conditional: bool, standardised: bool = True) -> list[str]:
    """Return a line for each property of the training split that spoils what is learnt from it: what, and what to try.

    Of vectors: real columns of a few values that return; of vectors that a model takes as they are: columns in unusual units,
    constant columns, and columns of whole numbers. Of labels that a model is given: classes with less than 5 % of the
    examples (with more than 13 classes, with less than two thirds of an even share).

    Args:
        data: the data set.
        conditional: whether the model is given the labels, in the shares that the data have.
        standardised: whether the model scales the columns of vectors by their spec (`tfgen.layers.LogitCodec`).
    """
    notes = []
    if not data.spec.quantised:
        fitted = standardised and data.spec.columns is not None
        notes = _table_notes(data, data.spec.columns) if fitted and data.spec.columns else _column_notes(data)
    return notes + (_rare_classes(data) if conditional else [])


def _table_notes(data: Dataset, columns: Sequence[Column]) -> list[str]:
    """Return which real columns repeat few values."""
    notes = []
    rows = data.train.x[:_LOOKED_AT]
    tied = [
        column.name
        for place, column in enumerate(columns)
        if not column.discrete and len(np.unique(rows[:, place])) * _REPEATED < len(rows)
    ]
    if tied:
        notes.append(
            f"{_named('column', tied)}: few different values, each many times, whose density has no bound, so that "
            "likelihoods mean little: name such columns with --categorical, or leave them out"
        )
    return notes


def dequantisation_remark(spec: DataSpec) -> str | None:
    """Return which columns of vectors are dequantised, and what that means for likelihoods; None where none are."""
    whole = [column.name for column in spec.columns or () if column.discrete]
    if not whole:
        return None
    return (
        f"{_named('column', whole)}: whole numbers, to which noise in [0, 1) is added: likelihoods are a bound of the "
        "probability of the numbers"
    )


def _column_notes(data: Dataset) -> list[str]:
    x = data.train.x.reshape(len(data.train), -1)
    mean, variance = column_moments(x)
    deviation = np.sqrt(variance)
    constant = deviation <= np.finfo(np.float32).eps * np.abs(mean)
    low, high = _DEVIATIONS
    far = (np.abs(mean) > _MOST_MEAN) | (np.abs(mean) > _MOST_DEVIATIONS_OFF * deviation)
    unusual = ~constant & ((deviation < low) | (deviation > high) | far)
    whole = ~constant & np.array([is_whole(x[:, column]) for column in range(x.shape[1])])
    notes = []
    if unusual.any():
        columns = np.flatnonzero(unusual)
        units = ", ".join(f"{mean[column]:.3g} ± {deviation[column]:.3g}" for column in columns[:_NAMED])
        notes.append(
            f"{_columns(columns)}: mean and deviation {units}{', ...' if len(columns) > _NAMED else ''}, and networks expect "
            "about 0 ± 1: standardise the data, (x - mean) / deviation with those of the training split"
        )
    for found, what, remedy in (
        (constant, "one value", "leave it out, or add noise"),
        (whole, "whole numbers", "add uniform noise in [0, 1), or leave it out"),
    ):
        if found.any():
            notes.append(
                f"{_columns(np.flatnonzero(found))}: {what} only, whose density has no bound, so that likelihoods mean "
                f"nothing: {remedy}"
            )
    return notes


def is_whole(column: NDArray[np.generic]) -> bool:
    """Return whether a column holds whole numbers only; most others show it in their first rows.

    Numbers so large that float32 holds few or no fractions of them do not count.
    """
    return all(
        bool((part == np.floor(part)).all()) and float(np.abs(part).max()) < _FRACTIONS
        for part in (column[:100], column)
    )


def _rare_classes(data: Dataset) -> list[str]:
    labels, classes = data.train.labels, data.spec.classes
    if labels is None or classes is None:
        return []
    shares = np.bincount(labels, minlength=classes) / len(labels)
    rare = np.flatnonzero(shares < min(_RARE, _OF_AN_EVEN_SHARE / classes))
    if not len(rare):
        return []
    named = ", ".join(f"class {label} has {100 * shares[label]:.2g} %" for label in rare[:_NAMED])
    return [
        f"{named}{f' and {len(rare) - _NAMED} more have as few' if len(rare) > _NAMED else ''} of the training examples, and "
        "samples of so rare a class may not show it: gather more of its examples, or train with --balance"
    ]


def _named(what: str, names: Sequence[str]) -> str:
    """Return the names of columns as a user has them.

    >>> _named("column", ["a"]), _named("column", ["a", "b", "c", "d", "e", "f"])
    ('column a', 'columns a, b, c, d, e, ...')
    """
    return f"{what}{'' if len(names) == 1 else 's'} {', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''}"


def _columns(columns: Sequence[int] | NDArray[np.intp]) -> str:
    """Return the names of columns.

    >>> _columns([3]), _columns([0, 2]), _columns(range(7))
    ('column 3', 'columns 0, 2', 'columns 0, 1, 2, 3, 4, ...')
    """
    return _named("column", [str(column) for column in columns])
