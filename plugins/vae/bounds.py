"""Bounds of log p(x|y), ELBO and IWAE, and their two terms, computed from log-densities alone.

With a draw z of q(z|x, y), the log-weight is ``log w = log p(x|z, y) + log p(z|y) - log q(z|x, y)``. Its mean over q is the
ELBO, and ``log 1/k sum_i w_i`` of k draws is the importance-weighted bound, whose mean rises with k towards log p(x|y)
(Burda, Grosse, Salakhutdinov 2016, theorem 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import fold_in

tfd = tfp.distributions

#: Codes that are decoded at a time in a bound of many particles, which bounds its memory.
CODES_AT_A_TIME = 8192


def closed_form_kl(posterior: Any, factors: Any) -> tf.Tensor:
    """Return KL(q || p) in each dimension of the code, [n, latent], of a diagonal Gaussian q from a diagonal Gaussian p.

    For ``q = N(m, s^2)`` and ``p = N(0, 1)`` this is ``(m^2 + s^2 - 1) / 2 - log s``, with gradients m and ``s - 1/s``
    (Kingma, Welling 2014, appendix B).

    Args:
        posterior: `tfd.Independent` normals, [n, latent].
        factors: `tfd.Normal`, [..., latent].
    """
    return tfd.kl_divergence(posterior.distribution, factors)


def monte_carlo_kl(posterior: Any, prior: Any, z: tf.Tensor) -> tf.Tensor:
    """Return ``log q(z|x) - log p(z)``, [..., n], whose mean over draws z [..., n, latent] of q is KL(q || p)."""
    return posterior.log_prob(z) - prior.log_prob(z)


def with_free_bits(kl: tf.Tensor, free: float, latent: int) -> tf.Tensor:
    """Return the KL, averaged over the batch, with what is free of charge filled up: ``sum_j max(free, mean_n KL_j)``.

    Kingma et al. 2016, equation 15, a group for each dimension. A KL [n] that no sum over dimensions is known for has one
    group of all of them: ``max(latent free, mean_n KL)``.

    Args:
        kl: [n, latent] or [n] nats.
        free: nats in each dimension.
        latent: dimensions.
    """
    allowance = free if kl.shape.rank == 2 else free * latent
    return tf.reduce_sum(tf.maximum(tf.reduce_mean(kl, axis=0), tf.cast(allowance, kl.dtype)))


def importance_weighted(log_weights: tf.Tensor) -> tf.Tensor:
    """Return ``log 1/k sum_i w_i``, [n], of log-weights [k, n]."""
    return tf.reduce_logsumexp(log_weights, axis=0) - math.log(log_weights.shape[0])


def importance_weighted_in_chunks(
    log_weights: Callable[[int, tf.Tensor], tf.Tensor], particles: int, examples: int, seed: tf.Tensor
) -> tf.Tensor:
    """Return ``log 1/k sum_i w_i``, [n], a few particles at a time, so that memory does not grow with k.

    Args:
        log_weights: ``(particles, seed) -> [particles, n]``.
        particles: k.
        examples: n.
        seed: each chunk's own seed is made of it.
    """
    chunk = min(particles, max(1, CODES_AT_A_TIME // max(examples, 1)))
    chunks = math.ceil(particles / chunk)
    surplus = chunks * chunk - particles

    def more(number: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
        return number < chunks

    def add(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = log_weights(chunk, fold_in(seed, number))
        if surplus:  # of the last chunk
            counted = (tf.range(chunk) < chunk - surplus) | (number < chunks - 1)
            values = tf.where(counted[:, None], values, tf.constant(-math.inf, values.dtype))
        return number + 1, tf.reduce_logsumexp(tf.concat([total[None], values], axis=0), axis=0)

    first = log_weights(chunk, fold_in(seed, 0)) if chunks == 1 else None
    if first is not None:
        return importance_weighted(first)
    nothing = tf.fill([examples], tf.constant(-math.inf, log_weights(1, seed).dtype))
    _, total = tf.while_loop(more, add, (tf.constant(0), nothing))
    return total - math.log(particles)
