"""Incremental sampling of a PixelCNN: pixel by pixel in raster order (ancestral sampling), with cached features.

`sample_incrementally` computes each feature once: a pixel costs one column of the network. It is written for XLA, which
compiles the whole loop into one program and writes to caches in place. `sample_by_full_passes` runs the whole network again for
each pixel, as autoregressive models are commonly sampled (Ramachandran et al. 2017 describe both, and measured a speed-up of
183); it is kept as a short reference: the two give the same images.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfgen_plugins.pixelcnn.modes import PixelMode, RowMode
from tfgen_plugins.pixelcnn.network import CausalNetwork
from tfgen_plugins.pixelcnn.outputs import Output

#: State that a choice carries from pixel to pixel: tensors whose first axis is the batch.
State = tuple[tf.Tensor, ...]
#: ``(raw [batch, parameters], row, column, state) -> (values [batch, channels], state)``.
Choice = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, State], tuple[tf.Tensor, State]]
#: ``(row, state) -> (members of the batch [batch] that go on in the places of all, state)``; after each row.
Selection = Callable[[tf.Tensor, State], tuple[tf.Tensor, State]]


class Sampler(NamedTuple):
    """CausalNetwork, output distribution and image shape of a PixelCNN: all that sampling needs.

    Attributes:
        network: from images to the distribution parameters of each pixel.
        output: distribution of a pixel's values given these parameters.
        shape: of an image, (height, width, channels).
    """

    network: CausalNetwork
    output: Output
    shape: tuple[int, ...]

    def network_input(self, values: tf.Tensor) -> tf.Tensor:
        """Return scaled values [..., C] with one more channel of ones, which tells pixels from zero padding: [..., C + 1]."""
        return tf.concat([self.output.scaled(values), tf.ones_like(values[..., :1])], axis=-1)


def sample_incrementally(
    sampler: Sampler,
    batch: int,
    one_hot: tf.Tensor | None,
    choose: Choice,
    state: State,
    select: Selection | None = None,
) -> tuple[tf.Tensor, State]:
    """Sample with cached features; return the values [height, width, batch, channels] and the last state.

    Args:
        sampler: the network with its output distribution.
        batch: number of images.
        one_hot: labels [batch, classes], or None.
        choose: draws the values of a pixel given its distribution parameters.
        state: initial state of `choose`.
        select: resampling after each row: which members of the batch go on.
    """
    network, (height, width, channels) = sampler.network, sampler.shape
    layers = network.causal_layers()
    cached_layers = [layer for layer in layers if layer.cache_shape(width, batch) is not None]
    row_part_layers = [layer for layer in layers if layer.has_row_part]
    margin = max(layer.margin for layer in layers)
    dtype = network.compute_dtype
    conditions = network.conditions(one_hot)
    matrices = {layer: layer.matrices() for layer in layers}

    def sample_row(
        row: tf.Tensor, image: tf.Tensor, values: tf.Tensor, caches: Sequence[tf.Tensor], state: State
    ) -> Any:
        memory = dict(zip(cached_layers, caches, strict=True))
        over = RowMode(row=row, margin=margin, matrices=matrices, caches=memory)
        from_vertical = network.vertical_stack(image, conditions, over)
        given = [link for link in from_vertical if link is not None]
        row_parts: dict[Hashable, tf.Tensor] = {layer: layer.row_part(image, over) for layer in row_part_layers}

        def at_pixel(
            column: tf.Tensor,
            here: Sequence[tf.Tensor],
            image: tf.Tensor,
            values: tf.Tensor,
            caches: Sequence[tf.Tensor],
            state: State,
        ) -> Any:
            memory = dict(zip(cached_layers, caches, strict=True))
            at = PixelMode(row=row, margin=margin, matrices=matrices, caches=memory, column=column, row_parts=row_parts)
            rest = iter(here)
            links = [None if link is None else next(rest) for link in from_vertical]
            raw = network.horizontal_stack(image, links, conditions, at)
            value, state = choose(raw, row, column, state)
            image = keras.ops.slice_update(
                image, [row + margin, column + margin, 0, 0], sampler.network_input(value)[None, None]
            )
            values = keras.ops.slice_update(values, [row, column, 0, 0], value[None, None])
            following = tf.minimum(column + 1, width - 1)
            there = [link[following] for link in given]
            return column + 1, there, image, values, [at.caches[layer] for layer in cached_layers], state

        # A pixel's links are taken out of the row a turn before they are used: XLA would fuse taking them out with the gates
        # behind them, and does not vectorise such a fusion, which then takes six times as long.
        start = (0, [link[0] for link in given], image, values, [over.caches[layer] for layer in cached_layers], state)
        _, _, image, values, caches, state = tf.while_loop(lambda column, *_: column < width, at_pixel, start)
        if select is not None:
            chosen, state = select(row, state)
            image, values, caches = tf.nest.map_structure(
                lambda t: tf.gather(t, chosen, axis=2), (image, values, list(caches))
            )
        return row + 1, image, values, caches, state

    image = tf.zeros([height + margin, width + 2 * margin, batch, channels + 1], dtype)
    values = tf.zeros([height, width, batch, channels], dtype)
    caches = [tf.zeros(layer.cache_shape(width, batch), dtype) for layer in cached_layers]
    start = (0, image, values, caches, state)
    _, _, values, _, state = tf.while_loop(lambda row, *_: row < height, sample_row, start)
    return values, state


def sample_by_full_passes(
    sampler: Sampler,
    batch: int,
    one_hot: tf.Tensor | None,
    choose: Choice,
    state: State,
    select: Selection | None = None,
    pixels: int | None = None,
) -> tuple[tf.Tensor, State]:
    """Return the same as `sample_incrementally`, by one full pass of the network over the whole images for each pixel.

    Args:
        sampler: the network with its output distribution.
        batch: number of images.
        one_hot: labels [batch, classes], or None.
        choose: draws the values of a pixel given its distribution parameters.
        state: initial state of `choose`.
        select: resampling after each row: which members of the batch go on.
        pixels: stop after so many pixels, for timings; by default after all.
    """
    height, width, channels = sampler.shape
    end = height * width if pixels is None else pixels

    def at_pixel(number: tf.Tensor, values: tf.Tensor, state: State) -> Any:
        row, column = number // width, number % width
        raw = sampler.network(sampler.network_input(values), one_hot)[:, row, column]
        value, state = choose(raw, row, column, state)
        here = tf.reshape(tf.one_hot(number, height * width, True, False, dtype=tf.bool), [1, height, width, 1])
        values = tf.where(here, value[:, None, None, :], values)
        if select is not None:
            chosen, after = select(row, state)
            last = column == width - 1
            values = tf.where(last, tf.gather(values, chosen), values)
            state = tuple(tf.where(last, new, old) for new, old in zip(after, state, strict=True))
        return number + 1, values, state

    start = (0, tf.zeros([batch, height, width, channels], sampler.network.compute_dtype), state)
    # The values of pixels that are not chosen yet are zeros, which the network sees; no chosen pixel depends on them.
    _, values, state = tf.while_loop(lambda number, *_: number < end, at_pixel, start)
    return tf.transpose(values, [1, 2, 0, 3]), state
