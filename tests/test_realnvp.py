"""Real NVP against what must hold exactly: Jacobians in float64, densities that integrate to 1, the cache, precision."""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfgen import DataSpec, dequantise, logit_squeeze, quantise
from tfgen.models import Batch
from tfgen_plugins.realnvp import RealNVPConfig
from tfgen_plugins.realnvp.coupling import CouplingNetwork
from tfgen_plugins.realnvp.model import RealNVP

PLANE = DataSpec("vector", (2,))
TINY = DataSpec("image", (3, 2, 1), levels=17)


def build(data: DataSpec, policy: str = "float64", seed: int = 0, moved: float = 0.3, **options: object) -> RealNVP:
    """A small flow whose zero-initialised heads are moved, so that it is far from the identity."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(seed)
        model = RealNVP(dataclasses.replace(RealNVPConfig(layers=4, units=16), **options), data, seed)
    finally:
        keras.config.set_dtype_policy(before)
    random = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(weight + moved * random.normal(size=weight.shape))
    return model


def flat_points(data: DataSpec, n: int = 6) -> np.ndarray:
    random = np.random.default_rng(1)
    if data.kind == "vector":
        return random.normal(size=(n, data.dimensions))
    return random.uniform(0.01, data.levels - 0.01, size=(n, data.dimensions))


@pytest.mark.parametrize(
    "data", [PLANE, DataSpec("vector", (3,)), DataSpec("vector", (7,)), TINY], ids=lambda d: str(d.shape)
)
def test_log_determinant_is_that_of_the_float64_jacobian(data):
    bijector = build(data).bijector()
    y = tf.constant(flat_points(data))
    with tf.GradientTape() as tape:
        tape.watch(y)
        z = bijector.inverse(tf.identity(y))
    jacobian = tape.batch_jacobian(z, y).numpy()
    expected = np.linalg.slogdet(jacobian)[1]
    assert z.dtype == tf.float64
    actual = bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)
    forward = bijector.forward_log_det_jacobian(tf.identity(z), event_ndims=1)
    np.testing.assert_allclose(forward, -expected, rtol=1e-6, atol=1e-8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    levels=st.sampled_from([2, 17, 256]),
    alpha=st.sampled_from([1e-6, 1e-3, 0.05]),
    fraction=st.floats(0.0, 1.0, exclude_max=True),
)
def test_logit_squeeze_is_the_published_formula_with_its_derivative(levels, alpha, fraction):
    y = tf.constant([levels * fraction], tf.float64)
    bijector = logit_squeeze(levels, alpha, tf.float64)
    s = alpha + (1 - 2 * alpha) * float(y[0]) / levels
    np.testing.assert_allclose(bijector.inverse(y), [math.log(s) - math.log1p(-s)], rtol=1e-9, atol=1e-9)
    derivative = (1 - 2 * alpha) / levels * (1 / s + 1 / (1 - s))
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(tf.identity(y), 0), [math.log(derivative)], rtol=1e-9)
    back = bijector.forward(tf.identity(bijector.inverse(tf.identity(y))))
    np.testing.assert_allclose(back, y, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("data", [PLANE, TINY], ids=["plane", "image"])
def test_round_trip(data):
    bijector = build(data).bijector()
    y = tf.constant(flat_points(data))
    np.testing.assert_allclose(bijector.forward(tf.identity(bijector.inverse(tf.identity(y)))), y, rtol=1e-8, atol=1e-8)


def test_codes_of_images_decode_to_the_same_images():
    model = build(DataSpec("image", (8, 8, 1)), policy="float32", moved=0.05)
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
    decoded = model.decode(model.encode(images, seed=3)).numpy()
    assert np.abs(decoded.astype(int) - images).max() <= 1  # float32 may cross a cell's border
    assert np.mean(decoded == images) > 0.999


def test_a_plane_density_integrates_to_one():
    model = build(PLANE)
    ticks = np.linspace(-40, 40, 1601)
    grid = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    density = np.exp(model.log_prob(grid).numpy())
    assert density.sum() * (ticks[1] - ticks[0]) ** 2 == pytest.approx(1.0, abs=2e-3)


def test_an_image_density_integrates_to_one_over_grey_levels():
    model = build(DataSpec("image", (1, 2, 1), levels=4), alpha=0.05)
    ticks = (np.arange(800) + 0.5) / 200
    grid = tf.constant(np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2))
    density = np.exp(model.distribution().log_prob(grid).numpy())
    total = density.mean() * 16  # the margin beyond [0, levels] holds the little that is missing
    outside = model.distribution().sample(20000, seed=[0, 1]).numpy()
    inside = np.mean(np.all((outside >= 0) & (outside <= 4), axis=1))
    assert total == pytest.approx(inside, abs=0.01)


def test_starts_as_the_identity():
    keras.utils.set_random_seed(0)
    model = RealNVP(RealNVPConfig(units=8), PLANE, 0)
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    np.testing.assert_array_equal(model.encode(x), x)


def test_log_scale_is_bounded_by_its_learned_range():
    model = build(PLANE)
    network = model.networks[0]
    _, log_scale = network(tf.constant([[1e6], [-1e6]], tf.float64))
    assert np.all(np.abs(log_scale) <= np.abs(network.log_scale_range) + 1e-12)


def test_log_prob_does_not_come_from_the_bijectors_cache():
    model = build(PLANE)
    x = model.sample(16, seed=0)
    before = model.log_prob(x).numpy()
    np.testing.assert_allclose(model.log_prob(tf.identity(x)), before, rtol=1e-12)
    weight = model.networks[0].head.bias
    weight.assign(weight + 0.5)
    after = model.log_prob(x).numpy()
    assert np.all(np.abs(after - before) > 1e-9)


def test_every_weight_gets_a_gradient_that_is_not_zero():
    model = build(TINY)
    images = np.random.default_rng(0).integers(0, 17, (64, 3, 2, 1), dtype=np.uint8)
    with tf.GradientTape() as tape:
        loss = model.objectives()[0].loss(Batch(tf.constant(images), None), tf.constant([0, 1]), tf.constant(0))["loss"]
    for weight, gradient in zip(
        model.trainable_variables, tape.gradient(loss, [w.value for w in model.trainable_variables]), strict=True
    ):
        assert gradient is not None, weight.path
        assert np.any(np.abs(gradient) > 0), weight.path


def test_bits_per_dim_is_the_log_probability_over_dimensions():
    model = build(TINY)
    images = tf.constant(np.zeros((4, 3, 2, 1), np.uint8))
    terms = model.objectives()[0].loss(Batch(images, None), tf.constant([0, 1]), tf.constant(0))
    nats = -float(tf.reduce_mean(model.log_prob(images, seed=tf.constant([0, 1]))))
    assert float(terms["nll_nats"]) == pytest.approx(nats)
    assert float(terms["bits_per_dim"]) == pytest.approx(nats / (6 * math.log(2)))


def test_the_bound_of_a_uniform_model_is_the_log_of_the_number_of_images():
    """A flow that maps the logistic to itself gives density 1 / levels: bits/dim is log2(levels), whatever the image."""
    levels, alpha = 256, 1e-6
    y = dequantise(np.arange(256, dtype=np.uint8).reshape(-1, 1), levels, seed=0, dtype=tf.float64)
    bijector = logit_squeeze(levels, alpha, tf.float64)
    t = bijector.inverse(tf.identity(y))
    logistic = -t - 2 * tf.math.softplus(-t)
    density = tf.squeeze(logistic + bijector.inverse_log_det_jacobian(tf.identity(y), 0))
    np.testing.assert_allclose(-density / math.log(2), 8.0, atol=1e-4)


def test_dequantised_values_stay_in_their_cells():
    images = np.full((1000, 1000), 255, np.uint8)
    y = dequantise(images, 256, seed=0).numpy()
    assert y.max() < 256
    assert y.min() >= 255
    np.testing.assert_array_equal(quantise(tf.constant(y), 256), images)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_densities_stay_in_float32_under_mixed_precision(policy):
    model = build(TINY, policy=policy)
    images = np.zeros((4, 3, 2, 1), np.uint8)
    assert model.networks[0].hidden[0].compute_dtype == policy.removeprefix("mixed_")
    assert model.log_prob(images).dtype == tf.float32
    codes = model.encode(images, seed=1)
    assert np.abs(model.decode(codes).numpy().astype(int) - images).max() <= 1


def test_a_density_runs_each_network_once(monkeypatch):
    calls: list[str] = []
    original = CouplingNetwork.call
    monkeypatch.setattr(CouplingNetwork, "call", lambda self, kept: calls.append(self.name) or original(self, kept))
    model = build(PLANE)
    x = tf.constant(flat_points(PLANE))
    model.log_prob(x)
    assert sorted(calls) == [network.name for network in model.networks]
    bijector = model.bijector()
    expected = model.distribution().log_prob(x)
    for points in (x, x + 1.0, x):  # one bijector, other points: nothing is remembered that should not be
        np.testing.assert_allclose(bijector.inverse(points), model.bijector().inverse(tf.identity(points)))
        log_det = bijector.inverse_log_det_jacobian(points, event_ndims=1)
        np.testing.assert_allclose(
            log_det, model.bijector().inverse_log_det_jacobian(tf.identity(points), event_ndims=1)
        )
        codes = model.bijector().inverse(tf.identity(points))
        log_det = bijector.forward_log_det_jacobian(codes, event_ndims=1)
        np.testing.assert_allclose(
            log_det, model.bijector().forward_log_det_jacobian(tf.identity(codes), event_ndims=1)
        )
    np.testing.assert_allclose(model.distribution().log_prob(tf.identity(x)), expected)
