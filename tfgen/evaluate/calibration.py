"""Simulation-based calibration (SBC) of a model with a context: the ranks of true values among the model's draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Split
from tfgen.errors import CapabilityError
from tfgen.evaluate.measurement import Measurement
from tfgen.metrics.estimate import Estimate
from tfgen.metrics.ranks import deviation_band, rank_deviation, ranks_of
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import uses_context
from tfgen.sample.sampling import given_of, sample_batches

#: Draws for each example, so that ranks are 0 .. 99, and the most examples that are ranked.
DRAWS, EXAMPLES = 99, 500
_BATCH = 2000


def sbc_ranks(
    model: GenerativeModel, examples: Split, seed: int = 0, options: Mapping[str, Any] | None = None
) -> NDArray[np.int64]:
    """Return the ranks of examples among `DRAWS` samples of the model given the context of each, [n, d] of 0 .. 99.

    Args:
        model: with a context, of vectors.
        examples: up to `EXAMPLES` of them are ranked, the same ones each time.
        seed: of the samples.
        options: of the model's sampler, by name.

    Raises:
        CapabilityError: when the model does not sample, is given no context, or is of images.
    """
    if not uses_context(model) or model.data.spatial:
        raise CapabilityError("simulation-based calibration is for a model of vectors that is given a context.")
    chosen = examples.subset(EXAMPLES)
    repeated = given_of(model, chosen.take(np.repeat(np.arange(len(chosen)), DRAWS)))
    drawn = np.concatenate(list(sample_batches(model, len(chosen) * DRAWS, repeated, seed, _BATCH, options)))
    return ranks_of(chosen.x, drawn.reshape(len(chosen), DRAWS, -1))


def measure_sbc(measurement: Measurement) -> Estimate:
    """Return the largest deviation of the ranks from uniform ones, over the 99 % band of that deviation.

    At most 1 is calibrated; the metric ``sbc``.
    """
    chosen = measurement.some_examples(EXAMPLES)
    ranks = sbc_ranks(measurement.model, chosen, measurement.seed, measurement.options)
    examples, columns = ranks.shape
    measurement.drawn.append(examples * DRAWS)
    return Estimate(rank_deviation(ranks, DRAWS) / deviation_band(examples, columns, DRAWS), math.nan)
