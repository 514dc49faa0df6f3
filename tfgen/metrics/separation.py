"""AUROC: how well a score tells two sets of examples apart, with its standard error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tfgen.errors import DataError
from tfgen.metrics.estimate import Estimate


def auroc(inside: Any, outside: Any) -> Estimate:
    """Return the area under the ROC curve of a score: how often an example of one set has a higher one than of the other.

    With the scores a_1 .. a_n of the one set and b_1 .. b_m of the other it is

        A = 1/(n m) sum_ij psi(a_i, b_j),    psi(a, b) = 1 for a > b, 1/2 for a = b, 0 for a < b,

    1 where the sets are apart, 1/2 where the score tells nothing. Its standard error is that of two sets drawn anew,

        se² = var_i(1/m sum_j psi(a_i, b_j)) / n + var_j(1/n sum_i psi(a_i, b_j)) / m

    with variances over n - 1 and m - 1 (DeLong, DeLong, Clarke-Pearson 1988, equation 4). The sums come from ranks.

    Args:
        inside: scores [n]; infinite ones count as the largest or smallest.
        outside: scores [m].

    Raises:
        DataError: for fewer than two scores on a side, or NaN.

    >>> auroc([3.0, 4.0], [1.0, 2.0])
    Estimate(value=1.0, standard_error=0.0)
    """
    a, b = (_scores(values, side) for values, side in ((inside, "first"), (outside, "second")))
    ranks = rankdata(np.concatenate([a, b]))  # of equal scores the mean
    above_b = (ranks[: len(a)] - rankdata(a)) / len(b)
    below_a = 1 - (ranks[len(a) :] - rankdata(b)) / len(a)
    variance = np.var(above_b, ddof=1) / len(a) + np.var(below_a, ddof=1) / len(b)
    return Estimate(float(above_b.mean()), math.sqrt(variance))


def _scores(values: Any, side: str) -> NDArray[np.float64]:
    scores = np.asarray(values, np.float64)
    if scores.ndim != 1 or len(scores) < 2:
        raise DataError(f"AUROC: the {side} set needs two scores or more, [n]; got an array of shape {scores.shape}.")
    if np.isnan(scores).any():
        raise DataError(f"AUROC: {np.isnan(scores).sum()} of {len(scores)} scores of the {side} set are no numbers.")
    return scores
