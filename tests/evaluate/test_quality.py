"""Samples of a model measured in one pass: against the functions of arrays, and with models whose quality is known."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.toy_models import ConditionalGaussian, ContextGaussian, Gaussian, GaussianConfig, spec, vectors
from tfgen import Basis, Column, Dataset, DataSpec, Split
from tfgen.data.digits import load_digits
from tfgen.errors import CapabilityError, DataError, OptionError, UnknownNameError
from tfgen.evaluate import sample_quality as quality
from tfgen.evaluate.features import Features, feature_network
from tfgen.evaluate.sample_quality import (
    SAMPLE_METRICS,
    SampleMetrics,
    doubts_about,
    measure_samples,
    resolve_metrics,
    sample_metrics,
    without_accuracy,
)
from tfgen.metrics.frechet import frechet_distance
from tfgen.metrics.kernel import kernel_distance
from tfgen.metrics.manifold import manifold_metrics
from tfgen.model.base import GenerativeModel, build_model
from tfgen.sample.class_samples import generate_examples
from tfgen.seeds import uniform

ALL = ("fid", "kid", "precision", "recall", "density", "coverage")


@pytest.fixture(scope="module")
def digits():
    return load_digits()


class Replay(GenerativeModel):
    """Draws images of an array at random; with labels, those of the class, and a share of wrong ones."""

    images: np.ndarray
    labels: np.ndarray
    wrong = 0

    def sample(self, n, labels=None, seed=0, first=0):
        u = uniform([n], seed, tf.float64, first)
        if labels is None:
            return tf.gather(self.images, tf.cast(u * len(self.images), tf.int32))
        shown = tf.where(tf.range(n) % 10 < self.wrong, (labels + 1) % 10, labels)
        by_class = tf.constant(np.stack([np.flatnonzero(self.labels == label)[:20] for label in range(10)]))
        which = tf.cast(u * 20, tf.int32)
        return tf.gather(self.images, tf.gather_nd(by_class, tf.stack([shown, which], axis=1)))


def replay(digits, images=None, conditional=False, wrong=0):
    kind = type("Replay", (Replay,), {"conditional": conditional, "wrong": wrong})
    model = kind(None, digits.spec, 0)
    model.images = digits.test.x if images is None else images
    model.labels = digits.test.labels
    return model


class Judge:
    """A network that finds the class of an image that it knows, and sees its values."""

    kind = name = "judge"

    def __init__(self, digits):
        self.known = {x.tobytes(): label for x, label in zip(digits.test.x, digits.test.labels, strict=True)}
        self.values = feature_network("values", digits)
        self.dimensions = self.values.dimensions

    def extract(self, x):
        return Features(self.values.features(x), np.array([self.known[image.tobytes()] for image in x]))

    def features(self, x):
        return self.extract(x).features


def drawn(model, count, seed=0, batch=500):
    """The samples that are measured."""
    labels = quality.labels_for(model, count, None)
    return np.concatenate(list(quality.sample_batches(model, count, labels, seed, min(batch, count))))


def test_numbers_are_those_of_the_functions_of_arrays(digits):
    noise = np.random.default_rng(0).integers(0, 17, digits.test.x.shape).astype(np.uint8)
    model, network = replay(digits, noise), feature_network("values", digits)
    found = measure_samples(model, digits, network, SampleMetrics(ALL, 400), seed=3, batch_size=150)
    y = network.features(drawn(model, 400, 3, 150)).astype(np.float64)
    x = network.features(digits.test.x).astype(np.float64)
    fid = frechet_distance(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))
    assert found["fid"].value == pytest.approx(fid, rel=1e-9)
    kid = kernel_distance(y, x)
    assert (found["kid"].value, found["kid"].standard_error) == pytest.approx(tuple(kid), rel=1e-5)
    for name, estimate in manifold_metrics(x, y).items():
        assert (found[name].value, found[name].standard_error) == pytest.approx(tuple(estimate))
    for name in ALL:
        assert found[name].basis == Basis(
            split="test", data="digits", examples=300, samples=400, reference="grey", features="values", network="values",
            seed=3,
        )  # fmt: skip
        assert found[name].standard_error >= 0


def test_a_model_that_draws_the_data_is_as_good_as_can_be_and_noise_is_not(digits):
    network = feature_network("values", digits)
    good = measure_samples(replay(digits), digits, network, SampleMetrics(ALL, 3000))
    noise = np.random.default_rng(0).integers(0, 17, digits.test.x.shape).astype(np.uint8)
    bad = measure_samples(replay(digits, noise), digits, network, SampleMetrics(ALL, 3000))
    assert good["fid"].value < 0.02 < 1 < bad["fid"].value
    assert abs(good["kid"].value) < 0.05 * bad["kid"].value
    assert good["precision"].value == good["coverage"].value == 1
    assert bad["precision"].value == bad["coverage"].value == 0


def test_batches_change_nothing_but_which_samples_are_drawn(digits, monkeypatch):
    samples = drawn(replay(digits), 400)

    def cut(model, count, labels, seed, batch_size, options=None, progress=None, at_work=2):
        yield from (samples[begin : begin + batch_size] for begin in range(0, count, batch_size))

    monkeypatch.setattr(quality, "sample_batches", cut)
    network, plan = feature_network("values", digits), SampleMetrics(ALL, 400)
    whole, parts = (measure_samples(replay(digits), digits, network, plan, batch_size=size) for size in (400, 7))
    for name in ALL:
        assert parts[name].value == pytest.approx(whole[name].value, rel=1e-6)


def test_for_the_frechet_distance_no_features_are_kept(digits, monkeypatch):
    kept = []
    original = quality._extract
    monkeypatch.setattr(quality, "_extract", lambda *a: (kept.append(original(*a)), kept[-1])[1])
    measure_samples(replay(digits), digits, feature_network("values", digits), SampleMetrics(("fid",), 200))
    assert [looked.features.size for looked in kept] == [0, 0]
    assert sum(block.count for block in kept[0].blocks) == 200
    assert min(block.count for block in kept[0].blocks) == 20


@pytest.mark.parametrize("wrong", [0, 3])
def test_label_accuracy_counts_samples_that_are_what_they_should_be(wrong, digits):
    model = replay(digits, conditional=True, wrong=wrong)
    found = measure_samples(model, digits, Judge(digits), SampleMetrics(("label_accuracy",), 1000), batch_size=100)
    metric = found["label_accuracy"]
    assert list(found) == ["label_accuracy"]
    assert metric.value == pytest.approx(1 - wrong / 10)
    # Labels go round, so those of places 0, 1, 2 in ten are the wrong ones.
    assert metric.per_class == (0.0,) * wrong + (1.0,) * (10 - wrong)
    share = 1 - wrong / 10
    assert metric.standard_error == pytest.approx(math.sqrt(share * (1 - share) / 999))
    assert metric.basis.reference is None


def test_blocks_of_the_jackknife_hold_samples_of_all_classes(digits, monkeypatch):
    """Ten classes go round and there are ten blocks: dealt out in turn, each would hold one class and the error be absurd."""
    plan = SampleMetrics(("fid",), 2000)
    turns = measure_samples(replay(digits, conditional=True), digits, feature_network("values", digits), plan)
    free = measure_samples(replay(digits), digits, feature_network("values", digits), plan)
    assert turns["fid"].standard_error < 5 * free["fid"].standard_error


def test_black_and_white_samples_are_compared_with_bits_where_that_is_asked(digits):
    bits = (digits.test.x > 8).astype(np.uint8) * 16
    network = feature_network("values", digits)
    found = {
        how: measure_samples(replay(digits, bits), digits, network, sample_metrics(("fid", "precision"), 3000, how))
        for how in ("grey", "threshold", "stochastic")
    }
    assert found["threshold"]["fid"].value < 0.1 < 1 < found["grey"]["fid"].value
    assert found["threshold"]["precision"].value == 1
    assert found["threshold"]["fid"].basis.reference == "threshold"
    assert found["stochastic"]["fid"].value > found["threshold"]["fid"].value


def test_vectors_are_compared_by_their_values():
    plane = vectors(n=600)
    model = Gaussian(GaussianConfig(start=3.0), plane.spec, 0)
    far = Gaussian(GaussianConfig(start=5.0), plane.spec, 0)
    network = feature_network("values", plane)
    near, off = (
        measure_samples(m, plane, network, SampleMetrics(("fid",), 4000), "train")["fid"].value for m in (model, far)
    )
    assert near < 0.1
    assert off == pytest.approx(8, abs=0.8)  # |(5, 5) - (3, 3)|^2
    with pytest.raises(DataError, match="has no images to be made black and white"):
        measure_samples(model, plane, network, sample_metrics(("fid",), 100, "static"))


def test_names_of_metrics(digits):
    plain, told = replay(digits), replay(digits, conditional=True)
    assert resolve_metrics((), plain) == ALL
    assert resolve_metrics((), told) == (*ALL, "label_accuracy")
    assert resolve_metrics(("kid", "prdc", "recall", "accuracy"), told) == (
        "kid", "precision", "recall", "density", "coverage", "label_accuracy",
    )  # fmt: skip
    with pytest.raises(UnknownNameError, match="unknown metric of samples 'fidd'; did you mean 'fid'"):
        resolve_metrics(("fidd",), plain)
    with pytest.raises(CapabilityError, match="label accuracy needs a conditional model, and Replay takes no labels"):
        resolve_metrics(("accuracy",), plain)
    with pytest.raises(CapabilityError, match="no sampler"):
        resolve_metrics(("fid",), GenerativeModel(None, digits.spec, 0))
    assert {metric for metrics in SAMPLE_METRICS.values() for metric in metrics} == {*ALL, "label_accuracy"}


class Sides:
    """A network of vectors whose class is the side on which they lie."""

    kind = name = "sides"
    dimensions = 2

    def extract(self, x):
        return Features(np.asarray(x, np.float32), (np.asarray(x)[:, 0] > 0).astype(np.int64))


def with_context(classes):
    """Vectors on the side of their label, with a context, and a model that draws them so."""
    random = np.random.default_rng(0)
    labels = np.arange(200, dtype=np.int32) % 2
    context = random.normal(size=(200, 1)).astype(np.float32)
    x = (20 * labels[:, None] - 10 + random.normal(size=(200, 2))).astype(np.float32)
    split = Split(x, labels if classes else None, context)
    columns = (Column("dose", shift=0.0, scale=1.0),)
    spec = DataSpec("vector", (2,), classes=2 if classes else None, context=columns)
    model = ContextGaussian(GaussianConfig(), spec, 0)
    rows = [[-10.0, -10.0], [10.0, 10.0], [0.1, 0.1]]
    model.means.assign(rows if classes else rows[2:])
    return model, Dataset("s", spec, dict.fromkeys(("train", "valid", "test"), split))


def test_label_accuracy_of_a_model_with_a_context_is_of_its_labels():
    model, data = with_context(classes=True)
    found = measure_samples(model, data, Sides(), SampleMetrics(resolve_metrics((), model), 300))["label_accuracy"]
    assert found.value == 1
    assert found.per_class == (1, 1)


def test_label_accuracy_is_no_default_where_there_are_no_classes_or_the_network_knows_none():
    model, data = with_context(classes=False)
    assert resolve_metrics((), model) == ALL
    with pytest.raises(CapabilityError, match="ContextGaussian is given a context and no labels"):
        resolve_metrics(("accuracy",), model)
    model, data = with_context(classes=True)
    plan = SampleMetrics(resolve_metrics((), model), 300)
    assert without_accuracy(plan, feature_network("values", data), data).metrics == ALL
    assert without_accuracy(plan, Sides(), data) == plan


class NeverDrawn(Replay):
    """A model that must not be sampled."""

    def sample(self, *arguments, **options):
        raise AssertionError("drawn before the check")


def test_mistakes(digits):
    never_drawn = NeverDrawn(None, digits.spec, 0)
    never_drawn_conditional = type("NeverDrawn", (NeverDrawn,), {"conditional": True})(None, digits.spec, 0)
    network = feature_network("values", digits)
    with pytest.raises(OptionError, match="--samples must be at least 2, got 1"):
        SampleMetrics(("fid",), 1)
    with pytest.raises(OptionError, match="--samples must be at least 4 for precision, got 3"):
        SampleMetrics(("fid", "kid", "precision"), 3)
    few = Split(digits.test.x[:5], digits.test.labels[:5])
    small = Dataset("small", digits.spec, {**digits.splits, "test": few})
    with pytest.raises(DataError, match="split 'test' has 5 examples, and density needs 6 or more"):
        measure_samples(never_drawn, small, network, SampleMetrics(("fid", "density"), 10))
    with pytest.raises(UnknownNameError, match="unknown reference 'gray'; did you mean 'grey'"):
        sample_metrics(("fid",), 10, "gray")
    with pytest.raises(UnknownNameError, match="unknown split"):
        measure_samples(replay(digits), digits, network, SampleMetrics(("fid",), 10), "tset")
    with pytest.raises(DataError, match="network 'values' does not classify"):
        measure_samples(never_drawn_conditional, digits, network, SampleMetrics(("label_accuracy",), 10))


def test_doubts_are_said(digits, capsys):
    network = feature_network("values", digits)
    [doubt] = doubts_about(SampleMetrics(("fid",), 64), network)
    assert "64 samples are no more than the 64 features" in doubt
    assert "--metrics kid" in doubt
    assert not doubts_about(SampleMetrics(("fid",), 65), network)
    assert not doubts_about(SampleMetrics(("kid",), 10), network)
    measure_samples(replay(digits), digits, network, SampleMetrics(("fid",), 64), quiet=False)
    assert f"note: {doubt}" in capsys.readouterr().err


def test_a_conditional_model_of_vectors_is_drawn_round_its_classes():
    plane = vectors()
    model = ConditionalGaussian(GaussianConfig(), plane.spec, 0)
    assert set(measure_samples(model, plane, feature_network("values", plane), SampleMetrics(("fid",), 50))) == {"fid"}


def test_a_mistake_in_many_labels_is_told_in_a_short_line():
    model = build_model(spec(ConditionalGaussian), GaussianConfig(), vectors().spec, 0)
    x = np.zeros((5000, 2), np.float32)
    for labels in (
        np.linspace(0, 1, 5000),
        np.arange(5000),
        np.full(5000, "a"),
        np.zeros((5000, 2), int),
        [0.5] * 5000,
    ):
        for ask in (lambda given: model.log_prob(x, given), lambda given: generate_examples(model, given)):
            with pytest.raises(DataError) as error:
                ask(labels)
            assert len(str(error.value)) < 150
            assert "\n" not in str(error.value)
