"""Encoder and decoder networks of a VAE: example to parameters of q(z|x, y), code to parameters of p(x|z, y).

A label comes in as one-hot planes beside the image, or as a one-hot vector beside the code. Hidden layers compute in the
model's precision, the last layer of each network in that of its densities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgen_plugins.vae.transposed import NarrowConv2DTranspose

# Dense hidden layers keep the size of their signals at the start, behind activations that pass half of them (He et al. 2015).
# Convolutions start as Keras has it, smaller: a decoder that starts smooth ends better where the code is a plane.
_DENSE = "he_normal"
_CONVOLUTIONS = ((32, 4), (64, 4), (128, 3))  # filters and kernel size; each halves height and width


def with_label_planes(images: tf.Tensor, one_hot: tf.Tensor | None) -> tf.Tensor:
    """Return images [n, h, w, c] with the one-hot label [n, k] in k further channels, the same at every pixel."""
    if one_hot is None:
        return images
    height, width = images.shape[1:3]
    planes = tf.tile(tf.cast(one_hot, images.dtype)[:, None, None, :], [1, height, width, 1])
    return tf.concat([images, planes], axis=-1)


def beside(x: tf.Tensor, one_hot: tf.Tensor | None) -> tf.Tensor:
    """Return vectors [n, d] with the one-hot label [n, k] behind them."""
    return x if one_hot is None else tf.concat([x, tf.cast(one_hot, x.dtype)], axis=-1)


class MLP(keras.layers.Layer):
    """Dense layers and a linear one.

    Args:
        inputs: width of the input.
        outputs: width of the result.
        units: width of each hidden layer.
        depth: hidden layers.
        activation: of the hidden layers.
        dtype: of the result.
    """

    def __init__(self, inputs: int, outputs: int, units: int, depth: int, activation: str, dtype: tf.DType) -> None:
        super().__init__(name="mlp")
        self.hidden = [keras.layers.Dense(units, activation, kernel_initializer=_DENSE) for _ in range(depth)]
        self.head = keras.layers.Dense(outputs, dtype=dtype.name)
        widths = [inputs, *[units] * depth]
        for dense, width in zip([*self.hidden, self.head], widths, strict=True):
            dense.build((None, width))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return [n, outputs] for [n, inputs]."""
        for dense in self.hidden:
            x = dense(x)
        return self.head(tf.cast(x, self.head.compute_dtype))


class MLPEncoder(keras.layers.Layer):
    """A perceptron over the flat example, with the label beside it.

    Args:
        shape: of an example.
        classes: width of the label, 0 for none.
        outputs: width of the result.
        units: width of each hidden layer.
        depth: hidden layers.
        activation: of the hidden layers.
        dtype: of the result.
    """

    def __init__(
        self, shape: Sequence[int], classes: int, outputs: int, units: int, depth: int, activation: str, dtype: tf.DType
    ) -> None:
        super().__init__(name="encoder")
        self.inputs = math.prod(shape)
        self.mlp = MLP(self.inputs + classes, outputs, units, depth, activation, dtype)
        self.built = True

    def call(self, x: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return [n, outputs] for examples [n, ...] and labels [n, k]."""
        return self.mlp(beside(tf.reshape(x, [-1, self.inputs]), one_hot))


class MLPDecoder(keras.layers.Layer):
    """A perceptron over the code, with the label beside it.

    Args:
        latent: size of a code.
        classes: width of the label, 0 for none.
        shape: of an example.
        parameters: how many numbers each pixel's distribution needs.
        units: width of each hidden layer.
        depth: hidden layers.
        activation: of the hidden layers.
        dtype: of the result.
    """

    def __init__(
        self,
        latent: int,
        classes: int,
        shape: Sequence[int],
        parameters: int,
        units: int,
        depth: int,
        activation: str,
        dtype: tf.DType,
    ) -> None:
        super().__init__(name="decoder")
        self.shape = (*shape, parameters)
        self.mlp = MLP(latent + classes, math.prod(self.shape), units, depth, activation, dtype)
        self.built = True

    def call(self, z: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return [n, *shape, parameters] for codes [n, latent] and labels [n, k]."""
        return tf.reshape(self.mlp(beside(z, one_hot)), [-1, *self.shape])


class ConvEncoder(keras.layers.Layer):
    """Three convolutions of stride 2 (32 and 64 filters of 4x4, 128 of 3x3) and a linear layer.

    Args:
        shape: of an image, (height, width, channels).
        classes: planes of the label, 0 for none.
        outputs: width of the result.
        activation: of the convolutions.
        dtype: of the result.
    """

    def __init__(self, shape: Sequence[int], classes: int, outputs: int, activation: str, dtype: tf.DType) -> None:
        super().__init__(name="encoder")
        height, width, channels = shape
        self.convolutions = [
            keras.layers.Conv2D(filters, kernel, strides=2, padding="same", activation=activation)
            for filters, kernel in _CONVOLUTIONS
        ]
        self.head = keras.layers.Dense(outputs, dtype=dtype.name)
        channels += classes
        for convolution in self.convolutions:
            convolution.build((None, height, width, channels))
            height, width, channels = halved(height), halved(width), convolution.filters
        self.flat = height * width * channels
        self.head.build((None, self.flat))
        self.built = True

    def call(self, x: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return [n, outputs] for images [n, height, width, channels] and labels [n, k]."""
        hidden = with_label_planes(x, one_hot)
        for convolution in self.convolutions:
            hidden = convolution(hidden)
        return self.head(tf.cast(tf.reshape(hidden, [-1, self.flat]), self.head.compute_dtype))


class ConvDecoder(keras.layers.Layer):
    """The encoder's way back: a linear layer to its smallest feature maps, and transposed convolutions of stride 2.

    Maps of 28x28 images have sides 4, 7, 14, 28. A transposed convolution doubles its input; where the encoder halved an odd
    side, the surplus row or column is cut off.

    Args:
        latent: size of a code.
        classes: width of the label, 0 for none.
        shape: of an image, (height, width, channels).
        parameters: how many numbers each pixel's distribution needs.
        activation: of the hidden layers.
        dtype: of the result.
    """

    def __init__(
        self, latent: int, classes: int, shape: Sequence[int], parameters: int, activation: str, dtype: tf.DType
    ) -> None:
        super().__init__(name="decoder")
        height, width, channels = shape
        self.shape = (height, width, channels, parameters)
        self.sides = [(height, width)]
        for _ in _CONVOLUTIONS:
            height, width = halved(height), halved(width)
            self.sides.insert(0, (height, width))
        filters = [count for count, _ in reversed(_CONVOLUTIONS)]
        kernels = [kernel for _, kernel in reversed(_CONVOLUTIONS)]
        self.stem = keras.layers.Dense(height * width * filters[0], activation)
        self.stem.build((None, latent + classes))
        self.convolutions = [
            keras.layers.Conv2DTranspose(count, kernel, strides=2, padding="same", activation=activation)
            for count, kernel in zip(filters[1:], kernels, strict=False)
        ]
        self.head = NarrowConv2DTranspose(channels * parameters, kernels[-1], dtype=dtype.name)
        self.start = (height, width, filters[0])
        for convolution, count, side in zip([*self.convolutions, self.head], filters, self.sides, strict=False):
            convolution.build((None, *side, count))
        self.built = True

    def call(self, z: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return [n, height, width, channels, parameters] for codes [n, latent] and labels [n, k]."""
        hidden = tf.reshape(self.stem(beside(z, one_hot)), [-1, *self.start])
        for convolution, (height, width) in zip(self.convolutions, self.sides[1:], strict=False):
            hidden = convolution(hidden)[:, :height, :width]
        height, width = self.sides[-1]
        pixels = self.head(tf.cast(hidden, self.head.compute_dtype))[:, :height, :width]
        return tf.reshape(pixels, [-1, *self.shape])


def halved(side: int) -> int:
    """Return the side of a feature map behind a convolution of stride 2 with padding."""
    return math.ceil(side / 2)
