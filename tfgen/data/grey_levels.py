"""Grey levels 0 .. L-1 as real numbers in [-1, 1] or [0, 1] and back, and densities of them in bits/dim."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf


def to_signed(images: Any, levels: int, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Return ``2 v / (levels - 1) - 1``, in [-1, 1].

    Args:
        images: grey levels v in ``0 .. levels - 1``, any shape.
        levels: the number of grey levels, at least 2.
        dtype: of the result.
    """
    return tf.cast(images, dtype) * (2 / (levels - 1)) - 1


def from_signed(x: tf.Tensor, levels: int) -> tf.Tensor:
    """Return ``(x + 1) (levels - 1) / 2``: grey levels, not yet rounded, of numbers in [-1, 1].

    ``tfgen.quantise(from_signed(x, levels) + 0.5, levels)`` are the nearest grey levels as uint8.
    """
    return (x + 1) * ((levels - 1) / 2)


def to_unit(images: Any, levels: int, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Return ``v / (levels - 1)``, in [0, 1], of grey levels v in ``0 .. levels - 1`` of any shape."""
    return tf.cast(images, dtype) / (levels - 1)


def bits_per_dim(nats: Any, dimensions: int) -> Any:
    """Return ``nats / (dimensions log 2)`` of a tensor, an array or a number of nats for each example.

    Args:
        nats: negative log-probabilities of whole examples.
        dimensions: how many numbers an example has.
    """
    return nats / dimensions / math.log(2.0)
