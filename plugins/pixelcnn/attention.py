"""Causal self-attention: each pixel attends to the features of all earlier pixels (Chen et al. 2018, PixelSNAIL)."""

from __future__ import annotations

from functools import partial

import keras
import tensorflow as tf

from tfgen.layers import matrix_product
from tfgen_plugins.pixelcnn.modes import CausalLayer, PixelMode

# Rows of queries handled together: half of the work of full attention (later keys are left out), in few enough operations.
_ROWS = 4


class CausalAttention(CausalLayer):
    """One head of causal self-attention over the features of a pixel and of all earlier pixels.

        y_i = sum_{j <= i} softmax_j(q_i . k_j / sqrt(d)) v_j,    q, k from features and position, v from features

    The features of pixel j are computed from pixels before j, so that j = i is allowed: the network stays causal.

    Args:
        height: of an image.
        width: of an image.
        inputs: channels of the features.
        keys: size d of queries and keys.
        values: size of values, the channels of the result.
        name: of the layer.
    """

    def __init__(self, height: int, width: int, inputs: int, keys: int, values: int, name: str) -> None:
        super().__init__(name=name)
        self.height, self.width, self.inputs, self.keys, self.values = height, width, inputs, keys, values
        # One matrix for queries, keys and values of the features, one for queries and keys of the position.
        self.kernel = self.add_weight((inputs, 2 * keys + values), initializer="glorot_uniform", name="kernel")
        self.position = self.add_weight((2, 2 * keys), initializer="glorot_uniform", name="position")
        self.built = True

    def _projected(self, x: tf.Tensor, row: tf.Tensor, column: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return queries, keys and values [..., d] of features at rows and columns [...]."""
        row, column = tf.cast(row, x.dtype) / self.height, tf.cast(column, x.dtype) / self.width
        at_place = matrix_product(tf.stack([row, column], axis=-1) * 2 - 1, self.position)
        both, values = tf.split(matrix_product(x, self.kernel), [2 * self.keys, self.values], axis=-1)
        queries, keys = tf.split(both + at_place, 2, axis=-1)
        return queries * self.keys**-0.5, keys, values

    def whole(self, x: tf.Tensor) -> tf.Tensor:
        """Attend over whole images; return [batch, height, width, values]."""
        height, width = self.height, self.width
        row, column = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
        queries, keys, values = (
            tf.reshape(part, [-1, height * width, part.shape[-1]]) for part in self._projected(x, row, column)
        )
        parts = []
        for first in range(0, height, _ROWS):  # keys below the band of rows are masked anyway: they are not computed
            begin, end = first * width, min(first + _ROWS, height) * width
            logits = tf.matmul(queries[:, begin:end], keys[:, :end], transpose_b=True)
            later = tf.range(end)[None, :] > tf.range(begin, end)[:, None]
            logits = tf.where(later, tf.constant(logits.dtype.min, logits.dtype), logits)
            parts.append(tf.matmul(tf.nn.softmax(logits), values[:, :end]))
        return tf.reshape(tf.concat(parts, axis=1), [-1, height, width, self.values])

    def cache_shape(self, width: int, batch: int) -> list[int]:
        """Return the shape of the key-value cache of all pixels; the batch comes last, where sums over channels are fastest."""
        return [self.height * width, self.keys + self.values, batch, 1]

    def pixel(self, x: tf.Tensor, at: PixelMode) -> tf.Tensor:
        """Attend from one pixel to the cached keys and values; return [batch, values]."""
        query, key, value = self._projected(x, at.row, at.column)
        place = at.row * self.width + at.column
        entry = tf.transpose(tf.concat([key, value], axis=-1))[None, :, :, None]
        cache = at.caches[self] = keras.ops.slice_update(at.caches[self], [place, 0, 0, 0], entry)

        def over_rows_up_to(end: int) -> tf.Tensor:
            keys, values = tf.split(cache[: end * self.width, :, :, 0], [self.keys, self.values], axis=1)
            logits = tf.reduce_sum(keys * tf.transpose(query), axis=1)
            later = tf.range(end * self.width)[:, None] > place
            weights = tf.nn.softmax(tf.where(later, tf.constant(logits.dtype.min, logits.dtype), logits), axis=0)
            return tf.transpose(tf.reduce_sum(weights[:, None, :] * values, axis=0))

        ends = [min(first + _ROWS, self.height) for first in range(0, self.height, _ROWS)]
        return tf.switch_case(tf.convert_to_tensor(at.row) // _ROWS, [partial(over_rows_up_to, end) for end in ends])
