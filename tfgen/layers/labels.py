"""Conditioning on labels: concatenate one-hot labels to vectors, or as planes to images; drop labels in training."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgen.data.labels import MISSING
from tfgen.seeds import uniform


def with_label(x: tf.Tensor, one_hot: tf.Tensor | None) -> tf.Tensor:
    """Return vectors [..., d] with labels [..., k] concatenated: [..., d + k].

    Args:
        x: vectors, which may have further leading axes than the labels; these are repeated along them.
        one_hot: labels, or None, which returns `x` as it is.
    """
    if one_hot is None:
        return x
    return tf.concat([x, repeated_like(tf.cast(one_hot, x.dtype), x)], axis=-1)


def drop_labels(labels: tf.Tensor, rate: float, seed: Any) -> tf.Tensor:
    """Drop each label of [n] with a probability (it becomes -1, missing): training for classifier-free guidance.

    A conditional network that sees some examples without their labels learns p(x) beside p(x|y), and samples are drawn from
    a mixture of both scores (J. Ho and T. Salimans 2022, Classifier-free diffusion guidance, algorithm 1). For a model with
    ``labels_optional = True``, whose `one_hot` gives a missing label as a row of zeros.

    Args:
        labels: int32 [n].
        rate: the probability, in [0, 1].
        seed: an integer or a stateless seed.
    """
    dropped = uniform(tf.shape(labels), seed) < rate
    return tf.where(dropped, tf.constant(MISSING, labels.dtype), labels)


def label_planes(one_hot: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Return labels [n, k] as planes [n, height, width, k]: the same one-hot vector at every pixel."""
    return tf.tile(one_hot[:, None, None, :], [1, height, width, 1])


def with_label_planes(images: tf.Tensor, one_hot: tf.Tensor | None) -> tf.Tensor:
    """Return images [n, height, width, c] with labels [n, k], if not None, concatenated as k planes."""
    if one_hot is None:
        return images
    planes = label_planes(tf.cast(one_hot, images.dtype), *images.shape[1:3])
    return tf.concat([images, planes], axis=-1)


def repeated_like(condition: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Return a condition [..., c] repeated over the leading axes of `like` [..., d], which may have more axes."""
    return tf.broadcast_to(condition, [*leading_shape(like), condition.shape[-1]])


def leading_shape(x: tf.Tensor) -> list[int | tf.Tensor]:
    """Return all but the last entry of the shape, as integers where they are known."""
    dynamic = tf.shape(x)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(x.shape[:-1].as_list())]
