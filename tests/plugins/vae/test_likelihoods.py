"""Each likelihood sums or integrates to one, sees the images as it says, and gives pictures back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.plugins.vae.small_vaes import images
from tfgen import Column, DataSpec, seeds
from tfgen.layers import LogitCodec
from tfgen_plugins.vae.likelihoods import Bernoulli, ContinuousBernoulli, DiscretizedLogistic, Gaussian

PIXELS = DataSpec("image", (1, 2, 1), levels=7)
PLANE = DataSpec("vector", (2,))
DTYPE = tf.float64


def raw(parameters, n=1, seed=0):
    random = np.random.default_rng(seed)
    return tf.constant(random.normal(size=(n, 1, 2, 1, parameters)), DTYPE)


def test_bernoulli_sums_to_one_over_the_binary_images():
    likelihood = Bernoulli(PIXELS, DTYPE, "stochastic")
    every = np.array(list(itertools.product([0.0, 1.0], repeat=2))).reshape(-1, 1, 2, 1)
    total = np.exp(likelihood.log_prob(tf.constant(every), raw(1))).sum()
    np.testing.assert_allclose(total, 1, rtol=1e-12)


def test_a_bernoulli_has_the_density_of_its_distribution():
    likelihood = Bernoulli(PIXELS, DTYPE, "none")
    numbers, observed = 20 * raw(1, 50), tf.constant(np.random.default_rng(1).uniform(size=(50, 1, 2, 1)))
    expected = tf.reduce_sum(likelihood.distribution(numbers).log_prob(observed), axis=[1, 2, 3])
    np.testing.assert_allclose(likelihood.log_prob(observed, numbers), expected, rtol=1e-12)


def test_a_bernoulli_over_grey_levels_sums_to_no_such_thing():
    likelihood = Bernoulli(PIXELS, DTYPE, "none")
    assert likelihood.scored_as == "cross_entropy"
    every = np.array(list(itertools.product(range(7), repeat=2)), np.uint8).reshape(-1, 1, 2, 1)
    total = np.exp(likelihood.log_prob(likelihood.observe(tf.constant(every), 0), raw(1))).sum()
    assert total > 1.5


def test_discretized_logistic_sums_to_one_over_the_grey_levels():
    likelihood = DiscretizedLogistic(PIXELS, DTYPE)
    every = np.array(list(itertools.product(range(7), repeat=2)), np.uint8).reshape(-1, 1, 2, 1)
    for seed in range(3):
        observed = likelihood.observe(tf.constant(every), 0)
        np.testing.assert_allclose(np.exp(likelihood.log_prob(observed, raw(2, seed=seed))).sum(), 1, rtol=1e-9)


@pytest.mark.parametrize("kind", [Bernoulli, ContinuousBernoulli, DiscretizedLogistic, Gaussian])
@pytest.mark.parametrize("bits", [0, 2**24 - 1])
def test_the_smallest_and_the_largest_random_numbers_draw_finite_pixels(kind, bits, monkeypatch):
    """One random number in 2^24 is 0: of a million examples some have one."""

    def extreme(shape, seed, dtype, first):
        return tf.fill(shape, tf.constant(bits << 8, tf.uint32))

    monkeypatch.setattr(seeds, "_bits", extreme)
    likelihood = kind(PIXELS, tf.float32, *(["stochastic"] if kind is Bernoulli else []))
    drawn = likelihood.sample(tf.cast(raw(likelihood.parameters, 3), tf.float32), 0, first=0)
    assert np.all(np.isfinite(drawn))


def test_a_level_has_the_mass_of_its_cell_and_the_outermost_those_of_the_tails():
    likelihood = DiscretizedLogistic(PIXELS, DTYPE)
    numbers = raw(2)
    top, a, b = 6, numbers[..., 0].numpy().ravel(), numbers[..., 1].numpy().ravel()
    scale = top * (np.log1p(np.exp(b)) / 4 + 1e-3)

    def cdf(v):
        return 1 / (1 + np.exp(-(v - top * a) / scale))

    for v in range(7):
        low = cdf(v - 0.5) if v > 0 else 0.0
        high = cdf(v + 0.5) if v < top else 1.0
        x = tf.constant(np.full((1, 1, 2, 1), v, np.uint8))
        found = likelihood.log_prob(likelihood.observe(x, 0), numbers)
        np.testing.assert_allclose(found[0], np.sum(np.log(high - low)), rtol=1e-6)


@pytest.mark.parametrize(("cls", "reach"), [(ContinuousBernoulli, 0.0), (Gaussian, 12.0)])
def test_densities_integrate_to_one_over_the_grey_levels(cls, reach):
    likelihood = cls(PIXELS, DTYPE)
    levels, cells = 7, 4000
    low, high = -reach * levels, (1 + reach) * levels
    ticks = low + (np.arange(cells) + 0.5) / cells * (high - low)
    numbers = raw(likelihood.parameters)
    total = 1.0
    for pixel in range(2):  # p(y_1, y_2) is a product: integrate over one, with the other fixed, and divide
        grid = np.full((cells, 1, 2, 1), 3.0)
        grid[:, 0, pixel, 0] = ticks
        values = likelihood.distribution(numbers).log_prob(grid / levels)[:, 0, pixel, 0] - np.log(levels)
        total *= np.exp(values).sum() * (high - low) / cells
    np.testing.assert_allclose(total, 1, rtol=1e-5)
    both = likelihood.log_prob(tf.constant(np.full((1, 1, 2, 1), 3.0 / levels)), numbers)
    apart = likelihood.distribution(numbers).log_prob(3.0 / levels)
    np.testing.assert_allclose(both, [np.sum(apart) - 2 * np.log(levels)])


def test_a_gaussian_of_vectors_is_a_density_of_the_vectors():
    likelihood = Gaussian(PLANE, DTYPE)
    x = tf.constant([[0.3, -2.0]], DTYPE)
    numbers = tf.constant([[[0.1, 0.2], [-0.4, 1.0]]], DTYPE)
    scale = np.log1p(np.exp([0.2, 1.0])) + 1e-3
    expected = -0.5 * ((x - [0.1, -0.4]) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(likelihood.log_prob(likelihood.observe(x, 0), numbers), [np.sum(expected)])


# What is observed


def test_stochastic_bits_are_drawn_anew_with_the_right_probability():
    likelihood = Bernoulli(PIXELS, DTYPE, "stochastic")
    x = tf.constant(np.array([0, 2, 3, 6], np.uint8).reshape(2, 1, 2, 1))
    many = tf.stack([tf.zeros(4000, tf.int32), tf.range(4000)], axis=1)
    draw = tf.function(lambda: tf.map_fn(lambda seed: likelihood.observe(x, seed), many, fn_output_signature=DTYPE))
    bits = draw().numpy()  # one by one they take ten seconds
    assert set(np.unique(bits)) == {0.0, 1.0}
    np.testing.assert_allclose(bits.mean(axis=0).ravel(), [0, 2 / 6, 3 / 6, 1], atol=0.03)
    assert np.all(bits[:, 0, 0, 0] == 0)
    assert np.all(bits[:, 1, 0, 1] == 1)
    assert np.array_equal(likelihood.observe(x, 5), likelihood.observe(x, 5))


def test_threshold_bits_are_those_above_a_half():
    likelihood = Bernoulli(PIXELS, DTYPE, "threshold")
    x = tf.constant(np.arange(7, dtype=np.uint8)[:6].reshape(3, 1, 2, 1))
    np.testing.assert_array_equal(likelihood.observe(x, 0).numpy().ravel(), [0, 0, 0, 0, 1, 1])


def test_dequantised_images_lie_in_their_cells():
    x = images(PIXELS, 50)
    for cls in (Gaussian, ContinuousBernoulli):
        y = cls(PIXELS, DTYPE).observe(x, 0).numpy() * 7
        assert np.array_equal(np.floor(y), x)
        assert not np.array_equal(y, x)


# Pictures


@pytest.mark.parametrize("v", [0, 3, 6])
def test_means_and_draws_are_in_grey_levels(v):
    sure = 50.0
    logit = {0: -sure, 3: 0.0, 6: sure}[v]
    bernoulli = Bernoulli(PIXELS, DTYPE, "none")
    np.testing.assert_allclose(bernoulli.mean(tf.fill([1, 1, 2, 1, 1], tf.constant(logit, DTYPE))), v, atol=1e-9)
    gaussian = Gaussian(PIXELS, DTYPE)
    numbers = tf.constant(np.tile([(v + 0.5) / 7, -sure], (1, 1, 2, 1, 1)))
    np.testing.assert_allclose(gaussian.mean(numbers), v, atol=1e-9)
    np.testing.assert_allclose(gaussian.sample(numbers, (0, 1)), v, atol=0.05)
    logistic = DiscretizedLogistic(PIXELS, DTYPE)
    numbers = tf.constant(np.tile([v / 6, -sure], (1, 1, 2, 1, 1)))
    np.testing.assert_allclose(logistic.mean(numbers), v, atol=1e-9)
    np.testing.assert_array_equal(logistic.sample(numbers, (0, 1)), v)


def test_the_noise_of_tables_and_images_is_that_of_flows_under_the_same_seed():
    columns = (Column("n", "integer", shift=3.0, scale=2.0), Column("x", shift=0.0, scale=1.0))
    table = DataSpec("vector", (2,), columns=columns)
    rows = tf.constant([[1.0, 0.5], [4.0, -0.5]], DTYPE)
    t, _ = LogitCodec(table, dtype=DTYPE).encode(rows, 7)
    np.testing.assert_array_equal(Gaussian(table, DTYPE).observe(rows, 7), t)
    x = images(PIXELS)
    y = LogitCodec(PIXELS, dtype=DTYPE).spread(x, 7)
    for cls in (Gaussian, ContinuousBernoulli):
        found = tf.reshape(cls(PIXELS, DTYPE).observe(x, 7), y.shape) * PIXELS.levels
        np.testing.assert_allclose(found, y, rtol=1e-12)
