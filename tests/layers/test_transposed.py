"""The decoder's last layer against the transposed convolution of Keras, whose weights it takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import NarrowConv2DTranspose


def both(kernel_size, filters, height, width, inputs):
    """Return this layer and Keras's with the same weights, no bias zero, and an input."""
    keras.utils.set_random_seed(0)
    ours = NarrowConv2DTranspose(filters, kernel_size, "float64")
    theirs = keras.layers.Conv2DTranspose(filters, kernel_size, strides=2, padding="same", dtype="float64")
    for layer in (ours, theirs):
        layer.build((None, height, width, inputs))
    ours.bias.assign(np.arange(1.0, filters + 1))
    theirs.set_weights(ours.get_weights())
    return ours, theirs, tf.random.stateless_normal([2, height, width, inputs], [0, 1], dtype=tf.float64)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("kernel_size", [2, 4, 6])
@pytest.mark.parametrize("size", [(4, 4, 3), (3, 5, 1), (1, 1, 2)], ids=str)
def test_results_and_gradients_are_those_of_keras(kernel_size, size, jit):
    ours, theirs, x = both(kernel_size, 2, *size)

    @tf.function(jit_compile=jit, autograph=False)
    def of(layer_number):
        layer = (ours, theirs)[layer_number]
        weights = [weight.value for weight in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch([x, *weights])
            y = layer(x)
            loss = tf.reduce_sum(tf.sin(y))
        return y, tape.gradient(loss, [x, *weights])

    (y, gradients), (expected, expected_gradients) = of(0), of(1)
    assert y.shape == (2, 2 * size[0], 2 * size[1], 2)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-11, atol=1e-11)


def test_odd_kernels_are_refused():
    with pytest.raises(ValueError, match="must be even, got 3"):
        NarrowConv2DTranspose(1, 3, "float32")
