"""MLP and dense stacks whose weights are built at construction, so that the seed of the model determines them."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

#: The name of a Keras activation, a function of a tensor, or None for none.
Activation = str | Callable[[tf.Tensor], tf.Tensor] | None


def _dense_layers(units: int, depth: int, activation: Activation, kernel_initializer: str) -> list[keras.layers.Dense]:
    return [keras.layers.Dense(units, activation, kernel_initializer=kernel_initializer) for _ in range(depth)]


def _build(layers: list[keras.layers.Dense], inputs: int) -> int:
    """Build dense layers one after another; return the width of the last."""
    for dense in layers:
        dense.build((None, inputs))
        inputs = dense.units
    return inputs


class DenseStack(keras.layers.Layer):
    """Dense hidden layers over flattened examples.

    Args:
        inputs: width of the flattened input.
        units: width of each layer.
        depth: number of layers.
        activation: of each layer.
        kernel_initializer: of each layer.
        name: of the stack.

    Attributes:
        width: of the result.
    """

    def __init__(
        self,
        inputs: int,
        units: int,
        depth: int,
        activation: Activation = "relu",
        kernel_initializer: str = "glorot_uniform",
        name: str = "dense",
    ) -> None:
        super().__init__(name=name)
        self.inputs = inputs
        self.layers = _dense_layers(units, depth, activation, kernel_initializer)
        self.width = _build(self.layers, inputs)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return [n, width] for examples of any shape, [n, ...]."""
        x = tf.reshape(x, [-1, self.inputs])
        for dense in self.layers:
            x = dense(x)
        return x


class MLP(keras.layers.Layer):
    """A multi-layer perceptron: dense hidden layers in the model's precision, and a linear layer in that of its result.

    Args:
        inputs: width of the input.
        outputs: width of the result.
        units: width of each hidden layer.
        depth: hidden layers.
        activation: of the hidden layers.
        dtype: of the linear layer and the result, float32 for densities.
        kernel_initializer: of the hidden layers.
        head_initializer: of the linear layer; ``zeros`` makes the result zero at the start.
        name: of the layer.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        units: int,
        depth: int,
        activation: Activation = "relu",
        dtype: tf.DType = tf.float32,
        kernel_initializer: str = "glorot_uniform",
        head_initializer: str = "glorot_uniform",
        name: str = "mlp",
    ) -> None:
        super().__init__(name=name)
        self.hidden = _dense_layers(units, depth, activation, kernel_initializer)
        self.head = keras.layers.Dense(outputs, kernel_initializer=head_initializer, dtype=dtype.name)
        _build([*self.hidden, self.head], inputs)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return [..., outputs] for [..., inputs]."""
        for dense in self.hidden:
            x = dense(x)
        return self.head(tf.cast(x, self.head.compute_dtype))


def context_network(width: int, outputs: int, dtype: tf.DType, head_initializer: str = "zeros") -> MLP:
    """Return an MLP from a condition to parameters, for a model that is given the numbers of a context.

    Of labels alone a table with a row for each class is every function, ``one_hot @ W``. Of numbers such a product is linear,
    and nothing at their mean: parameters that a context chooses need a network.

    Args:
        width: of the condition (`GenerativeModel.condition_width`).
        outputs: parameters.
        dtype: of the parameters.
        head_initializer: of the last layer; ``zeros`` makes all parameters zero at the start.
    """
    return MLP(width, outputs, 64, 2, "silu", dtype, head_initializer=head_initializer, name="context_network")
