"""Sampling and inpainting programs of PixelCNN: pixel by pixel, for batches of any size in bounded memory."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from tfgen_plugins.pixelcnn.walks import Model, State, walk, walk_naively

#: ``(arrays, option) -> values [batch, height, width, channels]``; the first axis of all arrays is the batch.
Program = Callable[[Any, Any], tf.Tensor]

# Members of a batch that walk together, at most: enough for products of matrices at full speed. On a processor few enough for
# caches near to it, and no more than each core's part, since a walk's products are too small to be shared among cores.
_ON_A_CORE, _ON_A_GPU = 64, 1024


def sampler(model: Model) -> Program:
    """Return the program that draws images: of (uniform numbers [batch, height, width, draws], labels) and a temperature."""
    return in_chunks(tf.function(_drawing(model, walk), autograph=False, jit_compile=True))


def naive_sampler(model: Model, pixels: int | None = None) -> Program:
    """Return the program that draws the same images by a pass of the network for each pixel, or for the first pixels."""
    return tf.function(_drawing(model, partial(walk_naively, pixels=pixels)), autograph=False)


def _drawing(model: Model, walker: Callable[..., tuple[tf.Tensor, State]]) -> Program:
    def program(arrays: tuple[tf.Tensor, tf.Tensor | None], temperature: tf.Tensor) -> tf.Tensor:
        uniforms, one_hot = arrays
        by_pixel = tf.transpose(uniforms, [1, 2, 0, 3])

        def choose(raw: tf.Tensor, row: tf.Tensor, column: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            return model.output.draw(raw, by_pixel[row, column], temperature), state

        values, _ = walker(model, uniforms.shape[0], one_hot, choose, ())
        return tf.transpose(values, [2, 0, 1, 3])

    return program


class Noise(NamedTuple):
    """The uniform numbers that completing images takes.

    Attributes:
        pixels: of each pixel and particle, [batch, height, width, particles, draws].
        rows: of the selection behind each row, [batch, height].
        last: of the particle that is the result, [batch].
    """

    pixels: tf.Tensor
    rows: tf.Tensor
    last: tf.Tensor


def completer(model: Model) -> Program:
    """Return the program that completes images by sequential importance resampling (Gordon, Salmond, Smith 1993).

    It is one of (values [batch, height, width, channels], known [batch, height, width], `Noise`, labels) and the number of
    particles K. Unknown pixels of each particle are drawn from p(x_i | x_<i); a known one multiplies its weight by
    p(x_i | x_<i). Behind a row in which the effective number of particles ``1 / sum w^2`` fell below K / 2, they are
    resampled in proportion to their weights. The particle that is returned is one drawn by the last weights.
    """

    def program(arrays: tuple[tf.Tensor, tf.Tensor, Noise, tf.Tensor | None], particles: int) -> tf.Tensor:
        values, known, noise, one_hot = arrays
        groups, k = values.shape[0], particles
        each = partial(tf.repeat, repeats=k, axis=0)
        given = tf.transpose(each(values), [1, 2, 0, 3])
        is_known = tf.transpose(each(known), [1, 2, 0])
        height, width, batch, _ = given.shape
        by_pixel = tf.reshape(tf.transpose(noise.pixels, [1, 2, 0, 3, 4]), [height, width, batch, -1])
        first = k * tf.range(groups)[:, None]

        def choose(raw: tf.Tensor, row: tf.Tensor, column: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            (log_weights,), here = state, is_known[row, column]
            drawn = model.output.draw(raw, by_pixel[row, column], tf.ones([], raw.dtype))
            value = tf.where(here[:, None], given[row, column], drawn)
            return value, (log_weights + tf.where(here, model.output.log_prob(value, raw), 0.0),)

        def select(row: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            weights = tf.nn.softmax(tf.reshape(state[0], [groups, k]))
            poor = 1 / tf.reduce_sum(weights**2, axis=1) < k / 2
            points = (tf.cast(tf.range(k), weights.dtype) + noise.rows[:, row, None]) / k
            chosen = tf.where(poor[:, None], _quantiles(weights, points), tf.range(k))
            return tf.reshape(first + chosen, [-1]), (tf.where(tf.repeat(poor, k), tf.zeros_like(state[0]), state[0]),)

        found, (log_weights,) = walk(
            model, batch, None if one_hot is None else each(one_hot), choose, (tf.zeros([batch], values.dtype),),
            select if k > 1 else None,
        )  # fmt: skip
        weights = tf.nn.softmax(tf.reshape(log_weights, [groups, k]))
        winners = tf.reshape(first + _quantiles(weights, noise.last[:, None]), [-1])
        return tf.gather(tf.transpose(found, [2, 0, 1, 3]), winners)

    return in_chunks(tf.function(program, autograph=False, jit_compile=True), members=lambda particles: particles)


def _quantiles(weights: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Return the indices [n, m] where the distribution functions of weights [n, k] pass the points [n, m]."""
    cumulated = tf.cumsum(weights, axis=1)
    below = cumulated[:, None, :] <= points[:, :, None] * cumulated[:, -1:, None]
    return tf.minimum(tf.reduce_sum(tf.cast(below, tf.int32), axis=2), weights.shape[1] - 1)


def chunk_size(n: int, members: int, cores: int | None) -> int:
    """Return how many of `n` walk together.

    Args:
        n: size of the batch.
        members: walks that each of them takes.
        cores: to share them; None on a GPU.
    """
    most = max(1, (_ON_A_GPU if cores is None else _ON_A_CORE) // members)
    chunks = max(math.ceil(n / most), min(n, cores or 1))
    return math.ceil(n / chunks)


def _cores() -> int | None:
    if tf.config.list_logical_devices("GPU") and "CPU" not in tf.identity(0.0).device:
        return None
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def in_chunks(program: Program, members: Callable[[Any], int] = lambda _: 1) -> Program:
    """Return a program that takes batches of any size, some at a time, of one size, so that one shape is compiled.

    Args:
        program: for a batch.
        members: how many walks each of the batch takes, by the program's option.
    """
    cores = _cores()

    def chunks(arrays: Any, option: Any) -> tf.Tensor:
        n = tf.nest.flatten(arrays)[0].shape[0]
        size = chunk_size(n, members(option), cores)
        count = math.ceil(n / size)
        # The last chunk is filled up with members from the front.
        padded = arrays if count * size == n else tf.nest.map_structure(
            lambda a: None if a is None else tf.gather(a, tf.range(count * size) % n), arrays
        )  # fmt: skip
        parts = [
            program(
                tf.nest.map_structure(lambda a, i=i: None if a is None else a[i * size : (i + 1) * size], padded),
                option,
            )
            for i in range(count)
        ]
        return parts[0] if count == 1 else tf.concat(parts, axis=0)[:n]

    # In a graph TensorFlow runs several chunks side by side, where there are cores.
    return tf.function(chunks, autograph=False)
