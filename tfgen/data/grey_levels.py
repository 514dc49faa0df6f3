"""Scale grey levels 0 .. L-1 to [-1, 1] or [0, 1] and back; convert nats to bits per dimension."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf


def to_signed(images: Any, levels: int, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Scale grey levels v to [-1, 1]: ``2 v / (levels - 1) - 1``.

    Args:
        images: grey levels v in ``0 .. levels - 1``, any shape.
        levels: the number of grey levels, at least 2.
        dtype: of the result.
    """
    return tf.cast(images, dtype) * (2 / (levels - 1)) - 1


def from_signed(x: tf.Tensor, levels: int) -> tf.Tensor:
    """Scale numbers in [-1, 1] back to grey levels, without rounding: ``(x + 1) (levels - 1) / 2``.

    ``tfgen.quantise(from_signed(x, levels) + 0.5, levels)`` are the nearest grey levels as uint8.
    """
    return (x + 1) * ((levels - 1) / 2)


def to_unit(images: Any, levels: int, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Scale grey levels v in ``0 .. levels - 1``, of any shape, to [0, 1]: ``v / (levels - 1)``."""
    return tf.cast(images, dtype) / (levels - 1)


def bits_per_dim(nats: Any, dimensions: int) -> Any:
    """Convert nats for each example to bits per dimension: ``nats / (dimensions log 2)``, of a tensor, an array or a number.

    Args:
        nats: negative log-probabilities of whole examples.
        dimensions: size of an example, D.
    """
    return nats / dimensions / math.log(2.0)
