"""Pixel-by-pixel generation in raster order, with cached features: the network predicts, a chooser sets each pixel.

`walk` computes each feature once: a pixel costs one column of the network. It is meant for XLA, which makes one program of the
whole walk and writes to caches in place. `walk_naively` runs the whole network again for each pixel, as sampling an
autoregressive model is commonly done (Ramachandran et al. 2017 describe both, and measured a gain of 183); it is kept because
it is short: the two give the same images.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfgen_plugins.pixelcnn.network import Network
from tfgen_plugins.pixelcnn.outputs import Output
from tfgen_plugins.pixelcnn.views import Pixel, Row

#: Whatever a choice keeps on the way, tensors whose first axis is the batch.
State = tuple[tf.Tensor, ...]
#: ``(raw [batch, parameters], row, column, state) -> (values [batch, channels], state)``.
Choice = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, State], tuple[tf.Tensor, State]]
#: ``(row, state) -> (members of the batch [batch] that go on in the places of all, state)``; after each row.
Selection = Callable[[tf.Tensor, State], tuple[tf.Tensor, State]]


class Model(NamedTuple):
    """What is walked with.

    Attributes:
        network: from images to the numbers of each pixel.
        output: from these to values.
        shape: of an image.
    """

    network: Network
    output: Output
    shape: tuple[int, ...]

    def seen(self, values: tf.Tensor) -> tf.Tensor:
        """Return what the network sees of values [..., C]: themselves, scaled, and a one that tells them from the margin."""
        return tf.concat([self.output.scaled(values), tf.ones_like(values[..., :1])], axis=-1)


def walk(
    model: Model, batch: int, one_hot: tf.Tensor | None, choose: Choice, state: State, select: Selection | None = None
) -> tuple[tf.Tensor, State]:
    """Return values [height, width, batch, channels] chosen pixel by pixel, and the last state.

    Args:
        model: what to walk with.
        batch: how many images.
        one_hot: labels [batch, classes], or None.
        choose: the values of a pixel.
        state: what it keeps, at the start.
        select: after each row, which members of the batch go on.
    """
    network, (height, width, channels) = model.network, model.shape
    layers = network.causal_layers()
    remembering = [layer for layer in layers if layer.cache_shape(width, batch) is not None]
    looking_ahead = [layer for layer in layers if layer.looks_ahead]
    margin = max(layer.margin for layer in layers)
    dtype = network.compute_dtype
    conditions = network.conditions(one_hot)
    matrices = {layer: layer.matrices() for layer in layers}

    def along_row(
        row: tf.Tensor, image: tf.Tensor, values: tf.Tensor, caches: Sequence[tf.Tensor], state: State
    ) -> Any:
        memory = dict(zip(remembering, caches, strict=True))
        over = Row(row=row, margin=margin, matrices=matrices, caches=memory)
        links = network.above(image, conditions, over)
        given = [link for link in links if link is not None]
        ahead: dict[Hashable, tf.Tensor] = {layer: layer.ahead(image, over) for layer in looking_ahead}

        def at_pixel(
            column: tf.Tensor,
            here: Sequence[tf.Tensor],
            image: tf.Tensor,
            values: tf.Tensor,
            caches: Sequence[tf.Tensor],
            state: State,
        ) -> Any:
            memory = dict(zip(remembering, caches, strict=True))
            at = Pixel(row=row, margin=margin, matrices=matrices, caches=memory, column=column, ahead=ahead)
            rest = iter(here)
            links_here = [None if link is None else next(rest) for link in links]
            raw = network.along(image, links_here, conditions, at)
            value, state = choose(raw, row, column, state)
            image = keras.ops.slice_update(image, [row + margin, column + margin, 0, 0], model.seen(value)[None, None])
            values = keras.ops.slice_update(values, [row, column, 0, 0], value[None, None])
            following = tf.minimum(column + 1, width - 1)
            there = [link[following] for link in given]
            return column + 1, there, image, values, [at.caches[layer] for layer in remembering], state

        # A pixel's links are taken out of the row a turn before they are used: XLA would fuse taking them out with the gates
        # behind them, and does not vectorise such a fusion, which then takes six times as long.
        start = (0, [link[0] for link in given], image, values, [over.caches[layer] for layer in remembering], state)
        _, _, image, values, caches, state = tf.while_loop(lambda column, *_: column < width, at_pixel, start)
        if select is not None:
            chosen, state = select(row, state)
            image, values, caches = tf.nest.map_structure(
                lambda t: tf.gather(t, chosen, axis=2), (image, values, list(caches))
            )
        return row + 1, image, values, caches, state

    image = tf.zeros([height + margin, width + 2 * margin, batch, channels + 1], dtype)
    values = tf.zeros([height, width, batch, channels], dtype)
    caches = [tf.zeros(layer.cache_shape(width, batch), dtype) for layer in remembering]
    start = (0, image, values, caches, state)
    _, _, values, _, state = tf.while_loop(lambda row, *_: row < height, along_row, start)
    return values, state


def walk_naively(
    model: Model,
    batch: int,
    one_hot: tf.Tensor | None,
    choose: Choice,
    state: State,
    select: Selection | None = None,
    pixels: int | None = None,
) -> tuple[tf.Tensor, State]:
    """Return what `walk` returns, by a pass of the whole network over the whole images for each pixel.

    Args:
        model: what to walk with.
        batch: how many images.
        one_hot: labels [batch, classes], or None.
        choose: the values of a pixel.
        state: what it keeps, at the start.
        select: after each row, which members of the batch go on.
        pixels: stop after so many, where that is enough to measure; by default after all.
    """
    height, width, channels = model.shape
    end = height * width if pixels is None else pixels

    def at_pixel(number: tf.Tensor, values: tf.Tensor, state: State) -> Any:
        row, column = number // width, number % width
        raw = model.network(model.seen(values), one_hot)[:, row, column]
        value, state = choose(raw, row, column, state)
        here = tf.reshape(tf.one_hot(number, height * width, True, False, dtype=tf.bool), [1, height, width, 1])
        values = tf.where(here, value[:, None, None, :], values)
        if select is not None:
            chosen, after = select(row, state)
            last = column == width - 1
            values = tf.where(last, tf.gather(values, chosen), values)
            state = tuple(tf.where(last, new, old) for new, old in zip(after, state, strict=True))
        return number + 1, values, state

    start = (0, tf.zeros([batch, height, width, channels], model.network.compute_dtype), state)
    # The values of pixels that are not chosen yet are zeros, which the network sees; no chosen pixel depends on them.
    _, values, state = tf.while_loop(lambda number, *_: number < end, at_pixel, start)
    return tf.transpose(values, [1, 2, 0, 3]), state
