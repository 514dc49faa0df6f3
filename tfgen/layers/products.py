"""Matrix products that are safe on every processor: vectors of any leading shape times one matrix."""

from __future__ import annotations

import tensorflow as tf

from tfgen.layers.labels import leading_shape


def matrix_product(x: tf.Tensor, matrix: tf.Tensor, transpose: bool = False) -> tf.Tensor:
    """Return vectors [..., d] times one matrix [d, e], over the last axis: [..., e].

    It is computed as a product of two matrices, [n, d] by [d, e]. Write this, `keras.layers.Dense`, `keras.ops.matmul` or
    `tf.tensordot`, which do the same, and not ``x @ matrix``, where `x` may have more than two axes. There TensorFlow makes
    a batched product in which the matrix is repeated over the batch; and for `x` of shape [n, 1, m, d] with n > 1 oneDNN's
    kernels for AVX-512 and AMX read and write beyond the arrays: wrong numbers, or the process dies later, anywhere
    (https://github.com/tensorflow/tensorflow/issues/117700, https://github.com/uxlfoundation/oneDNN/pull/4632). The gradient
    of such a product is one as well. Two batches of equal shape, as queries and keys of attention, are safe.

    Args:
        x: vectors, [..., d].
        matrix: [d, e]; or [e, d] with `transpose`.
        transpose: multiply by the transpose of the matrix.
    """
    x = tf.convert_to_tensor(x)
    flat = tf.linalg.matmul(tf.reshape(x, [-1, x.shape[-1]]), matrix, transpose_b=transpose)
    return tf.reshape(flat, [*leading_shape(x), flat.shape[-1]])
