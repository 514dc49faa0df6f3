"""Philox 4x32-10, the counter-based random number generator of TensorFlow, for many keys at once.

TensorFlow's operation takes one key for all numbers that it draws. Here each block of numbers has a key of its own, by
elementwise operations on integers, so that examples of many seeds are drawn together, with the bits of the operation.

Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011, section 3.3.
"""

from __future__ import annotations

import tensorflow as tf

_ROUNDS = 10
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85  # by which the two halves of a key grow from round to round
_WORD = 0xFFFFFFFF


def philox_words(key: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """Return the four words of 32 random bits under each key and counter, [..., 4] uint64.

    Args:
        key: uint64 [...].
        low: lower half of the counter, uint64; the three are broadcast.
        high: upper half of the counter, uint64.
    """
    shape = tf.broadcast_dynamic_shape(tf.broadcast_dynamic_shape(tf.shape(key), tf.shape(low)), tf.shape(high))
    words = [tf.broadcast_to(word, shape) for half in (low, high) for word in _halves(half)]
    keys = list(_halves(key))
    for number in range(_ROUNDS):
        if number:
            keys = [_lower(key + _constant(step)) for key, step in zip(keys, _WEYL, strict=True)]
        (low0, high0), (low2, high2) = (
            _halves(word * _constant(factor)) for word, factor in zip(words[::2], _MULTIPLIERS, strict=True)
        )
        words = [_xor(high2, words[1], keys[0]), low2, _xor(high0, words[3], keys[1]), low0]
    return tf.stack(words, axis=-1)


def joined_words(words: tf.Tensor) -> tf.Tensor:
    """Return pairs of words of 32 bits as words of 64, the lower ones first: uint64 [..., 2 n] becomes [..., n]."""
    return tf.bitwise.bitwise_or(words[..., ::2], tf.bitwise.left_shift(words[..., 1::2], _constant(32)))


def _halves(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the lower and the upper 32 bits."""
    return _lower(number), tf.bitwise.right_shift(number, _constant(32))


def _lower(number: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_and(number, _constant(_WORD))


def _xor(first: tf.Tensor, second: tf.Tensor, third: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(first, second), third)


def _constant(number: int) -> tf.Tensor:
    return tf.constant(number, tf.uint64)
