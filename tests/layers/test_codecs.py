"""Grey levels to real numbers and back, and nats to bits/dim."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tfgen
from tfgen.layers import LogitCodec, bits_per_dim, from_signed, logit_squeeze, to_signed, to_unit

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


def test_the_codec_of_flows_comes_back_with_its_log_determinant():
    data = tfgen.DataSpec("image", (2, 3, 1), levels=17)
    codec = LogitCodec(data, alpha=0.05, dtype=tf.float64)
    x = np.random.default_rng(0).integers(0, 17, (5, 2, 3, 1)).astype(np.uint8)
    t, log_det = codec.encode(x, seed=3)
    assert (t.shape, log_det.shape, t.dtype) == ((5, 6), (5,), tf.float64)
    np.testing.assert_array_equal(codec.decode(t), x)
    y = codec.spread(x, seed=3)
    with tf.GradientTape() as tape:
        tape.watch(y)
        points = codec.bijector().inverse(tf.identity(y))
    jacobian = tape.batch_jacobian(points, y)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], rtol=1e-9)
    assert codec.density == "dequantised"
    assert codec.basis() == {"levels": 17, "alpha": 0.05}


def test_the_codec_of_flows_leaves_vectors_alone():
    codec = LogitCodec(tfgen.DataSpec("vector", (3,)))
    x = tf.random.stateless_normal([4, 3], (0, 1))
    t, log_det = codec.encode(x, seed=0)
    np.testing.assert_array_equal(t, x)
    np.testing.assert_array_equal(codec.decode(t), x)
    assert not np.any(log_det)
    assert (codec.density, codec.basis()) == ("exact", {})
    with pytest.raises(tfgen.OptionError, match=r"--alpha must be between 0 and 0\.5, got 0\.5"):
        LogitCodec(tfgen.DataSpec("vector", (3,)), alpha=0.5)


@pytest.mark.parametrize("dimensions", [1, 784])
def test_a_fair_coin_for_each_dimension_is_one_bit(dimensions):
    np.testing.assert_allclose(bits_per_dim(np.full(3, dimensions * np.log(2)), dimensions), 1)
    assert float(bits_per_dim(tf.constant(2 * dimensions * np.log(2)), dimensions)) == pytest.approx(2)
