"""Generator and discriminator networks of a GAN: code to example, example to one score.

A generator takes the label as a one-hot vector concatenated to the code, a discriminator by projection: with h the last
hidden layer, ``D(x, y) = a . h(x) + b + v_y . h(x)`` (Miyato, Koyama 2018, equation 3). The direction v of a context is
computed by a network: one that is linear in c could compare no more of p(c|x) than its mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgen.layers import (
    DenseStack,
    NarrowConv2DTranspose,
    context_network,
    halved,
    halved_sides,
    upsampled,
    with_label,
)

_SLOPE = 0.2  # of the leaky ReLU below zero, as in DCGAN (Radford et al. 2016)
_KERNEL = 4
_HALVINGS = 3
_START = "he_normal"


def rectified(x: tf.Tensor) -> tf.Tensor:
    """Leaky ReLU: ``max(x, 0.2 x)``."""
    return tf.maximum(x, _SLOPE * x)


class ConvGenerator(keras.layers.Layer):
    """Convolutional generator: a dense layer to the smallest maps, transposed convolutions of stride 2 that halve the filters.

    The sides of the maps are those of `tfgen.layers.halved_sides`.

    Args:
        latent: size of a code.
        classes: width of the label, 0 for none.
        shape: of an image, (height, width, channels).
        filters: of the last hidden maps.
        dtype: of the result.
    """

    def __init__(self, latent: int, classes: int, shape: Sequence[int], filters: int, dtype: tf.DType) -> None:
        super().__init__(name="generator")
        height, width, channels = shape
        self.sides = halved_sides(height, width, _HALVINGS)
        height, width = self.sides[0]
        widths = [filters * 2**power for power in reversed(range(_HALVINGS))]
        self.start = (height, width, widths[0])
        self.stem = keras.layers.Dense(math.prod(self.start), kernel_initializer=_START)
        self.stem.build((None, latent + classes))
        self.convolutions = [
            keras.layers.Conv2DTranspose(count, _KERNEL, strides=2, padding="same", kernel_initializer=_START)
            for count in widths[1:]
        ]
        self.head = NarrowConv2DTranspose(channels, _KERNEL, dtype=dtype.name)
        for convolution, count, side in zip([*self.convolutions, self.head], widths, self.sides, strict=False):
            convolution.build((None, *side, count))
        self.built = True

    def call(self, z: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return unbounded images [n, height, width, channels] for codes [n, latent] and labels [n, k]."""
        hidden = rectified(tf.reshape(self.stem(with_label(z, one_hot)), [-1, *self.start]))
        for convolution, side in zip(self.convolutions, self.sides[1:], strict=False):
            hidden = rectified(upsampled(convolution, hidden, side))
        return upsampled(self.head, tf.cast(hidden, self.head.compute_dtype), self.sides[-1])


class ConvFeatures(keras.layers.Layer):
    """Convolutional features of a discriminator: convolutions of stride 2, each with twice the filters, flattened.

    Args:
        shape: of an image, (height, width, channels).
        filters: of the first convolution.

    Attributes:
        width: size of the feature vector.
    """

    def __init__(self, shape: Sequence[int], filters: int) -> None:
        super().__init__(name="features")
        height, width, channels = shape
        self.convolutions = [
            keras.layers.Conv2D(filters * 2**power, _KERNEL, strides=2, padding="same", kernel_initializer=_START)
            for power in range(_HALVINGS)
        ]
        for convolution in self.convolutions:
            convolution.build((None, height, width, channels))
            height, width, channels = halved(height), halved(width), convolution.filters
        self.width = height * width * channels
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return [n, width] for images [n, height, width, channels]."""
        for convolution in self.convolutions:
            x = rectified(convolution(x))
        return tf.reshape(x, [-1, self.width])


def dense_features(inputs: int, units: int, depth: int) -> DenseStack:
    """Return dense layers with leaky ReLU over flattened inputs; arguments as for `tfgen.layers.DenseStack`."""
    return DenseStack(inputs, units, depth, rectified, _START)


class DenseGenerator(keras.layers.Layer):
    """Dense generator: a multi-layer perceptron of the code and the label.

    Args:
        latent: size of a code.
        classes: width of the label, 0 for none.
        shape: of an example.
        units: width of each hidden layer.
        depth: hidden layers.
        dtype: of the result.
    """

    def __init__(
        self, latent: int, classes: int, shape: Sequence[int], units: int, depth: int, dtype: tf.DType
    ) -> None:
        super().__init__(name="generator")
        self.shape = tuple(shape)
        self.hidden = dense_features(latent + classes, units, depth)
        self.head = keras.layers.Dense(math.prod(shape), dtype=dtype.name)
        self.head.build((None, self.hidden.width))
        self.built = True

    def call(self, z: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return unbounded examples [n, *shape] for codes [n, latent] and labels [n, k]."""
        hidden = tf.cast(self.hidden(with_label(z, one_hot)), self.head.compute_dtype)
        return tf.reshape(self.head(hidden), [-1, *self.shape])


class Discriminator(keras.layers.Layer):
    """Projection discriminator D(x) or D(x, y): a linear function of features, plus one for the label.

    Args:
        features: the feature layer, with an attribute ``width``.
        classes: width of the condition, 0 for an unconditional discriminator.
        numbers: whether a context is part of the condition, and not labels alone.
        bias: whether the linear function has a constant b; the Wasserstein loss depends on differences of D alone.
        dtype: of the result.
    """

    def __init__(
        self, features: ConvFeatures | DenseStack, classes: int, numbers: bool, bias: bool, dtype: tf.DType
    ) -> None:
        super().__init__(name="discriminator")
        self.features = features
        self.head = keras.layers.Dense(1, use_bias=bias, dtype=dtype.name)
        self.head.build((None, features.width))
        self.network = context_network(classes, features.width, dtype, "glorot_uniform") if numbers else None
        if classes and not numbers:
            self.directions = self.add_weight(
                shape=(classes, features.width), initializer="glorot_uniform", name="directions", dtype=dtype.name
            )
        self.built = True

    def call(self, x: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return D(x) or D(x, y), [n], for examples and labels [n, k]."""
        hidden = tf.cast(self.features(x), self.head.compute_dtype)
        value = self.head(hidden)[:, 0]
        if one_hot is None:
            return value
        one_hot = tf.cast(one_hot, hidden.dtype)
        directions = one_hot @ self.directions if self.network is None else self.network(one_hot)
        return value + tf.reduce_sum(directions * hidden, axis=-1)
