"""Real numbers become the grey level of their cell, whoever compiles it; what lies outside goes to the nearest end."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen import quantise


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [17, 256])
def test_quantised_values_are_the_cells_that_hold_them(levels, dtype, jit):
    borders = np.arange(-3, levels + 3, dtype=dtype)
    below = np.nextafter(borders, dtype(-np.inf))
    y = np.concatenate([borders, below, borders + dtype(0.5), dtype([-0.0, -1e30, 1e30, -np.inf, np.inf])])
    found = tf.function(quantise, jit_compile=jit)(tf.constant(y), levels)
    assert found.dtype == tf.uint8
    np.testing.assert_array_equal(found, np.clip(np.floor(y), 0, levels - 1).astype(np.uint8))
