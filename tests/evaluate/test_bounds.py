"""Bounds and what is told of them, against a linear Gaussian model whose likelihood and posterior are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.toy_models import ConditionalLinearGaussian, Gaussian, GaussianConfig, LinearGaussian
from tests.toy_models import spec as registered
from tfgen import DataSpec
from tfgen.cli.result_lines import metric_lines
from tfgen.data.dataset import Dataset, Split
from tfgen.data.toy import load_two_gaussians
from tfgen.errors import CapabilityError, OptionError
from tfgen.evaluate.bounds import active_units, score_bound
from tfgen.evaluate.classification import classify
from tfgen.evaluate.likelihood import evaluate
from tfgen.metrics import metrics_to_json
from tfgen.model.base import build_model
from tfgen.runs.comparison import compare
from tfgen.runs.comparison_table import text_table
from tfgen.runs.facts import RunFacts
from tfgen.seeds import fold_in

N, D = 120, 4


def points(kind="vector", classes=None):
    """Examples around 3; as images, they are grey levels [2, 2, 1]."""
    random = np.random.default_rng(1)
    shape = (D,) if kind == "vector" else (2, 2, 1)

    def split(count):
        x = 3 + 2 * random.normal(size=(count, *shape))
        x = x.astype(np.float32) if kind == "vector" else np.clip(x, 0, 16).astype(np.uint8)
        return Split(x, None if classes is None else random.integers(0, classes, count).astype(np.int32))

    spec = DataSpec(kind, shape, classes=classes, levels=17)
    return Dataset("points", spec, {"train": split(N), "valid": split(40), "test": split(N)})


def linear(data, toy=LinearGaussian, optimal=True, scored_as="grey_levels", **methods):
    """The toy with orthogonal columns of W, q at the true posterior or rather far from it."""
    toy = type(toy.__name__, (toy,), {"scored_as": scored_as, **methods})
    model = build_model(registered(toy), GaussianConfig(3.0), data.spec, seed=0)
    model.w.assign([[1.0, 0.0], [1.0, 0.0], [0.0, 1.5], [0.0, -1.5]])
    if toy.conditional:
        model.means.assign(np.arange(data.spec.classes * D).reshape(-1, D) / 3.0)
    model.log_s.assign(0.3)
    model.at_the_optimum()
    if not optimal:
        model.a.assign(0.5 * model.a.numpy())
        model.log_t.assign(model.log_t.numpy() + 0.4)
    return model


def test_at_the_optimum_the_bounds_are_the_likelihood():
    data = points()
    model = linear(data)
    exact = model.evidence(data.test.x).mean()
    many = evaluate(model, data, draws=200, batch_size=50)
    assert many["elbo_nats"].value == pytest.approx(exact, abs=0.05)  # by the noise of one z alone
    # Weights p(x, z) / q(z|x) that do not depend on z make the importance-weighted bound exact with any z.
    few = evaluate(model, data, particles=2)
    assert few["iwae_nats"].value == pytest.approx(exact, abs=1e-3)
    assert few["nll_nats"].value == -few["iwae_nats"].value


def test_bounds_rise_to_the_likelihood_with_the_particles():
    data = points()
    model = linear(data, optimal=False)
    exact = model.evidence(data.test.x).mean()
    found = {k: evaluate(model, data, draws=8, particles=k) for k in (1, 3, 30, 1000)}
    values = [found[1]["elbo_nats"].value, *(found[k]["iwae_nats"].value for k in (3, 30, 1000))]
    assert np.all(np.diff(values) > 0), values
    assert values[0] < exact - 0.3
    assert values[-1] == pytest.approx(exact, abs=0.02)
    assert "iwae_nats" not in found[1]
    assert found[3]["elbo_nats"] == found[1]["elbo_nats"]  # which has one particle whatever was asked for
    for k, metrics in found.items():
        assert (metrics["nll_nats"].basis.density, metrics["nll_nats"].basis.particles) == ("bound", k)
        assert (metrics["elbo_nats"].basis.density, metrics["elbo_nats"].basis.particles) == ("bound", 1)
        if k > 1:
            assert metrics["iwae_nats"].basis.get("particles") == k
            assert metrics["iwae_nats"].basis.get("draws") == 8


def test_the_elbo_is_made_of_its_terms():
    data = points()
    model = linear(data, optimal=False)
    metrics = evaluate(model, data, batch_size=50)
    assert set(metrics) == {"nll_nats", "elbo_nats", "reconstruction_nats", "latent_kl_nats", "active_units"}
    value = {name: metric.value for name, metric in metrics.items()}
    assert value["elbo_nats"] == pytest.approx(-value["reconstruction_nats"] - value["latent_kl_nats"])
    assert value["nll_nats"] == -value["elbo_nats"]
    mean = (data.test.x - 3) @ model.a.numpy().T
    t2 = np.exp(2 * model.log_t.numpy())
    divergence = 0.5 * np.sum(mean**2 + t2 - np.log(t2) - 1, axis=1)
    assert value["latent_kl_nats"] == pytest.approx(divergence.mean(), rel=1e-5)
    assert metrics["latent_kl_nats"].standard_error == pytest.approx(divergence.std(ddof=1) / math.sqrt(N), rel=1e-5)
    assert all(metric.basis.get("examples") == N for metric in metrics.values())
    assert metrics["latent_kl_nats"].basis.density is None


def test_images_have_bits_per_dim_only_as_they_are_given():
    data = points("image")
    grey = evaluate(linear(data), data, particles=5)
    assert grey["bits_per_dim"].value == pytest.approx(grey["nll_nats"].value / (D * math.log(2)))
    assert grey["bits_per_dim"].basis.particles == 5
    binary = evaluate(linear(data, scored_as="bits"), data, particles=5)
    assert set(grey) - set(binary) == {"bits_per_dim"}
    assert (binary["nll_nats"].value, binary["nll_nats"].unit) == (grey["nll_nats"].value, "nats")
    density = evaluate(type("Dark", (Dark,), {"scored_as": "bits"})(), data)
    assert set(density) == {"nll_nats"}
    assert set(evaluate(Dark(), data)) == {"nll_nats", "bits_per_dim"}


class Dark:
    """A density of black and white images."""

    conditional = False
    density = "exact"
    scored_as = "grey_levels"

    def log_prob(self, x, labels=None, seed=0):
        return -tf.ones(x.shape[0])

    def basis(self):
        return {}


def test_a_cross_entropy_is_called_so_and_never_a_likelihood():
    data = points("image")
    metrics = evaluate(linear(data, scored_as="cross_entropy", optimal=False), data)
    likelihood = evaluate(linear(data, optimal=False), data)
    assert set(metrics) == {"cross_entropy_nats", "reconstruction_nats", "latent_kl_nats", "active_units"}
    assert metrics["cross_entropy_nats"].value == likelihood["nll_nats"].value
    assert metrics["cross_entropy_nats"].basis.scored_as == "cross_entropy"
    assert metrics["cross_entropy_nats"].basis.density == "bound"
    crossed = evaluate(type("Grey", (Dark,), {"scored_as": "cross_entropy"})(), data)
    assert set(crossed) == {"cross_entropy_nats"}
    labelled = points("image", classes=3)
    conditional = evaluate(linear(labelled, ConditionalLinearGaussian, scored_as="cross_entropy"), labelled)
    assert set(conditional) == {f"{name}_given_label" for name in metrics}


@pytest.mark.parametrize("particles", [1, 3])
def test_the_marginal_of_a_bound_sums_over_the_classes(particles):
    data = points(classes=3)
    model = linear(data, ConditionalLinearGaussian, optimal=False)
    metrics = evaluate(model, data, particles=particles, draws=2, batch_size=50)
    terms = ("elbo_nats", "reconstruction_nats", "latent_kl_nats", "active_units", "nll_nats")
    expected = {f"{name}_given_label" for name in terms} | {"nll_nats"}
    assert set(metrics) == expected | ({"iwae_nats_given_label"} if particles > 1 else set())
    bound = metrics["iwae_nats_given_label" if particles > 1 else "elbo_nats_given_label"]
    assert metrics["nll_nats_given_label"].value == -bound.value
    # The same noise for each class and draw, by hand: of the one block that holds all of them, against the scores themselves.
    x, labels = data.test.x, data.test.labels
    prior = np.log(np.bincount(data.train.labels) / N)
    scored = score_bound(model, x, labels, prior, particles=particles, draws=2, batch_size=50)
    by_hand = np.zeros((2, N, 3))
    for draw in range(2):
        for y in range(3):
            noise = fold_in(fold_in(0, draw), 0)
            by_hand[draw, :, y] = model.elbo(x, np.full(N, y), noise, particles)
    marginal = np.logaddexp.reduce(by_hand + prior, axis=-1).mean(axis=0)
    np.testing.assert_allclose(scored.marginal, marginal, rtol=1e-4)
    np.testing.assert_allclose(scored.tightest, by_hand.mean(axis=0)[np.arange(N), labels], rtol=1e-4, atol=1e-4)
    assert metrics["nll_nats"].value == pytest.approx(-scored.marginal.mean())
    assert metrics["nll_nats"].basis.classes == 3
    assert metrics["nll_nats_given_label"].basis.classes is None


class Counted(ConditionalLinearGaussian):
    """Counts how often, and of how many examples, each method is computed."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.calls = []

    def _note(self, x, seed, *what):
        def note(_):
            self.calls.append((*what, x.shape[0]))
            return np.int32(0)

        return tf.numpy_function(note, [seed], tf.int32)

    def elbo_terms(self, x, labels=None, seed=0):
        with tf.control_dependencies([self._note(x, seed, "terms")]):
            return tuple(tf.identity(term) for term in super().elbo_terms(x, labels, seed))

    def elbo(self, x, labels=None, seed=0, particles=1):
        with tf.control_dependencies([self._note(x, seed, particles)]):
            return tf.zeros(x.shape[0])


def test_nothing_is_computed_twice_and_many_particles_take_few_examples():
    data = points(classes=3)
    model = linear(data, Counted)
    evaluate(model, data, batch_size=60)
    assert model.calls == [("terms", N)] * 3  # one block, three classes: the own label's terms are among them
    model.calls.clear()
    evaluate(model, data, particles=2, batch_size=60)
    assert model.calls == [("terms", N), *[(2, N)] * 3]
    model.calls.clear()
    evaluate(model, data, "valid", particles=5000, batch_size=60)
    assert model.calls == [("terms", len(data.valid))] + [(5000, 20)] * 6


def test_a_model_with_a_bound_alone():
    class Bounded:
        conditional = False
        scored_as = "grey_levels"

        def elbo(self, x, labels=None, seed=0, particles=1):
            return -tf.cast(x[:, 0, 0, 0], tf.float32) / particles

        def basis(self):
            return {"decoder": "toy"}

    data = points("image")
    metrics = evaluate(Bounded(), data, particles=4)
    assert set(metrics) == {"nll_nats", "bits_per_dim", "elbo_nats", "iwae_nats"}
    first = data.test.x[:, 0, 0, 0].mean()
    assert metrics["elbo_nats"].value == pytest.approx(-first)
    assert metrics["nll_nats"].value == pytest.approx(first / 4)
    assert metrics["nll_nats"].basis.get("decoder") == "toy"


def test_a_known_density_gives_an_upper_bound_of_the_divergence():
    data = load_two_gaussians()
    model = build_model(registered(LinearGaussian), GaussianConfig(), data.spec, seed=0)
    metrics = evaluate(model, data, "valid", draws=2)
    assert metrics["kl_nats"].basis.particles == 1
    assert metrics["kl_nats"].basis.get("draws") == 2  # the noise of a bound is drawn for vectors, too
    exact = np.mean(data.log_prob(data.valid.x) - model.evidence(data.valid.x))
    assert metrics["kl_nats"].value > exact


def test_active_units_are_those_whose_mean_moves():
    random = np.random.default_rng(0)
    scales = np.sqrt([1.0, 0.012, 0.008, 0.0])
    assert active_units(5 + scales * random.normal(size=(4000, 4))) == 2
    labels = np.arange(4000) % 2
    moved = labels[:, None] * [1.0, 0.0] + 0.01 * random.normal(size=(4000, 2))
    assert active_units(moved) == 1
    assert active_units(moved, labels) == 0  # what the label does tells nothing of the example
    data = points()
    model = linear(data)
    model.a.assign(model.a.numpy() * [[1.0], [0.01]])
    metric = evaluate(model, data)["active_units"]
    assert (metric.value, metric.unit) == (1.0, "of 2 units")
    assert math.isnan(metric.standard_error)
    (line,) = list(metric_lines("test", {"active_units": metric}))
    assert "1 of 2 units" in line
    assert "nan" not in line
    assert "±" not in line


def test_a_posterior_without_a_known_mean_has_no_active_units():
    class NoMean(LinearGaussian):
        def posterior(self, x, labels=None, seed=0):
            return tfp.distributions.Independent(tfp.distributions.LogitNormal([[0.0]] * x.shape[0], 1.0), 1)

        def elbo_terms(self, x, labels=None, seed=0):
            return x[:, 0], x[:, 1]

    data = points()
    metrics = evaluate(linear(data, NoMean), data)
    assert "active_units" not in metrics
    assert "latent_kl_nats" in metrics


@pytest.mark.parametrize("particles", [0, -3])
def test_particles_below_one(particles):
    data = points()
    with pytest.raises(OptionError, match=f"--particles must be at least 1, got {particles}"):
        evaluate(linear(data), data, particles=particles)


def test_particles_mean_nothing_to_a_density_or_a_cross_entropy():
    data = points()
    with pytest.raises(CapabilityError, match="model Gaussian has a density; particles are for bounds"):
        evaluate(build_model(registered(Gaussian), GaussianConfig(), data.spec, seed=0), data, particles=2)
    with pytest.raises(
        CapabilityError, match="model LinearGaussian scores grey levels by a cross-entropy, which is no"
    ):
        evaluate(linear(data, scored_as="cross_entropy"), data, particles=2)


def test_classifying_by_a_cross_entropy_says_so():
    data = points("image", classes=3)
    found = classify(linear(data, ConditionalLinearGaussian, scored_as="cross_entropy"), data)
    assert found.metrics["accuracy"].basis.scored_as == "cross_entropy"
    bound = classify(linear(data, ConditionalLinearGaussian), data)
    assert bound.metrics["accuracy"].basis.particles == 1
    np.testing.assert_array_equal(found.predicted, bound.predicted)


def facts(name, metrics):
    config = {"model": "toy", "data": "points", "options": {}, "training": {}, "sources": {}}
    return RunFacts(
        name, None, config, {"test": metrics_to_json(metrics), "steps": 1, "train_seconds": 1.0, "parameters": 1}
    )


def test_bounds_are_ranked_where_their_particles_agree():
    data = points("image")
    one, other = linear(data), linear(data, optimal=False)
    found = compare(
        [facts("one", evaluate(one, data, particles=9)), facts("other", evaluate(other, data, particles=9))]
    )
    rows = {row.name: row for row in found.metrics}
    assert rows["elbo_nats"].standings["one"].difference == 0
    assert rows["elbo_nats"].standings["other"].difference < 0
    assert rows["iwae_nats"].standings
    assert rows["bits_per_dim"].standings
    assert not any(rows[name].standings for name in ("reconstruction_nats", "latent_kl_nats", "active_units"))
    (note,) = found.notes
    assert note.startswith("not ranked, since a better model may have more or less of each: test reconstruction_nats,")
    table = {row[0]: row[1:] for row in text_table(found).rows}
    assert table["test active_units, of 2 units"][:2] == ["2", "2"]
    uneven = compare([facts("one", evaluate(one, data, particles=9)), facts("other", evaluate(other, data))])
    assert not any(row.standings for row in uneven.metrics if row.name in ("nll_nats", "bits_per_dim", "iwae_nats"))
    assert {row.name for row in uneven.metrics if row.standings} == {"elbo_nats"}
    text = "particles is 9 (one) and 1 (other)"
    assert any(text in note for note in uneven.notes)
