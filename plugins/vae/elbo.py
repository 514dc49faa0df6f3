"""ELBO and IWAE: bounds of log p(x|y), and the KL term in closed form, by Monte Carlo, or with free bits.

For z ~ q(z|x, y) the log importance weight is ``log w = log p(x|z, y) + log p(z|y) - log q(z|x, y)``. Its mean over q is the
ELBO, and ``log 1/k sum_i w_i`` of k samples is the importance-weighted bound (IWAE), whose mean rises with k towards log p(x|y)
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

#: Codes decoded at once in a bound with many particles: this limits its memory.
CODES_BATCH = 8192
_USUAL = 64  # examples, where their number is unknown while a program is traced


def closed_form_kl(posterior: Any, factors: Any) -> tf.Tensor:
    """Return the closed-form KL(q || p) of diagonal Gaussians, for each dimension of the code: [n, latent].

    For ``q = N(m, s^2)`` and ``p = N(0, 1)`` this is ``(m^2 + s^2 - 1) / 2 - log s``, with gradients m and ``s - 1/s``
    (Kingma, Welling 2014, appendix B).

    Args:
        posterior: `tfd.Independent` normals, [n, latent].
        factors: `tfd.Normal`, [..., latent].
    """
    return tfd.kl_divergence(posterior.distribution, factors)


def monte_carlo_kl(posterior: Any, prior: Any, z: tf.Tensor) -> tf.Tensor:
    """Return the Monte Carlo estimate ``log q(z|x) - log p(z)`` of KL(q || p), [..., n], at samples z [..., n, latent] of q."""
    return posterior.log_prob(z) - prior.log_prob(z)


def with_free_bits(kl: tf.Tensor, free: float, latent: int) -> tf.Tensor:
    """Return the KL with free bits, against posterior collapse: ``sum_j max(free, mean_n KL_j)``, averaged over the batch.

    Kingma et al. 2016, equation 15, with one group for each dimension. A KL [n] without a value for each dimension is one
    group: ``max(latent free, mean_n KL)``.

    Args:
        kl: [n, latent] or [n] nats.
        free: nats without cost in each dimension.
        latent: size of a code.
    """
    allowance = free if kl.shape.rank == 2 else free * latent
    return tf.reduce_sum(tf.maximum(tf.reduce_mean(kl, axis=0), tf.cast(allowance, kl.dtype)))


def importance_weighted(log_weights: tf.Tensor) -> tf.Tensor:
    """Return the importance-weighted bound ``log 1/k sum_i w_i``, [n], from log-weights [k, n]."""
    return tf.reduce_logsumexp(log_weights, axis=0) - math.log(log_weights.shape[0])


def importance_weighted_in_chunks(
    log_weights: Callable[[int, tf.Tensor], tf.Tensor], particles: int, examples: int | tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Return the importance-weighted bound ``log 1/k sum_i w_i``, [n], in chunks of particles: memory does not grow with k.

    Args:
        log_weights: ``(particles, seed) -> [particles, n]``.
        particles: k.
        examples: n; a tensor in a program for batches of any size, whose chunks are those of 64 examples.
        seed: each chunk gets a seed derived from it.
    """
    known = _USUAL if tf.is_tensor(examples) else max(examples, 1)
    chunk = min(particles, max(1, CODES_BATCH // known))
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
