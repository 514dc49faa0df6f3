"""Labels outside the classes of a data set are refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgen.errors import DataError


def require_classes(labels: Any, classes: int, what: str = "labels") -> None:
    """Raise unless every label is one of ``0 .. classes - 1``.

    Args:
        labels: whole numbers, an array or a sequence of any shape and size.
        classes: how many there are.
        what: the labels are, for the message.

    Raises:
        DataError: for others; names up to five of them.
    """
    values = np.asarray(labels)
    others = np.unique(values[(values < 0) | (values >= classes)])
    if len(others):
        named = ", ".join(map(str, others[:5])) + (", ..." if len(others) > 5 else "")
        raise DataError(f"{what} must lie in 0 .. {classes - 1}; got {named}.")
