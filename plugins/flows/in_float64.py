"""Elementwise bijector that is computed in float64, whatever the precision of the numbers."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb


class InFloat64(tfb.Bijector):
    """An elementwise `tfb.Bijector` whose parameters are float64, for numbers of another precision.

    Values and log-determinants are rounded once, at the end. A rational-quadratic spline needs that: near a knot of slope d
    the logarithm of its slope changes by up to ``2 d / s`` within a bin of mean slope s, so that in a narrow bin a knot which
    is off by one float32 changes it by nats.

    Args:
        bijector: with float64 parameters, increasing.
        dtype: of the numbers.
        name: of the bijector.
    """

    def __init__(self, bijector: tfb.Bijector, dtype: tf.DType, name: str = "in_float64") -> None:
        parameters = dict(locals())
        self.bijector = bijector
        super().__init__(dtype=dtype, forward_min_event_ndims=0, parameters=parameters, name=name)

    @classmethod
    def _is_increasing(cls) -> bool:
        return True

    @classmethod
    def _parameter_properties(cls, dtype: Any) -> dict[str, Any]:
        return {"bijector": tfb.Invert._parameter_properties(dtype)["bijector"]}

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.bijector.forward(tf.cast(x, tf.float64)), x.dtype)

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.bijector.inverse(tf.cast(y, tf.float64)), y.dtype)

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.bijector.forward_log_det_jacobian(tf.cast(x, tf.float64)), x.dtype)

    def _inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.bijector.inverse_log_det_jacobian(tf.cast(y, tf.float64)), y.dtype)
