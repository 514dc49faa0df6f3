"""Exponents: power laws are found exactly, a faster round does not matter, and too few sizes are told."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.made_rows import changed, grown, made_row, without_numbers
from tfgen_benchmarks.growth import fits, slope

SIDES = (8, 14, 28, 56)
SIZES = st.lists(st.integers(1, 2000), min_size=3, max_size=6, unique=True)
EXPONENTS = st.floats(-1, 4)
FACTORS = st.floats(1e-6, 1e3)


@settings(deadline=None)
@given(SIZES, EXPONENTS, EXPONENTS, st.lists(FACTORS, min_size=1, max_size=4))
def test_a_power_law_is_found_exactly_in_each_round(sizes, exponent, counted, factors):
    """A round in which all is slower by one factor has the same exponent."""
    seconds = [[factor * size**exponent for factor in factors] for size in sizes]
    (fit,) = fits(grown(sizes, seconds, multiply_adds=lambda size: 16 * 1000.0 * size**counted))
    assert fit.sizes == tuple(sorted(sizes))
    assert fit.exponents == pytest.approx([exponent] * len(factors), abs=1e-6)
    assert fit.exponent == pytest.approx(exponent, abs=1e-6)
    assert fit.local == pytest.approx(exponent, abs=1e-4)
    assert fit.off == pytest.approx(1, abs=1e-6)
    assert fit.counted == pytest.approx(counted, abs=1e-6)
    assert fit.counted_local == pytest.approx(counted, abs=1e-4)
    assert [fit.line(size) for size in fit.sizes] == pytest.approx(fit.seconds_each)


@settings(deadline=None)
@given(SIZES, EXPONENTS, FACTORS, FACTORS)
def test_a_slope_is_that_of_least_squares(sizes, exponent, factor, kink):
    values = [factor * size**exponent for size in sizes]
    values[0] *= kink
    x, y = ([math.log(value) for value in numbers] for numbers in (sizes, values))
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    assert slope(sizes, values) == pytest.approx(above / sum((a - mean_x) ** 2 for a in x), abs=1e-6)


def test_a_cost_that_does_not_grow_keeps_the_exponent_down_and_the_last_two_sizes_show_it():
    sizes = (10, 20, 40, 80)
    (fit,) = fits(grown(sizes, [[1e-3 + 1e-6 * size**2] * 3 for size in sizes], multiply_adds=lambda size: size**2))
    assert fit.exponent < fit.local < 2
    assert fit.local == pytest.approx(math.log(7.4e-3 / 2.6e-3, 2))
    assert (fit.counted, fit.counted_local) == pytest.approx((2, 2))
    assert fit.off > 1.2


def test_rounds_have_an_exponent_each():
    (fit,) = fits(grown((1, 2, 4), [[1.0, 1.0, 1.0], [2.0, 4.0, 1.0], [4.0, 16.0, 1.0]]))
    assert fit.exponents == pytest.approx([1, 2, 0])
    assert fit.exponent == pytest.approx(1)
    assert fit.seconds_each == pytest.approx([1, 2, 4])


def test_each_program_and_axis_has_a_fit_of_its_own():
    seconds = [[1.0], [2.0], [3.0], [4.0]]
    rows = [
        *grown(SIDES, seconds),
        *grown(SIDES, seconds, "layers"),
        *grown(SIDES, seconds, model="vae"),
        *grown(SIDES, seconds, contender="torch"),
        *grown(SIDES, seconds, way="xla"),
        *grown(SIDES, seconds, work="train"),
        *grown(SIDES, seconds, batch=64),
        made_row(),  # of another part
    ]
    found = fits(rows)
    assert len(found) == 7
    assert all(fit.sizes == SIDES for fit in found)
    assert (found[1].axis, found[2].model, found[6].batch) == ("layers", "vae", 64)


def test_a_size_without_numbers_is_left_out_with_its_reason():
    rows = grown((8, 14, 28), [[1.0], [4.0], [16.0]])
    rows.append(without_numbers("out of memory", part="growth", sizes={"side": 56}))
    failed_later = changed(grown((112,), [[64.0]])[0], reason="the process died")
    (fit,) = fits([*rows, failed_later])
    assert fit.sizes == (8, 14, 28)
    assert fit.left_out == {56: "out of memory", 112: "the process died"}
    assert fit.reason is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_sizes_are_too_few_for_a_fit(count):
    rows = grown(SIDES[:count], [[1.0, 1.0]] * count)
    rows += [without_numbers("no", part="growth", sizes={"side": side}) for side in SIDES[count:]]
    (fit,) = fits(rows)
    assert fit.reason == f"{count} sizes have numbers, and a fit needs 3"
    assert (fit.exponents, fit.exponent, fit.local, fit.counted) == ((), None, None, None)
    assert len(fit.seconds_each) == count


def test_two_sizes_at_once_are_no_axis():
    rows = [made_row(part="growth", sizes={"side": side, "layers": side}) for side in SIDES]
    (fit,) = fits([*rows])
    assert fit.reason == "a fit needs exactly one size that varies"


def test_an_unknown_count_leaves_the_theoretical_exponent_out():
    rows = grown(SIDES, [[1.0], [2.0], [3.0], [4.0]])
    rows[1] = changed(rows[1], multiply_adds=None)
    (fit,) = fits(rows)
    assert fit.exponent is not None
    assert (fit.counted, fit.counted_local) == (None, None)


def test_nothing_has_no_fits():
    assert fits([]) == []
    assert fits([made_row()]) == []
