"""Masked convolutions: gradients reach the pixels that the mask leaves, and no others."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import MaskedConv2D

HEIGHT, WIDTH, REACH = 5, 6, 2


def allowed(sees, i, j):
    """Return whether a kernel of this type lets a pixel depend on the one i rows below and j columns to its right."""
    return {
        "A": i < 0 or (i == 0 and j < 0),
        "B": i < 0 or (i == 0 and j <= 0),
        "above": i < 0,
        "row": i <= 0,
    }[sees]


def expected(sees, rows):
    """Return which inputs each result depends on, [height, width, height, width]."""
    field = np.zeros((HEIGHT, WIDTH, HEIGHT, WIDTH), bool)
    for r, c, y, x in np.ndindex(*field.shape):
        i, j = y - r, x - c
        field[r, c, y, x] = -rows <= i <= 0 and abs(j) <= REACH and allowed(sees, i, j)
    return field


@pytest.mark.parametrize(("sees", "rows"), [("A", 2), ("B", 2), ("above", 2), ("row", 1), ("A", 0), ("B", 0)])
def test_results_depend_on_exactly_the_pixels_that_the_mask_leaves(sees, rows):
    keras.utils.set_random_seed(0)
    layer = MaskedConv2D(2, 3, rows, 2 * REACH + 1, sees, "layer")
    x = tf.random.stateless_normal([1, HEIGHT, WIDTH, 2], [0, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    assert y.shape == (1, HEIGHT, WIDTH, 3)
    jacobian = tape.jacobian(y, x).numpy()[0, :, :, :, 0]
    field = np.any(jacobian != 0, axis=(2, 5))
    np.testing.assert_array_equal(field, expected(sees, rows))
    assert set(layer.places) == {(i, j) for i in range(-rows, 1) for j in range(-2, 3) if allowed(sees, i, j)}


def test_a_stack_of_one_a_and_many_b_is_causal():
    keras.utils.set_random_seed(1)
    layers = [MaskedConv2D(1, 4, 1, 3, "A", "first"), *(MaskedConv2D(4, 4, 1, 3, "B", f"b{k}") for k in range(3))]
    x = tf.random.stateless_normal([1, HEIGHT, WIDTH, 1], [0, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for layer in layers:
            y = layer(y)
    jacobian = np.abs(tape.jacobian(y, x).numpy()).sum(axis=(0, 3, 4, 7)).reshape(HEIGHT * WIDTH, HEIGHT * WIDTH)
    assert np.all(np.triu(jacobian) == 0)
    assert np.count_nonzero(jacobian) > 100


def test_weights_start_as_large_as_the_places_of_the_mask_ask_for():
    keras.utils.set_random_seed(0)
    layer = MaskedConv2D(16, 16, 1, 3, "B", "layer")
    limit = np.sqrt(6 / (len(layer.places) * 32))
    kernel = layer.masked_kernel().numpy()
    assert 0.95 * limit < np.abs(kernel).max() <= limit
    assert np.all(kernel[1, 2] == 0)
