"""Labels as one-hot vectors beside vectors and as planes beside channels."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import label_planes, leading_shape, repeated_like, with_label, with_label_planes


def test_label_planes_are_one_hot_at_every_pixel():
    labels = tf.constant([2, 0, 1, 2])
    pictures = tf.random.stateless_uniform([4, 5, 3, 2], [0, 1])
    both = with_label_planes(pictures, tf.one_hot(labels, 3)).numpy()
    assert both.shape == (4, 5, 3, 5)
    np.testing.assert_array_equal(both[..., :2], pictures)
    for image, label in zip(both[..., 2:], labels, strict=True):
        for pixel in image.reshape(-1, 3):
            np.testing.assert_array_equal(pixel, np.eye(3)[label])
    np.testing.assert_array_equal(label_planes(tf.one_hot(labels, 3), 5, 3), both[..., 2:])


def test_no_label_changes_nothing():
    x = tf.ones([2, 3])
    assert with_label(x, None) is x
    assert with_label_planes(x, None) is x


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.float16])
def test_labels_take_the_precision_of_what_they_stand_beside(dtype):
    both = with_label(tf.zeros([2, 3], dtype), tf.one_hot([1, 0], 2))
    assert both.dtype == dtype
    np.testing.assert_array_equal(both, [[0, 0, 0, 0, 1], [0, 0, 0, 1, 0]])
    assert with_label_planes(tf.zeros([2, 1, 1, 1], dtype), tf.one_hot([1, 0], 2)).dtype == dtype


def test_labels_are_repeated_over_further_leading_axes():
    one_hot = tf.one_hot([1, 0], 2)
    both = with_label(tf.zeros([5, 2, 3]), one_hot).numpy()
    assert both.shape == (5, 2, 5)
    for particle in both:
        np.testing.assert_array_equal(particle[:, 3:], one_hot)


def test_sizes_unknown_while_a_program_is_traced_are_found_when_it_runs():
    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def repeated(x):
        assert leading_shape(x)[0] is not None
        return repeated_like(tf.constant([7.0, 8.0]), x)

    np.testing.assert_array_equal(repeated(tf.zeros([4, 3])), [[7.0, 8.0]] * 4)
    assert leading_shape(tf.zeros([4, 2, 3])) == [4, 2]
