"""Latent classifiers: sums over codes against enumeration, training, few labels, shifted frequencies, and mistakes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import logsumexp

import tfgen
from tests.pictures import without_pictures
from tests.toy_models import ConditionalLinearGaussian, Gaussian, GaussianConfig
from tfgen.cli.main import main
from tfgen.data.dataset import Dataset, Split
from tfgen.data.spec import DataSpec
from tfgen.errors import CapabilityError, DataError, UnknownNameError
from tfgen.evaluate import latent_classifier as module
from tfgen.evaluate.label_frequencies import class_shares, few_labels, with_frequencies
from tfgen.evaluate.label_networks import Discriminative, Generative, NetworkConfig, log_product
from tfgen.evaluate.latent_classifier import (
    Codes,
    code_scores,
    compare_classifiers,
    label,
    prior_codes,
    train_labels,
)
from tfgen.model.base import GenerativeModel, build_model
from tfgen.plugin.specs import ModelSpec

tfd = tfp.distributions
PLANE = DataSpec("vector", (2,), classes=3)
CENTRES = np.array([[-3.0, 0.0], [3.0, 0.0], [0.0, 3.0], [0.0, -3.0]], np.float32)
SHARES = np.array([0.1, 0.2, 0.3, 0.4])
#: The class of each code: two of the four codes belong to class 2.
CLASS_OF = np.array([0, 1, 2, 2])


class FourCodes(GenerativeModel):
    """A decoder of four codes: ``x|z_k ~ N(c_k, I)``, the code being the number k."""

    def prior(self, labels=None):
        return tfd.Independent(tfd.Categorical(probs=SHARES[None], dtype=tf.float32), 1)

    def decode(self, z, labels=None, seed=0):
        return tf.gather(CENTRES, tf.cast(z[:, 0], tf.int32))

    def decoder_log_prob(self, x, z, labels=None, seed=0):
        centres = self.decode(z)
        return tfd.MultivariateNormalDiag(centres, tf.ones(2)).log_prob(tf.cast(x, tf.float32)[:, None])


@pytest.fixture(scope="module")
def model():
    return built(FourCodes)


def built(kind, data=PLANE):
    return build_model(ModelSpec("toy", GaussianConfig, kind, "a toy"), GaussianConfig(), data, 0)


def points(n, seed):
    random = np.random.default_rng(seed)
    codes = random.choice(4, n, p=SHARES)
    x = (CENTRES[codes] + random.normal(size=(n, 2))).astype(np.float32)
    return Split(x, CLASS_OF[codes].astype(np.int32))


@pytest.fixture(scope="module")
def data():
    return Dataset("four", PLANE, {"train": points(2000, 1), "valid": points(400, 2), "test": points(600, 3)})


EVERY = Codes(np.arange(4, dtype=np.float32)[:, None], np.log(SHARES).astype(np.float32))


def exact(x):
    """log p(x|z_k) + log P(z_k), [n, 4], by hand in float64."""
    squares = ((x[:, None].astype(np.float64) - CENTRES) ** 2).sum(axis=-1)
    return -0.5 * squares - np.log(2 * np.pi) + np.log(SHARES)


def best_accuracy(split):
    """That of the true posterior over classes."""
    posterior = np.exp(exact(split.x)) @ np.eye(3)[CLASS_OF]
    return np.mean(posterior.argmax(axis=1) == split.labels)


# Sums over codes


@given(
    hnp.arrays(np.float32, (3, 5), elements=st.floats(-40, 40, width=32)),
    hnp.arrays(np.float32, (5, 2), elements=st.floats(-40, 40, width=32)),
)
def test_the_product_of_logarithms(left, right):
    expected = logsumexp(left.astype(np.float64)[:, :, None] + right.astype(np.float64), axis=1)
    floor = left.max(axis=1)[:, None] + right.max(axis=0) - 86
    found = log_product(tf.constant(left), tf.constant(right)).numpy()
    assert (np.abs(found - expected)[expected > floor] < 1e-3).all()
    assert (found >= floor - 2).all()


def test_scores_are_log_likelihoods_less_the_largest(model, data):
    found = code_scores(model, data.test.x, EVERY)
    expected = exact(data.test.x) - np.log(SHARES)
    np.testing.assert_allclose(found, expected - expected.max(axis=1, keepdims=True), atol=2e-5)


@pytest.mark.parametrize("kind", [Discriminative, Generative])
def test_both_classifiers_are_their_sums(kind, model, data):
    scores = code_scores(model, data.test.x[:50], EVERY)
    network = kind(NetworkConfig(7, 1), DataSpec("vector", (4,), classes=3), 5, EVERY.z, EVERY.log_prior)
    w = network.network(EVERY.z).numpy().astype(np.float64)  # [4 codes, 3 classes]
    joint = exact(data.test.x[:50])
    if kind is Discriminative:
        given_code = np.exp(w) / np.exp(w).sum(axis=1, keepdims=True)
        posterior = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
        expected = posterior @ given_code
    else:
        network.log_classes = np.log([0.2, 0.3, 0.5]).astype(np.float32)
        weights = SHARES[:, None] * np.exp(w)
        given_class = weights / weights.sum(axis=0)
        expected = (np.exp(joint - np.log(SHARES)) @ given_class) * [0.2, 0.3, 0.5]
        expected /= expected.sum(axis=1, keepdims=True)
    found = network.log_joint(scores).numpy()
    np.testing.assert_allclose(np.exp(found - logsumexp(found, axis=1, keepdims=True)), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_sampled_codes_come_near_to_the_exact_sum(kind, model, data):
    """The network of the code is the same, so that only the sums differ."""
    classes = {"discriminative": Discriminative, "generative": Generative}
    few = data.test.take(slice(0, 100))
    weights = [4 * np.random.default_rng(0).normal(size=shape) for shape in [(1, 8), (8,), (8, 3), (3,)]]

    def labelled(codes):
        spec = DataSpec("vector", (len(codes.z),), classes=3)
        network = classes[kind](NetworkConfig(8, 1), spec, 3, codes.z, codes.log_prior)
        network.network.set_weights(weights)
        rows = Split(code_scores(model, few.x, codes), few.labels)
        return np.exp(label(kind, network, rows).log_posteriors)

    sampled = prior_codes(model, 20_000, seed=1)
    np.testing.assert_allclose(np.bincount(sampled.z[:, 0].astype(int)) / 20_000, SHARES, atol=0.01)
    np.testing.assert_allclose(labelled(sampled), labelled(EVERY), atol=0.02)


# Training


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_training_reaches_the_posterior_of_the_classes(kind, model, data):
    scores = {name: code_scores(model, split.x, EVERY) for name, split in data.splits.items()}
    rows = module.rows_of(data, scores)
    found = label(kind, train_labels(kind, rows, EVERY), rows.test)
    assert found.accuracy.value == pytest.approx(best_accuracy(data.test), abs=0.01)
    posterior = np.exp(exact(data.test.x)) @ np.eye(3)[CLASS_OF]
    posterior /= posterior.sum(axis=1, keepdims=True)
    assert np.abs(np.exp(found.log_posteriors) - posterior).mean() < 0.03
    assert found.multiplications == 4 * 3
    expected = -np.mean(found.log_posteriors[np.arange(600), data.test.labels])
    assert found.nll_nats.value == pytest.approx(expected)


def test_all_three_by_sampled_codes(model, data):
    results = compare_classifiers(model, data, 200, NetworkConfig(16, 1), seed=2)
    assert [result.kind for result in results] == ["discriminative", "generative", "plain"]
    for result in results:
        assert result.accuracy.value > best_accuracy(data.test) - 0.02
        np.testing.assert_allclose(np.exp(result.log_posteriors).sum(axis=1), 1, rtol=1e-5)
    assert results[0].multiplications == 200 * (2 + 3)
    assert results[2].multiplications == 2 * 16 + 16 * 3


def test_a_class_that_was_never_labelled_has_the_codes_of_the_prior(model, data):
    scores = {name: code_scores(model, split.x, EVERY) for name, split in data.splits.items()}
    seen = {name: few_labels(split, 3, None, [2]) for name, split in data.splits.items()}
    kept = {name: scores[name][np.flatnonzero(data.splits[name].labels != 2)] for name in scores}
    rows = module.rows_of(dataclasses.replace(data, splits=seen), kept)
    trained = train_labels("generative", rows, EVERY)
    assert trained.seen.tolist() == [1, 1, 0]
    trained.log_classes = np.log([1 / 3] * 3).astype(np.float32)
    found = label("generative", trained, Split(scores["test"], data.test.labels))
    prior = logsumexp(exact(data.test.x), axis=1)
    joint = found.log_posteriors
    likelihood = exact(data.test.x) - np.log(SHARES)
    expected = prior - likelihood[:, 0]  # class 0 has the code 0 alone
    near = np.abs(expected) < 2  # further away the least weights of other codes count
    np.testing.assert_allclose((joint[:, 2] - joint[:, 0])[near], expected[near], atol=0.5)
    assert (found.log_posteriors.argmax(axis=1) == 2)[data.test.labels == 2].mean() > 0.9
    without = label(
        "discriminative", train_labels("discriminative", rows, EVERY), Split(scores["test"], data.test.labels)
    )
    assert (without.log_posteriors.argmax(axis=1) == 2)[data.test.labels == 2].mean() < 0.1


def test_an_unseen_class_is_as_probable_as_any(model, data):
    np.testing.assert_allclose(class_shares(np.array([30, 10, 0])), [0.5, 1 / 6, 1 / 3])
    _, generative, _ = compare_classifiers(model, data, 200, NetworkConfig(8, 1), unseen=[2])
    found = generative.log_posteriors.argmax(axis=1)
    assert (found == 2)[generative.labels == 2].mean() > 0.8
    assert (found == 2)[generative.labels < 2].mean() < 0.3


def test_shifted_frequencies_are_told_to_the_generative_one_alone(model, data, monkeypatch):
    told = []
    original = module.label

    def spy(kind, network, *arguments):
        told.append(getattr(network, "log_classes", None))
        return original(kind, network, *arguments)

    monkeypatch.setattr(module, "label", spy)
    results = compare_classifiers(model, data, 100, NetworkConfig(8, 1), frequencies=[0.5, 0.5, 0.0])
    shares = np.bincount(results[0].labels, minlength=3) / len(results[0].labels)
    np.testing.assert_allclose(shares, [0.5, 0.5, 0], atol=0.02)
    np.testing.assert_allclose(np.exp(told[1]), [0.5, 0.5, 0], atol=1e-6)
    assert (np.exp(results[1].log_posteriors)[:, 2] < 1e-6).all()


# Examples with labels


@given(st.integers(1, 30), st.integers(0, 1000))
def test_few_labels_of_each_class(each, seed):
    split = points(200, seed)
    found = few_labels(split, 3, each)
    counts = np.bincount(split.labels, minlength=3)
    np.testing.assert_array_equal(np.bincount(found.labels, minlength=3), np.minimum(counts, each))
    assert 0 not in few_labels(split, 3, each, [0]).labels
    with pytest.raises(DataError, match="no labelled example is left"):
        few_labels(split, 3, each, [0, 1, 2])


@given(hnp.arrays(np.float64, 3, elements=st.floats(0.05, 1)))
def test_examples_of_given_frequencies(weights):
    shares = weights / weights.sum()
    found = with_frequencies(points(3000, 0), shares, 3)
    np.testing.assert_allclose(np.bincount(found.labels, minlength=3) / len(found), shares, atol=0.02)


@pytest.mark.parametrize(
    "frequencies", [[0.5, 0.5], [0.5, 0.3, 0.2, 0.0], [0.5, 0.6, 0.1], [-0.5, 1.0, 0.5], [float("nan"), 0.5, 0.5]]
)
def test_frequencies_that_are_none(frequencies, data):
    with pytest.raises(DataError, match="expected 3 numbers of 0 or more that add up to 1"):
        with_frequencies(data.test, frequencies, 3)


# Mistakes


def test_models_without_a_decoder_of_likelihoods(model, data, monkeypatch):
    with pytest.raises(CapabilityError, match="Gaussian has no latent codes"):
        compare_classifiers(built(Gaussian), data)
    with pytest.raises(CapabilityError, match=r"no likelihood of examples given codes \(HasDecoderLikelihood\)"):
        compare_classifiers(built(ConditionalLinearGaussian), data)
    with pytest.raises(UnknownNameError, match="unknown classifier 'generativ'; did you mean 'generative'"):
        train_labels("generativ", data, EVERY)
    with pytest.raises(DataError, match=r"--unseen must lie in 0 \.\. 2; got 3"):
        compare_classifiers(model, data, unseen=[3])
    splits = {name: Split(split.x) for name, split in data.splits.items()}
    unlabelled = dataclasses.replace(data, spec=DataSpec("vector", (2,)), splits=splits)
    with pytest.raises(DataError, match="data set 'four' has no labels, which a latent classifier is trained on"):
        compare_classifiers(model, unlabelled)
    monkeypatch.setattr(module, "MOST_SCORES", 1000)
    with pytest.raises(DataError, match="600 examples under 4 codes are more than 1,000 likelihoods; take fewer codes"):
        code_scores(model, data.test.x, EVERY)


@pytest.fixture(scope="module")
def runs(once):
    """Folder of runs that no test may change."""
    small = {
        "epochs": 1,
        "compile": "graph",
        "network": "mlp",
        "units": 16,
        "depth": 1,
        "latent": 2,
        "binarise": "threshold",
    }

    def make(folder):
        with without_pictures():
            for name, kind in (("vae", "vae"), ("cvae", "cvae")):
                tfgen.train(kind, data="digits", name=name, runs_dir=folder, quiet=True, **small)

    return once("latent_classified", make)


def test_the_command(runs, capsys, tmp_path):
    out = tmp_path / "x.npz"
    arguments = ["latent-classify", str(runs / "vae"), "--codes", "20", "--units", "8", "--labelled", "5"]
    assert main([*arguments, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    for text in ("sum_z P(y|z) P(z|x)", "P(y) sum_z P(z|y) p(x|z)", "plain classifier", "test examples 300"):
        assert text in printed
    with np.load(out) as arrays:
        assert sorted(arrays) == ["discriminative", "generative", "labels", "plain"]
        assert arrays["generative"].shape == (300, 10)
    assert main([*arguments, "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--codes", "0"], "--codes must be at least 1, got 0."),
        (["--depth", "-1"], "--depth must be 0 or more, got -1."),
        (["--labelled", "0"], "--labelled must be at least 1, got 0."),
        (["--frequencies", "0.5", "0.5"], "--frequencies: expected 10 numbers of 0 or more that add up to 1"),
        (["--unseen", "ten"], "unknown class 'ten'"),
        (["--out", "x.png"], "cannot write x.png: the name must end in .npz (arrays)."),
        (["--codes", "1000000"], "are more than 500,000,000 likelihoods; take fewer codes."),
    ],
)
def test_mistakes(options, says, runs, capsys):
    assert main(["latent-classify", str(runs / "vae"), *options]) == 2
    assert says in capsys.readouterr().err


def test_a_cross_entropy_is_no_likelihood(runs, monkeypatch):
    model = tfgen.load(runs / "vae").model
    monkeypatch.setattr(model, "scored_as", "cross_entropy")
    with pytest.raises(CapabilityError, match="scores grey levels by a cross-entropy, which is no likelihood"):
        module.require_decoder(model)


def test_scores_do_not_depend_on_how_blocks_are_filled(runs):
    run = tfgen.load(runs / "vae")
    codes = prior_codes(run.model, 7)
    np.testing.assert_allclose(
        code_scores(run.model, run.data.test.x[:205], codes)[:203],
        code_scores(run.model, run.data.test.x[:203], codes),
        atol=1e-4,
    )


def test_a_conditional_run_has_labels_already(runs, capsys):
    assert main(["latent-classify", str(runs / "cvae")]) == 2
    assert (
        "a latent classifier finds the labels by codes alone, and model CVAE is given labels" in capsys.readouterr().err
    )
