"""Binarisation of images: grey levels to bits, stochastic, static or by a threshold.

- ``stochastic``: bit d of image v is 1 with probability ``v_d / (L - 1)``, drawn anew each time (Salakhutdinov, Murray 2008).
- ``static``: the same, drawn once for all time: an image always has the same bits, as in the binarised MNIST of Larochelle,
  Murray 2011. A test set's log-likelihood has the same expectation as under ``stochastic``; training meets fewer bits.
- ``threshold``: 1 above half of L - 1. Images without noise, of far lower entropy: compares with neither.
"""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from tfgen.data.grey_levels import to_unit
from tfgen.seeds import uniform

Binarisation = Literal["stochastic", "static", "threshold"]

# Odd multipliers and shifts of the 32-bit finaliser in Appleby's MurmurHash3: each bit in decides over half of those out.
_MIXING = ((16, 0x85EBCA6B), (13, 0xC2B2AE35))


def binarise(images: Any, levels: int, how: Binarisation, seed: Any, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Binarise images: return bits, 0 or 1, in the shape of the images.

    Args:
        images: integer values in ``0 .. levels - 1``, [batch, ...].
        levels: the number of grey levels, L.
        how: the way; see the module.
        seed: an integer or a stateless seed; ``stochastic`` alone depends on it.
        dtype: of the result.
    """
    images = tf.convert_to_tensor(images)
    grey = to_unit(images, levels, dtype)
    if how == "threshold":
        return tf.cast(grey > 0.5, dtype)
    noise = uniform(tf.shape(images), seed, dtype) if how == "stochastic" else _noise_of_the_image(images, dtype)
    return tf.cast(grey > noise, dtype)


def _noise_of_the_image(images: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return static noise on [0, 1): a hash of the whole image and of the pixel's position."""
    shape = tf.shape(images)
    flat = tf.cast(tf.reshape(images, [shape[0], -1]), tf.uint32)
    places = _mixed(tf.cast(tf.range(1, tf.shape(flat)[1] + 1), tf.uint32))
    # A sum of products with random odd numbers, modulo 2^32: two images hash alike about once in 2^31 pairs.
    products = tf.bitcast(flat * tf.bitwise.bitwise_or(places, tf.constant(1, tf.uint32)), tf.int32)
    of_image = _mixed(tf.bitcast(tf.reduce_sum(products, axis=1, keepdims=True), tf.uint32))
    bits = _mixed(tf.bitwise.bitwise_xor(of_image + places, _mixed(places)))
    return tf.reshape(tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), dtype) * 2.0**-24, shape)


def _mixed(bits: tf.Tensor) -> tf.Tensor:
    for shift, factor in _MIXING:
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits = bits * tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))
