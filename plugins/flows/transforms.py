"""Elementwise transforms of a coupling: affine, additive, rational-quadratic spline."""

from __future__ import annotations

import math
from typing import Any, Protocol

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen_plugins.flows.in_float64 import InFloat64

tfb = tfp.bijectors


class Transform(Protocol):
    """Protocol of elementwise transforms: a parametric family of monotone functions; zero parameters are the identity.

    Attributes:
        parameters: number of parameters for each moved dimension.
    """

    parameters: int

    def bijector(self, parameters: tf.Tensor) -> Any:
        """Return the elementwise `tfb.Bijector` on [..., moved] for parameters [..., moved, parameters]."""


class Affine(keras.layers.Layer):
    """Affine transform ``x -> x exp(s) + t`` (Dinh et al. 2017, equation 4); ``s = r tanh(.)``: bounded by a learned range r.

    The bound keeps a layer from blowing up before it has learnt to; r starts at 1, one for each moved dimension.

    Args:
        moved: number of moved dimensions.
        dtype: of the parameters.
    """

    parameters = 2

    def __init__(self, moved: int, dtype: tf.DType) -> None:
        super().__init__(name="affine")
        self.log_scale_range = self.add_weight(
            shape=(moved,), initializer="ones", name="log_scale_range", dtype=dtype.name, autocast=False
        )
        self.built = True

    def bijector(self, parameters: tf.Tensor) -> Any:
        """Return ``x -> x exp(s) + t`` for ``t, .`` in the last axis."""
        shift, raw = tf.unstack(parameters, axis=-1)
        return tfb.Chain([tfb.Shift(shift), tfb.Scale(log_scale=self.log_scale_range * tf.tanh(raw))])


class Additive:
    """Additive transform ``x -> x + t``, which preserves volume (Dinh, Krueger, Bengio: NICE, 2015, section 3.2)."""

    parameters = 1

    def bijector(self, parameters: tf.Tensor) -> Any:
        """Return ``x -> x + t`` for t in the last axis."""
        return tfb.Shift(tf.squeeze(parameters, axis=-1))


class Spline:
    """Spline transform: a monotone rational-quadratic spline on [-B, B], the identity outside (Durkan et al. 2019, section 3).

    Of 3K - 1 parameters, K become bin widths and K bin heights (softmax, each at least a thousandth of the interval),
    and K - 1 the slopes at the inner knots (softplus, at least 0.001 and at most 1000); at both ends the slope is 1. The
    spline is computed in float64 (`InFloat64`).

    Args:
        bins: K.
        bound: B.
    """

    def __init__(self, bins: int, bound: float) -> None:
        self.bins = bins
        self.bound = bound
        self.parameters = 3 * bins - 1

    def bijector(self, parameters: tf.Tensor) -> Any:
        """Return the spline that maps codes to data; its inverse direction is the one without a square root."""
        exact = tf.cast(parameters, tf.float64)
        widths, heights, slopes = tf.split(exact, [self.bins, self.bins, self.bins - 1], axis=-1)
        spline = tfb.RationalQuadraticSpline(
            bin_widths=self._sizes(widths),
            bin_heights=self._sizes(heights),
            knot_slopes=tf.minimum(_MIN_SLOPE + tf.math.softplus(slopes + _UNIT_SLOPE), MAX_SLOPE),
            range_min=-self.bound,
        )
        return tfb.Invert(spline if parameters.dtype == tf.float64 else InFloat64(spline, parameters.dtype))

    def _sizes(self, raw: tf.Tensor) -> tf.Tensor:
        share = _MIN_SHARE + (1 - _MIN_SHARE * self.bins) * tf.nn.softmax(raw)
        return 2 * self.bound * share


_MIN_SHARE = 1e-3
_MIN_SLOPE = 1e-3
#: The steepest slope at a knot. The inverse of the spline has the slopes 1 / d, of which 0.001 is the smallest of this one.
MAX_SLOPE = 1e3
_UNIT_SLOPE = math.log(math.expm1(1 - _MIN_SLOPE))  # softplus of it is 1 - _MIN_SLOPE
