"""Sampling and inpainting programs of PixelCNN: pixel by pixel, for batches of any size in bounded memory."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from tfgen.layers import leading_shape
from tfgen_plugins.pixelcnn.sampler import Sampler, State, sample_by_full_passes, sample_incrementally

#: ``(arrays, option) -> values [batch, height, width, channels]``; the first axis of all arrays is the batch.
Program = Callable[[Any, Any], tf.Tensor]

# Largest chunk of a batch that is sampled together: enough for matrix products at full speed; on a CPU few enough for its
# caches, and at most each core's share, since the products of one chunk are too small to be spread over cores.
_ON_A_CORE, _ON_A_GPU = 64, 1024


def sampling_program(sampler: Sampler) -> Program:
    """Return the sampling program: ((uniform numbers [batch, height, width, draws], labels), temperature) -> values."""
    return in_chunks(tf.function(_drawing(sampler, sample_incrementally), autograph=False, jit_compile=True))


def naive_sampling_program(sampler: Sampler, pixels: int | None = None) -> Program:
    """Return the program that samples the same images by a full pass of the network for each (or each of the first) pixels."""
    return tf.function(_drawing(sampler, partial(sample_by_full_passes, pixels=pixels)), autograph=False)


def _drawing(sampler: Sampler, sample: Callable[..., tuple[tf.Tensor, State]]) -> Program:
    def program(arrays: tuple[tf.Tensor, tf.Tensor | None], temperature: tf.Tensor) -> tf.Tensor:
        uniforms, one_hot = arrays
        by_pixel = tf.transpose(uniforms, [1, 2, 0, 3])

        def choose(raw: tf.Tensor, row: tf.Tensor, column: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            return sampler.output.draw(raw, by_pixel[row, column], temperature), state

        values, _ = sample(sampler, leading_shape(uniforms)[0], one_hot, choose, ())
        return tf.transpose(values, [2, 0, 1, 3])

    return program


class Noise(NamedTuple):
    """Uniform random numbers for inpainting.

    Attributes:
        pixels: for each pixel of each particle, [batch, height, width, particles, draws].
        rows: for resampling after each row, [batch, height].
        last: for the choice of the particle that is returned, [batch].
    """

    pixels: tf.Tensor
    rows: tf.Tensor
    last: tf.Tensor


def inpainting_program(sampler: Sampler) -> Program:
    """Return the inpainting program, a particle filter: sequential importance resampling (Gordon, Salmond, Smith 1993).

    Its arguments are (values [batch, height, width, channels], known [batch, height, width], `Noise`, labels) and the number
    of particles K. Unknown pixels of each particle are drawn from p(x_i | x_<i); a known one multiplies its weight by
    p(x_i | x_<i). After a row in which the effective sample size ``1 / sum w^2`` fell below K / 2, the
    particles are resampled in proportion to their weights. The particle that is returned is one drawn by the last weights.
    """

    def program(arrays: tuple[tf.Tensor, tf.Tensor, Noise, tf.Tensor | None], particles: int) -> tf.Tensor:
        values, known, noise, one_hot = arrays
        groups, k = leading_shape(values)[0], particles
        each = partial(tf.repeat, repeats=k, axis=0)
        given = tf.transpose(each(values), [1, 2, 0, 3])
        is_known = tf.transpose(each(known), [1, 2, 0])
        height, width, batch = leading_shape(given)
        by_pixel = tf.reshape(tf.transpose(noise.pixels, [1, 2, 0, 3, 4]), [height, width, batch, -1])
        first = k * tf.range(groups)[:, None]

        def choose(raw: tf.Tensor, row: tf.Tensor, column: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            (log_weights,), here = state, is_known[row, column]
            drawn = sampler.output.draw(raw, by_pixel[row, column], tf.ones([], raw.dtype))
            value = tf.where(here[:, None], given[row, column], drawn)
            return value, (log_weights + tf.where(here, sampler.output.log_prob(value, raw), 0.0),)

        def select(row: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            weights = tf.nn.softmax(tf.reshape(state[0], [groups, k]))
            degenerate = 1 / tf.reduce_sum(weights**2, axis=1) < k / 2
            points = (tf.cast(tf.range(k), weights.dtype) + noise.rows[:, row, None]) / k
            chosen = tf.where(degenerate[:, None], _quantiles(weights, points), tf.range(k))
            return tf.reshape(first + chosen, [-1]), (
                tf.where(tf.repeat(degenerate, k), tf.zeros_like(state[0]), state[0]),
            )

        values, (log_weights,) = sample_incrementally(
            sampler, batch, None if one_hot is None else each(one_hot), choose, (tf.zeros([batch], values.dtype),),
            select if k > 1 else None,
        )  # fmt: skip
        weights = tf.nn.softmax(tf.reshape(log_weights, [groups, k]))
        winners = tf.reshape(first + _quantiles(weights, noise.last[:, None]), [-1])
        return tf.gather(tf.transpose(values, [2, 0, 1, 3]), winners)

    return in_chunks(tf.function(program, autograph=False, jit_compile=True), members=lambda particles: particles)


def _quantiles(weights: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Return the quantiles [n, m] of the categorical distributions with weights [n, k] at the points [n, m], as indices."""
    cumulated = tf.cumsum(weights, axis=1)
    below = cumulated[:, None, :] <= points[:, :, None] * cumulated[:, -1:, None]
    return tf.minimum(tf.reduce_sum(tf.cast(below, tf.int32), axis=2), weights.shape[1] - 1)


def chunk_size(n: int, members: int, cores: int | None) -> int:
    """Return how many examples of a batch are sampled together in one chunk.

    Args:
        n: size of the batch.
        members: particles for each example.
        cores: number of CPU cores; None on a GPU.
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
    """Return a program that splits batches of any size into chunks of one size, so that one shape is compiled.

    Args:
        program: for one chunk.
        members: number of particles for each example, given the program's option.
    """
    cores = _cores()

    def chunks(arrays: Any, option: Any) -> tf.Tensor:
        n = tf.nest.flatten(arrays)[0].shape[0]
        if n is None:  # an exported program, for batches of any size
            return program(arrays, option)
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
