"""Seeds and stateless random numbers: functions of one integer and of a purpose (step, batch, layer).

TensorFlow's stateless generators take a pair of int32, which this module makes from integers or other seeds. Where examples
of several seeds are drawn in one batch, a seed is a pair for each of them, int32 ``[n, 2]``: row i of what is drawn is what
seed i gives.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Literal, Protocol

import numpy as np
import tensorflow as tf

from tfgen.errors import TfgenError
from tfgen.philox import joined_words, philox_words
from tfgen.quantiles import normal_quantile

_PHILOX = 1  # the generator's number in TensorFlow's raw operations
_SCRAMBLING_KEY = 0x02461E293EC8F720  # as in TensorFlow's stateless_random_ops.cc
_BLOCK_BYTES = 16  # of random bits for each value of its counter


class NoiseSource(Protocol):
    """Source of random numbers in the place of the generator: of an exported program that is given its noise."""

    def __call__(
        self, kind: Literal["uniform", "normal"], shape: Any, dtype: tf.DType, seed: Any, first: Any
    ) -> tf.Tensor:
        """Return numbers of this distribution, uniform on [0, 1) or standard normal, and of this shape.

        What the generator would draw them with, `seed` and `first`, is for a source that takes notice of them.
        """


_SOURCE: ContextVar[NoiseSource | None] = ContextVar("source", default=None)


@contextlib.contextmanager
def noise_from(source: NoiseSource | None) -> Iterator[None]:
    """Context manager in which `uniform` and `normal` take their numbers from a source, whatever the seed; None undoes it."""
    token = _SOURCE.set(source)
    try:
        yield
    finally:
        _SOURCE.reset(token)


def as_seed(seed: Any) -> tf.Tensor:
    """Return a stateless seed, an int32 tensor of shape [2] or [n, 2], for an integer or for a stateless seed."""
    if isinstance(seed, int | np.integer):
        return tf.constant([0, int(seed) & 0x7FFFFFFF], tf.int32)
    if isinstance(seed, tf.Tensor) and seed.dtype == tf.int32 and seed.shape == [2]:
        return seed
    pair = tf.cast(seed, tf.int32)
    return tf.ensure_shape(pair, [None, 2] if _of_rows(pair) else [2])


def _of_rows(seed: tf.Tensor) -> bool:
    """Return whether a seed is one for each row of what is drawn, [n, 2]."""
    return seed.shape.rank == 2


def fold_in(seed: Any, index: Any) -> tf.Tensor:
    """Return the seed for item `index` (a step, a batch, a purpose) under `seed`; same inputs, same seed."""
    pair = as_seed(seed)
    if _of_rows(pair):
        word = _integers_of_rows(1, pair)[:, 0]
        return tf.stack([word, tf.broadcast_to(tf.cast(index, tf.int32), tf.shape(word))], axis=1)
    return tf.stack([_integers([], pair), tf.cast(index, tf.int32)])


def split_seed(seed: Any, n: int) -> list[tf.Tensor]:
    """Split a seed into `n` independent seeds."""
    pair = as_seed(seed)
    if _of_rows(pair):
        return tf.split(_integers_of_rows(2 * n, pair), n, axis=1)
    return tf.unstack(_integers([n, 2], pair))


def _integers(shape: Any, seed: tf.Tensor) -> tf.Tensor:
    """Return integers of 32 random bits, those of `tf.random.split` and `fold_in`, which need thirty operations for them.

    The one operation `StatelessRandomUniformFullInt` would be shorter still, but XLA gives other integers for a seed that was
    folded before.
    """
    key, upper = _key_and_counter(seed)
    return _bits_from(key, tf.stack([0, upper]), shape, tf.int32)


def _integers_of_rows(n: int, seeds: tf.Tensor) -> tf.Tensor:
    """Return n such integers under each of the seeds [rows, 2], as [rows, n]."""
    key, upper = _key_and_counter(seeds)
    return tf.bitcast(_bits_of_rows(key, upper, tf.zeros_like(upper), n, tf.uint32), tf.int32)


def uniform(shape: Any, seed: Any, dtype: tf.DType = tf.float32, first: Any = None) -> tf.Tensor:
    """Return uniform random numbers on [0, 1), with the same bits in eager mode, in graphs and under XLA.

    TensorFlow and XLA draw the same bits but make other floats of them; here the leading bits become the fraction, 24 of
    32 for float32 and 53 of 64 for float64.

    With `first`, row i of the result is row ``first + i`` of an endless sequence of rows that the seed names: the generator
    (Philox, Salmon et al. 2011) is a function of a counter, and each row has a range of counters of its own. So example
    number k has the same noise in whatever batch it is drawn.

    Args:
        shape: of the result; ``[n, ...]`` with `first`, where all but n have to be integers.
        seed: an integer or a stateless seed; ``[n, 2]`` for one of each row, and `first` is then ``[n]``, or None for 0.
        dtype: float32 or float64.
        first: index of the first row, an integer or a scalar tensor; None for numbers that are no rows.

    Raises:
        TfgenError: for another dtype, whose numbers would round to 1, or overflow.
    """
    _require_floats(dtype)
    if (source := _SOURCE.get()) is not None:
        return source("uniform", shape, dtype, seed, first)
    bits, kept = (tf.uint64, 53) if dtype == tf.float64 else (tf.uint32, 24)
    leading = tf.bitwise.right_shift(_bits(shape, seed, bits, first), tf.constant(bits.size * 8 - kept, bits))
    return tf.cast(leading, dtype) * tf.constant(2.0**-kept, dtype)


def _bits(shape: Any, seed: Any, dtype: tf.DType, first: Any) -> tf.Tensor:
    """Return random bits as uint32 or uint64; with `first` as rows of one sequence."""
    pair = as_seed(seed)
    key, upper = _key_and_counter(pair)
    if first is None and not _of_rows(pair):
        return _bits_from(key, tf.stack([0, upper]), shape, dtype)
    n, *row = tf.TensorShape(shape).as_list() if not isinstance(shape, list | tuple) else shape
    width, in_block = math.prod(row), _BLOCK_BYTES // dtype.size
    if _of_rows(pair):
        begin = tf.broadcast_to(tf.cast(0 if first is None else first, tf.uint64), tf.shape(upper))
        return tf.reshape(_bits_of_rows(key, upper, begin, width, dtype), tf.stack([n, *row]))
    blocks = -(-width // in_block)  # rows begin at whole blocks
    start = tf.cast(first, tf.uint64) * tf.constant(blocks, tf.uint64)
    drawn = _bits_from(key, tf.stack([start, upper]), tf.stack([n, blocks * in_block]), dtype)
    return tf.reshape(drawn if width == blocks * in_block else drawn[:, :width], tf.stack([n, *row]))


def _bits_of_rows(key: tf.Tensor, upper: tf.Tensor, first: tf.Tensor, width: int, dtype: tf.DType) -> tf.Tensor:
    """Return for each row its random bits [rows, width], as `_bits` draws row ``first`` under the row's key and counter."""
    blocks = -(-width * dtype.size // _BLOCK_BYTES)
    low = first[:, None] * tf.constant(blocks, tf.uint64) + tf.cast(tf.range(blocks), tf.uint64)
    words = tf.reshape(philox_words(key[:, None], low, upper[:, None]), [-1, 4 * blocks])
    return (joined_words(words) if dtype == tf.uint64 else tf.cast(words, dtype))[:, :width]


def _bits_from(key: tf.Tensor, counter: tf.Tensor, shape: Any, dtype: tf.DType) -> tf.Tensor:
    """Return random bits under a key [1], from a counter [2] on, both uint64."""
    return tf.raw_ops.StatelessRandomUniformFullIntV2(shape=shape, key=key, counter=counter, alg=_PHILOX, dtype=dtype)


def _key_and_counter(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the key [1] and the upper word of the counter that TensorFlow makes of a seed; the lower word is 0.

    For a seed of each row, [n, 2], both are [n].

    The operation `StatelessRandomGetKeyCounter` gives the same, but XLA then computes it anew for every number drawn.
    """
    scrambling = tf.constant([_SCRAMBLING_KEY], tf.uint64)
    if _of_rows(seed):
        counter = tf.cast(seed, tf.uint64)
        pair = joined_words(philox_words(scrambling, counter[:, 0], counter[:, 1]))
        return pair[:, 0], pair[:, 1]
    key, upper = tf.unstack(_bits_from(scrambling, tf.cast(seed, tf.uint64), [2], tf.uint64))
    return tf.reshape(key, [1]), upper


def normal(shape: Any, seed: Any, dtype: tf.DType = tf.float32, first: Any = None) -> tf.Tensor:
    """Return standard normal random numbers, with the same bits in eager mode, in graphs and under XLA.

    They are the quantiles of uniform numbers with 24 bits, taken in the middle of their cells, so none is infinite. In
    float32 the quantile function is a table of quadratic pieces (`tfgen.quantiles`), evaluated so that no rounding depends on
    the compiler. In float64, which serves checks to many digits, it is TensorFlow's own, whose last digits XLA may round in
    another way.

    Args:
        shape: of the result; ``[n, ...]`` with `first`.
        seed: an integer or a stateless seed.
        dtype: float32 (up to 5.3 in size) or float64 (up to 8.2).
        first: as in `uniform`.

    Raises:
        TfgenError: for another dtype.
    """
    _require_floats(dtype)
    if (source := _SOURCE.get()) is not None:
        return source("normal", shape, dtype, seed, first)
    if dtype == tf.float32:
        return normal_quantile(tf.bitwise.right_shift(_bits(shape, seed, tf.uint32, first), tf.constant(8, tf.uint32)))
    drawn = uniform(shape, seed, dtype, first)
    half_cell = 2.0**-54
    # Above 1/2 a half cell is lost in rounding, so the upper half is made as the mirror image of the lower one.
    lower = tf.where(drawn < 0.5, drawn + half_cell, (1 - drawn) - half_cell)
    quantile = tf.math.ndtri(lower)
    return tf.where(drawn < 0.5, quantile, -quantile)


def _require_floats(dtype: tf.DType) -> None:
    if dtype not in (tf.float32, tf.float64):
        raise TfgenError(f"random numbers are float32 or float64, not {tf.as_dtype(dtype).name}; cast the result.")


def generator(*key: int) -> np.random.Generator:
    """Return a NumPy generator for random choices of the host, such as the order of examples in an epoch.

    Args:
        key: non-negative integers, for example ``(seed, purpose, epoch)``.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
