"""Evaluate ELBO and IWAE bounds, their reconstruction and KL terms, and the active units of a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.evaluate.scoring import Labels, ScoreFunction, log_probabilities, score_batches
from tfgen.model.capabilities import HasElbo, HasPosterior

#: A unit is active when the variance of its posterior mean is above this (Burda et al. 2016, section 5.2).
ACTIVE_VARIANCE = 0.01
#: Codes decoded between two moves of the progress bar: seconds of work on a few cores.
_CODES_BATCH = 100_000


@dataclass(frozen=True, eq=False)
class BoundScores:
    """What a model with a bound says of each example: [n] nats, means over the draws, each under the example's own label.

    Attributes:
        elbo: with one particle.
        tightest: the bound with the most particles that was asked for; `elbo` itself for one.
        marginal: ``log sum_y p(y) exp(tightest(x|y))``; `tightest` itself where there was no p(y).
        reconstruction: ``E_q[log p(x|z)]``; None without a posterior.
        divergence: ``KL(q(z|x) || p(z))``; None without a posterior.
        codes: ``E_q[z|x]``, [n, latent]; None without a posterior whose mean is known.
    """

    elbo: NDArray[np.float64]
    tightest: NDArray[np.float64]
    marginal: NDArray[np.float64]
    reconstruction: NDArray[np.float64] | None = None
    divergence: NDArray[np.float64] | None = None
    codes: NDArray[np.float64] | None = None


def score_bound(
    model: HasElbo,
    x: NDArray[np.generic],
    labels: Labels = None,
    log_prior: NDArray[np.float64] | None = None,
    *,
    particles: int = 1,
    batch_size: int = 500,
    **options: Any,
) -> BoundScores:
    """Score examples by the ELBO, by its two terms, and by the importance-weighted bound where particles are asked for.

        ELBO(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z)),    IWAE_k(x) = E[log 1/k sum_i p(x, z_i) / q(z_i|x)]

    The terms come from one draw of z and their difference is the ELBO, so that nothing is computed twice. The cheap scores
    come first: what is wrong with a model shows before the many particles are spent.

    Args:
        model: with a bound.
        x: examples [n, ...].
        labels: of the examples [n]; of a conditional model.
        log_prior: ``log p(y)``, [classes], where the bound of the marginal is wanted.
        particles: k; 1 is the ELBO.
        batch_size: the most examples at a time; fewer where each takes many particles.
        options: of `tfgen.evaluate.scoring.score_batches`.
    """
    terms = _terms(model)
    codes = _codes(model, x, labels, batch_size=batch_size, **options)
    classes_are_summed = log_prior is not None and particles == 1
    marginal, found = log_probabilities(
        terms, x, log_prior if classes_are_summed else None, labels, batch_size=batch_size, **options
    )
    elbo = tightest = found[:, 0]
    if particles > 1:
        fewer = max(1, min(batch_size, _CODES_BATCH // particles))
        title = f"evaluating, {particles} particles"
        marginal, tightest = log_probabilities(
            lambda batch, label, seed: model.elbo(batch, label, seed=seed, particles=particles),
            x, log_prior, labels, batch_size=fewer, title=title, **options,
        )  # fmt: skip
    if found.shape[1] == 1:
        return BoundScores(elbo, tightest, marginal)
    return BoundScores(elbo, tightest, marginal, found[:, 1], found[:, 2], codes)


def active_units(codes: NDArray[np.float64], labels: Labels = None) -> int:
    """Return in how many dimensions of the code the posterior mean varies: ``Var_x(E_q[z_j|x]) > 0.01``.

    Where q has the label, what the label alone does to the mean tells nothing of the example, so that the variance is
    taken within the classes.

    Args:
        codes: the posterior means ``E_q[z|x]``, [n, latent].
        labels: of the examples [n]; of a conditional model.

    >>> active_units(np.array([[0.0, 1.0], [1.0, 1.1]])), active_units(np.array([[0.0], [1.0]]), np.array([0, 1]))
    (1, 0)
    """
    centred = codes - codes.mean(axis=0)
    for label in [] if labels is None else np.unique(labels):
        centred[labels == label] -= centred[labels == label].mean(axis=0)
    return int(np.sum(np.mean(centred**2, axis=0) > ACTIVE_VARIANCE))


def _terms(model: HasElbo) -> ScoreFunction:
    """Return the ELBO and, of a model with a posterior, its two terms: ``[batch, 1]`` or ``[batch, 3]``."""

    def terms(x: tf.Tensor, labels: tf.Tensor | None, seed: tf.Tensor) -> tf.Tensor:
        if not isinstance(model, HasPosterior):
            return model.elbo(x, labels, seed=seed)[:, None]
        reconstruction, divergence = model.elbo_terms(x, labels, seed=seed)
        return tf.stack([reconstruction - divergence, reconstruction, divergence], axis=-1)

    return terms


def _codes(
    model: HasElbo, x: NDArray[np.generic], labels: Labels, *, draws: int = 1, **options: Any
) -> NDArray[np.float64] | None:
    """Return the posterior means of one draw, [n, latent]; None where there is no posterior, or its mean is not known."""
    if not isinstance(model, HasPosterior):
        return None
    posterior = model.posterior

    def means(batch: tf.Tensor, label: tf.Tensor | None, seed: tf.Tensor) -> tf.Tensor:
        return posterior(batch, label, seed=seed).mean()

    options["title"] = "encoding"
    try:
        return np.concatenate([values[:, 0] for _, values in score_batches(means, x, [labels], **options)])
    except NotImplementedError:  # some distributions of TensorFlow Probability have none
        return None
