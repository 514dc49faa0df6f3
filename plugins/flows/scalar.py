"""Flow of one dimension: an affine map and a chain of monotone rational-quadratic splines, with free parameters."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen_plugins.flows.transforms import Spline

tfb = tfp.bijectors

#: Standard deviations of a code that lie in half the interval of the data, at initialisation.
SCALAR_REACH = 3.0


class ScalarSplines(keras.layers.Layer):
    """Monotone map of one dimension: ``x = m + s g_1(g_2(... g_L(z)))`` with splines g and learned m, s > 0.

    Each g is a rational-quadratic spline on [-B, B] and the identity outside (Durkan et al. 2019, section 3). Its parameters
    are weights, since there is no other dimension to compute them from; a conditional flow has a set of them for each class.
    The knots of g_l are shifted by (l - 1)/L of a bin, so that L splines of K bins have about L K knots of their own. All g
    begin as the identity, m and s with the interval of the data.

    Args:
        layers: L.
        bins: K, of each spline.
        bound: B.
        interval: that holds practically all of the data.
        classes: sets of parameters; 0 for an unconditional flow.
        dtype: of densities.
    """

    def __init__(
        self, layers: int, bins: int, bound: float, interval: tuple[float, float], classes: int, dtype: tf.DType
    ) -> None:
        super().__init__(name="scalar_splines")
        self.spline = Spline(bins, bound)
        self.centre, self.half = (interval[0] + interval[1]) / 2, (interval[1] - interval[0]) / 2
        self.offsets = [2 * bound / bins * layer / layers for layer in range(layers)]
        rows = max(classes, 1)
        self.parameters = [
            self._weight(f"spline_{layer}", (rows, self.spline.parameters), dtype) for layer in range(layers)
        ]
        self.affine = self._weight("affine", (rows, 2), dtype)
        self.built = True

    def _weight(self, name: str, shape: tuple[int, ...], dtype: tf.DType) -> keras.Variable:
        return self.add_weight(shape=shape, initializer="zeros", name=name, dtype=dtype.name, autocast=False)

    def chain(self, condition: tf.Tensor | None) -> list[Any]:
        """Return the bijectors from the data side to the code side, on [..., 1].

        Args:
            condition: one-hot labels [n, classes] of a conditional flow, else None.
        """

        def chosen(table: keras.Variable) -> tf.Tensor:  # [1, parameters], or [n, 1, parameters]
            values = tf.convert_to_tensor(table)
            return values if condition is None else tf.matmul(tf.cast(condition, values.dtype), values)[:, None, :]

        shift, log_scale = tf.unstack(chosen(self.affine), axis=-1)
        links = [
            tfb.Shift(self.centre + self.half * shift),
            tfb.Scale(self.half / SCALAR_REACH * tf.exp(log_scale)),
        ]
        for offset, table in zip(self.offsets, self.parameters, strict=True):
            at = tf.constant(offset, log_scale.dtype)
            links += [tfb.Shift(at), self.spline.bijector(chosen(table)), tfb.Shift(-at)]
        return links
