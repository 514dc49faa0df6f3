"""Rounding for people: two digits of the error, the same decimals for the value, no minus zero."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.metrics.rounding import fixed, measured


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (2.14851, 0.01234, "2.149 ± 0.012"), (104.5678, 0.4567, "104.57 ± 0.46"), (1.0, 0.0996, "1.00 ± 0.10"),
        (0.5, 0.0999, "0.50 ± 0.10"), (98765.4, 321.0, "98770 ± 320"), (2.6e6, 12345.0, "2600000 ± 12000"),
        (-0.001, 0.46, "0.00 ± 0.46"), (1.0, 0.0, "1 ± 0"), (17.0, math.nan, "17"), (0.123456, math.nan, "0.1235"),
        (1234.567, math.nan, "1235"), (math.nan, math.nan, "nan"), (math.inf, 0.1, "inf ± 0.10"), (0.0, math.nan, "0"),
        (1.5, math.inf, "1.500"),
    ],
)  # fmt: skip
def test_numbers_and_their_errors(value, error, text):
    assert measured(value, error) == text


def test_signs_and_separators():
    assert measured(1.0, 0.01414, "\n", signed=True) == "+1.000\n± 0.014"
    assert measured(-0.0001, 0.46, signed=True) == "0.00 ± 0.46"
    assert fixed(-0.004, 2) == "0.00"
    assert fixed(-1.5, 1, signed=True) == "-1.5"


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9))
def test_what_is_written_is_near_and_ends_where_the_error_does(value, error):
    number, written = measured(value, error).split(" ± ")
    assert abs(float(written) - error) <= 0.06 * error  # two digits
    unit = 10.0 ** max(int(f"{error:.1e}".split("e")[1]) - 1, -12)
    assert abs(Decimal(number) - Decimal(value)) <= Decimal("0.5001") * Decimal(unit)
    assert len(number.partition(".")[2]) == len(written.partition(".")[2])
    assert not (float(number) == 0 and number.startswith("-"))
