"""Divergences of models: against Gaussians whose divergences are known, against sums over all images, and as a command."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfgen
from tests.pictures import without_pictures
from tests.plugins.pixelcnn.pixel_models import BITS, every_image, small_pixelcnn
from tests.toy_models import ConditionalGaussian, Gaussian, GaussianConfig, LinearGaussian, Pixels, spec, vectors
from tfgen import DataSpec, model_divergences
from tfgen.cli.main import main
from tfgen.data.dequantisation import dequantise
from tfgen.errors import CapabilityError, DataError, NonFiniteError, OptionError
from tfgen.metrics import gaussian_js, gaussian_kl, js_divergence, kl_divergence
from tfgen.model.base import build_model

PLANE = DataSpec("vector", (2,), classes=2)
NAMES = ("kl_p_q_nats", "kl_q_p_nats", "js_nats")


def gaussian(mean, log_scale=(0.0, 0.0), model=Gaussian, data=PLANE):
    built = build_model(spec(model), GaussianConfig(), data, seed=0)
    built.mean.assign(mean)
    built.log_scale.assign(log_scale)
    return built


def conditional(means, data=PLANE):
    built = build_model(spec(ConditionalGaussian), GaussianConfig(), data, seed=0)
    built.means.assign(means)
    return built


def values(found):
    return np.array([found[name].value for name in NAMES])


@pytest.fixture(scope="module")
def pair():
    return gaussian([0.0, 0.0]), gaussian([1.0, -0.5], [0.3, -0.4])


def test_gaussian_kl_is_that_of_another_library():
    random = np.random.default_rng(0)
    for d in (1, 2, 5):
        means, factors = random.normal(size=(2, d)), random.normal(size=(2, d, d))
        covariances = factors @ factors.swapaxes(1, 2) + 1e-3 * np.eye(d)
        one, two = (
            tfd.MultivariateNormalTriL(m, tf.linalg.cholesky(c)) for m, c in zip(means, covariances, strict=True)
        )
        found = gaussian_kl(means[0], covariances[0], means[1], covariances[1])
        np.testing.assert_allclose(found, tfd.kl_divergence(one, two), rtol=1e-9)


def test_gaussians_have_the_divergences_that_are_known(pair):
    found = model_divergences(*pair, samples=4000, seed=1)
    one, two = ([0, 0], np.eye(2)), ([1, -0.5], np.diag(np.exp([0.6, -0.8])))
    js = gaussian_js(*one, *two, samples=200_000)
    for name, expected in zip(NAMES, (gaussian_kl(*one, *two), gaussian_kl(*two, *one), js.value), strict=True):
        metric = found[name]
        assert 0 < metric.standard_error < 0.05
        assert abs(metric.value - expected) < 4 * metric.standard_error + js.standard_error
        assert metric.unit == "nats"
        assert metric.basis.get("samples") == 4000
    assert [found[name].basis.get("draws of") for name in NAMES] == ["p", "q", "p and q"]


def test_the_batch_size_changes_nothing(pair):
    found = [values(model_divergences(*pair, samples=1003, seed=2, batch_size=size)) for size in (1003, 64)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    assert (values(model_divergences(*pair, samples=1003, seed=3)) != found[0]).all()


def test_draws_of_both_are_independent_and_models_change_places(pair):
    p, q = pair
    found, swapped = (model_divergences(*models, samples=1000) for models in ((p, q), (q, p)))
    difference = found["kl_p_q_nats"].value - swapped["kl_q_p_nats"].value
    assert 0 < abs(difference) < 5 * found["kl_p_q_nats"].standard_error  # with other draws


def test_a_model_is_not_apart_from_itself(pair):
    again = gaussian([1.0, -0.5], [0.3, -0.4])
    for other in (pair[1], again):
        found = model_divergences(pair[1], other, samples=600)
        assert all((found[name].value, found[name].standard_error) == (0, 0) for name in NAMES)


def test_a_conditional_model_is_the_mixture_of_its_classes():
    data = vectors(12)
    frequency = data.train.labels.mean()
    assert abs(frequency - 0.5) > 0.05  # otherwise frequencies could not be told from uniform ones
    same = conditional([[1.0, 0.0], [1.0, 0.0]], data.spec)
    found = model_divergences(same, gaussian([1.0, 0.0], data=data.spec), samples=600, data=data)
    np.testing.assert_allclose(values(found), 0, atol=1e-6)  # equal components: the mixture is one of them
    assert found["js_nats"].basis.get("p: classes") == 2
    assert found["js_nats"].basis.get("p: class_prior") == "frequencies"

    # Components without common ground: KL(p || q) = log-ratio of their weights, where q has those of the uniform p(y).
    apart = conditional([[-30.0, 0.0], [30.0, 0.0]], data.spec)
    one = gaussian([30.0, 0.0], data=data.spec)
    for given, weight in ((data, frequency), (None, 0.5)):
        found = model_divergences(one, apart, samples=500, data=given)
        assert found["kl_p_q_nats"].value == pytest.approx(-math.log(weight), abs=1e-5)
        # Of the draws of the mixture so many share the ground of the other: labels are drawn from p(y).
        js = (
            weight * math.log(2 * weight / (1 + weight)) + (1 - weight) * math.log(2) + math.log(2 / (1 + weight))
        ) / 2
        assert abs(found["js_nats"].value - js) < 4 * found["js_nats"].standard_error
    assert found["js_nats"].basis.get("q: class_prior") == "uniform"


@pytest.mark.slow
def test_pixelcnns_have_the_divergences_of_their_probabilities():
    data = DataSpec("image", (2, 2, 1), levels=3)
    models = [small_pixelcnn(data, "float32", seed, output="categorical") for seed in (0, 1)]
    p, q = (np.exp(model.log_prob(every_image(data)).numpy().astype(float)) for model in models)
    found = model_divergences(*models, samples=3000)
    for name, expected in zip(NAMES, (kl_divergence(p, q), kl_divergence(q, p), js_divergence(p, q)), strict=True):
        assert expected > 0.01
        assert abs(found[name].value - expected) < 4 * found[name].standard_error
        assert found[name].basis.density == "exact"


def test_bits_that_are_drawn_anew_are_those_of_black_and_white_samples():
    model = small_pixelcnn(BITS, "float32", binarise="stochastic")
    found = model_divergences(model, model, samples=50)
    assert (values(found) == 0).all()


class Dequantised(Pixels):
    """Scores images with noise added, as a flow does."""

    def log_prob(self, x, labels=None, seed=0):
        y = tf.reshape(dequantise(x, self.data.levels, seed), [-1, self.data.dimensions])
        return -tf.reduce_sum(y, axis=1)


class Silent(Gaussian):
    """A density from which nothing can be drawn."""

    sample = None


class Grey(Gaussian):
    scored_as = "cross_entropy"


class Faulty(Gaussian):
    def log_prob(self, x, labels=None, seed=0):
        return super().log_prob(x, labels, seed) + tf.constant(-math.inf)


def test_what_has_no_density_of_its_draws_is_refused(pair):
    image = DataSpec("image", (2, 2, 1), levels=17)
    noisy = build_model(spec(Dequantised), GaussianConfig(), image, seed=0)
    with pytest.raises(CapabilityError, match=r"model Dequantised has a density of examples with noise added"):
        model_divergences(noisy, noisy, samples=100)
    bounded = build_model(spec(LinearGaussian), GaussianConfig(), PLANE, seed=0)
    with pytest.raises(
        CapabilityError, match=r"model LinearGaussian has no density \(HasLogProb\), which a divergence"
    ):
        model_divergences(pair[0], bounded)
    with pytest.raises(CapabilityError, match="model Grey scores grey levels by a cross-entropy"):
        model_divergences(gaussian([0.0, 0.0], model=Grey), pair[0])
    with pytest.raises(NonFiniteError, match="log p is -inf at 10 of 10 draws of p"):
        model_divergences(gaussian([0.0, 0.0], model=Faulty), pair[0], samples=10)


def test_models_of_different_examples_are_refused(pair):
    line = gaussian([0.0], [0.0], data=DataSpec("vector", (1,)))
    with pytest.raises(
        DataError, match=r"p \(Gaussian\) is of vectors of shape \(2,\), that of q \(Gaussian\) of .* \(1,\)"
    ):
        model_divergences(pair[0], line)
    bits, grey = (small_pixelcnn(BITS, "float32", output=output) for output in ("bernoulli", "categorical"))
    with pytest.raises(DataError, match=r"black and white images of .* with 2 grey levels"):
        model_divergences(bits, grey)
    other = conditional(np.zeros((3, 2)), DataSpec("vector", (2,), classes=3))
    with pytest.raises(DataError, match="needs labels of 3 classes; the data set has 2"):
        model_divergences(other, pair[0], data=vectors())
    for options, says in (({"samples": 1}, "samples"), ({"batch_size": 0}, "batch-size"), ({"seed": -1}, "seed")):
        with pytest.raises(OptionError, match=f"--{says} must be"):
            model_divergences(*pair, **options)


# The command


@pytest.fixture(scope="module")
def plane_runs(once):
    """Two flows in the plane that differ, the second one conditional."""
    small = {"epochs": 1, "compile": "graph", "units": 8, "layers": 2, "depth": 1, "batch_size": 5000}

    def make(folder):
        common = {"runs_dir": folder, "quiet": True, "data": "two_gaussians"}
        with without_pictures():
            tfgen.train("realnvp", name="plain", learning_rate=0.05, **common, **small)
            tfgen.train("conditional_realnvp", name="labelled", **common, **small)

    folder = once("divergences", make)
    return folder / "plain", folder / "labelled"


@pytest.fixture
def say(capsys):
    """Return a function that runs the command and returns what it prints."""

    def say(*arguments, code=0):
        assert main(["divergence", *map(str, arguments)]) == code
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line != "loading TensorFlow ..."]
        if code:
            assert len(lines) == 1, err
            assert not out
        return lines[0] if code else out

    return say


def test_two_runs(plane_runs, say):
    p, q = map(tfgen.load, plane_runs)
    expected = model_divergences(p.model, q.model, 600, seed=3, data=p.data)
    assert values(expected).min() > 0.002
    options = (p.folder, q.folder, "--samples", 600, "--seed", 3, "--batch-size", 600)
    said = say(*options).splitlines()
    assert said[0] == f"p           {p.folder}  (realnvp, columns standardised)"
    over = "marginal over 2 classes, p(y) frequencies"
    assert said[1] == f"q           {q.folder}  (conditional_realnvp, columns standardised, {over})"
    for line, title, value in zip(said[2:], ("KL(p || q)", "KL(q || p)", "JS(p, q)"), values(expected), strict=True):
        assert line.startswith(title)
        assert float(line.removeprefix(title).split()[0]) == pytest.approx(
            value, rel=0.05
        )  # rounded to the error's digits
    assert said[4].endswith(" nats   (draws of p and q, samples 600, at most log 2 = 0.6931)")
    content = json.loads(say(*options, "--json"))
    assert (content["p"], content["q"]) == (str(p.folder), str(q.folder))
    assert list(content["metrics"]) == list(NAMES)
    np.testing.assert_allclose(
        [content["metrics"][name]["value"] for name in NAMES], values(expected), rtol=1e-4, atol=1e-6
    )


def test_the_picture_of_two_bits(say, drawn, tmp_path):
    out = tmp_path / "bits.png"
    assert say("--bernoulli", 0.3, "--out", out) == f"{out}\n"
    assert 5_000 < out.stat().st_size < 100_000
    (axes,) = drawn[0].axes
    curves = [line.get_xydata() for line in axes.lines[:2]]
    for curve, other in zip(curves, (kl_divergence, js_divergence), strict=True):
        theta, height = curve.T
        assert (theta.min() > 0, theta.max() < 1, len(theta) > 500) == (True, True, True)
        assert theta[height == 0].tolist() == [0.3]
        np.testing.assert_allclose(height, other(np.stack([theta, 1 - theta], axis=1), [0.3, 0.7]), atol=1e-12)
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert np.unique(dashed[0].get_ydata()).tolist() == [math.log(2)]
    low, high = axes.get_ylim()
    assert low < 0 < curves[0][:, 1].max() < high
    assert axes.get_xlim() == (0, 1)
    say("--bernoulli", 0.001, "--out", out, "--overwrite")
    assert drawn[1].axes[0].get_ylim()[1] > 6  # KL(1 || 0.001) is log 1000


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "a divergence is between two models: name two runs (got none)"),
        (["RUN"], "name two runs (got RUN)"),
        (["RUN", "RUN", "RUN"], "name two runs (got RUN, RUN, RUN)"),
        (["RUN", "nothing"], "nothing is no folder"),
        (["RUN", "RUN", "--samples", "1"], "--samples must be at least 2, got 1."),
        (["RUN", "RUN", "--batch-size", "0"], "--batch-size must be at least 1, got 0."),
        (["RUN", "RUN", "--seed", "-1"], "--seed must be 0 or more, got -1."),
        (["RUN", "RUN", "--out", "x.png"], "--out is for the picture of --bernoulli"),
        (["RUN", "RUN", "--sampels", "9"], "unknown option '--sampels'; did you mean '--samples'?"),
        (["--bernoulli", "0", "--out", "x.png"], "--bernoulli must be between 0 and 1, and neither of them, got 0.0."),
        (["--bernoulli", "1", "--out", "x.png"], "--bernoulli must be between 0 and 1"),
        (["--bernoulli", "nan", "--out", "x.png"], "--bernoulli must be between 0 and 1"),
        (["--bernoulli", "half", "--out", "x.png"], "--bernoulli"),
        (["--bernoulli", "0.3"], "give a name that ends in .png"),
        (["--bernoulli", "0.3", "--out", "x.pdf"], "cannot write the picture x.pdf: give a name that ends in .png"),
        (["--bernoulli", "0.3", "--out", "x.png", "RUN"], "--bernoulli draws a picture that needs no runs"),
        (["--bernoulli", "0.3", "--out", "x.png", "--json"], "leave out one of them"),
    ],
)
def test_mistakes(options, says, tiny_run, say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = [str(tiny_run) if option == "RUN" else option for option in options]
    assert says.replace("RUN", str(tiny_run)) in say(*options, code=2)
    assert not list(tmp_path.iterdir())


def test_runs_that_cannot_be_compared(tiny_run, plane_runs, say):
    assert "was trained on 'digits' and" in say(tiny_run, plane_runs[0], code=2)
    said = say(tiny_run, tiny_run, "--samples", 40, code=2)
    assert said.startswith("tfgen: model RealNVP has a density of examples with noise added (dequantised)")


def test_a_run_without_weights(tiny_run, tmp_path, say):
    copy = shutil.copytree(tiny_run, tmp_path / "copy")
    shutil.rmtree(copy / "checkpoints")
    assert "checkpoint" in say(tiny_run, copy, code=2)
