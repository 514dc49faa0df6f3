"""Log-likelihood (or bound) of each example, with its error over the draws of the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.errors import require_option
from tfgen.evaluate.scoring import Labels, log_class_frequencies, log_probabilities, scorer_of
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import uses_context

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExampleScores:
    """Scores of examples in nats, means over the draws.

    Attributes:
        log_likelihood: ``log p(x)``, or a lower bound of it, [n]; of a conditional model with p(y) of the training split.
        error: its standard error over the draws, [n]; NaN for a single one, 0 for a model without noise.
        given_label: ``log p(x|y)`` with the example's own label, [n]; None without labels, or of an unconditional model.
    """

    log_likelihood: Floats
    error: Floats
    given_label: Floats | None = None


def score_examples(
    model: GenerativeModel,
    data: Dataset,
    x: NDArray[np.generic],
    labels: Labels = None,
    *,
    draws: int = 1,
    particles: int = 1,
    seed: int = 0,
    **options: Any,
) -> ExampleScores:
    """Score each example by the density or bound of a model.

    Args:
        model: with a density or a bound.
        data: the data set that it was trained on, whose training split has the class frequencies.
        x: examples [n, ...].
        labels: of them, [n], or contexts; see `tfgen.data.conditions`; None for none.
        draws: passes with other noise, draw k with the seed ``seed + k``; for a model without noise one.
        particles: of the importance-weighted bound of a model with a bound.
        seed: of the noise.
        options: ``batch_size``, ``quiet``.

    Raises:
        CapabilityError: when the model has neither density nor bound, or particles have no meaning.
        OptionError: when draws are below 1.
    """
    require_option(draws >= 1, "draws", draws, "at least 1")
    scorer = scorer_of(model, data, "scoring", particles)
    prior = log_class_frequencies(data) if scorer.classes is not None else None
    known = labels if scorer.classes is not None or uses_context(model) else None
    block = scorer.block(options.get("batch_size", 500))
    drawn = [
        log_probabilities(scorer.function, x, prior, known, block=block, seed=seed + draw, **options)
        for draw in range(draws if scorer.noisy else 1)
    ]
    marginal = np.stack([values for values, _ in drawn])
    if not scorer.noisy:
        error = np.zeros(len(x))
    else:
        spread = np.std(marginal, axis=0, ddof=1) if draws > 1 else np.full(len(x), math.nan)
        error = spread / math.sqrt(draws)
    given = None if known is None or scorer.classes is None else np.mean([own for _, own in drawn], axis=0)
    return ExampleScores(marginal.mean(axis=0), error, given)
