"""Flow of one dimension: an affine map and a chain of monotone rational-quadratic splines, with free parameters."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.layers import context_network
from tfgen_plugins.flows.transforms import Spline

tfb = tfp.bijectors

#: Standard deviations of a code that lie in half the interval of the data, at initialisation.
SCALAR_REACH = 3.0


class ScalarSplines(keras.layers.Layer):
    """Monotone map of one dimension: ``x = m + s g_1(g_2(... g_L(z)))`` with splines g and learned m, s > 0.

    Each g is a rational-quadratic spline on [-B, B] and the identity outside (Durkan et al. 2019, section 3). Its parameters
    are weights, since there is no other dimension to compute them from; a conditional flow has a set of them for each class,
    and computes them all by a network where it is given a context.
    The knots of g_l are shifted by (l - 1)/L of a bin, so that L splines of K bins have about L K knots of their own. All g
    begin as the identity, m and s with the interval of the data.

    Args:
        layers: L.
        bins: K, of each spline.
        bound: B.
        interval: that holds practically all of the data.
        width: of the condition; 0 for an unconditional flow.
        numbers: whether a context is part of the condition, and not labels alone.
        dtype: of densities.
    """

    def __init__(
        self,
        layers: int,
        bins: int,
        bound: float,
        interval: tuple[float, float],
        width: int,
        numbers: bool,
        dtype: tf.DType,
    ) -> None:
        super().__init__(name="scalar_splines")
        self.spline = Spline(bins, bound)
        self.centre, self.half = (interval[0] + interval[1]) / 2, (interval[1] - interval[0]) / 2
        self.offsets = [2 * bound / bins * layer / layers for layer in range(layers)]
        sizes = [self.spline.parameters] * layers
        self.sizes = [2, *sizes]
        self.network = context_network(width, sum(self.sizes), dtype) if numbers else None
        if not numbers:
            rows = max(width, 1)
            self.parameters = [self._weight(f"spline_{layer}", (rows, size), dtype) for layer, size in enumerate(sizes)]
            self.affine = self._weight("affine", (rows, 2), dtype)
        self.built = True

    def _weight(self, name: str, shape: tuple[int, ...], dtype: tf.DType) -> keras.Variable:
        return self.add_weight(shape=shape, initializer="zeros", name=name, dtype=dtype.name, autocast=False)

    def chain(self, condition: tf.Tensor | None) -> list[Any]:
        """Return the bijectors from the data side to the code side, on [..., 1].

        Args:
            condition: one-hot labels and context [n, width] of a conditional flow, else None.
        """
        affine, *splines = self._chosen(condition)
        shift, log_scale = tf.unstack(affine, axis=-1)
        links = [
            tfb.Shift(self.centre + self.half * shift),
            tfb.Scale(self.half / SCALAR_REACH * tf.exp(log_scale)),
        ]
        for offset, parameters in zip(self.offsets, splines, strict=True):
            at = tf.constant(offset, log_scale.dtype)
            links += [tfb.Shift(at), self.spline.bijector(parameters), tfb.Shift(-at)]
        return links

    def _chosen(self, condition: tf.Tensor | None) -> list[tf.Tensor]:
        """Return the parameters of the affine map and of each spline: [1, parameters], or [n, 1, parameters] by condition."""
        if self.network is not None:
            return tf.split(self.network(condition)[:, None, :], self.sizes, axis=-1)
        tables = [tf.convert_to_tensor(table) for table in (self.affine, *self.parameters)]
        if condition is None:
            return tables
        return [tf.matmul(tf.cast(condition, table.dtype), table)[:, None, :] for table in tables]
