"""One affine coupling: the network of shift and log-scale, and `tfb.RealNVP` over it with the network run once."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen_plugins.realnvp import RealNVPConfig


class Coupling(tfb.RealNVP):
    """`tfb.RealNVP` that runs its network once for a value and its log-determinant.

    TensorFlow Probability's own runs it for each of the two. XLA merges the two runs forwards, but not backwards, where
    gradients flow through both.

    Args:
        network: gives shift and log-scale, and says which dimensions stay.
    """

    def __init__(self, network: CouplingNetwork) -> None:
        self._network = network
        self._ends: tuple[tf.Tensor, ...] = ()
        self._affine: Any = None
        super().__init__(num_masked=network.num_masked, bijector_fn=self._affine_given)

    def _affine_given(self, kept: tf.Tensor, moved: int, **_: Any) -> Any:
        """Return ``x -> x exp(s) + t`` given the kept dimensions."""
        if self._affine is None:
            shift, log_scale = self._network(kept)
            self._affine = tfb.Chain([tfb.Shift(shift), tfb.Scale(log_scale=log_scale)])
        return self._affine

    def _at(self, end: tf.Tensor) -> None:
        """Note which tensor is asked about; x and y of one evaluation have the same kept dimensions, so the same s and t."""
        if not any(end is known for known in self._ends):
            self._ends, self._affine = (end,), None

    def _forward(self, x: tf.Tensor, **named: Any) -> tf.Tensor:
        self._at(x)
        y = super()._forward(x, **named)
        self._ends = (x, y)
        return y

    def _inverse(self, y: tf.Tensor, **named: Any) -> tf.Tensor:
        self._at(y)
        x = super()._inverse(y, **named)
        self._ends = (x, y)
        return x

    def _forward_log_det_jacobian(self, x: tf.Tensor, **named: Any) -> tf.Tensor:
        self._at(x)
        return super()._forward_log_det_jacobian(x, **named)

    def _inverse_log_det_jacobian(self, y: tf.Tensor, **named: Any) -> tf.Tensor:
        self._at(y)
        return super()._inverse_log_det_jacobian(y, **named)


class CouplingNetwork(keras.layers.Layer):
    """The network of one coupling: from the dimensions that stay to shift t and log-scale s of those that move.

    ``s = r tanh(.)`` with a learned range r for each dimension, so that no layer can blow up before it has learnt to.
    The last layer starts at zero: the flow starts as the identity.

    Args:
        config: width, depth and activation.
        dimensions: D of the whole flow.
        layer: position in the chain; even layers keep the first half, odd ones the second.
        dtype: of shift and log-scale, whatever the precision of the hidden layers.
    """

    def __init__(self, config: RealNVPConfig, dimensions: int, layer: int, dtype: tf.DType) -> None:
        super().__init__(name=f"coupling_{layer}")
        kept = dimensions // 2  # rounded down: of an odd number, the one in the middle moves in every layer
        moved = dimensions - kept
        self.num_masked = kept if layer % 2 == 0 else -kept  # negative: the last ones are kept
        self.hidden = [keras.layers.Dense(config.units, config.activation) for _ in range(config.depth)]
        self.density_dtype = dtype
        self.head = keras.layers.Dense(2 * moved, kernel_initializer="zeros", dtype=dtype.name)
        self.log_scale_range = self.add_weight(
            shape=(moved,), initializer="ones", name="log_scale_range", dtype=dtype.name, autocast=False
        )
        width = kept
        for dense in self.hidden:
            dense.build((None, width))
            width = config.units
        self.head.build((None, width))
        self.built = True

    def call(self, kept: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return ``t, s``, each [..., moved], for the kept values [..., D - moved]."""
        hidden = kept
        for dense in self.hidden:
            hidden = dense(hidden)
        shift, raw = tf.split(self.head(tf.cast(hidden, self.density_dtype)), 2, axis=-1)
        return shift, self.log_scale_range * tf.tanh(raw)
