"""Invertible linear layer by its LU factors, as in neural spline flows (Durkan et al. 2019, section 3.2)."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

tfb = tfp.bijectors


class LULinear(keras.layers.Layer):
    """Invertible linear layer: ``z = L U x``, ``log|det dz/dx| = sum_i s_i``.

    L is lower triangular with ones on its diagonal, U upper triangular with ``exp(s)`` on its diagonal: the product is
    invertible whatever the weights are. They begin at the identity. From data to codes it is a product of matrices;
    sampling solves two triangular systems.

    Args:
        dimensions: D.
        dtype: of densities.
        name: of the layer.
    """

    def __init__(self, dimensions: int, dtype: tf.DType, name: str) -> None:
        super().__init__(name=name)
        weights: dict[str, Any] = {"initializer": "zeros", "dtype": dtype.name, "autocast": False}
        self.factors = self.add_weight(shape=(dimensions, dimensions), name="factors", **weights)
        self.log_scale = self.add_weight(shape=(dimensions,), name="log_scale", **weights)
        self.built = True

    def bijector(self) -> Any:
        """Return the layer as a `tfb.Bijector` from codes to data, ``x = (L U)^-1 z``, [..., D]."""
        factors = tf.convert_to_tensor(self.factors.value)
        lower_upper = tf.linalg.set_diag(factors, tf.exp(self.log_scale.value))
        order = tf.range(factors.shape[0])
        return tfb.Invert(tfb.ScaleMatvecLU(lower_upper, order, validate_args=False))
