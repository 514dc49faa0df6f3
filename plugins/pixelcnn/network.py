"""PixelCNN network: an entry layer, blocks, and a head with each pixel's distribution parameters."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgen_plugins.pixelcnn import PixelCNNConfig
from tfgen_plugins.pixelcnn.blocks import (
    AttentionBlock,
    Block,
    GatedBlock,
    GatedEntry,
    PlainEntry,
    ResidualBlock,
    dense,
)
from tfgen_plugins.pixelcnn.modes import CausalLayer, Mode, WholeMode

Conditions = Sequence[tf.Tensor | None]


class CausalNetwork(keras.layers.Layer):
    """Causal network of a PixelCNN: from an image to the distribution parameters [..., outputs] of each pixel.

    Args:
        blocks: applied in order; the first reads the image.
        width: channels of the last block's features.
        hidden: width of the head's hidden layer.
        outputs: number of distribution parameters for each pixel.
    """

    def __init__(self, blocks: Sequence[Block], width: int, hidden: int, outputs: int) -> None:
        super().__init__(name="network")
        self.blocks = list(blocks)
        self.hidden, self.last = dense("hidden", width, hidden), dense("last", hidden, outputs)
        self.built = True

    def causal_layers(self) -> list[CausalLayer]:
        """Return the causal layers (convolutions and attention), in the order of the blocks."""
        return [layer for block in self.blocks for layer in block.causal_layers()]

    def conditions(self, one_hot: tf.Tensor | None) -> Conditions:
        """Return the label bias of each block; None for a block without one."""
        return [block.condition(one_hot) for block in self.blocks]

    def vertical_stack(self, image: tf.Tensor, conditions: Conditions, at: Mode) -> list[tf.Tensor | None]:
        """Run the vertical stack; return each block's link to its horizontal stack, None for a block without one."""
        v, from_vertical = image, []
        for block, condition in zip(self.blocks, conditions, strict=True):
            v, link = block.vertical_stack(v, condition, at)
            from_vertical.append(link)
        return from_vertical

    def horizontal_stack(
        self, image: tf.Tensor, from_vertical: Sequence[tf.Tensor | None], conditions: Conditions, at: Mode
    ) -> tf.Tensor:
        """Run the horizontal stack and the head; return the distribution parameters of each pixel, [..., outputs]."""
        h = image
        for block, link, condition in zip(self.blocks, from_vertical, conditions, strict=True):
            h = block.horizontal_stack(h, link, condition, at)
        return self.last(tf.nn.relu(self.hidden(tf.nn.relu(h))))

    def call(
        self, image: tf.Tensor, one_hot: tf.Tensor | None = None, dropout_seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return the distribution parameters of all pixels, [batch, height, width, outputs], in one pass (teacher forcing).

        Args:
            image: [batch, height, width, channels].
            one_hot: labels [batch, classes], or None.
            dropout_seed: seed of dropout in training; None switches dropout off.
        """
        at, conditions = WholeMode(dropout_seed), self.conditions(one_hot)
        return self.horizontal_stack(image, self.vertical_stack(image, conditions, at), conditions, at)


def build_network(config: PixelCNNConfig, shape: Sequence[int], classes: int, outputs: int) -> CausalNetwork:
    """Build the network of a `PixelCNNConfig`. Its input has one channel more than the image: ones, zero in the padding."""
    height, width, channels = shape
    gated, filters = config.network == "gated", config.filters
    entry, block, features = (GatedEntry, GatedBlock, filters) if gated else (PlainEntry, ResidualBlock, 2 * filters)
    blocks: list[Block] = [entry(channels + 1, features, config.first_reach)]
    for number in range(config.blocks):
        blocks.append(block(f"block_{number}", filters, config.reach, classes, config.dropout))
        # The a-th of A attention blocks comes behind block ceil(a B / A) of B.
        before, after = (k * config.attention // config.blocks for k in (number, number + 1))
        blocks += [AttentionBlock(f"attention_{a}", height, width, features) for a in range(before, after)]
    return CausalNetwork(blocks, features, 2 * filters, outputs)
