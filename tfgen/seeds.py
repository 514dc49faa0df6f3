"""Seeds for stateless random numbers: each is a function of one integer and of its use.

TensorFlow's stateless generators take a pair of int32, which this module makes from what a caller has at hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

#: TensorFlow's own choice differs between XLA and the rest; Philox, named outright, gives the same numbers in both.
_ALGORITHM = "philox"


def as_seed(seed: Any) -> tf.Tensor:
    """Return the stateless seed, an int32 tensor of shape [2], for an integer or for a seed that is one already."""
    if isinstance(seed, int | np.integer):
        return tf.constant([0, int(seed) & 0x7FFFFFFF], tf.int32)
    return tf.ensure_shape(tf.cast(seed, tf.int32), [2])


def fold_in(seed: Any, index: Any) -> tf.Tensor:
    """Return the seed for item `index` (a step, a batch, a purpose) under `seed`; same inputs, same seed."""
    return tf.random.fold_in(as_seed(seed), tf.cast(index, tf.int32), alg=_ALGORITHM)


def split_seed(seed: Any, n: int) -> list[tf.Tensor]:
    """Return `n` independent seeds made from one."""
    return tf.unstack(tf.random.split(as_seed(seed), n, alg=_ALGORITHM))


def uniform(shape: Any, seed: Any, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Return uniform numbers on [0, 1): the same for the same seed, whether compiled by XLA or not.

    TensorFlow and XLA draw the same bits but make other floats of them; here the leading bits become the fraction, 24 of
    32 for float32 and 53 of 64 for float64.

    Args:
        shape: of the result.
        seed: an integer or a stateless seed.
        dtype: float32 or float64.
    """
    bits, kept = (tf.uint64, 53) if dtype == tf.float64 else (tf.uint32, 24)
    drawn = tf.random.stateless_uniform(shape, as_seed(seed), None, None, bits, alg=_ALGORITHM)
    leading = tf.bitwise.right_shift(drawn, tf.constant(bits.size * 8 - kept, bits))
    return tf.cast(leading, dtype) * tf.constant(2.0**-kept, dtype)


def normal(shape: Any, seed: Any, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Return standard normal numbers: the same for the same seed, whether compiled by XLA or not, up to rounding.

    They are the quantiles of `uniform` numbers, taken in the middle of their cells, so none is infinite.

    Args:
        shape: of the result.
        seed: an integer or a stateless seed.
        dtype: float32 (up to 5.3 in size) or float64 (up to 8.2).
    """
    half_cell = 2.0**-54 if dtype == tf.float64 else 2.0**-25
    drawn = uniform(shape, seed, dtype)
    # Above 1/2 a half cell is lost in rounding, so the upper half is made as the mirror image of the lower one.
    lower = tf.where(drawn < 0.5, drawn + half_cell, (1 - drawn) - half_cell)
    quantile = tf.math.ndtri(lower)
    return tf.where(drawn < 0.5, quantile, -quantile)


def generator(*key: int) -> np.random.Generator:
    """Return NumPy's counter-based generator for the host's own choices, such as the order of an epoch.

    Args:
        key: non-negative integers, for example ``(seed, purpose, epoch)``.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
