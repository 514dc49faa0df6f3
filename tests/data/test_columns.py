"""Columns: the map to the real line against autodiff, fitted scales, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen import DataError, Dataset, DataSpec, Split
from tfgen.data.column_map import ColumnMap, context_rows, spread_columns, values_of
from tfgen.data.columns import Column, columns_from_json
from tfgen.data.conditions import default_categories_note, middle_of
from tfgen.data.fitting import fit_column, with_fitted_columns
from tfgen.evaluate.proposals import Proposal
from tfgen.layers import LogitCodec
from tfgen.training.saved_weights import encoded_spec

_FINITE = st.floats(-50, 50)


@st.composite
def columns(draw):
    """A fitted column of any kind, with bounds and heavy tails or without."""
    kind = draw(st.sampled_from(["real", "integer", "category"]))
    bounds = None
    if kind != "category" and draw(st.booleans()):
        low = draw(st.integers(-20, 20))
        bounds = (float(low), float(low + draw(st.integers(1, 30))))
    heavy = kind != "category" and bounds is None and draw(st.booleans())
    return Column(
        "c", kind, ("a", "b", "c") if kind == "category" else None, bounds, heavy,
        (draw(st.floats(-3, 3)), draw(st.floats(0.1, 5))) if heavy else None,
        draw(st.floats(-3, 3)), draw(st.floats(0.2, 3)),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(columns(), min_size=1, max_size=4), st.integers(0, 1000))
def test_the_log_determinant_is_that_of_autodiff_and_the_inverse_returns(found, seed):
    bijector = ColumnMap(found, tf.float64)
    t = tf.constant(np.clip(np.random.default_rng(seed).normal(size=(5, len(found))), -2, 2))
    with tf.GradientTape() as tape:
        tape.watch(t)
        y = bijector.forward(tf.identity(t))
    slope = tape.gradient(y, t)  # elementwise, so that the sum's gradient is each one's
    # Near its bounds a logit loses digits: the slope of its inverse says how many.
    tolerance = 1e-9 + 1e-13 / slope.numpy()
    assert (np.abs(bijector.inverse(tf.identity(y)) - t) <= tolerance).all()
    expected = np.log(slope)
    np.testing.assert_allclose(bijector.forward_log_det_jacobian(tf.identity(t), 0), expected, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(columns(), st.integers(0, 1000))
def test_whole_numbers_stay_in_their_cell_and_come_back(column, seed):
    random = np.random.default_rng(seed)
    low, high = (0, 2) if column.categories else column.bounds or (-1000, 8_000_000)
    v = random.uniform(low, high, (200, 1)).astype(np.float32)
    v = np.floor(v) if column.discrete else v
    y = spread_columns(tf.constant(v), [column], 3, tf.float32)
    assert np.array_equal(values_of(y, [column]), v)


@pytest.mark.parametrize("bits", [0, 1, 2**23, 2**24 - 2, 2**24 - 1])
def test_whole_numbers_are_spread_to_the_largest_number_of_their_cell_at_most(bits, monkeypatch):
    v = np.unique(np.r_[np.arange(-300, 300), np.linspace(-(2**24) + 1, 2**24 - 1, 5000)].round()).astype(np.float32)
    u = np.float32(bits * 2.0**-24)
    monkeypatch.setattr("tfgen.data.column_map.uniform", lambda shape, seed, dtype: tf.fill(shape, u))
    y = spread_columns(tf.constant(v[:, None]), [Column("count", "integer")], 3, tf.float32)
    np.testing.assert_array_equal(y[:, 0], np.minimum(v + u, np.nextafter(v + np.float32(1), np.float32(-np.inf))))


def test_the_bijector_agrees_with_what_shift_and_scale_were_fitted_to():
    random = np.random.default_rng(0)
    for column, values in (
        (Column("far"), random.normal(2e4, 1, 4000)),
        (Column("share", bounds=(0.0, 1.0)), random.beta(2, 5, 4000)),
        (Column("income", heavy=True), np.exp(random.normal(10, 2, 4000))),
        (Column("count", "integer"), random.poisson(30, 4000)),
    ):
        fitted = fit_column(column, values.astype(np.float32))
        assert fitted is not None
        y = spread_columns(tf.constant(values[:, None].astype(np.float32)), [fitted], None, tf.float64)
        t = ColumnMap([fitted], tf.float64).inverse(y).numpy()
        assert abs(t.mean()) < 1e-3, column.name
        assert abs(t.std() - 1) < 1e-3, column.name


def _set(x, **spec):
    x = np.asarray(x, np.float32)
    return Dataset("s", DataSpec("vector", x.shape[1:], **spec), dict.fromkeys(("train", "valid", "test"), Split(x)))


def test_a_value_at_a_bound_that_float32_rounds_past_it_has_a_place():
    values = np.array([51.3, 51.4, 51.5, 51.7], np.float32)
    assert float(values[0]) < 51.3
    fitted = fit_column(Column("lat", bounds=(51.3, 51.7)), values)
    assert fitted is not None
    for dtype in (tf.float32, tf.float64):
        bijector, y = ColumnMap([fitted], dtype), tf.constant(values[:, None], dtype)
        t = bijector.inverse(tf.identity(y)).numpy()[:, 0]
        np.testing.assert_allclose(t, (fitted.mapped(values) - fitted.shift) / fitted.scale, atol=0.02)
        np.testing.assert_allclose(bijector.forward(tf.constant(t[:, None], dtype)), y, rtol=1e-6)
        assert np.isfinite(bijector.inverse_log_det_jacobian(tf.identity(y), 0)).all()
    data = with_fitted_columns(_set(values[:, None], columns=(Column("lat", bounds=(51.3, 51.7)),)))
    x, log_q = Proposal(data).draw(np.array([np.nan]), np.array([0]), 100, np.random.default_rng(0))
    assert np.isfinite(x).all()
    assert np.isfinite(log_q).all()


def test_a_set_without_columns_gets_kinds_and_scales():
    random = np.random.default_rng(1)
    found = with_fitted_columns(_set(np.stack([random.normal(7, 3, 500), random.poisson(4, 500)], 1))).spec
    assert [column.kind for column in found.columns] == ["real", "integer"]
    assert found.columns[0].shift == pytest.approx(7, abs=0.5)
    assert found.columns[0].scale == pytest.approx(3, abs=0.3)
    assert found.dequantised
    assert LogitCodec(found).density == "dequantised"


def test_images_and_fitted_sets_stay_as_they_are():
    once = with_fitted_columns(_set(np.random.default_rng(2).normal(size=(50, 2))))
    assert with_fitted_columns(once) is once


def test_a_constant_column_is_refused_by_name():
    x = np.random.default_rng(3).normal(size=(50, 2))
    x[:, 1] = 5
    with pytest.raises(DataError, match="column 'b' has one value only"):
        with_fitted_columns(_set(x, columns=(Column("a"), Column("b"))))


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        (Column("n", "integer"), 1.5, "whole numbers"),
        (Column("n", bounds=(0.0, 1.0)), 1.5, "outside 0 .. 1"),
        (Column("n", "category", ("a", "b")), 2.0, "outside 0 .. 1"),
    ],
    ids=["fraction", "bound", "category"],
)
def test_values_that_a_column_cannot_hold_are_refused_by_row_and_name(column, value, why):
    x = np.array([[0.0], [1.0], [value]], np.float32)
    with pytest.raises(DataError, match=f"row 2.*'n'.*{why}"):
        with_fitted_columns(_set(x, columns=(column,)))


@pytest.mark.parametrize(
    "entries",
    [
        [{"name": "a", "kind": "colour"}], [{"name": "a", "scale": 0.0, "shift": 0.0}], [{"name": "a", "bounds": [1, 0]}],
        [{"name": "a", "kind": "category", "categories": ["x"]}], [{"name": ""}], [{"name": "a", "tails": [0, 1]}],
        [{"name": "a", "shift": 1.0}], [{"name": 3}], [{"name": "a", "scale": float("nan"), "shift": 0.0}],
        [{"name": "a", "extra": 1}], ["a"], "a", [{"name": "a", "bounds": 3}], [{"name": "a", "mode": 0}],
        *([{"name": "a", "kind": "category", "categories": ["x", "y"], "mode": mode}] for mode in (2, -1, 0.0, True, "x")),
    ],
    ids=range(19),
)  # fmt: skip
def test_a_config_with_impossible_columns_is_refused(entries):
    with pytest.raises((DataError, ValueError)):
        columns_from_json(entries)


def test_columns_come_back_from_json():
    given = (
        Column("a", heavy=True, tails=(0.0, 1.0), shift=1.0, scale=2.0), Column("b", "category", ("x", "y")),
        Column("c", "integer", bounds=(0.0, 9.0)),
    )  # fmt: skip
    assert columns_from_json([column.to_json() for column in given]) == given


def test_contexts_are_standardised_and_categories_one_hot():
    context = (Column("n", shift=2.0, scale=4.0), Column("k", "category", ("x", "y", "z"), shift=0.0, scale=1.0))
    rows = context_rows(tf.constant([[6.0, 2.0], [2.0, 0.0]]), context, tf.float32)
    assert rows.numpy().tolist() == [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    "column", [Column("n", "integer"), Column("n", "integer", bounds=(0.0, 40.0)), Column("n", "integer", heavy=True)]
)
def test_whole_numbers_of_a_context_have_mean_0_and_deviation_1_as_a_network_is_given_them(column):
    random = np.random.default_rng(6)
    context = random.poisson(3, (500, 1)).astype(np.float32)
    split = Split(random.normal(size=(500, 2)).astype(np.float32), None, context)
    spec = DataSpec("vector", (2,), context=(column,))
    fitted = with_fitted_columns(Dataset("s", spec, dict.fromkeys(("train", "valid", "test"), split))).spec.context
    assert fitted[0].kind == "integer"
    rows = context_rows(tf.constant(context), fitted, tf.float64).numpy()
    assert abs(rows.mean()) < 1e-4
    assert abs(rows.std() - 1) < 1e-4
    assert middle_of(fitted)[0].is_integer()


def test_the_most_frequent_category_of_the_training_split_stands_in_for_a_context():
    # 2 and 3 are equally frequent: the first of them is taken.
    numbers = np.repeat(np.array([0, 2, 1, 3], np.float32), [20, 30, 10, 30])[:, None]
    x = np.random.default_rng(9).normal(size=(90, 2)).astype(np.float32)
    spec = DataSpec("vector", (2,), context=(Column("k", "category", ("p", "q", "r", "s")),))
    splits = {"train": Split(x, None, numbers), **dict.fromkeys(("valid", "test"), Split(x, None, 0 * numbers))}
    fitted = with_fitted_columns(Dataset("s", spec, splits)).spec
    assert fitted.context[0].mode == 2
    assert middle_of(fitted.context).tolist() == [2.0]
    note = default_categories_note(fitted.context)
    assert note == "samples are drawn at the most frequent category of the context, k r"
    assert columns_from_json(fitted.to_json()["context"]) == fitted.context
    # What an earlier version has fitted gets its mode, and keeps the digests that runs and checkpoints have.
    earlier = dataclasses.replace(fitted, context=(dataclasses.replace(fitted.context[0], mode=None),))
    assert with_fitted_columns(Dataset("s", earlier, splits)).spec == fitted
    assert encoded_spec(earlier) == encoded_spec(fitted)
    assert earlier.identity() == fitted.identity() == earlier.to_json()


def test_a_context_of_no_category_is_refused_when_data_are_loaded():
    x = np.random.default_rng(9).normal(size=(90, 2)).astype(np.float32)
    spec = DataSpec("vector", (2,), context=(Column("k", "category", ("p", "q")),))
    splits = dict.fromkeys(("train", "valid", "test"), Split(x, None, np.arange(90, dtype=np.float32)[:, None] % 3))
    with pytest.raises(DataError, match=r"split 'train', context: row 2 .* column 'k' is 2, outside 0 \.\. 1"):
        with_fitted_columns(Dataset("s", spec, splits))


def test_a_note_names_the_categories_that_stand_in_for_a_context():
    columns = (
        Column("n", shift=2.0, scale=4.0),
        Column("k", "category", ("x", "y")),
        Column("m", "category", ("u", "v")),
    )
    assert middle_of(columns).tolist() == [2.0, 0.0, 0.0]  # a run of an earlier version, which recorded no modes
    assert default_categories_note(columns) == "samples are drawn at the first categories of the context, k x, m u"
    mixed = (*columns[:2], dataclasses.replace(columns[2], mode=1))
    assert default_categories_note(mixed) == (
        "samples are drawn at the most frequent category of the context, m v, and at the first category of the context, k x"
    )
    assert default_categories_note(columns[:1]) is None


def test_signed_values_of_vectors_are_standardised_and_come_back():
    x = np.stack([np.random.default_rng(4).normal(2e4, 1, 300), np.random.default_rng(5).poisson(9, 300)], 1)
    spec = with_fitted_columns(_set(x)).spec
    t = spec.to_signed(x.astype(np.float32), tf.float32)
    assert abs(t.numpy().mean()) < 0.1
    assert abs(t.numpy().std() - 1) < 0.1
    np.testing.assert_allclose(spec.from_signed(t), x, atol=4e-3)
