"""Check labels: each must be one of the classes of the data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgen.errors import DataError

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
