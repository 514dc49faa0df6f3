"""Flows of tables and contexts: densities in the units of the data, bounds of known entropies, exact conditional densities."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import DataError, Dataset, DataSpec, Split
from tfgen.data.columns import Column
from tfgen.data.conditional_toy import load_linear_gaussian, load_rotated_gaussians
from tfgen.data.conditions import contexts_for, joined
from tfgen.data.fitting import with_fitted_columns
from tfgen.evaluate.calibration import sbc_ranks
from tfgen.evaluate.likelihood import evaluate
from tfgen.evaluate.measurement import Measurement
from tfgen.evaluate.tables import measure_marginal_distance
from tfgen.metrics.ranks import deviation_band, rank_deviation
from tfgen.sample.sampling import given_of, labels_for, sample_batches
from tfgen_plugins.flows import RealNVPConfig, SplineFlowConfig
from tfgen_plugins.flows.model import ConditionalRealNVP, RealNVP, SplineFlow

SMALL = {"layers": 2, "units": 16, "depth": 1}


def _disturbed(model, seed=0):
    """Return a model whose networks are no longer zero at their ends."""
    random = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(weight + 0.1 * random.normal(size=weight.shape))
    return model


def _set(x, context=None, of_context=None, **spec):
    split = Split(np.asarray(x, np.float32), None, context)
    data = Dataset(
        "s",
        DataSpec("vector", split.x.shape[1:], context=of_context, **spec),
        dict.fromkeys(("train", "valid", "test"), split),
    )
    return with_fitted_columns(data)


def test_a_density_of_one_far_column_integrates_to_one_in_its_units():
    data = _set(np.random.default_rng(0).normal(2e4, 50, (400, 1)))
    model = _disturbed(SplineFlow(SplineFlowConfig(layers=3), data.spec, 0))
    grid = np.linspace(2e4 - 1000, 2e4 + 1000, 40_001, dtype=np.float64)
    density = np.exp(model.log_prob(tf.constant(grid[:, None], tf.float32)).numpy().astype(np.float64))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("column", [Column("a", heavy=True), Column("a", bounds=(-40.0, 80.0)), Column("a")], ids=repr)
def test_a_density_in_the_plane_integrates_to_one_in_its_units(column):
    random = np.random.default_rng(1)
    data = _set(np.stack([random.normal(10, 8, 400), random.normal(-300, 50, 400)], 1), columns=(column, Column("b")))
    model = _disturbed(RealNVP(RealNVPConfig(**SMALL), data.spec, 0))
    # Heavy tails reach far: there the grid is finer in the middle.
    first = 10 + 40 * np.sinh(np.linspace(-5, 5, 1001)) / np.sinh(1) if column.heavy else np.linspace(-40, 80, 601)
    ticks = [first, np.linspace(-800, 200, 401)]
    points = np.stack(np.meshgrid(*ticks, indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(model.log_prob(tf.constant(points, tf.float32)).numpy().astype(np.float64)).reshape(
        len(first), 401
    )
    assert np.trapezoid(np.trapezoid(density, ticks[1], axis=1), ticks[0]) == pytest.approx(1, abs=5e-3)


def test_the_likelihood_of_dequantised_columns_is_above_their_entropy():
    random = np.random.default_rng(2)
    first, second = random.integers(0, 4, 20_000), random.integers(0, 2, 20_000)
    columns = (Column("n", "integer", bounds=(0.0, 3.0)), Column("k", "category", ("a", "b")))
    data = _set(np.stack([first, second], 1), columns=columns)
    entropy = np.log(4) + np.log(2)
    for seed in range(3):
        model = _disturbed(SplineFlow(SplineFlowConfig(**SMALL), data.spec, seed), seed)
        metric = evaluate(model, data, draws=2)["nll_nats"]
        assert metric.value > entropy - 4 * metric.standard_error
        assert metric.basis.density == "dequantised"


def test_samples_of_a_table_are_values_of_its_columns():
    columns = (Column("n", "integer"), Column("k", "category", ("a", "b", "c")), Column("s", bounds=(0.0, 1.0)))
    random = np.random.default_rng(3)
    data = _set(
        np.stack([random.poisson(20, 500), random.integers(0, 3, 500), random.uniform(0, 1, 500)], 1), columns=columns
    )
    x = _disturbed(RealNVP(RealNVPConfig(**SMALL), data.spec, 0)).sample(2000, seed=1).numpy()
    assert np.array_equal(x[:, :2], np.floor(x[:, :2]))
    assert set(x[:, 1]) <= {0.0, 1.0, 2.0}
    assert x[:, 2].min() >= 0
    assert x[:, 2].max() <= 1


def _conditional(data, **options):
    return ConditionalRealNVP(RealNVPConfig(**{**SMALL, **options}), data.spec, 0)


def test_a_density_given_a_context_integrates_to_one_and_depends_on_it():
    data = with_fitted_columns(load_rotated_gaussians())
    model = _disturbed(_conditional(data, coupling="spline"))
    ticks = np.linspace(-9, 9, 301, dtype=np.float32)
    points = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    densities = []
    for angle in (0.1, 2.5):
        given = np.full((len(points), 1), angle, np.float32)
        density = np.exp(model.log_prob(tf.constant(points), tf.constant(given)).numpy()).reshape(301, 301)
        densities.append(density)
        assert np.trapezoid(np.trapezoid(density, ticks), ticks) == pytest.approx(1, abs=5e-3)
    assert np.abs(densities[0] - densities[1]).max() > 1e-3


@pytest.mark.parametrize("load", [load_rotated_gaussians, load_linear_gaussian], ids=["rotated", "linear"])
def test_the_exact_conditional_densities_integrate_to_one_and_fit_their_samples(load):
    data = load()
    ticks = np.linspace(-6, 6, 601)
    points = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    for context in data.test.context[:3]:
        density = np.exp(data.log_prob(points, np.repeat(context[None], len(points), 0))).reshape(601, 601)
        assert np.trapezoid(np.trapezoid(density, ticks), ticks) == pytest.approx(1, abs=1e-4)
    # The mean of log p(x|c) over the data is minus the conditional entropy; contexts of other examples fit worse.
    own = data.log_prob(data.test.x, data.test.context).mean()
    assert own > data.log_prob(data.test.x, np.roll(data.test.context, 1, axis=0)).mean() + 0.1


def test_labels_and_contexts_are_given_together():
    random = np.random.default_rng(4)
    split = Split(
        random.normal(size=(100, 2)).astype(np.float32), random.integers(0, 3, 100).astype(np.int32),
        random.normal(5, 2, (100, 2)).astype(np.float32),
    )  # fmt: skip
    spec = DataSpec("vector", (2,), classes=3, context=(Column("u"), Column("v")))
    data = with_fitted_columns(Dataset("s", spec, dict.fromkeys(("train", "valid", "test"), split)))
    model = _disturbed(_conditional(data))
    assert model.condition_width == 5
    given = given_of(model, data.test)
    assert given.shape == (100, 3)
    assert np.array_equal(given[:, 0], split.labels)
    scores = model.log_prob(split.x, tf.constant(given)).numpy()
    for column in range(3):  # each of label, u and v changes the density
        other = given.copy()
        other[:, column] = (other[:, column] + 1) % 3
        assert np.abs(model.log_prob(split.x, tf.constant(other)).numpy() - scores).max() > 1e-4
    found = evaluate(model, data)
    assert set(found) == {"nll_nats_given_label"}
    assert found["nll_nats_given_label"].basis.get("given") == "context"


def test_contexts_go_round_and_are_the_means_by_default():
    data = with_fitted_columns(load_linear_gaussian())
    model = _conditional(data)
    assert labels_for(model, 3, None, [[1, 2, 3], [4, 5, 6]]).tolist() == [[1, 2, 3], [4, 5, 6], [1, 2, 3]]
    means = labels_for(model, 2, None)
    np.testing.assert_allclose(means[0], data.train.context.mean(axis=0), atol=1e-3)
    first = np.concatenate(list(sample_batches(model, 7, labels_for(model, 7, None), 0, 4)))
    again = np.concatenate(list(sample_batches(model, 3, labels_for(model, 3, None), 0, 4)))
    assert np.array_equal(first[:3], again)


@pytest.mark.parametrize(
    "context", [[1.0], [[1.0, 2.0]], [float("nan")] * 3, ["a", "b", "c"], np.zeros((2, 2, 3)), []], ids=range(6)
)
def test_a_context_of_the_wrong_width_is_refused_in_one_line(context):
    data = with_fitted_columns(load_linear_gaussian())
    with pytest.raises(DataError, match="the context") as caught:
        contexts_for(data.spec.context, 3, context)
    assert "\n" not in str(caught.value)


def test_a_model_refuses_labels_in_the_place_of_a_context():
    data = with_fitted_columns(load_linear_gaussian())
    model = _conditional(data)
    for given in (None, np.zeros(4, np.int32), np.zeros((4, 2), np.float32), np.zeros((3, 3), np.float32)):
        with pytest.raises(DataError):
            model.log_prob(data.test.x[:4], given)


def test_ranks_of_draws_from_the_exact_posterior_are_uniform_and_others_are_not(monkeypatch):
    data = with_fitted_columns(load_linear_gaussian())
    model = _conditional(data)
    random = np.random.default_rng(5)
    from tfgen.data.conditional_toy import MATRIX, NOISE

    precision = np.eye(2) + MATRIX.T @ MATRIX / NOISE**2
    root = np.linalg.cholesky(np.linalg.inv(precision))

    def draws(width):
        def batches(model, count, given, seed, batch, options):
            mean = given.astype(np.float64) @ MATRIX @ np.linalg.inv(precision) / NOISE**2
            yield mean + width * random.normal(size=(count, 2)) @ root.T

        return batches

    for width, calibrated in ((1.0, True), (0.7, False), (1.5, False)):
        monkeypatch.setattr("tfgen.evaluate.calibration.sample_batches", draws(width))
        ranks = sbc_ranks(model, data.test)
        assert (rank_deviation(ranks, 99) <= deviation_band(*ranks.shape, 99)) is calibrated


def test_joined_keeps_the_label_first():
    assert joined(None, None) is None
    assert joined(np.array([1]), None).tolist() == [1]


@pytest.mark.parametrize("low", [0.0, 2000.0, 1e6], ids=str)
@pytest.mark.parametrize("kind", ["real", "integer"])
def test_bounds_far_from_zero_have_finite_densities(kind, low):
    random = np.random.default_rng(6)
    x = np.stack([low + random.integers(0, 21, 3000), random.normal(size=3000)], 1)
    columns = (Column("year", kind, bounds=(low, low + 20.0)), Column("x"))
    data = _set(x, columns=columns)
    model = RealNVP(RealNVPConfig(**SMALL), data.spec, 0)
    assert np.isfinite(model.log_prob(data.train.x, seed=1)).all()
    drawn = model.sample(3000, seed=2).numpy()[:, 0]
    assert low <= drawn.min() <= drawn.max() <= low + 20


def test_the_context_by_default_is_in_the_units_of_the_data():
    random = np.random.default_rng(7)
    context = np.stack([random.uniform(0, 100, 500), np.exp(random.normal(3, 1, 500))], 1).astype(np.float32)
    given = (Column("dose", bounds=(0.0, 100.0)), Column("income", heavy=True))
    data = _set(random.normal(size=(500, 2)), context, given)
    dose, income = contexts_for(data.spec.context, 1, None)[0]
    assert 40 < dose < 60
    assert 10 < income < 60
    with pytest.raises(DataError, match=r"'dose' is 150, outside 0 \.\. 100"):
        contexts_for(data.spec.context, 1, [150.0, 20.0])


def test_samples_are_compared_with_the_split_under_its_own_labels():
    random = np.random.default_rng(8)
    labels = (random.uniform(size=2000) < 0.1).astype(np.int32)
    split = Split((10 * labels + random.normal(size=2000))[:, None].astype(np.float32), labels)
    spec = DataSpec("vector", (1,), classes=2)
    data = with_fitted_columns(Dataset("s", spec, dict.fromkeys(("train", "valid", "test"), split)))

    class Exact(tfgen.GenerativeModel):
        conditional = True

        def sample(self, n, labels=None, seed=0, first=0):
            return 10 * tf.cast(labels, tf.float32)[:, None] + tfgen.normal([n, 1], seed, tf.float32, first)

    measurement = Measurement(Exact(None, data.spec, 0), data)
    assert measure_marginal_distance(measurement).value < 0.04
    assert Measurement(Exact(None, data.spec, 0), data).samples(1000).mean() > 4  # in turn, half of each class
