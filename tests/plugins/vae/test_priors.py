"""Each prior is a density that integrates to one, draws from itself, and reaches the objective by the right KL."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.plugins.vae.small_vaes import TINY, images, labels_of, small_vae
from tests.slow import slow
from tfgen import TfgenError
from tfgen.model.objective import Batch, Context
from tfgen.seeds import fold_in

tfd = tfp.distributions
PRIORS = [
    ("vae", "standard"),
    ("vae", "mog"),
    ("vae", "vamp"),
    ("vae", "flow"),
    ("cvae", "vamp"),
    ("cvae", "conditional"),
]


def one_prior(vae, label=1):
    """The prior of one label, with no batch."""
    return vae.prior([label]) if vae.config.prior == "conditional" else vae.prior([label] if vae.conditional else None)


@pytest.mark.parametrize(("model", "prior"), PRIORS)
def test_priors_integrate_to_one(model, prior):
    vae = small_vae(model, prior=prior, moved=0.5)
    cells, reach = 500, 15.0
    ticks = (np.arange(cells) + 0.5) / cells * 2 * reach - reach
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 1, 2)
    density = np.exp(one_prior(vae).log_prob(tf.constant(grid)).numpy())
    np.testing.assert_allclose(density.sum() * (2 * reach / cells) ** 2, 1, rtol=1e-3)


@pytest.mark.parametrize(("model", "prior"), PRIORS)
def test_draws_have_the_moments_of_the_density(model, prior):
    vae = small_vae(model, prior=prior, moved=0.5)
    distribution = one_prior(vae)
    drawn = tf.reshape(distribution.sample(20_000, seed=(0, 1)), [-1, 2]).numpy()
    cells, reach = 300, 12.0
    ticks = (np.arange(cells) + 0.5) / cells * 2 * reach - reach
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    mass = np.exp(np.ravel(distribution.log_prob(tf.constant(grid[:, None])).numpy())) * (2 * reach / cells) ** 2
    np.testing.assert_allclose(drawn.mean(axis=0), mass @ grid, atol=0.06)
    np.testing.assert_allclose((drawn**2).mean(axis=0), mass @ grid**2, rtol=0.06)


def test_a_vamp_prior_is_the_mixture_of_its_pseudo_inputs_posteriors():
    vae = small_vae("cvae", prior="vamp")
    inputs, labels = tf.sigmoid(vae.codes.inputs), tf.nn.softmax(vae.codes.labels)
    assert inputs.shape == (3, *TINY.shape)
    posterior = vae._posterior(inputs, labels)
    z = tf.constant(np.random.default_rng(0).normal(size=(5, 2)))
    expected = np.logaddexp.reduce(posterior.log_prob(z[:, None]).numpy(), axis=1) - math.log(3)
    np.testing.assert_allclose(vae.prior([0] * 5).log_prob(z), expected, rtol=1e-10)


def test_a_conditional_prior_is_a_gaussian_for_each_label():
    vae = small_vae("cvae", prior="conditional")
    prior = vae.prior([2, 0])
    assert prior.batch_shape == (2,)
    np.testing.assert_allclose(prior.mean(), vae.codes.means.numpy()[[2, 0]])
    np.testing.assert_allclose(prior.stddev(), np.exp(vae.codes.log_scales.numpy()[[2, 0]]))
    start = small_vae("cvae", prior="conditional", moved=0.0).prior([1])
    np.testing.assert_allclose(start.mean(), 0)
    np.testing.assert_allclose(start.stddev(), 1)


@pytest.mark.parametrize(
    ("model", "prior"), [slow("vae", "mog"), slow("vae", "vamp"), ("vae", "flow"), ("cvae", "vamp")]
)
def test_where_no_closed_form_exists_the_kl_is_a_mean_over_draws(model, prior):
    vae = small_vae(model, prior=prior, binarise="threshold")  # so that q does not change with the seed
    x, labels = images(n=3), labels_of(vae, 3)
    posterior = vae.posterior(x, labels)
    with pytest.raises(NotImplementedError):
        tfd.kl_divergence(posterior, one_prior(vae))
    z = posterior.sample(20_000, seed=(0, 1))
    expected = np.mean(posterior.log_prob(z) - one_prior(vae).log_prob(z), axis=0)
    drawn = tf.function(lambda seed: vae.elbo_terms(x, labels, seed=seed)[1])
    found = [drawn(fold_in(0, seed)).numpy() for seed in range(400)]
    assert np.all(np.abs(np.mean(found, axis=0) - expected) < 4.5 * np.std(found, axis=0) / math.sqrt(400) + 0.01)


@pytest.mark.parametrize(("model", "prior"), PRIORS)
def test_every_weight_of_a_prior_gets_a_gradient(model, prior):
    vae = small_vae(model, prior=prior)
    with tf.GradientTape() as tape:
        loss = vae.objectives()[0].loss(Batch(images(), labels_of(vae)), fold_in(0, 1), Context.at(0))["loss"]
    for gradient in tape.gradient(loss, [weight.value for weight in vae.codes.trainable_variables]):
        assert float(tf.norm(gradient)) > 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"latent": 0}, "latent must be at least 1, got 0"),
        ({"components": 0, "prior": "mog"}, "components must be at least 1, got 0"),
        ({"particles": 0, "objective": "iwae"}, "particles must be at least 1, got 0"),
        ({"beta": -0.5}, "beta must be 0 or more, got -0.5"),
        ({"beta_warmup": -1.0}, "beta-warmup must be 0 or more, got -1"),
        ({"free_bits": -1.0}, "free-bits must be 0 or more, got -1"),
        ({"latent": 1, "prior": "flow"}, "latent must be at least 2 with --prior flow, got 1"),
        ({"prior": "conditional"}, "'prior' must be one of 'standard', 'mog', 'vamp', 'flow'"),
    ],
)
def test_options_out_of_range_are_refused(options, says):
    with pytest.raises(TfgenError, match=says):
        small_vae("vae", **options)
