"""Estimate: a value and its standard error."""

from __future__ import annotations

from typing import NamedTuple


class Estimate(NamedTuple):
    """A number that was estimated from draws.

    Attributes:
        value: the estimate.
        standard_error: of the value, over the draws; NaN where it is not known.
    """

    value: float
    standard_error: float
