"""Grey levels to real numbers and back, and nats to bits/dim."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tfgen
from tfgen.layers import bits_per_dim, from_signed, logit_squeeze, to_signed, to_unit

LEVELS = st.integers(2, 256)


@settings(max_examples=60, deadline=None)
@given(levels=LEVELS, dtype=st.sampled_from([tf.float32, tf.float64]))
def test_every_level_comes_back(levels, dtype):
    images = np.arange(levels).astype(np.uint8)
    signed, unit = to_signed(images, levels, dtype), to_unit(images, levels, dtype)
    assert signed.dtype == unit.dtype == dtype
    np.testing.assert_array_equal(tfgen.quantise(from_signed(signed, levels) + 0.5, levels), images)
    np.testing.assert_array_equal(tfgen.quantise(unit * (levels - 1) + 0.5, levels), images)
    np.testing.assert_allclose([signed[0], signed[-1], unit[0], unit[-1]], [-1, 1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(np.diff(signed), 2 / (levels - 1), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(levels=LEVELS, alpha=st.floats(1e-4, 0.4))
def test_the_logit_codec_comes_back(levels, alpha):
    y = tf.constant(np.linspace(0.01, levels - 0.01, 20))
    codec = logit_squeeze(levels, alpha, tf.float64)
    t = codec.inverse(y)
    np.testing.assert_allclose(t, np.log((q := alpha + (1 - 2 * alpha) * y / levels) / (1 - q)), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(codec.forward(tf.identity(t)), y, rtol=1e-9)


@pytest.mark.parametrize("dimensions", [1, 784])
def test_a_fair_coin_for_each_dimension_is_one_bit(dimensions):
    np.testing.assert_allclose(bits_per_dim(np.full(3, dimensions * np.log(2)), dimensions), 1)
    assert float(bits_per_dim(tf.constant(2 * dimensions * np.log(2)), dimensions)) == pytest.approx(2)
