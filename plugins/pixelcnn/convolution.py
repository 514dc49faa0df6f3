"""Masked convolutions of a PixelCNN: one convolution over whole images; matrix products per row or pixel in a sampler."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfgen.layers import MaskedConv2D as ImageConv2D
from tfgen.layers import Sees, leading_shape
from tfgen_plugins.pixelcnn.modes import CausalLayer, PixelMode, RowMode


class MaskedConv2D(ImageConv2D, CausalLayer):
    """`tfgen.layers.MaskedConv2D` plus the row and pixel modes of cached sampling; same arguments."""

    def __init__(self, inputs: int, filters: int, rows: int, width: int, sees: Sees, name: str) -> None:
        super().__init__(inputs, filters, rows, width, sees, name)
        self._above = [place for place in self.places if place[0] < 0]
        self._own = [place for place in self.places if place[0] == 0]
        self.of_the_image = sees in ("A", "above")
        self.has_row_part = sees in ("A", "B") and rows > 0
        self.margin = max(-self.top, -self.left, self.right) if self.of_the_image else 0

    # In a sampler

    def matrices(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the weights of the rows above and of the own row, [places * inputs, filters] each."""
        kernel = tf.convert_to_tensor(self.kernel)

        def stacked(places: list[tuple[int, int]]) -> tf.Tensor:
            if not places:
                return tf.zeros([0, self.filters], kernel.dtype)
            return tf.concat([kernel[i - self.top, j - self.left] for i, j in places], axis=0)

        return stacked(self._above), stacked(self._own)

    def cache_shape(self, width: int, batch: int) -> list[int] | None:
        """Return the shape of the cache, [rows of the kernel, padded width, batch, inputs]; None for no cache."""
        if self.of_the_image:
            return None
        return [1 - self.top, width + max(self.right, 0) - self.left, batch, self.inputs]

    def row_part(self, image: tf.Tensor, at: RowMode) -> tf.Tensor:
        """Return the convolution over the rows above, for each column of this row, [width, batch, filters]."""
        return self._product(image, at, self._above, at.matrices[self][0])

    def row(self, x: tf.Tensor, at: RowMode) -> tf.Tensor:
        """Return the row of a vertical stack; `x` is the row of input features, or the image so far."""
        if not self.of_the_image:
            at.caches[self] = _written(at.caches[self], x[None], at.row, -self.left)
        return self._product(x, at, self._above + self._own, tf.concat(at.matrices[self], axis=0)) + self.bias

    def pixel(self, x: tf.Tensor, at: PixelMode) -> tf.Tensor:
        """Return [batch, filters] at a pixel; `x` are its input features [batch, inputs], or the image so far."""
        if self.of_the_image:
            source, row, margin = x, at.row + at.margin, at.margin
        else:
            source = at.caches[self] = _written(at.caches[self], x[None, None], at.row, at.column - self.left)
            row, margin = at.row % source.shape[0], -self.left
        places, batch = len(self._own), leading_shape(source)[2]
        window = tf.slice(source, [row, at.column + margin + self.left, 0, 0], [1, places, batch, self.inputs])
        y = tf.concat(tf.unstack(window[0], places), axis=-1) @ at.matrices[self][1] + self.bias
        return y + at.row_parts[self][at.column] if self.has_row_part else y

    def _product(self, image: tf.Tensor, at: RowMode, places: list[tuple[int, int]], matrix: tf.Tensor) -> tf.Tensor:
        """Return the product of the windows around all columns of a row with the weights of the places."""
        if self.of_the_image:
            source, margin, width = image, at.margin, image.shape[1] - 2 * at.margin
            rows = {i: at.row + at.margin + i for i, _ in places}
        else:
            source, margin = at.caches[self], -self.left
            width = source.shape[1] - margin - max(self.right, 0)
            rows = {i: (at.row + i) % source.shape[0] for i, _ in places}
        lines = {i: source[row] for i, row in rows.items()}
        windows = tf.concat([lines[i][margin + j : margin + j + width] for i, j in places], axis=-1)
        # One product of matrices, not a product for each column.
        return tf.reshape(tf.reshape(windows, [-1, matrix.shape[0]]) @ matrix, [width, -1, self.filters])


def _written(cache: tf.Tensor, x: tf.Tensor, row: tf.Tensor, column: tf.Tensor | int) -> tf.Tensor:
    """Write `x` [1, columns, batch, channels] into the cache, a ring buffer of rows, and return the cache."""
    return keras.ops.slice_update(cache, [row % cache.shape[0], column, 0, 0], x)
