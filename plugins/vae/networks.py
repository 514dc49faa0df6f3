"""Encoder and decoder networks of a VAE: example to parameters of q(z|x, y), code to parameters of p(x|z, y).

Labels are concatenated: as one-hot planes to the image, or as a one-hot vector to the code. Hidden layers compute in the
model's precision, the last layer of each network in the precision of densities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgen.layers import (
    MLP,
    NarrowConv2DTranspose,
    halved,
    halved_sides,
    upsampled,
    with_label,
    with_label_planes,
)
from tfgen_plugins.vae.residual import Extra, SelfAttention, blocks_of

# He initialisation keeps the variance of dense hidden layers behind rectifiers (He et al. 2015). Convolutions keep the smaller
# default of Keras: with a code of two dimensions, a decoder that starts smooth ends with a better bound.
_DENSE = "he_normal"
_CONVOLUTIONS = ((32, 4), (64, 4), (128, 3))  # filters and kernel size; each halves height and width


class MLPEncoder(keras.layers.Layer):
    """Dense encoder: a multi-layer perceptron of the flat example and the label.

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
        self.mlp = MLP(self.inputs + classes, outputs, units, depth, activation, dtype, _DENSE)
        self.built = True

    def call(self, x: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return [n, outputs] for examples [n, ...] and labels [n, k]."""
        return self.mlp(with_label(tf.reshape(x, [-1, self.inputs]), one_hot))


class MLPDecoder(keras.layers.Layer):
    """Dense decoder: a multi-layer perceptron of the code and the label.

    Args:
        latent: size of a code.
        classes: width of the label, 0 for none.
        shape: of an example.
        parameters: distribution parameters for each pixel.
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
        self.mlp = MLP(latent + classes, math.prod(self.shape), units, depth, activation, dtype, _DENSE)
        self.built = True

    def call(self, z: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return [n, *shape, parameters] for codes [n, latent] and labels [n, k]."""
        return tf.reshape(self.mlp(with_label(z, one_hot)), [-1, *self.shape])


class ConvEncoder(keras.layers.Layer):
    """Convolutional encoder: three convolutions of stride 2 (32 and 64 filters of 4x4, 128 of 3x3) and a dense layer.

    Args:
        shape: of an image, (height, width, channels).
        classes: planes of the label, 0 for none.
        outputs: width of the result.
        activation: of the convolutions.
        dtype: of the result.
        extra: a residual block behind each convolution, and self-attention behind the last.
    """

    def __init__(
        self, shape: Sequence[int], classes: int, outputs: int, activation: str, dtype: tf.DType, extra: Extra = "conv"
    ) -> None:
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
        self.blocks = blocks_of(extra, [filters for filters, _ in _CONVOLUTIONS], activation)
        self.attention = SelfAttention(height, width, channels) if extra == "attention" else None
        self.flat = height * width * channels
        self.head.build((None, self.flat))
        self.built = True

    def call(self, x: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return [n, outputs] for images [n, height, width, channels] and labels [n, k]."""
        hidden = with_label_planes(x, one_hot)
        for number, convolution in enumerate(self.convolutions):
            hidden = convolution(hidden)
            hidden = self.blocks[number](hidden) if self.blocks else hidden
        if self.attention is not None:
            hidden = self.attention(hidden)
        return self.head(tf.cast(tf.reshape(hidden, [-1, self.flat]), self.head.compute_dtype))


class ConvDecoder(keras.layers.Layer):
    """Convolutional decoder: a dense layer to the smallest feature maps, and transposed convolutions of stride 2.

    The sides of the maps are those of `tfgen.layers.halved_sides`.

    Args:
        latent: size of a code.
        classes: width of the label, 0 for none.
        shape: of an image, (height, width, channels).
        parameters: distribution parameters for each pixel.
        activation: of the hidden layers.
        dtype: of the result.
        extra: a residual block in maps of each size but the image's, and self-attention in the smallest.
    """

    def __init__(
        self,
        latent: int,
        classes: int,
        shape: Sequence[int],
        parameters: int,
        activation: str,
        dtype: tf.DType,
        extra: Extra = "conv",
    ) -> None:
        super().__init__(name="decoder")
        height, width, channels = shape
        self.shape = (height, width, channels, parameters)
        self.sides = halved_sides(height, width, len(_CONVOLUTIONS))
        height, width = self.sides[0]
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
        self.attention = SelfAttention(*self.start) if extra == "attention" else None
        self.blocks = blocks_of(extra, filters, activation)
        self.built = True

    def call(self, z: tf.Tensor, one_hot: tf.Tensor | None = None) -> tf.Tensor:
        """Return [n, height, width, channels, parameters] for codes [n, latent] and labels [n, k]."""
        hidden = tf.reshape(self.stem(with_label(z, one_hot)), [-1, *self.start])
        if self.attention is not None:
            hidden = self.attention(hidden)
        hidden = self.blocks[0](hidden) if self.blocks else hidden
        for number, (convolution, side) in enumerate(zip(self.convolutions, self.sides[1:], strict=False), 1):
            hidden = upsampled(convolution, hidden, side)
            hidden = self.blocks[number](hidden) if self.blocks else hidden
        pixels = upsampled(self.head, tf.cast(hidden, self.head.compute_dtype), self.sides[-1])
        return tf.reshape(pixels, [-1, *self.shape])
