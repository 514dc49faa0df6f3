"""Evaluation modes of a causal network: whole images (training), one row or one pixel (cached sampling).

Pixels come in raster order: pixel (r, c) may depend on all rows above r and on what is left of c in row r. Training and
densities see whole images, [batch, height, width, channels]. A sampler goes row by row: once the rows above are complete,
whatever depends on them alone is computed for all columns at once, [width, batch, channels]; then the row is walked, a pixel
[batch, channels] at a time. What a layer needs of earlier rows and pixels it keeps in a cache, laid out
[row, column, batch, channel].

A network is written once, for all three. What acts on the last axis does not care how it is called; a layer with an extent in
space (`CausalLayer`) says what it does in each view, and a block hands the view on.
"""

from __future__ import annotations

import abc
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tfgen import fold_in, uniform

#: What each layer remembers, or made ready before: a tensor by the layer.
Memory = dict[Hashable, tf.Tensor]


class CausalLayer(keras.layers.Layer, abc.ABC):
    """A layer whose result at a pixel depends on earlier ones.

    Attributes:
        looks_ahead: whether a part of its result can be had for a whole row before the row is walked.
        margin: how many zeros it needs above and beside the image so far; 0 for a layer that reads features.
    """

    looks_ahead: bool = False
    margin: int = 0

    @abc.abstractmethod
    def whole(self, x: tf.Tensor) -> tf.Tensor:
        """Return [batch, height, width, filters] for whole images or features."""

    @abc.abstractmethod
    def pixel(self, x: tf.Tensor, at: Pixel) -> tf.Tensor:
        """Return [batch, filters] for a pixel: of its features below, [batch, inputs], or of the image so far."""

    def row(self, x: tf.Tensor, at: Row) -> tf.Tensor:
        """Return [width, batch, filters] for a row: of its features below, or of the image so far; for vertical stacks."""
        raise NotImplementedError(f"{type(self).__name__} is for horizontal stacks.")

    def ahead(self, image: tf.Tensor, at: Row) -> tf.Tensor:
        """Return what the rows above give to each pixel of a row, [width, batch, filters]; where it looks ahead."""
        raise NotImplementedError

    def matrices(self) -> Any:
        """Return the weights in the form in which a sampler uses them, made once for all pixels."""
        return ()

    def cache_shape(self, width: int, batch: int) -> list[int] | None:
        """Return the shape of what it remembers, the batch third; None for a layer that reads the image so far."""
        return None


@dataclass
class Whole:
    """All pixels of known images at once.

    Attributes:
        seed: of dropout, in training.
    """

    seed: tf.Tensor | None = None
    _dropped: int = 0

    def run(self, layer: CausalLayer, x: tf.Tensor) -> tf.Tensor:
        """Return what a causal layer makes of whole images."""
        return layer.whole(x)

    def everywhere(self, x: tf.Tensor) -> tf.Tensor:
        """Return [batch, channels] so that it can be added to the features of each pixel."""
        return x[:, None, None, :]

    def dropout(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """Return the features without some of them, drawn anew at each call, and the others scaled up; in training only."""
        if self.seed is None or not rate:
            return x
        self._dropped += 1
        kept = uniform(tf.shape(x), fold_in(self.seed, self._dropped)) >= rate
        return tf.where(kept, x / (1 - rate), tf.zeros([], x.dtype))


@dataclass(kw_only=True)
class _Sampling:
    """What the two views of a sampler share.

    Attributes:
        row: where it is.
        margin: columns of zeros on both sides of the image so far, and rows above it.
        matrices: the weights that each causal layer multiplies windows with.
        caches: what each causal layer remembers; replaced as it goes.
    """

    row: tf.Tensor
    margin: int
    matrices: dict[Hashable, Any]
    caches: Memory

    def everywhere(self, x: tf.Tensor) -> tf.Tensor:
        """Return what is to be added at each pixel."""
        return x

    def dropout(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """Return the features."""
        return x


@dataclass(kw_only=True)
class Row(_Sampling):
    """All columns of a row at once, once the rows above it are known."""

    def run(self, layer: CausalLayer, x: tf.Tensor) -> tf.Tensor:
        """Return what a causal layer makes of the row."""
        return layer.row(x, self)


@dataclass(kw_only=True)
class Pixel(_Sampling):
    """One pixel, once those before it are known.

    Attributes:
        column: of the pixel.
        ahead: what layers made of the rows above, for all columns of this one: [width, batch, filters] each.
    """

    column: tf.Tensor
    ahead: Memory

    def run(self, layer: CausalLayer, x: tf.Tensor) -> tf.Tensor:
        """Return what a causal layer makes of the pixel."""
        return layer.pixel(x, self)


View = Whole | Row | Pixel
