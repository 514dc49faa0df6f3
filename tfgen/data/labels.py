"""Labels as numbers and names of classes; each must be one of the classes of the data set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from tfgen.data.spec import DataSpec

#: The label of an example without one, for a model whose labels are optional.
MISSING = -1


def require_classes(labels: Any, classes: int, what: str = "labels", missing: bool = False) -> None:
    """Raise unless every label is one of ``0 .. classes - 1``.

    Args:
        labels: whole numbers, an array or a sequence of any shape and size.
        classes: number of classes.
        what: the labels are, for the message.
        missing: whether `MISSING` passes as well.

    Raises:
        DataError: for others; names up to five of them.
    """
    values = np.asarray(labels)
    others = np.unique(values[(values < (MISSING if missing else 0)) | (values >= classes)])
    if len(others):
        named = ", ".join(map(str, others[:5])) + (", ..." if len(others) > 5 else "")
        also = f", or be {MISSING} for none" if missing else ""
        raise DataError(f"{what} must lie in 0 .. {classes - 1}{also}; got {named}.")


def is_one_hot(rows: NDArray[Any]) -> bool:
    """Return whether rows of numbers [n, k], k > 1, are labels in one-hot form: a single 1 in each, else zeros."""
    if rows.ndim != 2 or rows.shape[1] < 2:
        return False
    return bool(np.isin(rows, (0, 1)).all() and (np.count_nonzero(rows, axis=1) == 1).all())


def class_numbers(labels: Iterable[int | str], data: DataSpec) -> list[int]:
    """Return labels as numbers: of a class by its name, or by its number as text.

    Args:
        labels: as a user has typed them.
        data: spec of the data set.

    Raises:
        UnknownNameError: for a text that is neither; gives the closest name.
    """
    return [_class_number(label, data.class_names or ()) if isinstance(label, str) else label for label in labels]


def _class_number(label: str, names: tuple[str, ...]) -> int:
    if label in names:
        return names.index(label)
    try:
        return int(label)
    except ValueError as error:
        hint = "" if names else "The classes of these data are numbers."
        raise UnknownNameError("class", label, names, hint) from error


def class_name(label: int, data: DataSpec) -> str:
    """Return the name of a class, or its number where it has none; ``none`` for `MISSING`."""
    if label < 0:
        return "none"
    return str(label) if data.class_names is None else data.class_names[label]


def class_texts(data: DataSpec) -> tuple[str, ...]:
    """Return the names of all classes in their order, numbers where they have none; none of data without classes.

    >>> from tfgen.data.spec import DataSpec
    >>> class_texts(DataSpec("vector", (2,), classes=2))
    ('0', '1')
    """
    return data.class_names or tuple(map(str, range(data.classes or 0)))
