"""Grey levels become bits: by the seed, by the image alone, or by a threshold."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data.binarisation import binarise

IMAGES = np.random.default_rng(0).integers(0, 17, (50, 8, 8, 1)).astype(np.uint8)


def bits(images, how="static", seed=0, levels=17, dtype=tf.float32):
    return binarise(images, levels, how, seed, dtype).numpy()


def test_static_bits_are_a_function_of_the_image_alone():
    found = bits(IMAGES)
    np.testing.assert_array_equal(found, bits(IMAGES, seed=1))
    order = np.random.default_rng(1).permutation(50)
    np.testing.assert_array_equal(found[order], bits(IMAGES[order]))
    np.testing.assert_array_equal(found[7:8], bits(IMAGES[7:8]))
    np.testing.assert_array_equal(found, bits(IMAGES.astype(np.int32)))


@pytest.mark.parametrize("how", ["static", "stochastic", "threshold"])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_the_same_in_eager_graph_and_xla(how, dtype):
    eager = bits(IMAGES, how, 3, dtype=dtype)
    assert eager.dtype == dtype.as_numpy_dtype
    assert set(np.unique(eager)) == {0, 1}
    for jit in (False, True):
        compiled = tf.function(lambda x: binarise(x, 17, how, 3, dtype), jit_compile=jit)
        np.testing.assert_array_equal(eager, compiled(tf.constant(IMAGES)))


def test_static_bits_do_not_depend_on_the_precision():
    np.testing.assert_array_equal(bits(IMAGES), bits(IMAGES, dtype=tf.float64))


def test_images_that_differ_in_one_pixel_have_other_static_noise():
    """Where noise is shared between images, their bits agree more often than by chance."""
    grey = np.full((2000, 8, 8, 1), 8, np.uint8)
    grey[:, 0, 0, 0] = np.arange(2000) % 17
    grey[:, 0, 1, 0] = np.arange(2000) // 17 % 17
    grey[:, 0, 2, 0] = np.arange(2000) // 17 // 17
    found = bits(grey).reshape(2000, 64)[:, 3:]
    agreement = (found[1:] == found[:-1]).mean(axis=1)
    assert abs(agreement.mean() - 0.5) < 0.01
    assert agreement.std() < 1.5 * np.sqrt(0.25 / 61)
    assert len(np.unique(found, axis=0)) == 2000


@pytest.mark.parametrize("how", ["static", "stochastic"])
def test_the_mean_of_bits_is_the_grey_level(how):
    n = 4000
    images = np.random.default_rng(2).integers(0, 17, (n, 4, 4, 1)).astype(np.uint8)
    found = bits(images, how)
    error = 5 * np.sqrt(0.25 / n)
    np.testing.assert_allclose(found.mean(axis=0), images.mean(axis=0) / 16, atol=error)
    for level in range(17):
        here = images == level
        assert abs(found[here].mean() - level / 16) < 5 * np.sqrt(0.25 / here.sum())
    # Bits of neighbours are independent, given the grey levels.
    left, right = ((found - images / 16)[:, :, columns] for columns in (slice(3), slice(1, 4)))
    assert abs((left * right).mean()) < 5 * 0.25 / np.sqrt(left.size)


@pytest.mark.parametrize("how", ["static", "stochastic"])
def test_black_stays_black_and_white_white(how):
    for levels in (2, 17, 256):
        images = np.where(np.random.default_rng(0).uniform(size=(500, 8, 8, 1)) < 0.5, 0, levels - 1).astype(np.uint8)
        np.testing.assert_array_equal(bits(images, how, levels=levels), images // (levels - 1))


def test_stochastic_bits_follow_the_seed():
    found = bits(IMAGES, "stochastic", 1)
    np.testing.assert_array_equal(found, bits(IMAGES, "stochastic", 1))
    assert 0.2 < np.mean(found != bits(IMAGES, "stochastic", 2)) < 0.5


def test_a_threshold_lies_above_one_half():
    np.testing.assert_array_equal(bits(np.arange(17), "threshold"), np.arange(17) > 8)
    np.testing.assert_array_equal(bits(np.arange(256), "threshold", levels=256), np.arange(256) >= 128)
