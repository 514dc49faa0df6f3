"""The diffusion's formulas against brute force: compositions of steps, Bayes' rule, and a normal that is known."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm
from tfgen_diffusion import ConditionalDDPMConfig, DDPMConfig
from tfgen_diffusion.diffusion import Diffusion
from tfgen_diffusion.model import DDPM, ConditionalDDPM

from tfgen import CapabilityError, DataSpec

SMALL = {"timesteps": 12, "width": 8, "blocks": 1}
DATA = DataSpec("image", (4, 4, 1), classes=3, levels=5)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_share_of_the_image_is_what_single_steps_leave(schedule):
    diffusion = Diffusion.of(schedule, 50)
    mean, variance = 1.0, 0.0
    for step, beta in enumerate(diffusion.betas):
        mean, variance = np.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        assert mean == pytest.approx(np.sqrt(diffusion.abar[step]))
        assert variance == pytest.approx(1 - diffusion.abar[step])
    assert diffusion.abar[-1] < 0.01
    assert np.all(diffusion.betas > 0)


def test_the_posterior_is_bayes_rule():
    """q(x_{t-1}|x_t, x_0) of two normals: precisions add."""
    diffusion = Diffusion.of("cosine", 10)
    for t in range(1, 10):
        precision = 1 / (1 - diffusion.abar_before[t]) + (1 - diffusion.betas[t]) / diffusion.betas[t]
        assert diffusion.posterior_variance[t] == pytest.approx(1 / precision)


def test_the_weights_are_those_of_the_kl_between_means():
    """The mean of step t is (x_t - beta_t / sqrt(1 - abar_t) e) / sqrt(alpha_t); normals of one variance differ by it."""
    diffusion = Diffusion.of("cosine", 10)
    factor = diffusion.betas / np.sqrt(1 - diffusion.abar) / np.sqrt(1 - diffusion.betas)
    assert diffusion.kl_weights[0] == 0
    np.testing.assert_allclose(diffusion.kl_weights[1:], factor[1:] ** 2 / (2 * diffusion.posterior_variance[1:]))


@pytest.mark.parametrize(
    ("steps", "visited"), [(3, [3, 7, 11]), (12, list(range(12))), (99, list(range(12))), (1, [11])]
)
def test_a_sampler_of_few_steps_begins_with_the_last(steps, visited):
    assert Diffusion.of("cosine", 12).visited(steps).tolist() == visited


def test_the_decoder_sums_to_one_over_grey_levels():
    model = DDPM(DDPMConfig(**SMALL), DATA, 0)
    first, noise = tf.random.stateless_normal([2, 4, 4, 1], [1, 2]), tf.random.stateless_normal([2, 4, 4, 1], [3, 4])
    total = 0.0
    for level in range(5):
        x = tf.fill([2, 1, 1, 1], level / 2 - 1)
        total += np.exp(model._decoder(x, first[:, :1, :1], noise[:, :1, :1]).numpy())
    np.testing.assert_allclose(total, 1, rtol=1e-5)


def test_the_bound_of_a_network_that_is_right_is_the_entropy_of_what_it_knows():
    """With noise predicted exactly all KL terms vanish, and the decoder puts the image where it was."""
    model = DDPM(DDPMConfig(**SMALL), DATA, 0)
    x = np.random.default_rng(0).integers(0, 5, (3, 4, 4, 1)).astype(np.uint8)
    signed = tf.cast(x, tf.float32) / 2 - 1

    def exact(noisy, t, one_hot):
        abar = tf.gather(tf.constant(model.diffusion.abar, tf.float32), t - 1)[:, None, None, None]
        return (noisy - tf.sqrt(abar) * signed) / tf.sqrt(1 - abar)

    model._noise = exact
    prior = 0.5 * (
        model.diffusion.abar[-1] * (np.square(signed).sum((1, 2, 3)) - 16) - 16 * np.log(1 - model.diffusion.abar[-1])
    )
    found = model.elbo(x, seed=3).numpy()
    # The normal of variance beta_1 around the image itself: the mass within half a grey level; the outer levels have a tail.
    within, below = (
        norm.cdf(0.25 / np.sqrt(model.diffusion.betas[0])) * factor - shift for factor, shift in ((2, 1), (1, 0))
    )
    inner = np.sum((x > 0) & (x < 4), axis=(1, 2, 3))
    np.testing.assert_allclose(found + prior, inner * np.log(within) + (16 - inner) * np.log(below), atol=2e-3)


def test_particles_are_refused():
    model = DDPM(DDPMConfig(**SMALL), DATA, 0)
    with pytest.raises(CapabilityError, match="no importance weights"):
        model.elbo(np.zeros((1, 4, 4, 1), np.uint8), particles=2)


def test_guidance_of_one_is_the_model_and_of_zero_takes_no_notice_of_labels():
    model = ConditionalDDPM(ConditionalDDPMConfig(**SMALL), DATA, 0)
    for weight in model.trainable_variables:  # the head begins at zero
        weight.assign(weight + 0.1 * tf.random.stateless_normal(weight.shape, [1, 1]))
    one, other = tf.constant([0, 1, 2]), tf.constant([1, 2, 0])
    free = [model.sample(3, labels, seed=1, guidance=0.0).numpy() for labels in (one, other)]
    np.testing.assert_array_equal(*free)
    told = [model.sample(3, labels, seed=1).numpy() for labels in (one, other)]
    assert not np.array_equal(*told)
    without = model.sample(3, tf.constant([-1, -1, -1]), seed=1).numpy()
    np.testing.assert_array_equal(without, free[0])


def test_without_noise_a_sample_is_a_function_of_its_start():
    model = DDPM(DDPMConfig(**SMALL), DATA, 0)
    whole = model.sample(4, seed=2, eta=0.0, steps=5).numpy()
    part = model.sample(2, seed=2, first=2, eta=0.0, steps=5).numpy()
    np.testing.assert_array_equal(whole[2:], part)
