"""Estimate: a value with its standard error."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Estimate(NamedTuple):
    """A Monte Carlo estimate: value and standard error.

    Attributes:
        value: the estimate.
        standard_error: of the value, over the draws; NaN where it is not known.
    """

    value: float
    standard_error: float


def mean_estimate(values: NDArray[Any]) -> Estimate:
    """Return the mean of independent values, ``[n]``, and its standard error ``s / sqrt(n)``; that of one value is NaN.

    s is the standard deviation over n - 1. Sums are in float64.
    Where a value is not finite the mean is not, either, and has no error.
    """
    values = np.asarray(values, np.float64)
    with np.errstate(invalid="ignore"):  # of infinities of both signs
        mean = float(np.mean(values))
    known = len(values) > 1 and np.isfinite(values).all()
    return Estimate(mean, float(np.std(values, ddof=1)) / math.sqrt(len(values)) if known else math.nan)
