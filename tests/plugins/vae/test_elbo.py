"""The bounds: exact where the likelihood is known, ordered, equal in expectation in all their forms, and rightly annealed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tests.plugins.vae.small_vaes import PPCA, images, labels_of, small_vae
from tests.slow import slow
from tfgen.model.objective import Batch, Context
from tfgen.seeds import as_seed, fold_in
from tfgen_plugins.vae import elbo

tfd = tfp.distributions
SEEDS = 200


def normals(mean, scale):
    return tfd.Independent(tfd.Normal(tf.constant(mean, tf.float64), tf.constant(scale, tf.float64)), 1)


# A likelihood that is known


def test_with_the_true_posterior_every_bound_is_exact():
    model = PPCA()
    x, vae = model.sample(8), model.vae()
    for particles in (1, 2, 50):
        np.testing.assert_allclose(
            vae.elbo(x, seed=particles, particles=particles) if particles > 1 else _joint(vae, x, particles),
            model.log_prob(x),
            rtol=1e-6,
        )


def _joint(vae, x, seed):
    """The ELBO as one log-weight: with the true posterior it is log p(x) for every z."""
    posterior = vae.posterior(x)
    z = posterior.sample(seed=(0, seed))
    log_joint = vae.likelihood.log_prob(tf.cast(x, tf.float64), vae._decoded(z, None)) + vae.prior().log_prob(z)
    return log_joint - posterior.log_prob(z)


def test_bounds_order_and_rise_with_the_particles():
    model = PPCA()
    x, vae = model.sample(50), model.vae(off=0.3)
    exact = model.log_prob(x).mean()
    means, errors = [], []
    for particles in (1, 2, 8, 64, 512):
        bound = tf.function(lambda seed, k=particles: tf.reduce_mean(vae.elbo(x, seed=seed, particles=k)))
        values = [float(bound(as_seed(seed))) for seed in range(40)]
        means.append(np.mean(values))
        errors.append(np.std(values) / math.sqrt(len(values)))
    assert means == sorted(means)
    steps = np.diff(means)
    assert np.all(steps[:3] > 3 * np.hypot(errors[:-1], errors[1:])[:3]), (means, errors)
    assert means[-1] < exact + 3 * errors[-1]
    assert exact - means[-1] < 0.02 < exact - means[0]


def test_the_gap_of_the_elbo_is_the_kl_to_the_true_posterior():
    model = PPCA()
    x, off, true = model.sample(50), model.vae(off=0.3), model.vae()
    gap = tfd.kl_divergence(off.posterior(x), true.posterior(x)).numpy().mean()
    bound = tf.function(lambda seed: tf.reduce_mean(off.elbo(x, seed=seed)))
    elbo = np.mean([float(bound(as_seed(seed))) for seed in range(400)])
    np.testing.assert_allclose(model.log_prob(x).mean() - elbo, gap, rtol=0.03)


# The KL


@settings(deadline=None, max_examples=25)
@given(st.floats(-3, 3), st.floats(0.1, 3), st.floats(-2, 2), st.floats(0.3, 2))
def test_the_closed_form_is_the_integral(mean, scale, other_mean, other_scale):
    q, p = stats.norm(mean, scale), stats.norm(other_mean, other_scale)
    expected, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mean - 12 * scale, mean + 12 * scale, limit=200
    )
    factors = tfd.Normal(tf.constant([other_mean], tf.float64), tf.constant([other_scale], tf.float64))
    found = elbo.closed_form_kl(normals([[mean]], [[scale]]), factors)
    np.testing.assert_allclose(found, [[expected]], rtol=1e-6, atol=1e-9)


def test_its_gradients_are_the_mean_and_sigma_minus_its_inverse():
    mean, scale = tf.constant([[0.7, -1.2]], tf.float64), tf.constant([[0.4, 1.8]], tf.float64)
    standard = tfd.Normal(tf.zeros([2], tf.float64), tf.ones([2], tf.float64))
    with tf.GradientTape() as tape:
        tape.watch([mean, scale])
        kl = tf.reduce_sum(elbo.closed_form_kl(normals(mean, scale), standard))
    by_mean, by_scale = tape.gradient(kl, [mean, scale])
    np.testing.assert_allclose(by_mean, mean)
    np.testing.assert_allclose(by_scale, scale - 1 / scale)


@pytest.mark.parametrize("model", [slow("vae"), "cvae"])
def test_both_forms_are_equal_in_expectation(model):
    options = {"latent": 3, "prior": "conditional"} if model == "cvae" else {"latent": 3}
    closed, drawn = (small_vae(model, objective=form, **options) for form in ("elbo", "joint"))
    batch = Batch(images(), labels_of(closed))
    both = tf.function(
        lambda seed: [vae.objectives()[0].loss(batch, seed, Context.at(0))["loss"] for vae in (closed, drawn)]
    )
    losses = np.array([both(fold_in(0, k)) for k in range(SEEDS)])
    assert not np.any(losses[:, 0] == losses[:, 1])
    difference = losses[:, 0] - losses[:, 1]
    assert abs(difference.mean()) < 4 * difference.std() / math.sqrt(SEEDS)
    assert difference.std() / math.sqrt(SEEDS) < 0.2


def test_one_particle_of_iwae_is_the_joint_bound():
    iwae, joint = (small_vae("vae", objective=form, particles=1) for form in ("iwae", "joint"))
    batch, seed = Batch(images(), None), fold_in(0, 1)
    losses = [vae.objectives()[0].loss(batch, seed, Context.at(0))["loss"] for vae in (iwae, joint)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)


def test_the_reparameterised_gradient_is_that_of_finite_differences():
    vae = small_vae("vae", likelihood="gaussian")
    batch, seed = Batch(images(), None), fold_in(0, 3)
    weight = vae.encoder.mlp.head.bias

    def loss():
        return vae.objectives()[0].loss(batch, seed, Context.at(0))["loss"]

    with tf.GradientTape() as tape:
        value = loss()
    gradient = tape.gradient(value, weight.value).numpy()
    start, h = weight.numpy(), 1e-5
    for index in range(len(start)):
        sides = []
        for sign in (1, -1):
            weight.assign(start + sign * h * np.eye(len(start))[index])
            sides.append(float(loss()))
        weight.assign(start)
        np.testing.assert_allclose(gradient[index], (sides[0] - sides[1]) / (2 * h), rtol=1e-5, atol=1e-7)


# Weighting and annealing


@pytest.mark.parametrize(("warmup", "steps_per_epoch"), [(10, 390), (1.5, 4), (3, 1)])
def test_beta_reaches_its_value_at_the_epoch_it_says(warmup, steps_per_epoch):
    vae = small_vae("vae", beta=0.5, beta_warmup=warmup)
    last = round(warmup * steps_per_epoch)
    for step in (0, last // 2, last - 1, last, last + 1, 10 * last):
        expected = 0.5 * min(1, step / last)
        np.testing.assert_allclose(vae.beta(Context.at(step, steps_per_epoch).epoch), expected, rtol=1e-6)
    assert float(vae.beta(Context.at(last - 1, steps_per_epoch).epoch)) < 0.5


def test_training_anneals_by_its_own_epochs_and_validates_at_the_end(tmp_path):
    import tfgen

    run = tfgen.train(
        "vae", data="digits", epochs=4, beta_warmup=2.0, latent=2, network="mlp", units=8, depth=1, compile="graph",
        chunk_steps=1, runs_dir=tmp_path, quiet=True,
    )  # fmt: skip
    rows = run.metrics
    per_epoch = len(rows) // 4
    betas = [row["train/beta"] for row in rows]
    np.testing.assert_allclose(betas[: 2 * per_epoch], np.arange(2 * per_epoch) / (2 * per_epoch), rtol=1e-6)
    assert set(betas[2 * per_epoch :]) == {1.0}
    assert {row["valid/beta"] for row in rows if "valid/beta" in row} == {1.0}


def test_beta_weighs_the_kl_alone():
    light, heavy = small_vae("vae", beta=1.0), small_vae("vae", beta=3.0)
    batch, seed = Batch(images(), None), fold_in(0, 1)
    one, other = (vae.objectives()[0].loss(batch, seed, Context.at(0)) for vae in (light, heavy))
    np.testing.assert_allclose(other["loss"] - one["loss"], 2 * one["latent_kl_nats"])
    for name in ("elbo_nats", "reconstruction_nats", "latent_kl_nats"):
        np.testing.assert_allclose(one[name], other[name])
    np.testing.assert_allclose(one["elbo_nats"], -one["reconstruction_nats"] - one["latent_kl_nats"])
    np.testing.assert_allclose(
        one["reconstruction_kl_ratio"], one["reconstruction_nats"] / max(one["latent_kl_nats"], 1e-3)
    )


def test_free_bits_fill_up_each_dimension_of_the_batch_mean():
    kl = tf.constant([[0.1, 3.0], [0.3, 1.0]], tf.float64)  # means 0.2 and 2
    assert float(elbo.with_free_bits(kl, 0.0, 2)) == pytest.approx(2.2)
    assert float(elbo.with_free_bits(kl, 0.5, 2)) == pytest.approx(2.5)
    assert float(elbo.with_free_bits(kl[:, 0], 0.5, 2)) == pytest.approx(1.0)  # no dimensions known: 2 x 0.5 in all
    assert float(elbo.with_free_bits(kl[:, 1], 0.5, 2)) == pytest.approx(2.0)


def test_free_bits_spare_the_encoder_of_an_unused_dimension():
    vae = small_vae("vae", free_bits=1e6)
    batch = Batch(images(), None)
    with tf.GradientTape() as tape:
        terms = vae.objectives()[0].loss(batch, fold_in(0, 1), Context.at(0))
        reconstruction = terms["reconstruction_nats"]
    assert float(terms["loss"] - reconstruction) == pytest.approx(2e6)
    assert float(terms["latent_kl_nats"]) < 1e3
    del tape


# Many particles


@pytest.mark.parametrize("particles", [1, 7, 64, 65, 200])
def test_chunks_of_particles_weigh_all_particles_alike(particles, monkeypatch):
    monkeypatch.setattr(elbo, "CODES_BATCH", 5 * 16)  # chunks of 16
    seen = []

    def log_weights(k, seed):
        values = tfd.Normal(tf.zeros([], tf.float64), 30.0).sample([k, 5], seed=seed)
        seen.append(values)
        return values

    found = elbo.importance_weighted_in_chunks(log_weights, particles, 5, fold_in(0, 0))
    every = tf.concat(seen[1 if particles > 16 else 0 :], axis=0)[:particles]  # the first call asks for the type alone
    assert len(every) == particles
    expected = np.logaddexp.reduce(every.numpy(), axis=0) - math.log(particles)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_memory_does_not_grow_with_the_particles(monkeypatch):
    vae = small_vae("vae")
    largest = []
    decoder = vae._decoded
    monkeypatch.setattr(vae, "_decoded", lambda z, y: largest.append(z.shape[0] * z.shape[1]) or decoder(z, y))
    monkeypatch.setattr(elbo, "CODES_BATCH", 60)
    assert np.all(np.isfinite(vae.elbo(images(), particles=500)))
    assert max(largest) <= 60


def test_a_bound_needs_particles():
    import tfgen

    with pytest.raises(tfgen.TfgenError, match="particles must be at least 1, got 0"):
        small_vae("vae").elbo(images(), particles=0)
