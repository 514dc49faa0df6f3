"""Invertible linear layer by its LU factors, as in neural spline flows (Durkan et al. 2019, section 3.2)."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike
from sklearn.covariance import ledoit_wolf

tfb = tfp.bijectors

_LEAST_SHRINKAGE = 1e-6


class LULinear(keras.layers.Layer):
    """Invertible linear layer: ``z = L U x``, ``log|det dz/dx| = sum_i s_i``.

    L is lower triangular with ones on its diagonal, U upper triangular with ``exp(s)`` on its diagonal: the product is
    invertible whatever the weights are. They begin at the identity, at a rotation, or where `whiten` sets them. From data to
    codes it is a product of matrices; sampling solves two triangular systems.

    Args:
        dimensions: D.
        dtype: of densities.
        name: of the layer.
        turned: in the plane, begin at a rotation by 45 degrees, ``L = (1 0; 1 1)`` and ``U = (c -c; 0 2c)`` with ``c^2 = 1/2``.
    """

    def __init__(self, dimensions: int, dtype: tf.DType, name: str, turned: bool = False) -> None:
        super().__init__(name=name)
        weights: dict[str, Any] = {"initializer": "zeros", "dtype": dtype.name, "autocast": False}
        self.factors = self.add_weight(shape=(dimensions, dimensions), name="factors", **weights)
        self.log_scale = self.add_weight(shape=(dimensions,), name="log_scale", **weights)
        self.built = True
        if turned:
            c = math.sqrt(0.5)
            self.factors.assign([[0.0, -c], [1.0, 0.0]])
            self.log_scale.assign([math.log(c), math.log(2 * c)])

    def bijector(self) -> Any:
        """Return the layer as a `tfb.Bijector` from codes to data, ``x = (L U)^-1 z``, [..., D]."""
        factors = tf.convert_to_tensor(self.factors.value)
        lower_upper = tf.linalg.set_diag(factors, tf.exp(self.log_scale.value))
        order = tf.range(factors.shape[0])
        return tfb.Invert(tfb.ScaleMatvecLU(lower_upper, order, validate_args=False))

    def whiten(self, x: ArrayLike) -> None:
        """Set the layer such that the covariance of ``z = U x`` is the identity: ``U^T U = S^-1``, and L the identity.

        S is the covariance of the examples shrunk towards a multiple of the identity, by as much as is best for so few of
        them (Ledoit and Wolf 2004), and a millionth of the mean variance more: so that it is invertible where columns are
        copies of each other. Examples that are all alike change nothing.

        Args:
            x: examples, [n, D].
        """
        x = np.asarray(x, np.float64)
        if np.ptp(x, axis=0).any():
            covariance, _ = ledoit_wolf(x)
            covariance += _LEAST_SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
            upper = np.linalg.cholesky(np.linalg.inv(covariance)).T
            self.log_scale.assign(np.log(np.diag(upper)))
            self.factors.assign(np.triu(upper, 1))
