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
from tfgen_plugins.pixelcnn.views import CausalLayer, View, Whole

Conditions = Sequence[tf.Tensor | None]


class Network(keras.layers.Layer):
    """Blocks one behind another, from an image to the numbers [..., outputs] of each pixel.

    Args:
        blocks: the first of them takes the image.
        width: channels of the last one's features.
        hidden: width of the head's hidden layer.
        outputs: how many numbers each pixel needs.
    """

    def __init__(self, blocks: Sequence[Block], width: int, hidden: int, outputs: int) -> None:
        super().__init__(name="network")
        self.blocks = list(blocks)
        self.hidden, self.last = dense("hidden", width, hidden), dense("last", hidden, outputs)
        self.built = True

    def causal_layers(self) -> list[CausalLayer]:
        """Return the layers with an extent in space, in the order of the blocks."""
        return [layer for block in self.blocks for layer in block.causal_layers()]

    def conditions(self, one_hot: tf.Tensor | None) -> Conditions:
        """Return what a label adds in each block."""
        return [block.condition(one_hot) for block in self.blocks]

    def above(self, image: tf.Tensor, conditions: Conditions, at: View) -> list[tf.Tensor | None]:
        """Return what each block has from the rows above."""
        v, links = image, []
        for block, condition in zip(self.blocks, conditions, strict=True):
            v, link = block.above(v, condition, at)
            links.append(link)
        return links

    def along(self, image: tf.Tensor, links: Sequence[tf.Tensor | None], conditions: Conditions, at: View) -> tf.Tensor:
        """Return the numbers of each pixel's distribution, [..., outputs]."""
        h = image
        for block, link, condition in zip(self.blocks, links, conditions, strict=True):
            h = block.along(h, link, condition, at)
        return self.last(tf.nn.relu(self.hidden(tf.nn.relu(h))))

    def call(
        self, image: tf.Tensor, one_hot: tf.Tensor | None = None, dropout_seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return [batch, height, width, outputs] for images of any kind and labels [batch, classes].

        Args:
            image: [batch, height, width, channels].
            one_hot: labels, or None.
            dropout_seed: in training.
        """
        at, conditions = Whole(dropout_seed), self.conditions(one_hot)
        return self.along(image, self.above(image, conditions, at), conditions, at)


def network_of(config: PixelCNNConfig, shape: Sequence[int], classes: int, outputs: int) -> Network:
    """Return the network that the options name, for images of a shape; each pixel is seen with a one beside its channels."""
    height, width, channels = shape
    gated, filters = config.network == "gated", config.filters
    entry, block, features = (GatedEntry, GatedBlock, filters) if gated else (PlainEntry, ResidualBlock, 2 * filters)
    blocks: list[Block] = [entry(channels + 1, features, config.first_reach)]
    for number in range(config.blocks):
        blocks.append(block(f"block_{number}", filters, config.reach, classes, config.dropout))
        # The a-th of A attention blocks comes behind block ceil(a B / A) of B.
        before, after = (k * config.attention // config.blocks for k in (number, number + 1))
        blocks += [AttentionBlock(f"attention_{a}", height, width, features) for a in range(before, after)]
    return Network(blocks, features, 2 * filters, outputs)
