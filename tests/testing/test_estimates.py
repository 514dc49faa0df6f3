"""The numbers behind the checks of densities: known densities and mistakes of known size, in 1 to 16 dimensions."""

from __future__ import annotations

import unittest

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

from tests.testing.broken_models import Broken, SmallFlow
from tests.toy_models import Gaussian, vectors
from tfgen.data.spec import DataSpec
from tfgen.data.toy import load_two_gaussians, two_gaussians_log_prob
from tfgen.plugin.loading import load_registry
from tfgen.seeds import normal, split_seed
from tfgen.testing import ModelUnderTest
from tfgen.testing.density_checks import densities_integrate_to_one, mean_ratios, samples_follow_the_density
from tfgen.testing.jacobian_check import log_determinants_match_the_jacobian
from tfgen.testing.tiny_images import all_images, tiny_images
from tfgen.testing.totals import data_grid, mass_on_grid

N = 20_000


def correlated(d: int, seed: int = 0):
    """A normal distribution with correlations."""
    mixing = np.random.default_rng(seed).normal(size=(d, d))
    return multivariate_normal(np.arange(d), mixing @ mixing.T + np.eye(d), seed=seed)


def is_one(ratio, value=1.0):
    return abs(ratio.mean - value) < 5 * ratio.error + 0.02


@pytest.mark.parametrize("d", [1, 2, 5, 16])
def test_the_mean_ratio_of_a_density_and_its_samples_is_one(d):
    p = correlated(d)
    for ratio in mean_ratios(p.rvs(N).reshape(N, d), p.logpdf):
        assert is_one(ratio) or ratio.effective < 100
        assert ratio.effective > 100 or d == 16


@pytest.mark.parametrize("d", [1, 2, 5, 16])
@pytest.mark.parametrize("constant", [-0.5, 0.5])
def test_a_wrong_constant_shows_in_full(d, constant):
    p = correlated(d)
    first, *_ = mean_ratios(p.rvs(N).reshape(N, d), lambda points: p.logpdf(points) + constant)
    assert is_one(first, np.exp(-constant))
    assert not is_one(first)
    assert first.effective > 100


@pytest.mark.parametrize("d", [1, 2, 5, 16])
@pytest.mark.parametrize("scale", [0.8, 1.25])
def test_a_sampler_of_another_scale_shows(d, scale):
    p = correlated(d)
    found = mean_ratios(p.mean + scale * (p.rvs(N).reshape(N, d) - p.mean), p.logpdf)
    assert any(not is_one(ratio) and ratio.effective > 100 for ratio in found)


def test_mixtures_are_fitted():
    data = load_two_gaussians()
    found = mean_ratios(data.train.x[:N].astype(np.float64), two_gaussians_log_prob)
    assert all(is_one(ratio) for ratio in found)
    assert max(ratio.effective for ratio in found) > N / 8


@pytest.mark.parametrize(("cells", "digits"), [(96, 3), (512, 4)])
def test_the_grid_integrates_a_known_density(cells, digits):
    data = load_two_gaussians()
    grid = data_grid(data, cells, 8.0)
    density = tf.numpy_function(two_gaussians_log_prob, [grid.points], tf.float64)
    assert np.sum(np.exp(density.numpy()) * grid.areas) == pytest.approx(1, abs=10.0**-digits)
    assert grid.points.shape == (cells**2, 2)
    assert 0.05 < grid.inner.mean() < 0.5


def test_the_grid_integrates_a_known_density_of_one_dimension():
    data = vectors(n=500, d=1)
    grid = data_grid(data, 96, 8.0)
    assert grid.points.shape == (96, 1)
    assert np.sum(multivariate_normal.pdf(grid.points.astype(np.float64)[:, 0]) * grid.areas) == pytest.approx(
        1, abs=1e-3
    )


def test_nan_among_the_data_is_a_failure_and_far_outside_has_no_mass():
    data = load_two_gaussians()
    grid = data_grid(data, 64, 8.0)

    def score(at_radius):
        def log_prob(x, labels, seed):
            r = tf.norm(x, axis=-1)
            value = -0.5 * r**2 - np.log(2 * np.pi)
            return tf.where(r > at_radius, tf.constant(np.nan, tf.float32), tf.cast(value, tf.float32))

        return log_prob

    assert mass_on_grid(score(20.0), grid, None) == pytest.approx(1, abs=1e-2)
    with pytest.raises(AssertionError, match="NaN in the midst of the data"):
        mass_on_grid(score(1.0), grid, None)


@pytest.mark.parametrize(
    ("shape", "classes", "levels", "images"),
    [((8, 8, 1), None, 4, 256), ((28, 28, 1), 10, 2, 16), ((32, 32, 3), 10, 4, 4096), ((8, 8, 4), None, 4, 256)],
)
def test_tiny_images(shape, classes, levels, images):
    data = tiny_images(DataSpec("image", shape, classes), levels, at_least=3000)
    assert len(all_images(data.spec)) == images
    assert len(np.unique(all_images(data.spec).reshape(images, -1), axis=0)) == images
    assert data.spec.shape[-1] == shape[-1]
    assert len(data.train) == 3000
    assert data.spec.classes == classes
    again = tiny_images(DataSpec("image", shape, classes), levels, at_least=3000)
    assert np.array_equal(data.train.x, again.train.x)


def under_test(methods, dataset, name):
    found = Broken("", Gaussian, methods, options={"batch_size": 32}).under_test(name, load_registry())
    found.dataset = dataset
    return found


def test_vectors_of_five_dimensions_are_checked_without_a_grid():
    data = vectors(n=500, d=5)
    sound = under_test({}, data, "five")
    samples_follow_the_density(sound)
    with pytest.raises(unittest.SkipTest, match="a grid is for one or two dimensions"):
        densities_integrate_to_one(sound)

    def log_prob(self, x, labels=None, seed=0):
        return Gaussian.log_prob(self, x, labels) + 0.2

    with pytest.raises(AssertionError, match=r"E\[q\(x\) / p\(x\)\] over samples is 0.8.* \(effective sample size \d+"):
        samples_follow_the_density(under_test({"log_prob": log_prob}, data, "five-too-likely"))


def corners(d: int):
    """Samples and the log-density of a mixture of narrow normals at the 2^d corners of a cube."""
    random = np.random.default_rng(0)
    x = random.choice([-1.0, 1.0], size=(N, d)) + 0.1 * random.normal(size=(N, d))

    def log_density(points):
        each = [-0.5 * ((points - at) / 0.1) ** 2 - np.log(0.1 * np.sqrt(2 * np.pi)) for at in (-1, 1)]
        return np.sum(np.logaddexp(*each) - np.log(2), axis=1)

    return x, log_density


def test_a_mixture_that_misses_the_density_is_seen():
    """All of 2^16 corners are as far from the centre, so that the ratios are nearly equal, and q lies where p has no mass."""
    x, log_density = corners(16)
    for ratio in mean_ratios(x, log_density):
        assert ratio.mean < 0.1
        assert ratio.effective < 1
    x, log_density = corners(2)
    best = max(mean_ratios(x, log_density), key=lambda ratio: ratio.effective)
    assert is_one(best)
    assert best.effective > 1000


def test_too_few_effective_samples_are_told():
    """The corners of a cube of 16 dimensions, sampled and scored as they are."""
    data = vectors(n=500, d=16)

    def sample(self, n, labels=None, seed=0, first=0):
        of_corner, of_noise = split_seed(seed, 2)
        corner = tf.sign(normal([n, 16], of_corner, first=first))
        return corner + 0.1 * normal([n, 16], of_noise, first=first) + 0 * self.mean

    def log_prob(self, x, labels=None, seed=0):
        self.one_hot(labels)
        each = [-0.5 * ((x - at - 0 * self.mean) / 0.1) ** 2 - np.log(0.1 * np.sqrt(2 * np.pi)) for at in (-1, 1)]
        return tf.reduce_sum(tf.reduce_logsumexp(each, axis=0) - np.log(2) + 0 * self.log_scale, axis=-1)

    with pytest.raises(unittest.SkipTest, match=r"the effective sample size is 0 of 10000, which is too small to tell"):
        samples_follow_the_density(under_test({"sample": sample, "log_prob": log_prob}, data, "corners"))


@pytest.mark.parametrize("model", ["flow", "realnvp"])
def test_log_determinants_are_compared_in_float64_where_a_model_knows_it(model):
    if model == "flow":
        found = Broken("", SmallFlow, {}, options={"batch_size": 5000}).under_test("flow-in-float64", load_registry())
    else:
        found = ModelUnderTest("realnvp", "two_gaussians", options={"layers": 2, "units": 8, "batch_size": 5000})
    _, trained = found.trained
    copy = found.in_float64(trained)
    assert copy.density_dtype == tf.float64
    ours, theirs = (m.log_prob(found.batch.x, None, seed=0).numpy() for m in (trained, copy))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert theirs.dtype == np.float64


def test_a_model_that_does_not_know_float64_is_compared_in_float32():
    def encode(self, x, labels=None, seed=0):
        return SmallFlow.encode(self, tf.ensure_shape(x, [None, 2]) + tf.zeros([2], tf.float32))

    methods = {"encode": encode}
    found = Broken("", SmallFlow, methods, options={"batch_size": 5000}).under_test("flow-in-float32", load_registry())
    log_determinants_match_the_jacobian(found)
    wrong = {**methods, "log_determinant": lambda self, x: 1.01 * SmallFlow.log_determinant(self, x)}
    found = Broken("", SmallFlow, wrong, options={"batch_size": 5000}).under_test(
        "flow-wrong-in-float32", load_registry()
    )
    with pytest.raises(AssertionError, match="where the prior of the code and the log-determinant"):
        log_determinants_match_the_jacobian(found)
