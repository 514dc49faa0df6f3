"""Rows: rates and shares follow from what was timed and counted, and JSON keeps everything."""

import json

import pytest

from tests.made_rows import changed, made_row, without_numbers
from tfgen_benchmarks.rows import BenchmarkRow, best, ratios


def test_rates_and_shares_are_medians_over_the_rounds():
    row = made_row(rates=(100.0, 110.0, 90.0), products=(1e11, 2e11, 1e11), batch=8)
    assert row.rates == pytest.approx([100, 110, 90])
    assert row.rate == pytest.approx(100)
    assert row.multiply_adds_each == pytest.approx(5e8)
    assert row.products_share == pytest.approx(0.45)  # of 0.5, 0.275 and 0.45: each round has its own ceiling
    assert row.memory_share == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("work", "moved", "bound"),
    [
        (8e8, 0.0, "products"),
        (8e8, 7e7, "products"),
        (1e8, 9e7, "memory"),
        (1.4e8, 1.4e7, "calls"),  # 14 % of either
        (None, 9e7, None),
        (8e8, None, None),
    ],
)
def test_the_nearer_ceiling_bounds_a_row(work, moved, bound):
    row = made_row(rates=(100.0,), examples=1.0, multiply_adds=work, bytes=moved)
    assert row.bound == bound


def test_without_numbers_there_is_no_rate_share_or_bound():
    row = without_numbers("out of memory")
    assert (row.rates, row.rate, row.products_share, row.memory_share, row.bound) == ([], None, None, None, None)
    assert row.multiply_adds_each is None


def test_a_ceiling_that_was_not_measured_in_every_round_gives_no_share():
    row = changed(made_row(), ceilings={"products": [1e11, 1e11]})
    assert row.products_share is None
    assert row.memory_share is None


def test_the_name_is_what_was_run_and_not_how_it_went():
    row = made_row(sizes={"side": 14}, part="growth")
    assert row.name == changed(row, seconds=[9.0], reason="gone", parameters=1, notes=["new"]).name
    others = {"part": "sampling", "model": "vae", "contender": "torch", "work": "decode", "way": "xla", "batch": 1}
    for field, value in {**others, "sizes": {"side": 28}}.items():
        assert row.name != changed(row, **{field: value}).name


@pytest.mark.parametrize("row", [made_row(notes=["a"], sizes={"side": 8}), without_numbers("no GPU")])
def test_json_keeps_a_row(row):
    content = json.loads(json.dumps(row.to_json()))
    assert BenchmarkRow.from_json(content) == row
    assert content["derived"]["rate"] == row.rate
    assert content["derived"]["bound"] == row.bound


def test_json_with_an_unknown_or_a_missing_field_is_refused():
    content = made_row().to_json()
    with pytest.raises(TypeError, match="speed"):
        BenchmarkRow.from_json(content | {"speed": 1})
    del content["model"]
    with pytest.raises(TypeError, match="model"):
        BenchmarkRow.from_json(content)


def test_ratios_are_taken_round_by_round():
    slow, fast = made_row(rates=(1.0, 2.0, 4.0)), made_row(rates=(3.0, 3.0, 3.0))
    assert ratios(slow, fast) == pytest.approx([3, 1.5, 0.75])


def test_the_best_is_the_fastest_by_the_median_among_those_asked_for():
    steady, lucky = made_row(rates=(10.0, 10.0, 10.0)), made_row(way="xla", rates=(9.0, 9.0, 99.0))
    other = made_row(rates=(50.0,) * 3, contender="torch")
    rows = [without_numbers("gone", way="eager"), lucky, steady, other]
    assert best(rows, contender="tfgen") is steady
    assert best(rows, contender="tfgen", way="xla") is lucky
    assert best(rows) is other
    assert best(rows, model="nothing") is None
    assert best(rows, way="eager") is None
