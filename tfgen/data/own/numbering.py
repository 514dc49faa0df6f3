"""Labels of a user's own data, whole numbers or names, as the numbers 0 .. k - 1 of their classes."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SplitName
from tfgen.data.labels import is_one_hot
from tfgen.data.spec import LONGEST_NAME, MOST_CLASSES
from tfgen.errors import DataError
from tfgen.reading import is_text

Labels = Mapping[SplitName | None, NDArray[Any]]

_WHOLE = re.compile(r"-?\d+", re.ASCII)
#: Beyond it, floats do not tell one whole number from the next.
_LARGEST_FLOAT = 2.0**53
_EXPECTED = "whole numbers or names, [n], or one-hot rows"


def numbered(
    labels: Labels, name: str, class_names: Sequence[str] | None = None
) -> tuple[dict[SplitName | None, NDArray[np.int32]], tuple[str, ...] | None]:
    """Return labels as numbers 0 .. k - 1, and the names of the classes in their order: of numbers by size, else by name.

    Args:
        labels: by split: whole numbers, texts, or both; equal ones are the same class, as 1 and "1" are.
        name: of the data, for messages.
        class_names: names of the labels 0, 1, ...; None where these have none.

    Raises:
        DataError: for what is no label, and for a class that is not in the training split; names it.
    """
    if not labels:
        return {}, None
    found = {split: _distinct(values, _where(name, split)) for split, values in labels.items()}
    every = ordered({text for texts, _ in found.values() for text in texts})
    require_names(every, name)
    names = every if class_names is None else _named(every, class_names, name)
    numbers_of = {text: number for number, text in enumerate(every)}
    for split, (texts, _) in found.items():
        if split in ("valid", "test") and "train" in found and (strange := {*texts} - {*found["train"][0]}):
            first = min(strange, key=lambda text: numbers_of[text])
            raise DataError(
                f"{name}: label {names[numbers_of[first]]} is in the {split} split and not in the training split; leave its "
                "examples out, or add some to the training split."
            )
    return {
        split: np.array([numbers_of[text] for text in texts], np.int32)[places]
        for split, (texts, places) in found.items()
    }, names


def ordered(texts: Iterable[str]) -> tuple[str, ...]:
    """Return different texts in the order of their numbers, where all are whole numbers, else in that of the texts.

    >>> ordered(["10", "2", "-1"]), ordered(["10", "2", "x"])
    (('-1', '2', '10'), ('10', '2', 'x'))
    """
    texts = sorted(texts)
    if all(len(text) <= LONGEST_NAME and _WHOLE.fullmatch(text) for text in texts):
        texts.sort(key=int)
    return tuple(texts)


def require_names(texts: Sequence[str], where: str) -> None:
    """Refuse labels that are no names of classes: too many, too long, empty, or not to be written as UTF-8."""
    if len(texts) > MOST_CLASSES:
        raise DataError(f"{where}: {len(texts):,} different labels are no classes; there are at most {MOST_CLASSES:,}.")
    for text in texts:
        if not text:
            raise DataError(f"{where}: a label is an empty text; give it a name, or leave its examples out.")
        if len(text) > LONGEST_NAME:
            raise DataError(
                f"{where}: a label has {len(text):,} characters ({text[:30]!r}...), and names of classes have at most "
                f"{LONGEST_NAME}; name another column, or shorten it."
            )
        if not is_text(text):
            raise DataError(f"{where}: the label {text[:60]!r} is no text in UTF-8; rename the class.")


def with_one_set_of_names(
    labels: Labels, names: Mapping[SplitName | None, Sequence[str] | None], where: str
) -> tuple[Labels, Sequence[str] | None]:
    """Return labels of several splits and the names of the classes 0, 1, ..., which are the same in all of them.

    Where the splits name their numbers in different ways, the labels become the names themselves.

    Args:
        labels: by split.
        names: of the numbers, by split; None for a split without names.
        where: the labels come from, for messages.

    Raises:
        DataError: when some splits have names and others none, or a number has no name.
    """
    different = {None if names[split] is None else tuple(names[split] or ()) for split in labels}
    if len(different) < 2:
        return labels, next(iter(different), None)
    if None in different:
        bare = next(split for split in labels if names[split] is None)
        raise DataError(
            f"{where}: the classes of the {bare} split are numbers, and those of other splits have names; give all of them the "
            "same features, such as test.cast(train.features)."
        )
    found = {}
    for split, values in labels.items():
        texts, places = _distinct(values, _where(where, split))
        named = np.array(_named(texts, names[split] or (), _where(where, split)), object)
        found[split] = named[places]
    return found, None


def label_text(value: Any) -> str | None:
    """Return a single label as text, a whole number without a point; None for what is no label.

    >>> label_text(2.0), label_text(b"cat"), label_text(None), label_text([1, 2])
    ('2', 'cat', None, None)
    """
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return None
    if isinstance(value, str | bool | np.bool_):
        return str(value)
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        number = float(value)
        sound = math.isfinite(number) and number == math.floor(number) and abs(number) < _LARGEST_FLOAT
        return str(int(number)) if sound else None
    return None


def _distinct(values: NDArray[Any], where: str) -> tuple[list[str], NDArray[np.intp]]:
    """Return the different labels as texts, and for each label its place among them."""
    flat = values
    if values.ndim == 2 and values.shape[1] == 1:
        flat = values[:, 0]
    elif values.ndim == 2 and values.dtype.kind in "iubf" and is_one_hot(values):
        flat = values.argmax(axis=1)
    if flat.ndim != 1 or flat.dtype.kind not in "iubfUSO":
        raise DataError(f"{where}: labels must be {_EXPECTED}; got {values.dtype} {list(values.shape)}.")
    if flat.dtype.kind == "O":
        return _distinct_objects(flat, where)
    different, places = np.unique(flat, return_inverse=True)
    texts = [label_text(value) for value in different]
    for number, text in enumerate(texts):
        if text is None:
            raise _no_label(different[number], int(np.argmax(places == number)), where)
    return [text for text in texts if text is not None], places


def _distinct_objects(values: NDArray[Any], where: str) -> tuple[list[str], NDArray[np.intp]]:
    """Return the different labels among Python objects, and the place of each among them."""
    known: dict[str, int] = {}
    places = np.empty(len(values), np.intp)
    for row, value in enumerate(values):
        text = label_text(value)
        if text is None:
            raise _no_label(value, row, where)
        places[row] = known.setdefault(text, len(known))
    return list(known), places


def _no_label(value: Any, row: int, where: str) -> DataError:
    return DataError(
        f"{where}: labels must be whole numbers or names; that of row {row} (counted from 0) is {str(value)[:60]}: mend it, or "
        "leave the row out."
    )


def _named(texts: Sequence[str], names: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the names of the numbers that occur as labels, in their order."""
    strange = next((text for text in texts if not (_WHOLE.fullmatch(text) and 0 <= int(text) < len(names))), None)
    if strange is not None:
        raise DataError(
            f"{where}: label {strange} has no name; the classes are 0 .. {len(names) - 1}: leave its examples out."
        )
    return tuple(names[int(text)] for text in texts)


def _where(name: str, split: SplitName | None) -> str:
    return f"{name}, {split}" if split else name
