"""Classification by Bayes' rule, against posteriors that are known in closed form."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.toy_models import ConditionalGaussian, Gaussian, GaussianConfig, spec, vectors
from tfgen import DataSpec
from tfgen.cli.main import main
from tfgen.data.dataset import Dataset, Split
from tfgen.errors import CapabilityError, DataError, NonFiniteError, OptionError, UnknownNameError
from tfgen.evaluate.classification import Classification, classify, log_posteriors, reliability_of
from tfgen.metrics.rounding import measured
from tfgen.model.base import build_model
from tfgen.seeds import as_seed, uniform

MEANS = np.array([[0.0, 0.0], [2.0, 1.0], [-1.0, 2.0]])


def points(n=60, shares=(0.7, 0.2, 0.1)):
    """Points around `MEANS`, in shares that differ between training and test."""
    random = np.random.default_rng(0)

    def split(count, chances):
        labels = random.choice(3, size=count, p=chances).astype(np.int32)
        return Split((MEANS[labels] + random.normal(size=(count, 2))).astype(np.float32), labels)

    splits = {"train": split(200, shares), "valid": split(n, (0.3, 0.3, 0.4)), "test": split(n, (0.3, 0.3, 0.4))}
    return Dataset("points", DataSpec("vector", (2,), classes=3), splits)


def gaussian(data, means=MEANS):
    model = build_model(spec(ConditionalGaussian), GaussianConfig(), data.spec, seed=0)
    model.means.assign(means)
    return model


def images(model, values, labels):
    """A data set of one-pixel images, the same in each split."""
    split = Split(np.asarray(values, np.uint8).reshape(-1, 1, 1, 1), np.asarray(labels, np.int32))
    return Dataset("pixels", model.data, {"train": split, "valid": split, "test": split})


class Conditional:
    """What the toys below share."""

    conditional = True
    density = "dequantised"
    scored_as = "grey_levels"
    data = DataSpec("image", (1, 1, 1), 2)

    def basis(self):
        return {"toy": True}


def posterior(x, log_priors):
    """The closed form for Gaussians of variance 1: a softmax of ``m_y x - |m_y|^2 / 2 + log p(y)``."""
    scores = x @ MEANS.T - 0.5 * (MEANS**2).sum(axis=1) + log_priors
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("priors", ["frequencies", "uniform"])
@pytest.mark.parametrize("batch_size", [1, 7, 60, 500])
def test_the_posterior_of_gaussians_is_known(priors, batch_size):
    data = points()
    found = classify(gaussian(data), data, priors=priors, batch_size=batch_size)
    shares = np.bincount(data.train.labels) / 200 if priors == "frequencies" else np.full(3, 1 / 3)
    np.testing.assert_allclose(found.log_priors, np.log(shares))
    expected = posterior(data.test.x.astype(np.float64), np.log(shares))
    np.testing.assert_allclose(np.exp(found.log_posteriors), expected, atol=1e-6)
    assert found.log_posteriors.dtype == np.float64
    right = expected.argmax(axis=1) == data.test.labels
    assert 0.4 < right.mean() < 1
    accuracy = found.metrics["accuracy"]
    assert accuracy.value == pytest.approx(right.mean())
    assert accuracy.standard_error == pytest.approx(math.sqrt(right.mean() * (1 - right.mean()) / 59))
    own = expected[np.arange(60), data.test.labels]
    assert found.metrics["label_nll_nats"].value == pytest.approx(-np.log(own).mean(), abs=1e-5)
    assert accuracy.basis.class_prior == priors
    assert accuracy.basis.draws is None  # a vector's density has no noise


def test_no_more_than_a_batch_is_at_work_however_many_classes():
    traced = []

    class Watched(Conditional):
        density = "exact"  # what has noise is scored in blocks
        data = DataSpec("image", (1, 1, 1), 50)

        def log_prob(self, x, labels=None, seed=0):
            traced.append((x.shape[0], labels.shape[0]))
            return -tf.cast(labels, tf.float32)

    found = classify(Watched(), images(Watched, range(9), range(9)), batch_size=4, draws=3)
    assert traced == [(4, 4)]  # one program serves every batch, class and draw
    assert found.log_likelihoods.shape == (9, 50)
    np.testing.assert_allclose(found.log_likelihoods, np.tile(-np.arange(50.0), (9, 1)), atol=1e-12)


def test_log_densities_of_minus_a_hundred_thousand():
    values = np.array([[-1e5, -1e5 - 1.0], [-1e5, -3e5], [1e5, 1e5 - 2.0]])
    found = np.exp(log_posteriors(values, np.log([0.5, 0.5])))
    np.testing.assert_allclose(found[:, 0], [1 / (1 + math.exp(-1)), 1, 1 / (1 + math.exp(-2))], rtol=1e-10)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.isfinite(log_posteriors(values, np.log([0.5, 0.5]))).all()


def test_a_class_that_training_never_saw_is_never_chosen():
    with np.errstate(divide="ignore"):
        found = np.exp(log_posteriors(np.zeros((2, 3)), np.log([0.25, 0.0, 0.75])))
    np.testing.assert_allclose(found, [[0.25, 0, 0.75]] * 2)


@pytest.mark.parametrize("bad", [math.nan, -math.inf, math.inf])
def test_an_example_without_a_posterior(bad):
    class Partial(Conditional):
        """Has no mass, or no number, at grey level 3."""

        def log_prob(self, x, labels=None, seed=0):
            return tf.where(x[:, 0, 0, 0] == 3, tf.constant(bad), -tf.cast(labels, tf.float32))

    with pytest.raises(NonFiniteError, match="for 1 of 5 examples of the test split, the first being example 3"):
        classify(Partial(), images(Partial, range(5), [0, 1, 0, 1, 0]), batch_size=2)


def test_every_class_of_an_example_has_the_same_noise():
    class Jittery(Conditional):
        """The noise is far louder than what the label says."""

        def log_prob(self, x, labels=None, seed=0):
            return 1000 * uniform([x.shape[0]], seed) - tf.cast(labels, tf.float32)

    data = images(Jittery, range(9), [0, 1, 0] * 3)
    for draws in (1, 4):
        found = classify(Jittery(), data, draws=draws, batch_size=4, priors="uniform")
        np.testing.assert_allclose(np.exp(found.log_posteriors[:, 1]), 1 / (1 + math.e), rtol=1e-3)
    assert len(np.unique(found.log_likelihoods[:, 0])) == 9
    assert not np.array_equal(
        found.log_likelihoods, classify(Jittery(), data, draws=4, batch_size=4, seed=1).log_likelihoods
    )


def test_posteriors_of_several_draws_are_averaged():
    class Pixel(Conditional):
        """Under class 0 a narrow normal within the cell of grey level 2, under class 1 a wide one."""

        def log_prob(self, x, labels=None, seed=0):
            y = tf.cast(x[:, 0, 0, 0], tf.float32) + uniform([x.shape[0]], as_seed(seed))
            mean, scale = tf.gather(MEAN, labels), tf.gather(SCALE, labels)
            return -0.5 * ((y - mean) / scale) ** 2 - tf.math.log(scale) - 0.5 * math.log(2 * math.pi)

    MEAN, SCALE = np.float32([2.3, 2.5]), np.float32([0.1, 1.0])  # noqa: N806
    grid = 2 + (np.arange(20_000)[:, None] + 0.5) / 20_000
    logs = -0.5 * ((grid - MEAN) / SCALE) ** 2 - np.log(SCALE) - 0.5 * math.log(2 * math.pi)
    each = np.exp(logs[:, 1]) / np.exp(logs).sum(axis=1)
    found = classify(Pixel(), images(Pixel, [2] * 4, [0, 1, 0, 1]), draws=500)
    np.testing.assert_allclose(np.exp(found.log_posteriors[:, 1]), each.mean(), atol=5 * each.std() / math.sqrt(500))
    np.testing.assert_allclose(
        found.log_likelihoods, [logs.mean(axis=0)] * 4, atol=5 * logs.std(axis=0).max() / math.sqrt(500)
    )
    # What would follow from the mean of the densities, or from the mean of their logs, is far from it.
    for other in (np.exp(logs).mean(axis=0), np.exp(logs.mean(axis=0))):
        assert abs(other[1] / other.sum() - each.mean()) > 10 * each.std() / math.sqrt(500)
    assert found.basis.get("draws") == 500


def test_bounds_are_averaged_as_they_are_and_named():
    class Bounded(Conditional):
        def elbo(self, x, labels=None, seed=0, particles=1):
            return tf.cast(labels, tf.float32) * (5 * tf.random.stateless_normal([x.shape[0]], seed) - 1)

    found = classify(Bounded(), images(Bounded, range(4), [0, 1, 0, 1]), draws=200)
    np.testing.assert_allclose(found.log_likelihoods, [[0, -1]] * 4, atol=5 * 5 / math.sqrt(200))
    # The posterior is that of the mean, which the mean of the posteriors of such loud draws is not.
    np.testing.assert_allclose(found.log_posteriors, log_posteriors(found.log_likelihoods, np.log([0.5, 0.5])))
    assert found.basis.particles == 1


def test_rows_of_the_confusion_matrix_are_the_true_classes():
    data = points()
    found = classify(gaussian(data), data)
    np.testing.assert_array_equal(found.confusion.sum(axis=1), np.bincount(data.test.labels, minlength=3))
    assert np.trace(found.confusion) == (found.predicted == data.test.labels).sum()
    posteriors = np.log([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    found = Classification(posteriors, posteriors, np.log([0.5, 0.5]), np.array([0, 1, 1], np.int32), {})
    assert found.confusion.tolist() == [[1, 0], [1, 1]]


# Calibration (Guo et al. 2017, equation 3)


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.97, 0.99, 0.62, 0.64])
    right = np.array([True, True, False, True, False])
    found = reliability_of(confidence, right, bins=10)
    # (0.9, 1]: accuracy 2/3, confidence 0.97, three examples; (0.6, 0.7]: accuracy 1/2, confidence 0.63, two.
    assert found.error == pytest.approx(3 / 5 * (0.97 - 2 / 3) + 2 / 5 * (0.63 - 0.5))
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 0, 3]
    assert found.accuracy[[6, 9]].tolist() == pytest.approx([1 / 2, 2 / 3])
    assert [(row["above"], row["up_to"], row["count"]) for row in found.to_json()] == [(0.6, 0.7, 2), (0.9, 1.0, 3)]


def test_under_and_overconfidence_do_not_cancel_between_bins_but_within_one():
    apart = reliability_of(np.array([0.55, 0.95]), np.array([True, False]), bins=10)
    assert apart.error == pytest.approx((0.45 + 0.95) / 2)
    together = reliability_of(np.array([0.52, 0.58]), np.array([True, False]), bins=10)
    assert together.error == pytest.approx(0.55 - 0.5)


def test_an_edge_belongs_to_the_bin_below_it():
    found = reliability_of(np.array([0.2, 0.6, 0.6000001, 1.0]), np.array([True] * 4), bins=5)
    assert found.counts.tolist() == [1, 0, 1, 1, 1]


def test_what_is_right_as_often_as_it_says_has_no_error():
    confidence = np.repeat([0.25, 0.5, 0.75, 1.0], 4)
    right = np.concatenate([np.arange(4) < 4 * share for share in (0.25, 0.5, 0.75, 1.0)])
    assert reliability_of(confidence, right).error == pytest.approx(0, abs=1e-12)


def test_the_metric_is_the_calibration_error():
    data = points()
    found = classify(gaussian(data, 5 * MEANS), data)  # far too sure of itself
    ece = found.metrics["ece"]
    assert ece.value == pytest.approx(found.reliability.error)
    assert ece.value > 0.1
    assert 0 < ece.standard_error < 0.1
    assert ece.basis.get("bins") == 15 == len(found.reliability.counts)


# Mistakes


def test_an_unconditional_model():
    data = vectors()
    model = build_model(spec(Gaussian), GaussianConfig(), data.spec, seed=0)
    with pytest.raises(
        CapabilityError,
        match=r"needs a conditional model, and Gaussian takes no labels; train one that does; `tfgen list` says which",
    ):
        classify(model, data)


def test_a_model_without_density_or_bound():
    with pytest.raises(CapabilityError, match=r"Conditional has no density or bound .* which classifying needs"):
        classify(Conditional(), images(Conditional, range(2), [0, 1]))


def test_data_that_do_not_fit():
    model, unlabelled = gaussian(points()), Split(np.zeros((3, 2), np.float32))
    data = Dataset("bare", DataSpec("vector", (2,)), dict.fromkeys(("train", "valid", "test"), unlabelled))
    with pytest.raises(DataError, match="data set 'bare' has no labels"):
        classify(model, data)
    with pytest.raises(DataError, match="needs labels of 3 classes; data set 'vectors' has 2"):
        classify(model, vectors())


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"split": "tset"}, UnknownNameError, "unknown split 'tset'; did you mean 'test'"),
        ({"priors": "unifrom"}, UnknownNameError, "unknown priors 'unifrom'; did you mean 'uniform'"),
        ({"draws": 0}, OptionError, "--draws must be at least 1"),
        ({"batch_size": 0}, OptionError, "--batch-size must be at least 1"),
    ],
)
def test_unsuitable_arguments(options, error, says):
    data = points()
    with pytest.raises(error, match=says):
        classify(gaussian(data), data, **options)


# The command

PLUGIN = """
from tests.toy_models import ConditionalGaussian, Gaussian, spec
from tfgen import hookimpl

@hookimpl
def tfgen_register(registry):
    registry.add_model(spec(ConditionalGaussian))
    registry.add_model(spec(Gaussian))
"""


@pytest.fixture(scope="module")
def toys(once):
    """A folder with a plugin and finished runs of a conditional and an unconditional toy; tests must not change it."""

    def make(folder):
        (folder / "toys.py").write_text(PLUGIN)
        quick = ["--data=two_gaussians", "--batch-size=5000", "--epochs=3", "--learning-rate=0.1", "--compile=graph"]
        for model in ("conditionalgaussian", "gaussian"):
            place = ["--runs-dir", str(folder), "--name", model]
            assert main(["-p", str(folder / "toys.py"), "run", model, *quick, *place]) == 0

    return once("classified", make)


def test_the_command_prints_draws_and_records(toys, tmp_path, capsys):
    plugin = ["-p", str(toys / "toys.py")]
    run = shutil.copytree(toys / "conditionalgaussian", tmp_path / "conditionalgaussian")
    before = json.loads((run / "results.json").read_text())
    assert "nll_nats_given_label" in before["test"]
    assert "kl_nats" in before["test"]
    assert (run / "figures" / "density.png").exists()
    arrays = tmp_path / "arrays.npz"
    capsys.readouterr()
    assert main([*plugin, "classify", str(run), "--out", str(arrays), "--batch-size", "3000"]) == 0
    out = capsys.readouterr().out
    after = json.loads((run / "results.json").read_text())
    recorded = after.pop("classification")["test"]
    assert after == before
    accuracy = recorded["metrics"]["accuracy"]
    assert f"{measured(accuracy['value'], accuracy['standard_error'])} of examples" in out
    assert recorded["metrics"]["accuracy"]["value"] > 0.95
    confusion = np.array(recorded["confusion"])
    assert confusion.sum() == 10_000
    assert "".join(f"{count:>5}" for count in confusion[0]) in out
    assert sum(row["count"] for row in recorded["reliability"]) == 10_000
    for name in ("confusion.png", "reliability.png"):
        assert (run / "figures" / name).read_bytes().startswith(b"\x89PNG")
    with np.load(arrays) as found:
        assert set(found.files) == {"log_likelihoods", "log_posteriors", "log_priors", "labels"}
        np.testing.assert_allclose(
            found["log_posteriors"], log_posteriors(found["log_likelihoods"], found["log_priors"])
        )
        predicted = found["log_posteriors"].argmax(axis=1)
        assert (predicted == found["labels"]).mean() == recorded["metrics"]["accuracy"]["value"]

    assert main([*plugin, "classify", str(run), "--split", "valid", "--priors", "uniform"]) == 0
    assert set(json.loads((run / "results.json").read_text())["classification"]) == {"test", "valid"}
    assert (run / "figures" / "confusion_valid.png").exists()
    capsys.readouterr()
    assert main([*plugin, "evaluate", str(run)]) == 0
    assert "nll_nats_given_label" in capsys.readouterr().out
    assert set(json.loads((run / "results.json").read_text())["classification"]) == {"test", "valid"}
    assert main([*plugin, "info", str(run)]) == 0
    assert "label_nll_nats" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gaussian"], "classifying needs a conditional model, and Gaussian takes no labels; train one that does"),
        (["conditionalgaussian", "--split", "tset"], "invalid choice 'tset'"),
        (["conditionalgaussian", "--priors", "none"], "invalid choice 'none'"),
        (["conditionalgaussian", "--draws", "0"], "--draws must be at least 1, got 0"),
        (["conditionalgaussian", "--batch-size", "-1"], "--batch-size must be at least 1, got -1"),
        (["conditionalgaussian", "--out", "x.csv"], "cannot write x.csv: the name must end in .npz"),
        (["conditionalgaussian", "--prior", "uniform"], "unknown option '--prior'; did you mean '--priors'?"),
        (["nothing"], "is no folder; name a run's folder"),
    ],
)
def test_mistakes_on_the_command_line(arguments, says, toys, capsys):
    before = {path: path.stat().st_mtime_ns for path in toys.rglob("*") if path.is_file()}
    run, *rest = arguments
    assert main(["-p", str(toys / "toys.py"), "classify", str(toys / run), *rest]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err.splitlines()[-1]
    assert {path: path.stat().st_mtime_ns for path in toys.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("damaged", [[], {"test": 1}, {"test": {"metrics": {"accuracy": 1}}}])
def test_a_damaged_record_is_named(damaged, toys, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_bytes((toys / "gaussian" / "config.json").read_bytes())
    results = json.loads((toys / "gaussian" / "results.json").read_text())
    (run / "results.json").write_text(json.dumps(results | {"classification": damaged}))
    assert main(["info", str(run)]) == 2
    assert f"{run / 'results.json'} is damaged" in capsys.readouterr().err
