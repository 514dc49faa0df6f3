"""Conditioner networks of couplings: from kept dimensions and a condition to parameters of the transform.

The last layer of each starts at zero, so that a coupling starts as the identity.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from tfgen.layers import MLP, leading_shape, repeated_like, with_label
from tfgen_plugins.flows.partition import Partition


class ConditionerMLP(MLP):
    """MLP conditioner (`tfgen.layers.MLP`) of the kept dimensions and the condition; zero at initialisation.

    Args:
        partition: the mask of kept dimensions.
        parameters: transform parameters for each moved dimension.
        condition: width of the condition, 0 for none.
        units: width of each hidden layer.
        depth: hidden layers.
        activation: of the hidden layers.
        dtype: of the result, whatever the precision of the hidden layers.
    """

    def __init__(
        self,
        partition: Partition,
        parameters: int,
        condition: int,
        units: int,
        depth: int,
        activation: str,
        dtype: tf.DType,
    ) -> None:
        super().__init__(
            partition.kept + condition,
            partition.moved * parameters,
            units,
            depth,
            activation,
            dtype,
            head_initializer="zeros",
        )
        self.per_dimension = (partition.moved, parameters)

    def call(self, kept: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return [..., moved, parameters] for kept values [..., kept] and a condition [..., c]."""
        flat = super().call(with_label(kept, condition))
        return tf.reshape(flat, [*leading_shape(kept), *self.per_dimension])


class ResidualConvNet(keras.layers.Layer):
    """Residual convolutional conditioner of the image of kept pixels, with the mask as a further input channel.

    Blocks of 2x2 pixels are squeezed into channels (where height and width are even), which makes the convolutions four times
    cheaper and the receptive field twice as wide. Then ``h = conv(x)``, ``h = h + conv(a(conv(a(h))))`` for each block (He et
    al.: Identity mappings in deep residual networks, 2016), and a 1x1 convolution to the parameters of each pixel. A condition
    is concatenated as planes that are constant over the image.

    Args:
        partition: the mask of kept dimensions.
        shape: of the image, (height, width, channels).
        parameters: transform parameters for each moved dimension.
        condition: width of the condition, 0 for none.
        channels: of the hidden layers.
        blocks: residual blocks, of two convolutions each.
        activation: between the convolutions.
        dtype: of the result, whatever the precision of the hidden layers.
    """

    def __init__(
        self,
        partition: Partition,
        shape: tuple[int, ...],
        parameters: int,
        condition: int,
        channels: int,
        blocks: int,
        activation: str,
        dtype: tf.DType,
    ) -> None:
        super().__init__(name="residual_conv_net")
        height, width, depth = shape
        self.partition, self.shape, self.parameters, self.density_dtype = partition, shape, parameters, dtype
        self.squeeze = 2 if height % 2 == 0 and width % 2 == 0 else 1
        self.activation = keras.activations.get(activation)
        self.stem = keras.layers.Conv2D(channels, 3, padding="same")
        self.convolutions = [keras.layers.Conv2D(channels, 3, padding="same") for _ in range(2 * blocks)]
        self.head = keras.layers.Conv2D(
            self.squeeze**2 * depth * parameters, 1, kernel_initializer="zeros", dtype=dtype.name
        )
        self.stem.build((None, None, None, self.squeeze**2 * 2 * depth + condition))
        for convolution in self.convolutions:
            convolution.build((None, None, None, channels))
        self.head.build((None, None, None, channels))
        self.built = True

    def call(self, kept: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return [..., moved, parameters] for kept values [..., kept] and a condition [..., c]."""
        image = tf.reshape(self.partition.masked(kept), [-1, *self.shape])
        mask = tf.broadcast_to(tf.reshape(self.partition.mask(image.dtype), self.shape), tf.shape(image))
        hidden = self._squeezed(tf.concat([image, mask], axis=-1))
        if condition is not None:
            rows = tf.reshape(repeated_like(condition, kept), [-1, 1, 1, condition.shape[-1]])
            planes = tf.broadcast_to(rows, tf.concat([tf.shape(hidden)[:3], [condition.shape[-1]]], axis=0))
            hidden = tf.concat([hidden, planes], axis=-1)
        hidden = self.stem(hidden)
        for first, second in zip(self.convolutions[::2], self.convolutions[1::2], strict=True):
            hidden += second(self.activation(first(self.activation(hidden))))
        flat = self.head(tf.cast(self.activation(hidden), self.density_dtype))
        if self.squeeze > 1:
            flat = tf.nn.depth_to_space(flat, self.squeeze)
        pixels = tf.reshape(flat, [-1, self.partition.kept + self.partition.moved, self.parameters])
        _, moved = self.partition.split(pixels, axis=1)
        return tf.reshape(moved, [*leading_shape(kept), self.partition.moved, self.parameters])

    def _squeezed(self, image: tf.Tensor) -> tf.Tensor:
        return tf.nn.space_to_depth(image, self.squeeze) if self.squeeze > 1 else image
