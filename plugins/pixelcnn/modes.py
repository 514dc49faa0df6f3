"""Evaluation modes of a causal network: whole images (training), one row or one pixel (cached sampling).

Pixels come in raster order: pixel (r, c) may depend on all rows above r and on the pixels left of c in row r. Training and
densities see whole images, [batch, height, width, channels]. A sampler goes row by row: once the rows above are complete,
everything that depends on them alone is computed for all columns at once, [width, batch, channels]; then the pixels of the row
are computed one by one, [batch, channels] each. Each layer keeps the features of earlier rows and pixels in a cache, laid out
[row, column, batch, channel].

A network is written once, for all three modes. Layers that act on the last axis alone (dense layers, activations) work in
each; a layer with a kernel in space (`CausalLayer`) has a method for each mode, and a block passes the `Mode` on.
"""

from __future__ import annotations

import abc
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tfgen import fold_in, uniform

#: Tensors by layer: caches of features, or values that were computed for a whole row in advance.
Memory = dict[Hashable, tf.Tensor]


class CausalLayer(keras.layers.Layer, abc.ABC):
    """Base class of causal layers: the result at a pixel depends on earlier pixels alone.

    Attributes:
        has_row_part: whether a part of its result depends on the rows above alone, so that it is computed once for each row.
        margin: zero padding above and beside the image; 0 for a layer that reads features.
    """

    has_row_part: bool = False
    margin: int = 0

    @abc.abstractmethod
    def whole(self, x: tf.Tensor) -> tf.Tensor:
        """Return [batch, height, width, filters] for whole images or features."""

    @abc.abstractmethod
    def pixel(self, x: tf.Tensor, at: PixelMode) -> tf.Tensor:
        """Return [batch, filters] at one pixel, from its input features [batch, inputs] or from the image so far."""

    def row(self, x: tf.Tensor, at: RowMode) -> tf.Tensor:
        """Return [width, batch, filters] at one row, from its input features or the image so far; for vertical stacks."""
        raise NotImplementedError(f"{type(self).__name__} is for horizontal stacks.")

    def row_part(self, image: tf.Tensor, at: RowMode) -> tf.Tensor:
        """Return the part of a row's result that depends on the rows above alone, [width, batch, filters]."""
        raise NotImplementedError

    def matrices(self) -> Any:
        """Return the weights reshaped for the matrix products of a sampler; computed once for all pixels."""
        return ()

    def cache_shape(self, width: int, batch: int) -> list[int] | None:
        """Return the shape of its cache, with the batch as third axis; None for a layer that reads the image."""
        return None


@dataclass
class WholeMode:
    """Whole-image mode: all pixels of known images at once, for training and densities.

    Attributes:
        seed: of dropout in training; None switches dropout off.
    """

    seed: tf.Tensor | None = None
    _dropped: int = 0

    def run(self, layer: CausalLayer, x: tf.Tensor) -> tf.Tensor:
        """Apply a causal layer to whole images."""
        return layer.whole(x)

    def everywhere(self, x: tf.Tensor) -> tf.Tensor:
        """Return `x` [batch, channels] with axes for height and width, to be added to the features of each pixel."""
        return x[:, None, None, :]

    def dropout(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """Apply dropout at a rate, with a fresh mask for each call; the identity outside training."""
        if self.seed is None or not rate:
            return x
        self._dropped += 1
        kept = uniform(tf.shape(x), fold_in(self.seed, self._dropped)) >= rate
        return tf.where(kept, x / (1 - rate), tf.zeros([], x.dtype))


@dataclass(kw_only=True)
class _SamplingMode:
    """Fields of the two sampling modes.

    Attributes:
        row: index of the row.
        margin: zero padding: columns on both sides of the image, and rows above it.
        matrices: the weights of each causal layer, see `CausalLayer.matrices`.
        caches: cached features of each causal layer; replaced on the way.
    """

    row: tf.Tensor
    margin: int
    matrices: dict[Hashable, Any]
    caches: Memory

    def everywhere(self, x: tf.Tensor) -> tf.Tensor:
        """Return `x` [batch, channels], which is added to each pixel as it is."""
        return x

    def dropout(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """Return the features unchanged: no dropout in sampling."""
        return x


@dataclass(kw_only=True)
class RowMode(_SamplingMode):
    """Row mode of cached sampling: all columns of a row at once, when the rows above are complete."""

    def run(self, layer: CausalLayer, x: tf.Tensor) -> tf.Tensor:
        """Apply a causal layer to the row."""
        return layer.row(x, self)


@dataclass(kw_only=True)
class PixelMode(_SamplingMode):
    """Pixel mode of cached sampling: one pixel, when all earlier pixels are known.

    Attributes:
        column: index of the column.
        row_parts: results of `CausalLayer.row_part` for all columns of the row, [width, batch, filters] each.
    """

    column: tf.Tensor
    row_parts: Memory

    def run(self, layer: CausalLayer, x: tf.Tensor) -> tf.Tensor:
        """Apply a causal layer to the pixel."""
        return layer.pixel(x, self)


Mode = WholeMode | RowMode | PixelMode
