"""U-Net that predicts the noise in an image from the image, the step and the label."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgen.layers import halved, upsampled

_GROUPS = 8
_EMBEDDING = 64  # sines and cosines of the step


def step_embedding(t: tf.Tensor, timesteps: int) -> tf.Tensor:
    """Return sines and cosines of steps [n] at geometric frequencies, [n, 64] (Vaswani et al. 2017, section 3.5)."""
    half = _EMBEDDING // 2
    frequencies = tf.exp(-tf.math.log(10_000.0) * tf.range(half, dtype=tf.float32) / half)
    angles = (1000.0 / timesteps) * tf.cast(t, tf.float32)[:, None] * frequencies
    return tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)


class ResidualBlock(keras.layers.Layer):
    """Two convolutions behind group normalisation, a condition added between them, and a shortcut.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        condition: size of the condition.
    """

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.first_norm = keras.layers.GroupNormalization(_GROUPS)
        self.first = keras.layers.Conv2D(outputs, 3, padding="same")
        self.condition = keras.layers.Dense(outputs)
        self.second_norm = keras.layers.GroupNormalization(_GROUPS)
        self.second = keras.layers.Conv2D(outputs, 3, padding="same", kernel_initializer="zeros")
        self.shortcut = keras.layers.Dense(outputs) if inputs != outputs else None
        shape = [None, None, None, inputs]
        self.first_norm.build(shape)
        self.first.build(shape)
        self.condition.build([None, condition])
        self.second_norm.build([None, None, None, outputs])
        self.second.build([None, None, None, outputs])
        if self.shortcut is not None:
            self.shortcut.build(shape)
        self.built = True

    def call(self, maps: Any, condition: Any) -> Any:
        """Return maps [n, height, width, outputs]."""
        hidden = self.first(tf.nn.silu(self.first_norm(maps)))
        hidden = hidden + self.condition(tf.nn.silu(condition))[:, None, None, :]
        hidden = self.second(tf.nn.silu(self.second_norm(hidden)))
        return hidden + (maps if self.shortcut is None else self.shortcut(maps))


class UNet(keras.layers.Layer):
    """A U-Net with two resolutions (Ronneberger et al. 2015, as in Ho et al. 2020, appendix B, and much smaller).

    Args:
        channels: of the image.
        timesteps: of the diffusion.
        classes: length of a one-hot label; 0 for a network without labels.
        width: channels at full resolution.
        blocks: residual blocks at each resolution.
    """

    def __init__(self, channels: int, timesteps: int, classes: int, width: int, blocks: int) -> None:
        super().__init__()
        self.timesteps, condition = timesteps, 4 * width
        self.embed = keras.layers.Dense(condition, activation="silu")
        self.embed.build([None, _EMBEDDING])
        self.label = keras.layers.Dense(condition, use_bias=False) if classes else None
        if self.label is not None:
            self.label.build([None, classes])
        self.stem = _convolution(channels, width)
        self.down = [ResidualBlock(width, width, condition) for _ in range(blocks)]
        self.halve = keras.layers.Conv2D(2 * width, 3, strides=2, padding="same")
        self.halve.build([None, None, None, width])
        self.middle = [ResidualBlock(2 * width, 2 * width, condition) for _ in range(blocks)]
        self.double = keras.layers.Conv2DTranspose(width, 3, strides=2, padding="same")
        self.double.build([None, None, None, 2 * width])
        self.up = [ResidualBlock(2 * width, width, condition) for _ in range(blocks)]
        self.norm = keras.layers.GroupNormalization(_GROUPS)
        self.norm.build([None, None, None, width])
        self.head = _convolution(width, channels, "zeros")
        self.built = True

    def call(self, x: Any, t: Any, one_hot: Any = None) -> Any:
        """Return the noise in images.

        Args:
            x: noisy images [n, height, width, channels] in units of [-1, 1].
            t: steps done, 1 .. T, [n].
            one_hot: labels [n, classes], rows of zeros for missing ones; None without labels.
        """
        condition = self.embed(step_embedding(t, self.timesteps))
        if self.label is not None:
            condition = condition + self.label(one_hot)
        maps, skipped = self.stem(x), []
        for block in self.down:
            maps = block(maps, condition)
            skipped.append(maps)
        height, width = x.shape[1:3]
        maps = self.halve(maps)
        assert maps.shape[1:3] == (halved(height), halved(width))
        for block in self.middle:
            maps = block(maps, condition)
        maps = upsampled(self.double, maps, (height, width))
        for block in self.up:
            maps = block(tf.concat([maps, skipped.pop()], axis=-1), condition)
        return self.head(tf.nn.silu(self.norm(maps)))


def _convolution(inputs: int, outputs: int, kernel: str = "glorot_uniform") -> keras.layers.Layer:
    layer = keras.layers.Conv2D(outputs, 3, padding="same", kernel_initializer=kernel)
    layer.build([None, None, None, inputs])
    return layer
