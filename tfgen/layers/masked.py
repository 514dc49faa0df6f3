"""Masked convolution: the result at a pixel depends on earlier pixels alone, for autoregressive models."""

from __future__ import annotations

from typing import Literal

import keras
import numpy as np
import tensorflow as tf

#: Which pixels a convolution uses: ``A`` all before its own, ``B`` its own, too; ``above`` all of the rows above, ``row`` all
#: of its own row, too.
Sees = Literal["A", "B", "above", "row"]


class MaskedConv2D(keras.layers.Layer):
    """Masked 2-D convolution (type A or B, or a vertical stack): the kernel is multiplied by a mask m of earlier pixels.

        y[r, c] = b + sum_ij m[i, j] K[i, j] x[r + i, c + j]

    Type A is for images and leaves the pixel itself out; type B is for features of a pixel, which do not contain it (van den
    Oord, Kalchbrenner, Kavukcuoglu 2016, figure 2). ``above`` and ``row`` are their like for a vertical stack, whose features
    belong to the rows above a pixel and may be had from all columns of these (van den Oord et al. 2016, section 2.2).

    The kernel is as large as the unmasked part: rows and columns that are masked altogether are left out.

    Args:
        inputs: channels of the input.
        filters: channels of the result.
        rows: how far up it reaches; 0 for the pixel's own row alone.
        width: of the kernel, odd.
        sees: A or above for images, B or row for features.
        name: of the layer.

    Attributes:
        places: offsets (row, column) of the pixels that the mask leaves, in raster order.
    """

    def __init__(self, inputs: int, filters: int, rows: int, width: int, sees: Sees, name: str) -> None:
        super().__init__(name=name)
        self.inputs, self.filters = inputs, filters
        half = width // 2
        places = [(i, j) for i in range(-rows, 1) for j in range(-half, half + 1) if _is_seen(i, j, sees)]
        self.places = tuple(places)
        (self.top, self.bottom), (self.left, self.right) = ((min(k), max(k)) for k in zip(*places, strict=True))
        shape = (self.bottom - self.top + 1, self.right - self.left + 1)
        mask = np.zeros((*shape, 1, 1), np.float32)
        for i, j in places:
            mask[i - self.top, j - self.left] = 1
        self.mask = None if mask.all() else mask
        limit = float(np.sqrt(6 / (len(places) * (inputs + filters))))  # Glorot's, for the weights that are seen
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(shape=(*shape, inputs, filters), initializer=uniform, name="kernel")
        self.bias = self.add_weight(shape=(filters,), initializer="zeros", name="bias")
        self.built = True

    def masked_kernel(self) -> tf.Tensor:
        """Return the masked kernel m K, [rows, columns, inputs, filters]."""
        kernel = tf.convert_to_tensor(self.kernel)
        return kernel if self.mask is None else kernel * tf.constant(self.mask, kernel.dtype)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return [batch, height, width, filters] for images or features [batch, height, width, inputs]."""
        return self.whole(x)

    def whole(self, x: tf.Tensor) -> tf.Tensor:
        """Return the same as `call`, without Keras's casts."""
        height, width = x.shape[1:3]
        x = x[:, : height + min(self.bottom, 0), : width + min(self.right, 0)]
        x = tf.pad(x, [[0, 0], [-self.top, max(self.bottom, 0)], [max(-self.left, 0), max(self.right, 0)], [0, 0]])
        return tf.nn.conv2d(x, self.masked_kernel(), strides=1, padding="VALID") + self.bias


def _is_seen(i: int, j: int, sees: Sees) -> bool:
    if sees == "A":
        return i < 0 or j < 0
    if sees == "B":
        return i < 0 or j <= 0
    return i < 0 or sees == "row"
