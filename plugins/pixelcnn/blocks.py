"""PixelCNN blocks, gated and plain, each evaluated in three modes: whole images, one row, one pixel."""

from __future__ import annotations

import abc

import keras
import tensorflow as tf

from tfgen_plugins.pixelcnn.attention import CausalAttention
from tfgen_plugins.pixelcnn.convolution import MaskedConv2D
from tfgen_plugins.pixelcnn.views import CausalLayer, View


class Block(keras.layers.Layer, abc.ABC):
    """A piece of a network. A new one needs a single method, `along`; one with a vertical stack has `above`, too.

    Args:
        name: of the block.
        condition: width of what is added for a label; 0 for nothing.
        classes: of the labels; 0 for no labels.
    """

    def __init__(self, name: str, condition: int = 0, classes: int = 0) -> None:
        super().__init__(name=name)
        self.label_bias: keras.layers.Dense | None = None
        if condition and classes:
            self.label_bias = dense("label_bias", classes, condition, use_bias=False)
        self.built = True

    def causal_layers(self) -> list[CausalLayer]:
        """Return the layers with an extent in space, which are the block's attributes."""
        return [layer for layer in vars(self).values() if isinstance(layer, CausalLayer)]

    def condition(self, one_hot: tf.Tensor | None) -> tf.Tensor | None:
        """Return what a label adds to the features, ``V y`` of van den Oord et al. 2016, equation 4: [batch, condition]."""
        return None if self.label_bias is None or one_hot is None else self.label_bias(one_hot)

    def above(self, v: tf.Tensor, condition: tf.Tensor | None, at: View) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return the vertical stack's features, made from rows above each pixel, and what of them `along` is to have."""
        return v, None

    @abc.abstractmethod
    def along(self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: View) -> tf.Tensor:
        """Return the features of each pixel, made from earlier ones and from what the vertical stack gives."""


class PlainEntry(Block):
    """A convolution of type A over the image."""

    def __init__(self, channels: int, filters: int, reach: int) -> None:
        super().__init__("entry")
        self.convolution = MaskedConv2D(channels, filters, reach, 2 * reach + 1, "A", "convolution")

    def along(self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: View) -> tf.Tensor:
        """Return the first features."""
        return at.run(self.convolution, h)


class ResidualBlock(Block):
    """``h + W2 relu(K * relu(W1 relu(h)) + V y)``, a bottleneck of half the width around a convolution of type B.

    Van den Oord, Kalchbrenner, Kavukcuoglu 2016, figure 5.
    """

    def __init__(self, name: str, filters: int, reach: int, classes: int, dropout: float) -> None:
        super().__init__(name, filters, classes)
        self.rate = dropout
        self.narrow = dense("narrow", 2 * filters, filters)
        self.convolution = MaskedConv2D(filters, filters, reach, 2 * reach + 1, "B", "convolution")
        self.widen = dense("widen", filters, 2 * filters)

    def along(self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: View) -> tf.Tensor:
        """Return the features with what the block adds."""
        x = at.run(self.convolution, tf.nn.relu(self.narrow(tf.nn.relu(h))))
        x = x if condition is None else x + at.everywhere(condition)
        return h + self.widen(at.dropout(tf.nn.relu(x), self.rate))


class GatedEntry(Block):
    """The first layer of both stacks: all rows above the pixel, and what is left of it."""

    def __init__(self, channels: int, filters: int, reach: int) -> None:
        super().__init__("entry")
        self.vertical = MaskedConv2D(channels, filters, reach, 2 * reach + 1, "above", "vertical")
        self.link = dense("link", filters, filters)
        self.horizontal = MaskedConv2D(channels, filters, 0, 2 * reach + 1, "A", "horizontal")

    def above(self, v: tf.Tensor, condition: tf.Tensor | None, at: View) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return the first features of the vertical stack."""
        v = at.run(self.vertical, v)
        return v, self.link(v)

    def along(self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: View) -> tf.Tensor:
        """Return the first features of the horizontal stack."""
        return at.run(self.horizontal, h) + link


class GatedBlock(Block):
    """Two stacks of gated convolutions, without a blind spot (van den Oord et al. 2016, equation 4 and figure 2).

    v' = gate(Kv * v + V y),    h' = h + W gate(Kh * h + U (Kv * v) + V y),    gate([a, b]) = tanh(a) sigmoid(b)
    """

    def __init__(self, name: str, filters: int, reach: int, classes: int, dropout: float) -> None:
        super().__init__(name, 4 * filters, classes)
        self.rate = dropout
        self.vertical = MaskedConv2D(filters, 2 * filters, reach, 2 * reach + 1, "row", "vertical")
        self.link = dense("link", 2 * filters, 2 * filters)
        self.horizontal = MaskedConv2D(filters, 2 * filters, 0, 2 * reach + 1, "B", "horizontal")
        self.mix = dense("mix", filters, filters)

    def above(self, v: tf.Tensor, condition: tf.Tensor | None, at: View) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return the vertical stack's features."""
        x = at.run(self.vertical, v)
        link = self.link(x)
        if condition is not None:
            for_above, for_along = tf.split(at.everywhere(condition), 2, axis=-1)
            x, link = x + for_above, link + for_along
        return at.dropout(gate(x), self.rate), link

    def along(self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: View) -> tf.Tensor:
        """Return the horizontal stack's features."""
        x = at.run(self.horizontal, h) + link
        return h + self.mix(at.dropout(gate(x), self.rate))


class AttentionBlock(Block):
    """``h + W attention(h)``, which adds what earlier pixels hold, near or far."""

    def __init__(self, name: str, height: int, width: int, channels: int) -> None:
        super().__init__(name)
        size = max(1, channels // 2)
        self.attention = CausalAttention(height, width, channels, size, size, "attention")
        self.mix = dense("mix", size, channels)

    def along(self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: View) -> tf.Tensor:
        """Return the features with what was found."""
        return h + self.mix(at.run(self.attention, h))


def gate(x: tf.Tensor) -> tf.Tensor:
    """Return ``tanh(a) sigmoid(b)`` of the halves of the channels."""
    a, b = tf.split(x, 2, axis=-1)
    return tf.tanh(a) * tf.sigmoid(b)


def dense(name: str, inputs: int, outputs: int, **options: object) -> keras.layers.Dense:
    """Return a linear map of the channels, with its weights."""
    layer = keras.layers.Dense(outputs, name=name, **options)
    layer.build((None, inputs))
    return layer
