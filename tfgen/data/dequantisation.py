"""Dequantisation of images: grey levels to real numbers, logit map, log-determinants for bits/dim.

An image with values v in {0, ..., L-1} is spread by uniform noise u to ``y = v + u`` in ``[0, L)``, then mapped to the
real line by ``t = logit(alpha + (1 - 2 alpha) y / L)`` (Dinh et al. 2017, section 4.1). Densities over y are per grey
level: by Jensen's inequality the mean over u of ``log p(v + u)`` bounds ``log P(v)`` from below (Theis et al. 2016).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen.seeds import uniform


def dequantise(images: Any, levels: int, seed: Any, dtype: tf.DType = tf.float32, *, unit: bool = False) -> tf.Tensor:
    """Dequantise images: return ``y = v + u`` with u uniform on [0, 1), each y in the cell ``[v, v + 1)`` of its level.

    In float32 ``v + u`` rounds to ``v + 1`` once in 131,000 pixels of 128 <= v < 256, and for more levels more often. Then y
    is the largest number below: ``min(v + u, nextafter(v + 1, 0))``.

    Args:
        images: integer values in ``0 .. levels - 1``, any shape.
        levels: the number of grey levels, L, at most 2^23 in float32.
        seed: an integer or a stateless seed.
        dtype: of the result, float32 or float64.
        unit: return ``y / levels``, each in the cell ``[v / L, (v + 1) / L)`` of [0, 1).
    """
    v = tf.cast(images, dtype)
    y = v + uniform(tf.shape(images), seed, dtype)
    if unit:  # the product below would be joined with the quotient by XLA, and be rounded in another way
        return tf.minimum(y / levels, number_below((v + 1) / levels))
    # `number_below` of a positive number by one product: with e half the distance from 1 to the number above it, x (1 - e) lies
    # more than half a distance below an x between two powers of two, and just one below a power of two.
    epsilon = np.finfo(dtype.as_numpy_dtype).epsneg
    return tf.minimum(y, (v + 1) * tf.constant(1 - epsilon, dtype))


def number_below(x: tf.Tensor) -> tf.Tensor:
    """Return the largest number below x in its type: `tf.math.nextafter` towards minus infinity, which exports have not.

    ``x - 5/8 e |x|`` with e the distance from 1 to the number above it: what is taken away is at least 5/8 and less than 5/4
    of the distance of numbers at x, and below a positive power of two, where they lie twice as close, 5/4 of that distance.
    So it is rounded to one, and would be if the product were a little off.

    Args:
        x: float32 or float64, of at least 1e-30 in absolute value; 0 stays 0.
    """
    return x - tf.abs(x) * tf.constant(0.625 * np.finfo(x.dtype.as_numpy_dtype).eps, x.dtype)


def quantise(y: tf.Tensor, levels: int) -> tf.Tensor:
    """Quantise: return uint8 images ``floor(y)``, clipped to ``0 .. levels - 1``."""
    # Beside a small decoder each pass over the pixels counts: this clips in one (`tf.clip_by_value` takes two), and the cast
    # cuts off the fraction, which is the floor of a number that is not negative.
    lowest, highest = tf.zeros([], y.dtype), tf.cast(levels - 1, y.dtype)
    return tf.cast(tf.raw_ops.ClipByValue(t=y, clip_value_min=lowest, clip_value_max=highest), tf.uint8)


def logit_squeeze(levels: int, alpha: float, dtype: tf.DType = tf.float32) -> Any:
    """Return the logit transform as a `tfb.Bijector`, whose inverse is ``t = logit(alpha + (1 - 2 alpha) y / levels)``.

    The forward direction is ``y = levels (sigmoid(t) - alpha) / (1 - 2 alpha)``: a sigmoid whose range exceeds the data
    at both ends by the margin ``levels alpha / (1 - 2 alpha)``.

    Args:
        levels: the number of grey levels.
        alpha: margin to 0 and 1 before the logit, in (0, 0.5).
        dtype: of the numbers it maps.
    """
    margin = levels * alpha / (1.0 - 2.0 * alpha)
    return _LogitSqueeze(
        low=tf.constant(-margin, dtype), high=tf.constant(levels + margin, dtype), name="logit_squeeze"
    )


class _LogitSqueeze(tfb.Sigmoid):
    """`tfb.Sigmoid` between two bounds, without its special cases.

    TensorFlow Probability computes it from either end and chooses, in a dozen passes over the pixels: near the upper
    bound this is no more accurate, since floats there are farther apart than the error of the sigmoid.
    """

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return self.low + (self.high - self.low) * tf.sigmoid(x)
