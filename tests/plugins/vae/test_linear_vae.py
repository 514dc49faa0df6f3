"""Linear VAEs with a constant variance: probabilistic PCA and factor analysis, against the maximum likelihood of both."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf
from scipy.stats import multivariate_normal
from sklearn.decomposition import FactorAnalysis

import tfgen
from tests.plugins.vae.small_vaes import ON_VECTORS, PPCA, SPACE, small_vae
from tfgen.errors import OptionError
from tfgen_plugins.vae import VAEConfig

LINEAR = {"network": "mlp", "depth": 0, **ON_VECTORS}


@pytest.fixture(scope="module")
def rows():
    """Examples of a pPCA in standardised columns, as the likelihood sees them: those that a model is trained on."""
    x = PPCA().sample(1600).astype(np.float64)
    return (x - x.mean(axis=0)) / x.std(axis=0)


def trained(rows, variance, folder):
    x = rows.astype(np.float32)
    data = tfgen.Dataset(
        "rows", tfgen.DataSpec("vector", (6,)), {name: tfgen.Split(x) for name in ("train", "valid", "test")}
    )
    run = tfgen.train(
        "vae", data=data, **LINEAR, variance=variance, latent=2, epochs=60, batch_size=100, learning_rate=3e-2,
        schedule="cosine", compile="graph", quiet=True, runs_dir=folder, pictures=False, evaluate="none", keep="last",
    )  # fmt: skip
    kernel, bias = run.model.decoder.weights
    return run.model, kernel.numpy().T.astype(np.float64), bias.numpy(), run.model.scale.value().numpy()


def log_likelihood(rows, w, bias, scale):
    """The mean of log N(x; b, W W' + diag(s^2))."""
    return multivariate_normal(bias, w @ w.T + np.diag(np.broadcast_to(scale**2, 6))).logpdf(rows).mean()


def test_one_variance_for_all_dimensions_is_probabilistic_pca(rows, tmp_path):
    """Tipping, Bishop 1999, equations 7 and 8: principal axes, and the mean of the variances that are left."""
    model, w, bias, scale = trained(rows, "shared", tmp_path)
    variances, axes = np.linalg.eigh(np.cov(rows.T, bias=True))
    left, axes = variances[:-2].mean(), axes[:, -2:]
    best = axes @ np.diag(np.sqrt(variances[-2:] - left))
    assert np.degrees(scipy.linalg.subspace_angles(w, axes)).max() < 1
    np.testing.assert_allclose(scale, np.sqrt(left), rtol=0.02)
    exact = log_likelihood(rows, best, rows.mean(axis=0), np.sqrt(left))
    assert exact - 0.01 < log_likelihood(rows, w, bias, scale) <= exact + 1e-6
    # The posterior is Gaussian and, at the principal axes, diagonal: the bound is tight.
    bound = np.mean([model.elbo(rows.astype(np.float32), seed=seed).numpy().mean() for seed in range(20)])
    assert bound == pytest.approx(exact, abs=0.03)


def test_one_variance_for_each_dimension_is_factor_analysis(rows, tmp_path):
    _, w, bias, scale = trained(rows, "dimension", tmp_path)
    peer = FactorAnalysis(2, tol=1e-8, max_iter=5000).fit(rows)
    assert scale.shape == (6,)
    assert peer.score(rows) - 0.01 < log_likelihood(rows, w, bias, scale) <= peer.score(rows) + 1e-4
    np.testing.assert_allclose(w @ w.T + np.diag(scale**2), peer.get_covariance(), atol=0.05)


@pytest.mark.parametrize(("variance", "shape"), [("shared", ()), ("dimension", (6,))])
def test_the_density_and_the_samples_have_the_constant_scale(variance, shape):
    vae = small_vae("vae", SPACE, variance=variance, **ON_VECTORS)
    scale, z = vae.scale.value(), tf.constant([[0.3, -1.0]], tf.float64)
    assert tuple(scale.shape) == shape
    mean = vae.decoder(z)[..., 0]
    x = mean + tf.constant([[0.1, -0.2, 0.3, 0.0, 1.0, -1.0]], tf.float64)
    expected = multivariate_normal(mean[0], np.diag(np.broadcast_to(scale**2, 6))).logpdf(x[0])
    np.testing.assert_allclose(vae.likelihood.log_prob(x, vae.decoder(z)), [expected])
    drawn = vae.likelihood.sample(tf.repeat(vae.decoder(z), 20_000, axis=0), seed=1)
    np.testing.assert_allclose(np.std(drawn, axis=0), np.broadcast_to(scale, 6), rtol=0.03)


def test_the_scale_is_a_weight_that_is_trained():
    vae = small_vae("vae", SPACE, variance="dimension", **ON_VECTORS)
    assert sum(weight is vae.scale.raw for weight in vae.trainable_weights) == 1
    assert small_vae("vae", SPACE, **ON_VECTORS).scale is None


def test_other_likelihoods_have_no_variance():
    with pytest.raises(OptionError, match="--variance must be network without --likelihood gaussian, got shared"):
        VAEConfig(variance="shared")
