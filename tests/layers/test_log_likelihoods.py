"""Log-likelihoods of pixels against TensorFlow Probability's, and as distributions that sum to one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.layers import bernoulli_log_prob, discretised_logistic_log_prob, to_signed

tfb, tfd = tfp.bijectors, tfp.distributions


@settings(max_examples=50, deadline=None)
@given(logit=st.floats(-700, 700))
def test_the_two_bits_sum_to_one(logit):
    nats = bernoulli_log_prob(tf.constant([0.0, 1.0], tf.float64), tf.constant(logit, tf.float64))
    np.testing.assert_allclose(np.exp(nats).sum(), 1, rtol=1e-12)
    expected = tfd.Bernoulli(logits=tf.constant(logit, tf.float64)).log_prob([0.0, 1.0])
    np.testing.assert_allclose(nats, expected, rtol=1e-9, atol=1e-12)


def log_probs(levels, location, scale):
    """Return the log-probabilities of all levels."""
    values = to_signed(np.arange(levels), levels, tf.float64)
    return discretised_logistic_log_prob(values, tf.constant(location, tf.float64), 1 / scale, levels).numpy()


@settings(max_examples=80, deadline=None)
@given(levels=st.integers(2, 256), location=st.floats(-3, 3), log_scale=st.floats(-7, 7))
def test_the_levels_sum_to_one(levels, location, log_scale):
    nats = log_probs(levels, location, np.exp(log_scale))
    assert np.all(np.isfinite(nats))
    np.testing.assert_allclose(np.exp(nats).sum(), 1, rtol=1e-9)


@pytest.mark.parametrize("levels", [2, 7, 256])
@pytest.mark.parametrize(("location", "scale"), [(0.1, 0.05), (-1.4, 0.3), (0.0, 2.0)])
def test_a_level_has_the_mass_that_tensorflow_probability_gives_it(levels, location, scale):
    top = levels - 1
    logistic = tfd.Logistic(np.float64((location + 1) * top / 2), np.float64(scale * top / 2))
    rounded = tfd.QuantizedDistribution(
        tfd.TransformedDistribution(logistic, tfb.Shift(np.float64(-0.5))), low=0.0, high=float(top)
    )
    expected = rounded.log_prob(np.arange(levels, dtype=np.float64)).numpy()
    found = log_probs(levels, location, scale)
    likely = expected > -20  # farther out the difference of two distribution functions loses its digits
    assert likely.any()
    np.testing.assert_allclose(found[likely], expected[likely], rtol=1e-6)


def test_the_mass_of_a_far_cell_keeps_its_digits_in_float32():
    values = to_signed(np.array([0, 40, 128, 254, 255]), 256)
    x = tf.constant(0.8)
    with tf.GradientTape() as tape:
        tape.watch(x)
        nats = discretised_logistic_log_prob(values, x, tf.constant(np.float32(np.exp(7.0))), 256)
    assert np.all(np.isfinite(nats))
    assert np.isfinite(tape.gradient(nats, x))
    exact = discretised_logistic_log_prob(
        to_signed(np.array([0, 40, 128, 254, 255]), 256, tf.float64), 0.8, np.exp(7.0), 256
    )
    np.testing.assert_allclose(nats, exact, rtol=1e-4)
