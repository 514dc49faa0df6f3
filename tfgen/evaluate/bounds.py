"""Evaluate ELBO and IWAE bounds, their reconstruction and KL terms, and the active units of a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.evaluate.scoring import BLOCK, Labels, ScoreFunction, log_probabilities, score_batches
from tfgen.model.capabilities import HasElbo, HasPosterior
from tfgen.model.program import program_of

#: A unit is active when the variance of its posterior mean is above this (Burda et al. 2016, section 5.2).
ACTIVE_VARIANCE = 0.01
#: Codes decoded in one batch of the IWAE bound, between two updates of the progress bar: seconds of work on a few cores.
_CODES_BATCH = 100_000


@dataclass(frozen=True, eq=False)
class BoundScores:
    """Bounds of log p for each example, with reconstruction and KL: [n] nats, means over the draws, given the true label.

    Attributes:
        elbo: the ELBO, with one particle.
        tightest: the importance-weighted (IWAE) bound with all particles; equal to `elbo` for one particle.
        marginal: bound of log p(x), ``log sum_y p(y) exp(tightest(x|y))``; equal to `tightest` without p(y).
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
    """Evaluate the ELBO, its two terms and, with several particles, the importance-weighted (IWAE) bound of examples.

        ELBO(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z)),    IWAE_k(x) = E[log 1/k sum_i p(x, z_i) / q(z_i|x)]

    The two terms use the same sample of z, and their difference is the ELBO. The cheap terms are computed first, so that a
    broken model fails before the expensive bound with many particles.

    Args:
        model: with a bound.
        x: examples [n, ...].
        labels: of the examples [n]; of a conditional model.
        log_prior: ``log p(y)``, [classes], for the bound of the marginal; None without.
        particles: k; 1 is the ELBO.
        batch_size: the most examples at a time, in whole blocks.
        options: of `tfgen.evaluate.scoring.score_batches`.
    """
    terms = program_of(model, "elbo_terms", _terms(model))
    codes = _codes(model, x, labels, batch_size=batch_size, **options)
    classes_are_summed = log_prior is not None and particles == 1
    marginal, result = log_probabilities(
        terms, x, log_prior if classes_are_summed else None, labels, batch_size=batch_size, **options
    )
    elbo = tightest = result[:, 0]
    if particles > 1:
        fewer = max(1, min(BLOCK, _CODES_BATCH // particles))
        title = f"evaluating, {particles} particles"

        def elbo_of(batch: tf.Tensor, label: tf.Tensor | None, seed: tf.Tensor) -> tf.Tensor:
            return model.elbo(batch, label, seed=seed, particles=particles)

        bound = program_of(model, ("elbo", particles), elbo_of)
        marginal, tightest = log_probabilities(
            bound, x, log_prior, labels, batch_size=fewer, block=fewer, title=title, **options
        )
    if result.shape[1] == 1:
        return BoundScores(elbo, tightest, marginal)
    return BoundScores(elbo, tightest, marginal, result[:, 1], result[:, 2], codes)


def active_units(codes: NDArray[np.float64], labels: Labels = None) -> int:
    """Return the number of active units: dimensions of the code with ``Var_x(E_q[z_j|x]) > 0.01``.

    Few active units are a sign of posterior collapse. If q depends on the label, the variance is taken within the classes:
    a shift by the label alone carries no information about the example.

    Args:
        codes: the posterior means ``E_q[z|x]``, [n, latent].
        labels: of the examples [n]; of a conditional model.

    >>> active_units(np.array([[0.0, 1.0], [1.0, 1.1]])), active_units(np.array([[0.0], [1.0]]), np.array([0, 1]))
    (1, 0)
    """
    centred = codes - codes.mean(axis=0)
    for label in [] if labels is None or labels.ndim > 1 else np.unique(labels):
        centred[labels == label] -= centred[labels == label].mean(axis=0)
    return int(np.sum(np.mean(centred**2, axis=0) > ACTIVE_VARIANCE))


def _terms(model: HasElbo) -> ScoreFunction:
    """Return a function for the ELBO and, if the model has a posterior, its two terms: ``[batch, 1]`` or ``[batch, 3]``."""

    def terms(x: tf.Tensor, labels: tf.Tensor | None, seed: tf.Tensor) -> tf.Tensor:
        if not isinstance(model, HasPosterior):
            return model.elbo(x, labels, seed=seed)[:, None]
        reconstruction, divergence = model.elbo_terms(x, labels, seed=seed)
        return tf.stack([reconstruction - divergence, reconstruction, divergence], axis=-1)

    return terms


def _codes(
    model: HasElbo, x: NDArray[np.generic], labels: Labels, *, draws: int = 1, **options: Any
) -> NDArray[np.float64] | None:
    """Return the posterior means, [n, latent], with one draw of the noise; None without a posterior or a known mean."""
    if not isinstance(model, HasPosterior):
        return None
    posterior = model.posterior

    def means(batch: tf.Tensor, label: tf.Tensor | None, seed: tf.Tensor) -> tf.Tensor:
        return posterior(batch, label, seed=seed).mean()

    options["title"], program = "encoding", program_of(model, "posterior_means", means)
    try:
        return np.concatenate([values[:, 0] for _, values in score_batches(program, x, [labels], **options)])
    except NotImplementedError:  # some distributions of TensorFlow Probability have none
        return None
