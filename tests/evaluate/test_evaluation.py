"""Metrics against models whose log-probabilities are known."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.toy_models import ConditionalGaussian, GaussianConfig, spec
from tfgen import DataSpec
from tfgen.cli.result_lines import metric_lines
from tfgen.data.dataset import Dataset, Split
from tfgen.data.toy import CENTRES, DEVIATION, load_two_gaussians, two_gaussians_log_prob
from tfgen.errors import CapabilityError, DataError, OptionError, UnknownNameError
from tfgen.evaluate.likelihood import DENSITY_METRICS, check_metrics, evaluate, log_joint
from tfgen.evaluate.scoring import log_class_frequencies, log_probabilities, scorer_of
from tfgen.metrics import CATALOGUE, warnings_about
from tfgen.model.base import build_model


class Known:
    """The log-probability of an image is minus its first pixel, in nats; of a vector, minus its squared length."""

    conditional = False
    density = "dequantised"
    scored_as = "grey_levels"

    def log_prob(self, x, labels=None, seed=0):
        if x.dtype == tf.uint8:
            return -tf.cast(x[:, 0, 0, 0], tf.float32)
        return -tf.reduce_sum(x**2, axis=-1)

    def basis(self):
        return {"answer": "known"}


class Noisy(Known):
    """The same, with standard normal noise from the seed."""

    def log_prob(self, x, labels=None, seed=0):
        return super().log_prob(x) + tf.random.stateless_normal([tf.shape(x)[0]], seed)


class Labelled(Known):
    """Under label y, every image has the log-probability -y."""

    conditional = True
    data = DataSpec("image", (2, 3, 1), 14)

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
    assert nll.value == pytest.approx(values.mean())
    assert nll.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(7))
    assert bits.value == pytest.approx(values.mean() / (6 * math.log(2)))
    assert bits.standard_error == pytest.approx(nll.standard_error / (6 * math.log(2)))
    assert (nll.unit, bits.unit) == ("nats", "bits/dim")
    assert bits.basis.to_json() == {
        "split": "test", "data": "images", "examples": 7, "density": "dequantised", "draws": 1, "seed": 0, "answer": "known"
    }  # fmt: skip


def test_draws_are_averaged():
    one, many, again = (
        evaluate(Noisy(), images(200), draws=draws, batch_size=64)["nll_nats"] for draws in (1, 100, 100)
    )
    exact = np.arange(200).mean()
    assert abs(many.value - exact) < 4 / math.sqrt(200 * 100)
    assert abs(one.value - exact) > abs(many.value - exact)
    assert many == again
    assert many.basis.get("draws") == 100
    assert evaluate(Noisy(), images(200), seed=1)["nll_nats"].value != one.value


def test_each_batch_and_draw_has_noise_of_its_own():
    class Same(Noisy):
        def log_prob(self, x, labels=None, seed=0):
            return tf.random.stateless_normal([tf.shape(x)[0]], seed)

    # With one noise for all batches, all batches of one example would give one value, and no error.
    assert evaluate(Same(), images(50), batch_size=1)["nll_nats"].standard_error > 0.05
    # With one noise for all draws, averaging would not bring the error down.
    assert evaluate(Same(), images(50), draws=100)["nll_nats"].standard_error < 0.05


def test_divergence_from_a_known_density():
    data = load_two_gaussians()
    metrics = evaluate(type("Vectors", (Known,), {"density": "exact"})(), data, "valid", draws=50)
    assert set(metrics) == {"nll_nats", "kl_nats"}
    x = data.valid.x.astype(np.float64)
    expected = two_gaussians_log_prob(x) + (x**2).sum(axis=1)
    assert metrics["kl_nats"].value == pytest.approx(expected.mean(), rel=1e-5)
    assert metrics["kl_nats"].unit == "nats"
    assert metrics["kl_nats"].basis.draws is None  # a vector's density has no noise

    class Exact(Known):
        def log_prob(self, x, labels=None, seed=0):
            return tf.numpy_function(two_gaussians_log_prob, [x], tf.float64)

    assert evaluate(Exact(), data)["kl_nats"].value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("value", "mean"), [(math.nan, math.nan), (-math.inf, math.inf)])
def test_examples_without_a_finite_log_probability_are_counted(value, mean):
    class Broken(Known):
        def log_prob(self, x, labels=None, seed=0):
            known = super().log_prob(x)
            return tf.where((known == -2) | (known == -5), tf.constant(value, tf.float32), known)

    metrics = evaluate(Broken(), images(), batch_size=3)
    for metric in metrics.values():
        assert metric.not_finite == (2, 2)
        assert metric.value == pytest.approx(mean, nan_ok=True)
        assert math.isnan(metric.standard_error)
    (warning,) = warnings_about(metrics)
    assert warning.startswith(
        "log_prob is not finite for 2 of 7 examples (the first: example 2), and so the mean in nll"
    )
    assert evaluate(Known(), images())["nll_nats"].not_finite is None


# Conditional models: -log p(x) is the marginal over the classes, the score with the label given has a name of its own


def labelled_points(n=40, shares=(0.7, 0.2, 0.1), d=2):
    """Points around a mean for each of three classes, in shares that differ from split to split."""
    random = np.random.default_rng(0)

    def split(count, chances):
        labels = random.choice(3, size=count, p=chances).astype(np.int32)
        return Split((MEANS[labels] + random.normal(size=(count, d))).astype(np.float32), labels)

    splits = {"train": split(200, shares), "valid": split(n, (0.3, 0.3, 0.4)), "test": split(n, (0.3, 0.3, 0.4))}
    return Dataset("points", DataSpec("vector", (d,), classes=3), splits)


MEANS = np.array([[0.0, 0.0], [2.0, 1.0], [-1.0, 2.0]])


def conditional_gaussian(data, means=MEANS):
    model = build_model(spec(ConditionalGaussian), GaussianConfig(), data.spec, seed=0)
    model.means.assign(means)
    return model


@pytest.mark.parametrize("batch_size", [1, 7, 40, 500])
def test_the_marginal_is_the_mixture_with_the_class_frequencies_of_training(batch_size):
    data = labelled_points()
    metrics = evaluate(conditional_gaussian(data), data, batch_size=batch_size)
    assert set(metrics) == {"nll_nats", "nll_nats_given_label"}
    x, labels = data.test.x.astype(np.float64), data.test.labels
    given_each = -0.5 * ((x[:, None] - MEANS) ** 2).sum(-1) - np.log(2 * np.pi)
    shares = np.bincount(data.train.labels) / len(data.train)
    marginal = np.log(np.exp(given_each) @ shares)
    given_own = given_each[np.arange(len(x)), labels]
    assert metrics["nll_nats"].value == pytest.approx(-marginal.mean(), abs=1e-6)
    assert metrics["nll_nats"].standard_error == pytest.approx(marginal.std(ddof=1) / math.sqrt(40), abs=1e-6)
    assert metrics["nll_nats_given_label"].value == pytest.approx(-given_own.mean(), abs=1e-6)
    assert metrics["nll_nats"].basis.classes == 3
    assert metrics["nll_nats"].basis.class_prior == "frequencies"
    assert metrics["nll_nats_given_label"].basis.classes is None


def test_bits_per_dim_of_a_conditional_model_are_those_of_the_marginal():
    metrics = evaluate(Labelled(), images(classes=14), batch_size=3)
    given_label = 2 * np.arange(7).mean()  # the labels are 0, 2, ... 12, each once in training
    marginal = -math.log(np.mean(np.exp(-2.0 * np.arange(7))))
    assert metrics["nll_nats"].value == pytest.approx(marginal)
    assert metrics["nll_nats_given_label"].value == pytest.approx(given_label)
    assert metrics["bits_per_dim"].value == pytest.approx(marginal / (6 * math.log(2)))
    assert metrics["bits_per_dim_given_label"].value == pytest.approx(given_label / (6 * math.log(2)))
    assert metrics["bits_per_dim_given_label"].unit == "bits/dim"


def test_the_marginal_of_a_discrete_model_sums_to_one():
    class TwoPixels:
        """Each pixel has three levels, with probabilities that depend on the class."""

        conditional = True
        density = "exact"
        scored_as = "grey_levels"
        data = DataSpec("image", (1, 2, 1), 2, levels=3)
        table = tf.math.log([[[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], [[0.1, 0.1, 0.8], [0.25, 0.25, 0.5]]])

        def log_prob(self, x, labels=None, seed=0):
            rows = tf.gather(self.table, labels)
            return tf.reduce_sum(tf.gather(rows, tf.cast(x[:, 0, :, 0], tf.int32), batch_dims=2), axis=-1)

    x = np.stack(np.meshgrid(range(3), range(3)), axis=-1).reshape(9, 1, 2, 1).astype(np.uint8)
    split = Split(x, np.array([0, 0, 1] * 3, np.int32))
    data = Dataset("pairs", TwoPixels.data, {"train": split, "valid": split, "test": split})
    scorer = scorer_of(TwoPixels(), data, "a test")
    marginal, given_label = log_probabilities(
        scorer.function, x, log_class_frequencies(data), split.labels, batch_size=4, draws=3
    )
    assert np.exp(marginal).sum() == pytest.approx(1, abs=1e-6)
    assert np.exp(given_label).sum() != pytest.approx(1, abs=0.1)


def test_classes_are_summed_within_a_draw_and_logs_averaged_over_draws():
    class Flipping:
        """The noise decides which of two labels fits; the mixture of both is the same whatever the noise."""

        conditional = True
        density = "dequantised"
        scored_as = "grey_levels"
        data = DataSpec("image", (2, 3, 1), 2)

        def log_prob(self, x, labels=None, seed=0):
            heads = tf.cast(tf.random.stateless_normal([tf.shape(x)[0]], seed) > 0, tf.int32)
            return tf.where(heads == labels, 10.0, -10.0)

        def basis(self):
            return {}

    split = Split(np.zeros((40, 2, 3, 1), np.uint8), np.array([0, 1] * 20, np.int32))
    data = Dataset("images", Flipping.data, {"train": split, "valid": split, "test": split})
    metrics = evaluate(Flipping(), data, draws=6)
    assert metrics["nll_nats"].value == pytest.approx(math.log(2) - 10, abs=1e-6)
    assert metrics["nll_nats"].standard_error < 1e-6
    assert abs(metrics["nll_nats_given_label"].value) < 3


def test_the_divergence_is_that_of_the_marginal():
    data = load_two_gaussians()

    class Halves:
        conditional = True
        density = "exact"
        scored_as = "grey_levels"
        data = load_two_gaussians().spec

        def log_prob(self, x, labels=None, seed=0):
            centre = tf.gather(tf.constant(CENTRES, tf.float32), labels)
            squares = tf.reduce_sum((x - centre) ** 2, axis=-1)
            return -squares / (2 * DEVIATION**2) - math.log(2 * math.pi * DEVIATION**2)

        def basis(self):
            return {}

    metrics = evaluate(Halves(), data)
    assert set(metrics) == {"nll_nats", "nll_nats_given_label", "kl_nats"}
    assert metrics["kl_nats"].value == pytest.approx(0, abs=1e-4)  # the classes are not exactly half and half
    assert metrics["nll_nats_given_label"].value < metrics["nll_nats"].value - 0.6  # the label tells a bit
    joint = log_joint(Halves(), data, data.test.x)
    assert joint.shape == (10_000, 2)
    np.testing.assert_allclose(np.logaddexp(*joint.T), two_gaussians_log_prob(data.test.x), atol=0.02)


def test_labels_that_the_model_was_not_built_for():
    with pytest.raises(DataError, match="needs labels of 14 classes; data set 'images' has 20"):
        evaluate(Labelled(), images(classes=20))
    with pytest.raises(DataError, match="needs labels of 14 classes; data set 'images' has none"):
        evaluate(Labelled(), images())
    with pytest.raises(DataError, match=r"split 'train': labels must lie in 0 \.\. 13; got 14, 16"):
        images(n=9, classes=14)  # labels 0, 2, ... 16


def test_lines_of_a_conditional_model_stand_in_columns():
    lines = metric_lines("test", evaluate(Labelled(), images(classes=14)))
    assert len(lines) == 4
    assert len({line.index(" ± ") for line in lines}) == 1
    assert "marginal over 14 classes" in lines[0]


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


OF_A_POSTERIOR = ("reconstruction_nats", "latent_kl_nats", "active_units")


@pytest.mark.parametrize(
    ("scored_as", "scored"), [("bits", "black and white images"), ("cross_entropy", "cross-entropies")]
)
def test_a_model_of_bits_has_no_bits_per_dimension(scored_as, scored):
    model = Known()
    model.scored_as, model.data = scored_as, DataSpec("image", (2, 3, 1))
    check_metrics(["nll_nats", "nll_nats_given_label"], model)
    for name in ("bits_per_dim", "bits_per_dim_given_label"):
        with pytest.raises(CapabilityError, match=f"model Known has no bits/dim: it scores {scored}"):
            check_metrics(["nll_nats", name], model)


def test_every_metric_of_a_model_of_grey_levels_can_be_asked_for():
    model = Known()
    model.data = DataSpec("image", (2, 3, 1))
    check_metrics([name for name in DENSITY_METRICS if CATALOGUE[name].of == "density"], model)
    for name in OF_A_POSTERIOR:
        with pytest.raises(CapabilityError, match=f"model Known has no bound, hence no {name}"):
            check_metrics([name], model)
    check_metrics(list(evaluate(model, images())), model)
    with pytest.raises(UnknownNameError, match="bits_per_dim"):
        check_metrics(["bits_per_dims"], model)
    model.data = DataSpec("vector", (2,))
    with pytest.raises(CapabilityError, match="vectors, which have no bits/dim"):
        check_metrics(["bits_per_dim"], model)
