"""Sides of feature maps are those that convolutions of stride 2 give, there and back."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

from tfgen.layers import NarrowConv2DTranspose, halved_sides, upsampled


@pytest.mark.parametrize("size", [(28, 28), (5, 7), (1, 1), (9, 2), (32, 31)], ids=str)
def test_convolutions_halve_and_transposed_ones_double(size):
    sides = halved_sides(*size, 3)
    assert sides[-1] == size
    maps = tf.zeros([1, *size, 2])
    for side in reversed(sides[:-1]):
        maps = keras.layers.Conv2D(2, 3, strides=2, padding="same")(maps)
        assert tuple(maps.shape[1:3]) == side
    for side in sides[1:]:
        layer = NarrowConv2DTranspose(2, 4, "float32")
        layer.build(maps.shape)
        maps = upsampled(layer, maps, side)
        assert tuple(maps.shape[1:3]) == side


def test_the_maps_of_28_pixels_have_sides_4_7_14():
    assert halved_sides(28, 28, 3) == [(4, 4), (7, 7), (14, 14), (28, 28)]
