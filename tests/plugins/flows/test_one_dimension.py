"""Flows of one dimension: splines with free parameters, exact to float64, for every model and label."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plugins.flows.small_flows import labels_of, small_flow
from tfgen import DataSpec
from tfgen_plugins.flows.scalar import SCALAR_REACH, ScalarSplines

LINE = DataSpec("vector", (1,), classes=3, value_range=(-1.0, 7.0))
PIXEL = DataSpec("image", (1, 1, 1), classes=3, levels=17)
MODELS = ("realnvp", "conditional_realnvp", "nice", "spline_flow")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    model=st.sampled_from(MODELS), layers=st.integers(1, 3), bins=st.integers(2, 20), bound=st.floats(0.5, 8),
    seed=st.integers(0, 10**6), moved=st.floats(0, 2),
)  # fmt: skip
def test_the_log_determinant_is_that_of_autodiff_and_the_inverse_comes_back(model, layers, bins, bound, seed, moved):
    """Of three splines at most: the slope of each may be a thousandth, and float64 does not tell codes apart at all of six."""
    flow = small_flow(model, LINE, seed=seed, moved=moved, layers=layers, bins=bins, bound=bound)
    x = tf.constant(np.linspace(-6, 12, 91)[:, None])
    bijector = flow.bijector(labels_of(flow, len(x)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = bijector.inverse(tf.identity(x))
    slope = tape.gradient(z, x).numpy()[:, 0]
    assert (slope > 0).all()
    log_det = bijector.inverse_log_det_jacobian(tf.identity(x), event_ndims=1)
    np.testing.assert_allclose(log_det, np.log(slope), rtol=1e-7, atol=1e-7)
    away = np.abs(bijector.forward(tf.identity(z)) - x)[:, 0]
    assert (away < 1e-6 + 1e-14 / slope).all()  # where the map is flat, a code's last digit is much of x
    for label in range(3) if flow.conditional else (0,):  # monotone as a whole
        codes = flow.encode(x, tf.fill([len(x)], label) if flow.conditional else None).numpy()[:, 0]
        assert (np.diff(codes) > 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_the_density_integrates_to_one_and_is_that_of_the_samples(model):
    flow = small_flow(model, LINE, moved=0.6, layers=3, bins=8)
    points = np.linspace(-60, 70, 400_001)
    for label in range(3) if flow.conditional else (None,):
        labels = None if label is None else tf.fill([len(points)], label)
        density = np.exp(flow.log_prob(points[:, None], labels).numpy())
        assert np.trapezoid(density, points) == pytest.approx(1, abs=1e-5)
        n = 20_000
        x = np.sort(flow.sample(n, None if label is None else tf.fill([n], label), seed=3).numpy()[:, 0])
        below = np.interp(x, points, np.cumsum(density) * (points[1] - points[0]))  # uniform, if these are its samples
        assert np.abs(below - (np.arange(n) + 0.5) / n).max() < 1.95 / np.sqrt(n)  # Kolmogorov-Smirnov, 0.1 %


def test_labels_have_splines_of_their_own():
    flow = small_flow("conditional_realnvp", LINE, moved=0.5)
    x = np.linspace(0, 5, 9)[:, None]
    one, other = (flow.log_prob(x, tf.fill([9], label)).numpy() for label in (0, 1))
    assert (np.abs(one - other) > 1e-3).all()


def test_the_flow_begins_with_the_interval_of_the_data_and_the_knots_of_its_splines_interleave():
    layer = ScalarSplines(4, 8, 5.0, (-1.0, 7.0), 0, False, tf.float64)
    x = tf.constant([[-1.0], [3.0], [7.0]], tf.float64)
    z = x
    for link in layer.chain(None):
        z = link.inverse(z)
    np.testing.assert_allclose(z, [[-SCALAR_REACH], [0], [SCALAR_REACH]], atol=1e-12)
    assert layer.offsets == [0, 0.3125, 0.625, 0.9375]  # quarters of a bin of width 1.25


def test_images_of_one_pixel_have_a_density_over_their_grey_levels():
    flow = small_flow("realnvp", PIXEL, moved=0.2)
    offsets = (np.arange(4000) + 0.5) / 4000
    points = (np.arange(17)[:, None] + offsets).reshape(-1, 1)
    density = np.exp(flow.distribution().log_prob(tf.constant(points)).numpy())
    assert 0.9 < density.mean() * 17 <= 1 + 1e-6  # the rest lies beyond the logit's margin
