"""Distributions of a pixel: they sum to one, are drawn from as they say, and survive whatever numbers a network gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plugins.pixelcnn.pixel_models import p_value
from tests.slow import slow
from tfgen import DataSpec
from tfgen_plugins.pixelcnn.outputs import Bernoulli, Categorical, LogisticMixture

MANY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def output(name, channels, levels, seed=0):
    """Return an output with channels that depend on each other, in float32."""
    data = DataSpec("image", (1, 1, channels), levels=levels)
    made = {
        "bernoulli": lambda: Bernoulli(data, "threshold"),
        "categorical": lambda: Categorical(data),
        "logistic": lambda: LogisticMixture(data, 3),
    }[name]()
    random = np.random.default_rng(seed)
    for weight in made.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return made


def every_value(made):
    return np.array(list(itertools.product(range(made.values), repeat=made.channels)), float)


def log_probs(made, raw, dtype=tf.float64):
    """Return log p of all values of one pixel, given the network's numbers."""
    values = tf.constant(every_value(made), dtype)
    return made.log_prob(values, tf.tile(tf.constant(raw, dtype)[None], [len(values), 1]))


OUTPUTS = [
    ("bernoulli", 1, 2),
    ("categorical", 1, 256),
    ("logistic", 1, 256),
    ("logistic", 1, 2),
    ("logistic", 2, 16),
    ("logistic", 3, 5),
]


@pytest.mark.parametrize(("name", "channels", "levels"), OUTPUTS)
@MANY
@given(size=st.sampled_from([0.1, 1.0, 10.0, 40.0]), seed=st.integers(0, 2**16))
def test_probabilities_of_all_values_sum_to_one(name, channels, levels, size, seed):
    made = output(name, channels, levels)
    raw = size * np.random.default_rng(seed).normal(size=made.parameters)
    np.testing.assert_allclose(np.exp(log_probs(made, raw)).sum(), 1, atol=1e-6)


@pytest.mark.parametrize(("name", "channels", "levels"), [("bernoulli", 3, 2), ("categorical", 3, 4)])
def test_channels_that_depend_on_each_other_sum_to_one(name, channels, levels):
    made = output(name, channels, levels)
    raw = np.random.default_rng(0).normal(size=made.parameters).astype(np.float32)
    p = np.exp(log_probs(made, raw, tf.float32)).reshape([levels] * channels)
    np.testing.assert_allclose(p.sum(), 1, atol=1e-5)
    for later, earlier in itertools.combinations(reversed(range(channels)), 2):
        joint = p.sum(axis=tuple(set(range(channels)) - {later, earlier}))
        apart = joint.sum(axis=0, keepdims=True) * joint.sum(axis=1, keepdims=True)
        assert np.abs(joint - apart).max() > 1e-2


@pytest.mark.parametrize(("name", "channels", "levels"), [
    *OUTPUTS[:3], slow("logistic", 1, 2), slow("logistic", 2, 16), OUTPUTS[-1], ("bernoulli", 3, 2), ("categorical", 2, 4),
])  # fmt: skip
@MANY
@given(data=st.data())
def test_extreme_numbers_give_numbers_and_gradients(name, channels, levels, data):
    made = output(name, channels, levels)
    extreme = st.sampled_from([-1e4, -300.0, -30.0, -7.0, -1.0, 0.0, 1.0, 30.0, 300.0, 1e4])
    raw = tf.constant(data.draw(st.lists(extreme, min_size=made.parameters, max_size=made.parameters)), tf.float32)[
        None
    ]
    ends = np.stack([np.zeros(channels), np.full(channels, levels // 2), np.full(channels, levels - 1.0)])
    for value in ends:
        with tf.GradientTape() as tape:
            tape.watch(raw)
            nats = made.log_prob(tf.constant(value[None], tf.float32), raw)
        assert np.all(np.isfinite(nats)), nats
        assert float(nats[0]) <= 1e-6
        assert np.all(np.isfinite(tape.gradient(nats, raw)))
    uniforms = tf.constant(np.array([[0.0], [0.5], [1 - 2.0**-24]]) * np.ones(made.draws), tf.float32)
    drawn = made.draw(tf.tile(raw, [3, 1]), uniforms, tf.constant(1.0)).numpy()
    assert np.all((drawn >= 0) & (drawn <= levels - 1) & (drawn == np.round(drawn)))


def at_temperature(made, raw, temperature):
    """Return the network's numbers of the distribution at a temperature, which for a single channel is one of its kind."""
    if not isinstance(made, LogisticMixture):
        return raw / temperature
    weights, locations, log_scales = np.split(raw, 3)
    return np.concatenate([weights / temperature, locations, np.maximum(log_scales, -7) + np.log(temperature)])


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
@pytest.mark.parametrize(("name", "levels"), [("bernoulli", 2), ("categorical", 7), ("logistic", 7), ("logistic", 64)])
def test_values_are_drawn_as_often_as_they_are_probable(name, levels, temperature):
    made, random, n = output(name, 1, levels), np.random.default_rng(2), 50_000
    raw = random.normal(size=made.parameters)
    uniforms = tf.constant(random.uniform(size=(n, made.draws)))
    drawn = made.draw(tf.tile(tf.constant(raw)[None], [n, 1]), uniforms, tf.constant(temperature, tf.float64))
    expected = np.exp(log_probs(made, at_temperature(made, raw, temperature)))
    assert p_value(drawn.numpy()[:, 0].astype(int), expected) > 1e-3


@pytest.mark.parametrize(("name", "levels"), [("bernoulli", 2), ("categorical", 3), ("logistic", 5)])
def test_channels_are_drawn_as_often_as_they_are_probable_together(name, levels):
    made, random, n = output(name, 3, levels), np.random.default_rng(3), 50_000
    raw = random.normal(size=made.parameters).astype(np.float32)
    uniforms = tf.constant(random.uniform(size=(n, made.draws)).astype(np.float32))
    drawn = made.draw(tf.tile(tf.constant(raw)[None], [n, 1]), uniforms, tf.constant(1.0)).numpy()
    expected = np.exp(log_probs(made, raw, tf.float32)).astype(float)
    assert p_value((drawn @ levels ** np.array([2, 1, 0])).astype(int), expected / expected.sum()) > 1e-3


def test_a_level_has_the_mass_of_its_cell():
    """The formula of PixelCNN++, by differences of the logistic function."""
    made = output("logistic", 1, 9)
    raw = np.random.default_rng(1).normal(size=made.parameters)
    (weights, locations, log_scales), edges = np.split(raw, 3), (np.arange(8) + 0.5) / 4 - 1
    cdf = 1 / (1 + np.exp(-(edges[:, None] - locations) / np.exp(log_scales)))
    mass = np.diff(np.concatenate([np.zeros((1, 3)), cdf, np.ones((1, 3))]), axis=0)
    expected = mass @ (np.exp(weights) / np.exp(weights).sum())
    np.testing.assert_allclose(np.exp(log_probs(made, raw)), expected, rtol=1e-9)


@pytest.mark.parametrize(("name", "levels", "shown"), [("bernoulli", 2, [0, 1]), ("categorical", 9, [0, 4, 8])])
def test_values_become_the_images_that_they_were(name, levels, shown):
    made = output(name, 1, levels)
    images = made.images(tf.constant(shown, tf.float32))
    assert images.dtype == tf.uint8
    np.testing.assert_array_equal(images, shown)
    np.testing.assert_array_equal(made.observe(images, 0, tf.float32), shown)
    np.testing.assert_allclose(made.scaled(tf.constant([0.0, levels - 1])), [-1, 1])


def test_bits_are_shown_in_black_and_white():
    made = Bernoulli(DataSpec("image", (1, 1, 1), levels=17), "static")
    np.testing.assert_array_equal(made.images(tf.constant([0.0, 1.0])), [0, 16])
    assert made.basis() == {"binarisation": "static"}
