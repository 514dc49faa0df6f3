"""Rank statistics of simulation-based calibration (SBC): the largest deviation from uniform ranks, and its band.

If draws follow the exact posterior, the rank of the true parameter among L draws is uniform on 0 .. L (Talts et al. 2018,
Validating Bayesian inference algorithms with simulation-based calibration, theorem 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SIMULATIONS = 1000
_CONFIDENCE = 0.99


def ranks_of(truth: NDArray[np.generic], draws: NDArray[np.generic], seed: int = 0) -> NDArray[np.int64]:
    """Return how many draws lie below the truth, column by column: [n, d] of 0 .. L.

    Of draws that are equal to the truth, as whole numbers may be, a random share counts as below it: any number from none to
    all of them is equally likely, so that exact draws have uniform ranks.

    Args:
        truth: [n, d].
        draws: [n, L, d].
        seed: of the random shares.

    >>> ranks_of(np.array([[0.5]]), np.array([[[0.1], [0.7], [0.3]]]))
    array([[2]])
    """
    below = (np.asarray(draws) < np.asarray(truth)[:, None, :]).sum(axis=1)
    equal = (np.asarray(draws) == np.asarray(truth)[:, None, :]).sum(axis=1)
    found: NDArray[np.int64] = below + np.random.default_rng(seed).integers(0, equal + 1)
    return found


def rank_deviation(ranks: NDArray[np.int64], draws: int) -> float:
    """Return the largest difference of the distribution function of ranks [n, d] from the uniform one, over all columns.

    ``max_j max_k |F_j(k) - (k + 1) / (L + 1)|``, F_j that of column j and L the number of draws.
    """
    uniform = (np.arange(draws + 1) + 1) / (draws + 1)
    return max(
        float(np.abs(np.cumsum(np.bincount(column, minlength=draws + 1)) / len(column) - uniform).max())
        for column in ranks.T
    )


def deviation_band(examples: int, columns: int, draws: int, seed: int = 0) -> float:
    """Return the deviation that uniform ranks stay below with a probability of 99 %, by simulation.

    Args:
        examples: n.
        columns: d, taken as independent.
        draws: L.
        seed: of the simulation.
    """
    random = np.random.default_rng(seed)
    found = [rank_deviation(random.integers(0, draws + 1, (examples, columns)), draws) for _ in range(_SIMULATIONS)]
    return float(np.quantile(found, _CONFIDENCE))
