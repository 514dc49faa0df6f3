"""Rounding of numbers for people: the error to two significant digits, the value to the same decimals."""

from __future__ import annotations

import math

_DIGITS = 2  # of an error
_ALONE = 4  # significant digits of a fraction without an error
_MOST_DECIMALS = 12


def measured(value: float, error: float = math.nan, before_error: str = " ", signed: bool = False) -> str:
    """Return a number with its standard error, if it has one, as text: both end at the error's second significant digit.

    Args:
        value: the number.
        error: its standard error; NaN for none.
        before_error: between the number and the sign of the error.
        signed: write a plus before numbers above zero.

    >>> measured(1.23456, 0.0467), measured(98765.4, 321.0), measured(-0.001, 0.46)
    ('1.235 ± 0.047', '98770 ± 320', '0.00 ± 0.46')
    >>> measured(17.0), measured(0.98765), measured(104.56789), measured(1.0, 0.0)
    ('17', '0.9877', '104.6', '1 ± 0')
    """
    if not math.isfinite(error):
        return fixed(value, _own_decimals(value), signed)
    if error == 0:
        return f"{fixed(value, _own_decimals(value), signed)}{before_error}± 0"
    decimals = _decimals_of(error, _DIGITS)
    return f"{fixed(value, decimals, signed)}{before_error}± {fixed(error, decimals)}"


def in_percent(change: float, of: float) -> str:
    """Return a change as a share of a number, ``-9.9 %``; empty where a share says nothing (of 0, or beyond the whole).

    >>> in_percent(-13.64, 138.0), in_percent(15.43, -144.59), in_percent(3.0, 2.0), in_percent(1.0, 0.0)
    ('-9.9 %', '+10.7 %', '', '')
    """
    share = change / abs(of) if of else math.nan
    return f"{fixed(100 * share, 1, signed=True)} %" if abs(share) <= 1 else ""


def _own_decimals(value: float) -> int:
    """Return the decimals of a number without an error: none for a whole one, else as many as make four digits."""
    if not math.isfinite(value) or float(value).is_integer():
        return 0
    return max(_decimals_of(value, _ALONE), 0)


def _decimals_of(number: float, digits: int) -> int:
    """Return where the last of so many significant digits stands, after rounding: 2 for 0.0996 and two digits, 0.10."""
    exponent = int(f"{number:.{digits - 1}e}".partition("e")[2])
    return min(digits - 1 - exponent, _MOST_DECIMALS)


def fixed(value: float, decimals: int, signed: bool = False) -> str:
    """Return a number to so many decimals, whole tens or hundreds for negative ones; zero has no sign.

    >>> fixed(-0.001, 2), fixed(1234.5, -2), fixed(2.0, 1, signed=True)
    ('0.00', '1200', '+2.0')
    """
    if not math.isfinite(value):
        return str(value)
    rounded = round(value, decimals) + 0.0  # minus zero becomes zero
    return f"{rounded:{'+' if signed and rounded else ''}.{max(decimals, 0)}f}"
