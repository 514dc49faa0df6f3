"""Fast transposed convolution of stride 2 to one or two channels, the last layer of a decoder."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class NarrowConv2DTranspose(keras.layers.Conv2DTranspose):
    """Transposed 2-D convolution of stride 2 to few channels, computed by one matrix product.

    With a kernel of even size k, each pixel x of the input gives K x to k x k pixels of the result, which start 2 pixels
    further right for the next x. All of these contributions are one product; in blocks of 2x2 pixels they lie on the grid of
    the input, so that (k / 2)^2 shifted sums put them in place. Backwards it is an ordinary convolution of stride 2, which
    libraries do well. The kernel is that of Keras's layer, [k, k, channels, inputs].

    Args:
        filters: channels of the result.
        kernel_size: k, even.
        dtype: of weights and result.
    """

    def __init__(self, filters: int, kernel_size: int, dtype: str) -> None:
        if kernel_size % 2:
            raise ValueError(f"kernel_size must be even, got {kernel_size}.")
        super().__init__(filters, kernel_size, strides=2, padding="same", dtype=dtype)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return [n, 2 height, 2 width, filters] for [n, height, width, inputs]."""

        @tf.custom_gradient
        def transposed(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], Any]]:
            def gradients(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                d_kernel = tf.raw_ops.Conv2DBackpropFilter(
                    input=dy, filter_sizes=kernel.shape, out_backprop=x, strides=[1, 2, 2, 1], padding="SAME"
                )
                return tf.nn.conv2d(dy, kernel, strides=2, padding="SAME"), d_kernel

            return _by_a_product(x, kernel), gradients

        return tf.nn.bias_add(transposed(x, tf.convert_to_tensor(self.kernel)), tf.convert_to_tensor(self.bias))


def _by_a_product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    height, width, inputs = x.shape[1:]
    size, _, channels, _ = kernel.shape
    half = size // 2
    # Row or column t of the kernel lies in block t // 2, there at t % 2: one matrix for all blocks, the pixels of each last.
    blocks = tf.transpose(tf.reshape(kernel, [half, 2, half, 2, channels, inputs]), [5, 0, 2, 1, 3, 4])
    given = tf.reshape(x, [-1, inputs]) @ tf.reshape(blocks, [inputs, -1])
    given = tf.reshape(given, [-1, height, width, half**2, 4 * channels])
    moved = []
    for number, (down, right) in enumerate(itertools.product(range(half), repeat=2)):
        around = [[0, 0], [down, half - 1 - down], [right, half - 1 - right], [0, 0]]
        moved.append(tf.pad(given[:, :, :, number], around))
    pixels = tf.nn.depth_to_space(tf.add_n(moved), 2)
    # Padding "same" of the convolution whose transpose this is.
    before = half - 1
    return pixels[:, before : before + 2 * height, before : before + 2 * width]
