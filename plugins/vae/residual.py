"""Residual blocks and self-attention for the feature maps of a VAE's convolutional networks."""

from __future__ import annotations

from typing import Literal

import keras
import tensorflow as tf

#: What a network of convolutions has beside them.
Extra = Literal["conv", "resnet", "attention"]

_HEADS = 4
_GROUPS = 8


class ResidualBlock(keras.layers.Layer):
    """Residual block, ``x + f(x)``: twice group normalisation, activation and a 3x3 convolution (He et al. 2016, figure 4e).

    The second convolution begins at zero, so that the block begins at the identity. Groups in the place of batches keep what
    is computed of an example independent of the others (Wu, He: Group normalization, 2018).

    Args:
        filters: of the maps, a multiple of 8.
        activation: between the layers.
    """

    def __init__(self, filters: int, activation: str) -> None:
        super().__init__()
        self.norms = [keras.layers.GroupNormalization(_GROUPS) for _ in range(2)]
        self.activation = keras.layers.Activation(activation)
        self.convolutions = [
            keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer=start)
            for start in ("he_normal", "zeros")
        ]
        for layer in (*self.norms, *self.convolutions):
            layer.build((None, None, None, filters))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return maps of the shape of `x`, [n, height, width, filters]."""
        hidden = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            hidden = convolution(self.activation(norm(hidden)))
        return x + hidden


class SelfAttention(keras.layers.Layer):
    """Self-attention between all places of feature maps, ``x + f(x)``, with a learned code of each place.

    Vaswani et al.: Attention is all you need, 2017, section 3.2; four heads. The last product begins at zero, so that the
    layer begins at the identity.

    Args:
        height: of the maps.
        width: of the maps.
        filters: of the maps, a multiple of 8.
    """

    def __init__(self, height: int, width: int, filters: int) -> None:
        super().__init__()
        self.norm = keras.layers.GroupNormalization(_GROUPS)
        self.norm.build((None, height, width, filters))
        self.places = self.add_weight(shape=(height * width, filters), initializer="glorot_uniform", name="places")
        self.queries_keys_values = keras.layers.Dense(3 * filters, use_bias=False)
        self.head = keras.layers.Dense(filters, kernel_initializer="zeros")
        self.queries_keys_values.build((None, None, filters))
        self.head.build((None, None, filters))
        self.filters = filters
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return maps of the shape of `x`, [n, height, width, filters]."""
        n, height, width, _ = x.shape
        n, count, size = tf.shape(x)[0] if n is None else n, height * width, self.filters // _HEADS
        flat = tf.reshape(self.norm(x), [n, count, self.filters])
        flat += tf.cast(self.places, flat.dtype)
        parts = tf.reshape(self.queries_keys_values(flat), [n, count, 3, _HEADS, size])
        queries, keys, values = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))  # [n, heads, places, size] each
        scores = tf.matmul(queries, keys, transpose_b=True) * size**-0.5
        mixed = tf.matmul(tf.nn.softmax(scores, axis=-1), values)
        merged = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [n, count, self.filters])
        return x + tf.reshape(self.head(merged), [n, height, width, self.filters])


def blocks_of(extra: Extra, filters: list[int], activation: str) -> list[ResidualBlock]:
    """Return a residual block for each stage of maps, none for plain convolutions."""
    return [] if extra == "conv" else [ResidualBlock(count, activation) for count in filters]
