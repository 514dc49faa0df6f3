"""Log-likelihoods of pixels: bits under a Bernoulli distribution, grey levels under a discretised logistic."""

from __future__ import annotations

import tensorflow as tf


def bernoulli_log_prob(bits: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return ``b a - log(1 + e^a)`` nats: Bernoulli log-likelihood of bits b, P(b = 1) = sigmoid(a), by one softplus.

    Args:
        bits: 0 or 1. Grey levels in between give a cross-entropy, which is no density.
        logits: a, of the bits' shape or with further leading axes.
    """
    return bits * logits - tf.math.softplus(logits)


def discretised_logistic_log_prob(
    values: tf.Tensor, location: tf.Tensor, inverse_scale: tf.Tensor, levels: int
) -> tf.Tensor:
    """Return the discretised logistic log-likelihood: log mass in the cell of each value, nats, exact for tiny masses too.

    The levels lie evenly in [-1, 1]. Tails belong to the outermost two, so that the levels' probabilities sum to 1 (Salimans
    et al.: PixelCNN++, 2017, equation 2). With a and b the cell's ends in units of the scale,
    ``F(a) - F(b) = F(a) F(-b) (1 - exp(b - a))``.

    Args:
        values: grey levels as `to_signed` gives them.
        location: of the logistic, in the same units.
        inverse_scale: 1 / scale, above 0.
        levels: the number of grey levels, at least 2.
    """
    half_cell, inverse_scale = 1 / (levels - 1), tf.convert_to_tensor(inverse_scale, values.dtype)
    above = (values + half_cell - location) * inverse_scale
    below = (values - half_cell - location) * inverse_scale
    inside = tf.math.log(-tf.math.expm1(-2 * half_cell * inverse_scale))
    log_upper, log_lower = tf.math.log_sigmoid(above), tf.math.log_sigmoid(-below)
    lowest, highest = values < -1 + half_cell, values > 1 - half_cell
    return tf.where(lowest, log_upper, tf.where(highest, log_lower, log_upper + log_lower + inside))
