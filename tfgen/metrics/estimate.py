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
    """
    values = np.asarray(values, np.float64)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Estimate(float(np.mean(values)), error)
