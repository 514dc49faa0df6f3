"""Splines in float32 are those in float64, rounded once: values, slopes and inverses, however steep the knots are."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen_plugins.flows.transforms import MAX_SLOPE, Spline

BOUND = 5.0


def parameters(bins, n, steepness, seed):
    """Raw parameters [n, 3 bins - 1] of splines with narrow and wide bins, whose slopes go up to the bound."""
    random = np.random.default_rng(seed)
    raw = 3 * random.normal(size=(n, 3 * bins - 1))
    raw[:, 2 * bins :] *= steepness
    return raw.astype(np.float32)


def results(raw, bins, x, dtype):
    """Return codes, log-determinants and data of numbers x [..., n] under the spline of each row, computed in a type."""
    spline, numbers = Spline(bins, BOUND).bijector(tf.constant(raw, dtype)), tf.constant(x, dtype)
    log_det = spline.inverse_log_det_jacobian(tf.identity(numbers), event_ndims=0)
    return spline.inverse(numbers), log_det, spline.forward(tf.identity(numbers))


def knots(raw, bins):
    """Return the inner knots of each row along the axis of the data, rounded to float32, and their neighbours: [3 (K-1), n]."""
    spline = Spline(bins, BOUND).bijector(tf.constant(raw, tf.float64)).bijector
    at = (-BOUND + np.cumsum(spline.bin_widths, axis=-1)[:, :-1]).T.astype(np.float32)
    return np.concatenate([at, np.nextafter(at, np.float32(-9)), np.nextafter(at, np.float32(9))])


STEEPNESS = st.sampled_from([0.1, 1.0, 5.0, 30.0, 300.0, 3000.0])


@settings(max_examples=12)
@given(bins=st.integers(2, 16), steepness=STEEPNESS, seed=st.integers(0, 2**31))
def test_values_and_slopes_in_float32_are_those_in_float64_at_knots_and_between(bins, steepness, seed):
    raw = parameters(bins, 20, steepness, seed)
    x = np.concatenate([knots(raw, bins), np.random.default_rng(seed).uniform(-6, 6, (50, 20)).astype(np.float32)])
    found, exact = (results(raw, bins, x, dtype) for dtype in (tf.float32, tf.float64))
    for value, expected in zip(found, exact, strict=True):
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value, expected, rtol=2e-7, atol=1e-6)


@settings(max_examples=8)
@given(bins=st.integers(2, 16), steepness=STEEPNESS, seed=st.integers(0, 2**31))
def test_splines_rise_everywhere_in_both_directions(bins, steepness, seed):
    raw = parameters(bins, 20, steepness, seed)
    random = np.random.default_rng(seed).uniform(-6, 6, (1000, 1)).astype(np.float32)
    x = np.sort(np.concatenate([knots(raw, bins), np.broadcast_to(random, (1000, 20))]), axis=0)
    codes, _, data = results(raw, bins, x, tf.float32)
    assert np.diff(codes, axis=0).min() >= 0
    assert np.diff(data, axis=0).min() >= 0


@settings(max_examples=8)
@given(bins=st.integers(2, 16), steepness=STEEPNESS, seed=st.integers(0, 2**31))
def test_the_inverse_comes_back_as_far_as_the_slope_lets_it(bins, steepness, seed):
    raw = parameters(bins, 20, steepness, seed)
    x = np.concatenate([knots(raw, bins), np.random.default_rng(seed).uniform(-6, 6, (50, 20)).astype(np.float32)])
    exact = Spline(bins, BOUND).bijector(tf.constant(raw, tf.float64))
    y = exact.inverse(tf.constant(x, tf.float64))
    np.testing.assert_allclose(
        exact.forward(tf.identity(y)), x, atol=1e-6
    )  # where the slope is 10^-6 and a digit 10^-16
    single = Spline(bins, BOUND).bijector(tf.constant(raw))
    codes = single.inverse(tf.constant(x))
    # Codes are rounded to float32; how far that moves the data is what the exact inverse says of both neighbours.
    low, high = (exact.forward(np.nextafter(codes.numpy(), np.float32(to)).astype(np.float64)) for to in (-9, 9))
    back = single.forward(tf.identity(codes)).numpy()
    assert np.all((low - 1e-6 <= back) & (back <= high + 1e-6))


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_slopes_are_bounded_and_gradients_finite(dtype):
    raw = tf.constant(np.concatenate([np.zeros(16), [1e4, -1e4, 700, 1, 0, 999.5, 1e30]])[None], dtype)
    spline = Spline(8, BOUND)
    found = spline.bijector(raw).bijector
    slopes = (found if dtype == tf.float64 else found.bijector).knot_slopes
    assert float(tf.reduce_max(slopes)) == MAX_SLOPE
    assert float(tf.reduce_min(slopes)) == pytest.approx(1e-3)
    x = tf.constant(np.linspace(-6, 6, 997)[:, None], dtype)
    with tf.GradientTape() as tape:
        tape.watch([raw, x])
        bijector = spline.bijector(raw)
        total = tf.reduce_sum(bijector.inverse(x)) + tf.reduce_sum(bijector.inverse_log_det_jacobian(x, 0))
    assert all(np.all(np.isfinite(gradient)) for gradient in tape.gradient(total, [raw, x]))
