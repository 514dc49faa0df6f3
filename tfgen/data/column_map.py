"""Map of columns to the real line as a `tfb.Bijector`: dequantised, bounded and heavy-tailed columns, standardised.

`tfgen.data.columns` has the formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen.data.columns import MARGIN, MOST_ASINH, Column
from tfgen.data.dequantisation import number_below
from tfgen.seeds import uniform


class ColumnMap(tfb.Bijector):
    """Elementwise `tfb.Bijector` from standardised points t [..., d] to values y [..., d] in the units of the data.

    Args:
        columns: fitted, d.
        dtype: of the numbers.
    """

    def __init__(self, columns: Sequence[Column], dtype: tf.DType) -> None:
        parameters = dict(locals())
        self.columns = tuple(columns)
        self._shift = _constant([column.shift for column in columns], dtype)
        self._scale = _constant([column.scale for column in columns], dtype)
        bounds = [column.cell_bounds for column in columns]
        self._bounded = np.array([pair is not None for pair in bounds])
        low, high = (np.array([0.0 if pair is None else pair[end] for pair in bounds]) for end in (0, 1))
        self._low, self._width = _constant(low, dtype), _constant(np.where(self._bounded, high - low, 1.0), dtype)
        self._tailed = np.array([column.tails is not None for column in columns])
        self._centre = _constant([0.0 if column.tails is None else column.tails[0] for column in columns], dtype)
        self._half = _constant([1.0 if column.tails is None else column.tails[1] for column in columns], dtype)
        super().__init__(dtype=dtype, forward_min_event_ndims=0, parameters=parameters, name="columns")

    @classmethod
    def _is_increasing(cls) -> bool:
        return True

    def _forward(self, t: tf.Tensor) -> tf.Tensor:
        y = t * self._scale + self._shift
        if self._tailed.any():
            y = _chosen(self._tailed, lambda z: self._centre + self._half * tf.sinh(_within(z)), y, 0.0)
        if self._bounded.any():
            y = _chosen(self._bounded, self._within_bounds, y, 0.0)
        return y

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        if self._bounded.any():
            y = _chosen(self._bounded, self._logit, y, self._low + self._width / 2)
        if self._tailed.any():
            y = _chosen(self._tailed, lambda z: tf.asinh((z - self._centre) / self._half), y, self._centre)
        return (y - self._shift) / self._scale

    def _within_bounds(self, z: tf.Tensor) -> tf.Tensor:
        # The margin is one of the share, not of the bounds: far from 0, float32 would lose it beside them.
        return self._low + self._width * (tf.sigmoid(z) - MARGIN) / (1 - 2 * MARGIN)

    def _logit(self, y: tf.Tensor) -> tf.Tensor:
        # A value at a bound may be rounded past it by float32, by more than the margin.
        share = MARGIN + (1 - 2 * MARGIN) * tf.clip_by_value((y - self._low) / self._width, 0.0, 1.0)
        return tf.math.log(share) - tf.math.log1p(-share)

    def _forward_log_det_jacobian(self, t: tf.Tensor) -> tf.Tensor:
        y = t * self._scale + self._shift
        log_det = tf.zeros_like(y) + tf.math.log(self._scale)
        if self._tailed.any():
            slope = _chosen(self._tailed, lambda z: tf.math.log(self._half) + _log_cosh(_within(z)), y, 0.0)
            log_det += tf.where(self._tailed, slope, tf.zeros_like(y))
            y = _chosen(self._tailed, lambda z: self._centre + self._half * tf.sinh(_within(z)), y, 0.0)
        if self._bounded.any():
            # log of the slope of a sigmoid: -softplus(z) - softplus(-z)
            slope = tf.math.log(self._width / (1 - 2 * MARGIN)) - tf.math.softplus(y) - tf.math.softplus(-y)
            log_det += tf.where(self._bounded, slope, tf.zeros_like(y))
        return log_det


def spread_columns(x: tf.Tensor, columns: Sequence[Column], seed: Any, dtype: tf.DType) -> tf.Tensor:
    """Return ``y = v + u`` of the whole numbers among vectors [n, d], with u uniform on [0, 1); real columns as they are.

    Args:
        x: vectors [n, d].
        columns: d.
        seed: of u; None for u = 1/2.
        dtype: of the result.
    """
    v = tf.cast(x, dtype)
    discrete = np.array([column.discrete for column in columns])
    if not discrete.any():
        return v
    u = tf.constant(0.5, dtype) if seed is None else uniform(tf.shape(v), seed, dtype)
    # In float32 v + u may round to v + 1, which is the cell of the next number; never where that is 0, since u < 1.
    cells = tf.minimum(v + u, number_below(v + 1))
    return tf.where(discrete, cells, v)


def context_rows(context: tf.Tensor, columns: Sequence[Column], dtype: tf.DType) -> tf.Tensor:
    """Return contexts [n, k] as a network is given them: numbers standardised, categories one-hot.

    Args:
        context: float32 [n, k].
        columns: k, fitted.
        dtype: of the result.
    """
    values = tf.cast(context, dtype)
    numbers = [place for place, column in enumerate(columns) if column.categories is None]
    parts = []
    if numbers:
        real = [columns[place].in_context for place in numbers]
        parts.append(ColumnMap(real, dtype).inverse(tf.gather(values, numbers, axis=-1)))
    for place, column in enumerate(columns):
        if column.categories is not None:
            parts.append(tf.one_hot(tf.cast(values[..., place], tf.int32), len(column.categories), dtype=dtype))
    return tf.concat(parts, axis=-1)


def values_of(y: tf.Tensor, columns: Sequence[Column]) -> tf.Tensor:
    """Return the values whose cells hold y [n, d]: rounded down in columns of whole numbers, and within their bounds."""
    discrete = np.array([column.discrete for column in columns])
    bounded = np.array([column.cell_bounds is not None for column in columns])
    if discrete.any():
        y = tf.where(discrete, tf.floor(y), y)
    if bounded.any():
        pairs = [_value_bounds(column) for column in columns]
        low, high = (_constant([pair[end] for pair in pairs], y.dtype) for end in (0, 1))
        y = tf.where(bounded, tf.clip_by_value(y, low, high), y)
    return y


def _value_bounds(column: Column) -> tuple[float, float]:
    if column.categories is not None:
        return 0.0, len(column.categories) - 1.0
    return column.bounds or (0.0, 0.0)


def _chosen(which: np.ndarray, function: Any, y: tf.Tensor, safe: Any) -> tf.Tensor:
    """Return `function` of some columns and the others as they are.

    The others enter the function as `safe`: an infinite value that is not taken would still make its gradient NaN.
    """
    if which.all():
        return function(y)
    inside = tf.where(which, y, tf.zeros_like(y) + tf.cast(safe, y.dtype))
    return tf.where(which, function(inside), y)


def _within(z: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(z, -MOST_ASINH, MOST_ASINH)


def _log_cosh(z: tf.Tensor) -> tf.Tensor:
    """Return ``log cosh z`` without overflow."""
    size = tf.abs(z)
    return size + tf.math.softplus(-2.0 * size) - tf.constant(np.log(2.0), z.dtype)


def _constant(values: Any, dtype: tf.DType) -> tf.Tensor:
    return tf.constant(np.asarray(values, np.float64), dtype)
