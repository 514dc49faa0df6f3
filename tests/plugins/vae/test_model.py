"""The model as a whole: codes, pictures, what it says of its numbers, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.plugins.vae.small_vaes import ON_VECTORS, PPCA, SPACE, TINY, images, labels_of, small_vae
from tfgen.model.capabilities import HasElbo, HasLatents, HasLogProb, HasPosterior, Samples

LIKELIHOODS = ["bernoulli", "continuous_bernoulli", "gaussian", "discretized_logistic"]


@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_it_offers_all_but_a_density(model):
    vae = small_vae(model)
    for capability in (Samples, HasElbo, HasLatents, HasPosterior):
        assert isinstance(vae, capability)
    assert not isinstance(vae, HasLogProb)


@pytest.mark.parametrize("network", ["conv", "mlp"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_images_come_and_go_as_uint8(likelihood, network):
    for pixels in ("mean", "draw"):
        vae = small_vae("cvae", likelihood=likelihood, network=network, pixels=pixels, policy="float32")
        drawn = vae.sample(50, np.arange(50) % 3, seed=1)
        assert drawn.dtype == tf.uint8
        assert drawn.shape == (50, *TINY.shape)
        assert int(tf.reduce_max(drawn)) <= 8
        if likelihood == "bernoulli" and pixels == "draw":
            assert set(np.unique(drawn)) == {0, 8}


def test_vectors_come_and_go_as_they_are():
    vae = small_vae("vae", SPACE, **ON_VECTORS)
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    assert vae.decode(vae.encode(x)).shape == (4, 6)
    assert vae.elbo(x, particles=3).shape == (4,)
    assert vae.basis() == {}


def test_samples_of_vectors_follow_the_density_and_means_do_not():
    exact = PPCA()
    vae = exact.vae()
    covariance = np.cov(vae.sample(20_000, seed=3), rowvar=False)
    expected = np.cov(exact.sample(20_000), rowvar=False)
    np.testing.assert_allclose(covariance, expected, atol=0.12)
    means = vae.decode(vae.codes.sample(20_000, None, (0, 3), 0))
    assert np.linalg.matrix_rank(np.cov(means, rowvar=False), tol=1e-3) == 2


def test_a_code_is_the_mean_of_its_posterior():
    vae = small_vae("vae", binarise="threshold")
    x = images()
    np.testing.assert_array_equal(vae.encode(x, seed=1), vae.encode(x, seed=2))
    drawn = vae.posterior(x).sample(20_000, seed=(0, 1))
    np.testing.assert_allclose(vae.encode(x), tf.reduce_mean(drawn, axis=0), atol=0.05)


def test_terms_and_bound_are_of_one_draw():
    for options in ({}, {"prior": "flow"}):
        vae = small_vae("cvae", **options)
        log_likelihood, kl = vae.elbo_terms(images(), labels_of(vae), seed=4)
        np.testing.assert_array_equal(vae.elbo(images(), labels_of(vae), seed=4), log_likelihood - kl)


@pytest.mark.parametrize("prior", ["standard", "mog", "vamp", "flow", "conditional"])
def test_samples_are_decoded_draws_of_the_prior(prior):
    """A prior far off shows in the samples."""
    vae = small_vae("cvae", prior=prior, pixels="mean", binarise="none")
    z = vae.prior([0, 1, 2] * 2000).sample(6000 if prior != "conditional" else [], seed=(0, 1))
    expected = tf.reduce_mean(tf.cast(vae.decode(z, [0, 1, 2] * 2000), tf.float64), axis=0)
    drawn = tf.reduce_mean(tf.cast(vae.sample(6000, [0, 1, 2] * 2000, seed=3), tf.float64), axis=0)
    np.testing.assert_allclose(drawn, expected, atol=0.12)


@pytest.mark.parametrize(
    ("options", "scored_as", "basis"),
    [
        ({}, "bits", {"binarisation": "stochastic"}),
        ({"binarise": "threshold"}, "bits", {"binarisation": "threshold 0.5"}),
        ({"binarise": "none"}, "cross_entropy", {"binarisation": "none"}),
        ({"likelihood": "gaussian"}, "grey_levels", {"dequantisation": "uniform", "levels": 9}),
        ({"likelihood": "continuous_bernoulli"}, "grey_levels", {"dequantisation": "uniform", "levels": 9}),
        ({"likelihood": "discretized_logistic"}, "grey_levels", {"levels": 9}),
    ],
)
def test_it_says_what_its_numbers_are_of(options, scored_as, basis):
    vae = small_vae("vae", **options)
    assert (vae.scored_as, vae.basis()) == (scored_as, basis)
    terms = vae.objectives()[0].loss(tfgen.Batch(images(), None), tfgen.as_seed(0), tfgen.Context.at(0))
    assert ("cross_entropy_nats" in terms) == (scored_as == "cross_entropy")
    assert ("elbo_nats" in terms) == (scored_as != "cross_entropy")


def test_the_names_of_a_conditional_model_say_that_the_label_is_given():
    vae = small_vae("cvae")
    terms = vae.objectives()[0].loss(tfgen.Batch(images(), labels_of(vae)), tfgen.as_seed(0), tfgen.Context.at(0))
    assert set(terms) - {"loss", "beta"} == {
        f"{name}_given_label"
        for name in ("elbo_nats", "reconstruction_nats", "latent_kl_nats", "reconstruction_kl_ratio")
    }


def test_levels_of_the_data_do_not_change_what_is_seen():
    """0 .. 8 of 9 levels and 0 .. 255 of 256 are both 0 .. 1."""
    grey = small_vae("vae", binarise="none")
    fine = small_vae("vae", tfgen.DataSpec("image", TINY.shape, levels=256), binarise="none")
    x = np.tile(np.array([0, 8], np.uint8)[:, None, None, None], (1, *TINY.shape))
    np.testing.assert_allclose(grey.encode(x), fine.encode((x // 8) * np.uint8(255)))


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (
            np.zeros((2, *TINY.shape), np.float32),
            r"images uint8 \[batch, 5, 4, 1\] with grey levels 0 \.\. 8; got float32",
        ),
        (np.full((2, *TINY.shape), -1, np.int32), "got int32"),
        (np.zeros((2, 4, 5, 1), np.uint8), r"got uint8 \[2, 4, 5, 1\]"),
    ],
)
def test_what_is_no_image_of_the_data_is_refused(x, says):
    vae = small_vae("vae")
    for method in (vae.elbo, vae.encode, vae.posterior, vae.elbo_terms):
        with pytest.raises(tfgen.DataError, match=says):
            method(x)


def test_vectors_need_dense_networks_and_a_gaussian():
    for options in ({}, {"likelihood": "gaussian", "network": "conv"}, {"likelihood": "discretized_logistic"}):
        with pytest.raises(tfgen.DataError, match="vectors need --network mlp --likelihood gaussian"):
            small_vae("vae", SPACE, **options)


LONG = [pytest.param(prior, marks=pytest.mark.slow) for prior in ("flow", "vamp")]


@pytest.mark.parametrize("prior", ["standard", *LONG])
def test_training_beats_a_model_without_codes(prior, tmp_path):
    """The best model with independent pixels costs their entropy; an autoencoder that works costs less, by far."""
    run = tfgen.train(
        "vae", data="digits", epochs=40, latent=8, prior=prior, components=20, binarise="threshold", network="mlp",
        units=128, depth=1, compile="graph", batch_size=64, runs_dir=tmp_path, quiet=True,
    )  # fmt: skip
    share = np.clip((run.data.train.x > 8).mean(axis=0), 1e-3, 1 - 1e-3)
    bits = run.data.test.x > 8
    independent = -np.sum(np.where(bits, np.log(share), np.log(1 - share)), axis=(1, 2, 3)).mean()
    elbo = np.mean([run.model.elbo(run.data.test.x, seed=seed) for seed in range(3)])
    assert -elbo < independent - 3


@pytest.mark.parametrize(
    ("model", "data", "options"),
    [
        ("vae", TINY, {"binarise": "threshold"}),
        ("vae", TINY, {"likelihood": "discretized_logistic"}),
        ("vae", SPACE, {"likelihood": "gaussian", "variance": "shared"}),
        ("cvae", TINY, {"binarise": "none"}),
        ("cvae", SPACE, {"likelihood": "gaussian"}),
    ],
)
def test_the_likelihood_of_each_example_under_each_code(model, data, options):
    vae = small_vae(model, data, **options)
    x = images(n=4) if data is TINY else tf.constant(np.random.default_rng(0).normal(size=(4, 6)))
    z, labels = tf.constant(np.random.default_rng(1).normal(size=(3, 2))), labels_of(vae, 4)
    found = vae.decoder_log_prob(x, z, labels, seed=5)
    assert found.shape == (4, 3)
    observed = vae.likelihood.observe(x, 5)
    for code in range(3):
        codes = tf.repeat(z[code : code + 1], 4, axis=0)
        raw = vae.decoder(codes, vae.condition(labels))
        np.testing.assert_allclose(found[:, code], vae.likelihood.log_prob(observed, raw), rtol=1e-10)
