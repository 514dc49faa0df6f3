"""Flow layers with weights: a coupling (mask, network, transform), and a diagonal scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import DataSpec
from tfgen_plugins.flows import FlowConfig
from tfgen_plugins.flows.bijectors import Coupling, masked_coupling
from tfgen_plugins.flows.conditioners import ConditionerMLP, ResidualConvNet
from tfgen_plugins.flows.partition import Partition
from tfgen_plugins.flows.transforms import Transform

tfb = tfp.bijectors


class CouplingLayer(keras.layers.Layer):
    """Coupling layer with weights: mask, conditioner network, and elementwise transform.

    Args:
        partition: the mask.
        transform: of each moved dimension.
        conditioner: network from the kept dimensions, and a condition, to the transform's parameters.
        name: of the layer.
    """

    def __init__(self, partition: Partition, transform: Transform, conditioner: keras.layers.Layer, name: str) -> None:
        super().__init__(name=name)
        self.partition, self.transform, self.conditioner = partition, transform, conditioner
        self.built = True

    def bijector(self, condition: tf.Tensor | None = None) -> Any:
        """Return this coupling alone as a `tfb.Bijector` on [..., D], for a condition [..., c] or none."""
        return masked_coupling(self.partition, self.elementwise(condition), self.name)

    def coupling(self, condition: tf.Tensor | None, second_of_pair: bool) -> Coupling:
        """Return this coupling as a link of a chain, for a condition [..., c] or none; other arguments as for `Coupling`."""
        return Coupling(self.partition, self.elementwise(condition), second_of_pair)

    def elementwise(self, condition: tf.Tensor | None = None) -> Callable[[tf.Tensor], Any]:
        """Return the function from kept dimensions [..., kept] to the `tfb.Bijector` of the moved ones, [..., moved]."""
        return lambda kept: self.transform.bijector(self.conditioner(kept, condition))


def conditioner(
    config: FlowConfig, data: DataSpec, partition: Partition, parameters: int, condition: int, dtype: tf.DType
) -> keras.layers.Layer:
    """Build the conditioner network of a `FlowConfig`.

    Args:
        config: of the flow.
        data: the data set's spec.
        partition: the mask of kept dimensions.
        parameters: transform parameters for each moved dimension.
        condition: width of the condition, 0 for none.
        dtype: of its result.
    """
    if config.network == "mlp":
        return ConditionerMLP(partition, parameters, condition, config.units, config.depth, config.activation, dtype)
    hidden = (config.channels, config.blocks, config.activation)
    return ResidualConvNet(partition, data.shape, parameters, condition, *hidden, dtype)


class DiagonalScale(keras.layers.Layer):
    """Diagonal scaling layer of NICE: ``x_i = z_i exp(s_i)`` with learned s (Dinh, Krueger, Bengio 2015, section 3.3).

    Args:
        dimensions: D.
        dtype: of densities.
    """

    def __init__(self, dimensions: int, dtype: tf.DType) -> None:
        super().__init__(name="diagonal_scale")
        self.log_scale = self.add_weight(
            shape=(dimensions,), initializer="zeros", name="log_scale", dtype=dtype.name, autocast=False
        )
        self.built = True

    def bijector(self) -> Any:
        """Return the scaling."""
        return tfb.Scale(log_scale=self.log_scale.value)
