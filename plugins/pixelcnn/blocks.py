"""PixelCNN blocks, gated and plain, each evaluated in three modes: whole images, one row, one pixel."""

from __future__ import annotations

import abc

import keras
import tensorflow as tf

from tfgen_plugins.pixelcnn.attention import CausalAttention
from tfgen_plugins.pixelcnn.convolution import MaskedConv2D
from tfgen_plugins.pixelcnn.modes import CausalLayer, Mode


class Block(keras.layers.Layer, abc.ABC):
    """Base class of PixelCNN blocks: `horizontal_stack` is required, `vertical_stack` is for gated blocks.

    Args:
        name: of the block.
        condition: width of the label bias; 0 for none.
        classes: number of label classes; 0 for an unconditional block.
    """

    def __init__(self, name: str, condition: int = 0, classes: int = 0) -> None:
        super().__init__(name=name)
        self.label_bias: keras.layers.Dense | None = None
        if condition and classes:
            self.label_bias = dense("label_bias", classes, condition, use_bias=False)
        self.built = True

    def causal_layers(self) -> list[CausalLayer]:
        """Return the block's causal layers (convolutions and attention): those among its attributes."""
        return [layer for layer in vars(self).values() if isinstance(layer, CausalLayer)]

    def condition(self, one_hot: tf.Tensor | None) -> tf.Tensor | None:
        """Return the label bias ``V y`` [batch, condition] of the features (van den Oord et al. 2016, equation 4)."""
        return None if self.label_bias is None or one_hot is None else self.label_bias(one_hot)

    def vertical_stack(self, v: tf.Tensor, condition: tf.Tensor | None, at: Mode) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return the vertical stack's features, from the rows above each pixel, and the link to the horizontal stack."""
        return v, None

    @abc.abstractmethod
    def horizontal_stack(
        self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: Mode
    ) -> tf.Tensor:
        """Return the horizontal stack's features of each pixel, from earlier pixels and the link from the vertical stack."""


class PlainEntry(Block):
    """First layer of the plain network: a masked convolution of type A, without the centre pixel."""

    def __init__(self, channels: int, filters: int, reach: int) -> None:
        super().__init__("entry")
        self.convolution = MaskedConv2D(channels, filters, reach, 2 * reach + 1, "A", "convolution")

    def horizontal_stack(
        self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: Mode
    ) -> tf.Tensor:
        """Return the first features."""
        return at.run(self.convolution, h)


class ResidualBlock(Block):
    """Residual block of the plain network: ``h + W2 relu(K * relu(W1 relu(h)) + V y)``, K a masked convolution of type B.

    A bottleneck of half the width (van den Oord, Kalchbrenner, Kavukcuoglu: Pixel recurrent neural networks, 2016, figure 5).
    """

    def __init__(self, name: str, filters: int, reach: int, classes: int, dropout: float) -> None:
        super().__init__(name, filters, classes)
        self.rate = dropout
        self.narrow = dense("narrow", 2 * filters, filters)
        self.convolution = MaskedConv2D(filters, filters, reach, 2 * reach + 1, "B", "convolution")
        self.widen = dense("widen", filters, 2 * filters)

    def horizontal_stack(
        self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: Mode
    ) -> tf.Tensor:
        """Return the features plus the block's residual."""
        x = at.run(self.convolution, tf.nn.relu(self.narrow(tf.nn.relu(h))))
        x = x if condition is None else x + at.everywhere(condition)
        return h + self.widen(at.dropout(tf.nn.relu(x), self.rate))


class GatedEntry(Block):
    """First layer of the gated network: the vertical stack reads the rows above, the horizontal one the pixels to the left."""

    def __init__(self, channels: int, filters: int, reach: int) -> None:
        super().__init__("entry")
        self.vertical = MaskedConv2D(channels, filters, reach, 2 * reach + 1, "above", "vertical")
        self.link = dense("link", filters, filters)
        self.horizontal = MaskedConv2D(channels, filters, 0, 2 * reach + 1, "A", "horizontal")

    def vertical_stack(self, v: tf.Tensor, condition: tf.Tensor | None, at: Mode) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return the first features of the vertical stack."""
        v = at.run(self.vertical, v)
        return v, self.link(v)

    def horizontal_stack(
        self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: Mode
    ) -> tf.Tensor:
        """Return the first features of the horizontal stack."""
        return at.run(self.horizontal, h) + link


class GatedBlock(Block):
    """Gated block: a vertical and a horizontal stack, no blind spot (van den Oord et al. 2016, equation 4, figure 2).

    v' = gate(Kv * v + V y),    h' = h + W gate(Kh * h + U (Kv * v) + V y),    gate([a, b]) = tanh(a) sigmoid(b)
    """

    def __init__(self, name: str, filters: int, reach: int, classes: int, dropout: float) -> None:
        super().__init__(name, 4 * filters, classes)
        self.rate = dropout
        self.vertical = MaskedConv2D(filters, 2 * filters, reach, 2 * reach + 1, "row", "vertical")
        self.link = dense("link", 2 * filters, 2 * filters)
        self.horizontal = MaskedConv2D(filters, 2 * filters, 0, 2 * reach + 1, "B", "horizontal")
        self.mix = dense("mix", filters, filters)

    def vertical_stack(self, v: tf.Tensor, condition: tf.Tensor | None, at: Mode) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return the vertical stack's features."""
        x = at.run(self.vertical, v)
        link = self.link(x)
        if condition is not None:
            for_vertical, for_horizontal = tf.split(at.everywhere(condition), 2, axis=-1)
            x, link = x + for_vertical, link + for_horizontal
        return at.dropout(gate(x), self.rate), link

    def horizontal_stack(
        self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: Mode
    ) -> tf.Tensor:
        """Return the horizontal stack's features."""
        x = at.run(self.horizontal, h) + link
        return h + self.mix(at.dropout(gate(x), self.rate))


class AttentionBlock(Block):
    """Self-attention block: ``h + W attention(h)``, where each pixel attends to itself and to all earlier pixels."""

    def __init__(self, name: str, height: int, width: int, channels: int) -> None:
        super().__init__(name)
        size = max(1, channels // 2)
        self.attention = CausalAttention(height, width, channels, size, size, "attention")
        self.mix = dense("mix", size, channels)

    def horizontal_stack(
        self, h: tf.Tensor, link: tf.Tensor | None, condition: tf.Tensor | None, at: Mode
    ) -> tf.Tensor:
        """Return the features plus the result of attention."""
        return h + self.mix(at.run(self.attention, h))


def gate(x: tf.Tensor) -> tf.Tensor:
    """Return the gated activation ``tanh(a) sigmoid(b)``, a and b the two halves of the channels."""
    a, b = tf.split(x, 2, axis=-1)
    return tf.tanh(a) * tf.sigmoid(b)


def dense(name: str, inputs: int, outputs: int, **options: object) -> keras.layers.Dense:
    """Return a built dense layer (a 1x1 convolution) from `inputs` to `outputs` channels."""
    layer = keras.layers.Dense(outputs, name=name, **options)
    layer.build((None, inputs))
    return layer
