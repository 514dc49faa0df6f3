"""Baselines of likelihoods: a uniform distribution over grey levels, or a Gaussian for each column of vectors."""

from __future__ import annotations

import math

import numpy as np

from tfgen.data.dataset import Dataset, Split
from tfgen.data.notes import column_moments
from tfgen.metrics.metric import Baseline
from tfgen.model.base import ScoredAs


def baseline_of(data: Dataset, examples: Split, scored_as: ScoredAs) -> Baseline | None:
    """Return the negative log-likelihood in nats of a distribution that knows nothing of what depends on what.

    Of images with D numbers that is ``D log L`` for L grey levels; L = 2 where they are scored as bits, or by a cross-entropy,
    which is ``log 2`` for each pixel where every probability is 1/2. Of vectors it is the mean over the examples of
    ``-sum_j log N(x_j; m_j, s_j^2)`` with the means and deviations of the columns of the training split,
    those of whole numbers with the noise that dequantises them.

    Args:
        data: the data set.
        examples: whose likelihood it is compared with.
        scored_as: as what images were scored.

    Returns:
        The baseline; None for vectors with a constant column, whose density has no bound.
    """
    if data.spec.quantised:
        grey = scored_as == "grey_levels"
        of = f"a uniform distribution over {data.spec.levels} grey levels" if grey else "fair coins for all pixels"
        return Baseline(data.spec.dimensions * math.log(data.spec.levels if grey else 2), of)
    mean, variance = column_moments(data.train.x)
    if not (variance > 0).all():
        return None
    other_mean, other_variance = column_moments(examples.x)
    noise = np.array(
        [column.discrete / 12 for column in data.spec.columns or ()] or 0.0
    )  # of a uniform number of [0, 1)
    variance, other_variance = variance + noise, other_variance + noise
    squares = (other_variance + (other_mean - mean) ** 2) / variance
    nats = 0.5 * float(np.sum(np.log(2 * math.pi * variance) + squares))
    return Baseline(nats, "one Gaussian for each column")
