"""Metrics against models whose log-probabilities are known."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen import DataSpec
from tfgen.data.dataset import Dataset, Split
from tfgen.data.toy import load_two_gaussians, two_gaussians_log_prob
from tfgen.errors import CapabilityError, OptionError, UnknownNameError
from tfgen.evaluation import evaluate


class Known:
    """The log-probability of an image is minus its first pixel, in nats; of a vector, minus its squared length."""

    conditional = False

    def log_prob(self, x, labels=None, seed=0):
        if x.dtype == tf.uint8:
            return -tf.cast(x[:, 0, 0, 0], tf.float32)
        return -tf.reduce_sum(x**2, axis=-1)

    def basis(self):
        return {"density": "known"}


class Noisy(Known):
    """The same, with standard normal noise from the seed."""

    def log_prob(self, x, labels=None, seed=0):
        return super().log_prob(x) + tf.random.stateless_normal([tf.shape(x)[0]], seed)


class Labelled(Known):
    conditional = True

    def log_prob(self, x, labels=None, seed=0):
        return -tf.cast(labels, tf.float32)


def images(n=7, classes=None):
    x = np.zeros((n, 2, 3, 1), np.uint8)
    x[:, 0, 0, 0] = np.arange(n)
    split = Split(x, None if classes is None else np.arange(n, dtype=np.int32) * 2)
    return Dataset("images", DataSpec("image", (2, 3, 1), classes), {"train": split, "valid": split, "test": split})


@pytest.mark.parametrize("batch_size", [1, 3, 7, 500])
def test_likelihood_of_images_whatever_the_batches(batch_size):
    metrics = evaluate(Known(), images(), batch_size=batch_size)
    assert set(metrics) == {"nll_nats", "bits_per_dim"}
    values = np.arange(7)
    nll, bits = metrics["nll_nats"], metrics["bits_per_dim"]
    assert nll["value"] == pytest.approx(values.mean())
    assert nll["standard_error"] == pytest.approx(values.std(ddof=1) / math.sqrt(7))
    assert bits["value"] == pytest.approx(values.mean() / (6 * math.log(2)))
    assert bits["standard_error"] == pytest.approx(nll["standard_error"] / (6 * math.log(2)))
    assert (nll["unit"], bits["unit"]) == ("nats", "bits/dim")
    assert bits["basis"] == {
        "split": "test", "examples": 7, "data": "images", "density": "known", "draws": 1, "seed": 0
    }  # fmt: skip


def test_draws_are_averaged():
    one, many, again = (
        evaluate(Noisy(), images(200), draws=draws, batch_size=64)["nll_nats"] for draws in (1, 100, 100)
    )
    exact = np.arange(200).mean()
    assert abs(many["value"] - exact) < 4 / math.sqrt(200 * 100)
    assert abs(one["value"] - exact) > abs(many["value"] - exact)
    assert many == again
    assert many["basis"]["draws"] == 100
    assert evaluate(Noisy(), images(200), seed=1)["nll_nats"]["value"] != one["value"]


def test_each_batch_and_draw_has_noise_of_its_own():
    class Same(Noisy):
        def log_prob(self, x, labels=None, seed=0):
            return tf.random.stateless_normal([tf.shape(x)[0]], seed)

    # With one noise for all batches, all batches of one example would give one value, and no error.
    assert evaluate(Same(), images(50), batch_size=1)["nll_nats"]["standard_error"] > 0.05
    # With one noise for all draws, averaging would not bring the error down.
    assert evaluate(Same(), images(50), draws=100)["nll_nats"]["standard_error"] < 0.05


def test_divergence_from_a_known_density():
    data = load_two_gaussians()
    metrics = evaluate(Known(), data, "valid", draws=50)
    assert set(metrics) == {"nll_nats", "kl_nats"}
    x = data.valid.x.astype(np.float64)
    expected = two_gaussians_log_prob(x) + (x**2).sum(axis=1)
    assert metrics["kl_nats"]["value"] == pytest.approx(expected.mean(), rel=1e-5)
    assert metrics["kl_nats"]["unit"] == "nats"
    assert "draws" not in metrics["kl_nats"]["basis"]  # a vector's density has no noise

    class Exact(Known):
        def log_prob(self, x, labels=None, seed=0):
            return tf.numpy_function(two_gaussians_log_prob, [x], tf.float64)

    assert evaluate(Exact(), data)["kl_nats"]["value"] == pytest.approx(0, abs=1e-12)


def test_a_conditional_model_gets_the_labels():
    metrics = evaluate(Labelled(), images(classes=14), batch_size=3)
    assert metrics["nll_nats"]["value"] == pytest.approx(2 * np.arange(7).mean())


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"split": "tset"}, UnknownNameError, "unknown split 'tset'; did you mean 'test'"),
        ({"draws": 0}, OptionError, "--draws must be at least 1"),
        ({"batch_size": 0}, OptionError, "--batch-size must be at least 1"),
    ],
)
def test_unsuitable_arguments(options, error, says):
    with pytest.raises(error, match=says):
        evaluate(Known(), images(), **options)


def test_a_model_without_a_density():
    with pytest.raises(CapabilityError, match="has no density or bound"):
        evaluate(object(), images())
