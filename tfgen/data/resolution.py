"""Resolution of float32: columns that vary by less than it tells apart are refused, where they would be rounded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfgen.data.mapped import blocks, column_moments
from tfgen.errors import DataError

#: A column whose deviation is less than so many steps of float32 loses too much when it is stored.
_STEPS = 20


def require_resolved(values: NDArray[np.generic], name: str | None, where: str) -> None:
    """Check that float32 tells the values of each column apart.

    Args:
        values: of one column [n], or of vectors [n, d], before they are rounded.
        name: of the column; None for vectors, whose columns are counted.
        where: they come from, for the message.

    Raises:
        DataError: for the first column that varies by less.
    """
    if values.dtype.kind != "f" or values.dtype.itemsize <= 4 or len(values) < 2:
        return
    rows = values.reshape(len(values), -1)
    largest = np.max([np.abs(block).max(axis=0) for block in blocks(rows)], axis=0)
    mean, variance = column_moments(rows)
    deviation = np.sqrt(variance)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers too large for float32 are refused elsewhere
        lost = (deviation > 0) & (deviation < _STEPS * np.spacing(largest.astype(np.float32)))
    if not lost.any():
        return
    place = int(np.argmax(lost))
    column = f"column {place} (counted from 0)" if name is None else f"column {name!r}"
    raise DataError(
        f"{where}: {column} varies by {deviation[place]:.3g} around {mean[place]:.6g}, which float32 does not resolve; "
        "subtract its mean, or leave it out."
    )
