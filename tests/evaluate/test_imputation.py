"""Imputation: draws follow the exact conditional density, of real columns and of whole numbers; effective sample sizes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfgen
from tfgen import CapabilityError, DataError, Dataset, DataSpec, Split
from tfgen.data.columns import Column
from tfgen.data.fitting import with_fitted_columns
from tfgen.evaluate.imputation import impute
from tfgen.evaluate.proposals import Proposal

MEAN, COVARIANCE = np.array([20.0, -3.0, 500.0]), np.array([[4.0, 1.2, 0], [1.2, 1.0, 30.0], [0, 30.0, 2500.0]])


class Gaussian(tfgen.GenerativeModel):
    """A model whose density is a Gaussian."""

    density = "exact"

    def log_prob(self, x, labels=None, seed=0):
        gaussian = tfp.distributions.MultivariateNormalFullCovariance(MEAN, COVARIANCE)
        return tf.cast(gaussian.log_prob(tf.cast(x, tf.float64)), tf.float32)


class Pairs(tfgen.GenerativeModel):
    """A model of two whole numbers with a table of probabilities; its density at (v + u) is that of the cell."""

    density = "dequantised"
    table = np.array([[0.30, 0.05, 0.05], [0.02, 0.08, 0.5]])

    def log_prob(self, x, labels=None, seed=0):
        return tf.math.log(tf.gather_nd(tf.constant(self.table, tf.float32), tf.cast(x, tf.int32) % (2, 3))) - tf.where(
            tf.reduce_all((x >= 0) & (x < (2.0, 3.0)), axis=1), 0.0, np.inf
        )


def _data(x, columns=None):
    split = Split(np.asarray(x, np.float32))
    spec = DataSpec("vector", split.x.shape[1:], columns=columns)
    return with_fitted_columns(Dataset("s", spec, dict.fromkeys(("train", "valid", "test"), split)))


@pytest.fixture(scope="module")
def gaussian():
    data = _data(np.random.default_rng(0).multivariate_normal(MEAN, COVARIANCE, 4000))
    return Gaussian(None, data.spec, 0), data


def test_draws_have_the_conditional_mean_and_covariance(gaussian):
    model, data = gaussian
    row = np.array([[22.0, np.nan, 560.0]])
    found = impute(model, data, row, draws=4000, proposals=20_000, seed=1)
    known = [0, 2]
    gain = COVARIANCE[1, known] @ np.linalg.inv(COVARIANCE[np.ix_(known, known)])
    mean = MEAN[1] + gain @ (row[0, known] - MEAN[known])
    deviation = np.sqrt(COVARIANCE[1, 1] - gain @ COVARIANCE[known, 1])
    assert found.x[:, 0, 1].mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(4000))
    assert found.x[:, 0, 1].std() == pytest.approx(deviation, rel=0.08)
    assert np.array_equal(found.x[:, 0, known], np.repeat(row[:, known], 4000, 0).astype(np.float32))
    assert found.effective[0] > 10_000  # the proposal is a Gaussian too, a little wider


def test_a_row_without_any_value_is_drawn_from_the_density(gaussian):
    model, data = gaussian
    found = impute(model, data, np.full((1, 3), np.nan), draws=3000, proposals=20_000).x[:, 0]
    np.testing.assert_allclose(found.mean(axis=0), MEAN, atol=4 * np.sqrt(np.diag(COVARIANCE) / 3000).max())
    np.testing.assert_allclose(
        np.corrcoef(found.T), COVARIANCE / np.sqrt(np.outer(np.diag(COVARIANCE), np.diag(COVARIANCE))), atol=0.08
    )


def test_a_full_row_stays_and_the_same_seed_gives_the_same_draws(gaussian):
    model, data = gaussian
    rows = np.array([[22.0, -2.0, 560.0], [np.nan, -2.0, 560.0]])
    first, again = (impute(model, data, rows, draws=2, proposals=100, seed=3) for _ in range(2))
    assert np.array_equal(first.x, again.x)
    assert np.array_equal(first.x[:, 0], np.repeat(rows[:1], 2, 0).astype(np.float32))
    assert first.effective[0] == 100


def test_whole_numbers_are_drawn_by_their_probabilities():
    random = np.random.default_rng(1)
    cells = random.choice(6, 5000, p=[1 / 6] * 6)  # the proposal knows frequencies that are not those of the model
    columns = (Column("k", "category", ("a", "b")), Column("n", "integer"))
    data = _data(np.stack([cells // 3, cells % 3], 1), columns)
    model = Pairs(None, data.spec, 0)
    found = impute(model, data, np.array([[1.0, np.nan], [np.nan, np.nan]]), draws=6000, proposals=20_000)
    shares = np.bincount(found.x[:, 0, 1].astype(int), minlength=3) / 6000
    np.testing.assert_allclose(shares, model.table[1] / model.table[1].sum(), atol=0.03)
    both = np.zeros((2, 3))
    np.add.at(both, tuple(found.x[:, 1].astype(int).T), 1 / 6000)
    np.testing.assert_allclose(both, model.table, atol=0.03)


def test_the_density_of_a_proposal_integrates_to_one_in_the_units_of_the_data(gaussian):
    _, data = gaussian
    columns = (Column("a", heavy=True), Column("b", bounds=(-20.0, 10.0)), Column("c"))
    for given in (None, columns):
        proposal = Proposal(_data(data.train.x, given))
        x, log_q = proposal.draw(np.array([np.nan, np.nan, 510.0]), np.array([0, 1]), 40_000, np.random.default_rng(2))
        # E_q[1 / q] over a box is its area.
        inside = (np.abs(x[:, 0] - 20) < 2) & (np.abs(x[:, 1] + 3) < 1)
        area = np.mean(np.where(inside, np.exp(-log_q), 0))
        assert area == pytest.approx(8.0, rel=0.06)


def test_models_without_a_density_and_images_are_refused(gaussian):
    _, data = gaussian
    with pytest.raises(DataError, match="expected rows of 3 numbers"):
        impute(gaussian[0], data, np.zeros((2, 2)))
    digits = tfgen.load_dataset("digits", tfgen.load_registry(), tfgen.DataSources())
    with pytest.raises(CapabilityError, match="tfgen inpaint"):
        impute(tfgen.GenerativeModel(None, digits.spec, 0), digits, np.zeros((2, 3)))


def test_whole_numbers_that_the_training_split_lacks_are_proposed():
    random = np.random.default_rng(3)
    data = _data(
        np.stack([random.integers(0, 5000, 300), random.normal(size=300)], 1), (Column("n", "integer"), Column("x"))
    )
    x, log_q = Proposal(data).draw(np.array([np.nan, 0.3]), np.array([0]), 20_000, random)
    assert len(np.setdiff1d(x[:, 0], data.train.x[:, 0])) > 1000
    inside = (x[:, 0] >= 1000) & (x[:, 0] < 1500)
    assert np.mean(np.where(inside, np.exp(-log_q), 0)) == pytest.approx(500, rel=0.15)  # E_q[1 / q] counts the numbers


def test_values_stay_within_the_bounds_of_their_column():
    random = np.random.default_rng(4)
    x = np.where(random.uniform(size=400) < 0.5, 1.0, random.uniform(size=400))
    data = _data(np.stack([x, random.normal(size=400)], 1), (Column("s", bounds=(0.0, 1.0)), Column("x")))
    drawn, _ = Proposal(data).draw(np.array([np.nan, 0.0]), np.array([0]), 5000, random)
    assert drawn[:, 0].min() >= 0
    assert drawn[:, 0].max() <= 1


def test_a_row_without_any_density_is_named(gaussian):
    class Nowhere(Gaussian):
        def log_prob(self, x, labels=None, seed=0):
            return super().log_prob(x) * np.float32("nan")

    with pytest.raises(DataError, match=r"row 1 .* has no density"):
        impute(Nowhere(None, gaussian[1].spec, 0), gaussian[1], np.array([[1.0, 2, 3], [np.nan, 2, 3]]))
