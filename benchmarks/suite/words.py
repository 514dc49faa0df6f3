"""Format numbers of a benchmark: three digits, and the range over the rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

NOTHING = "-"
_PREFIXES = ("", " k", " M", " G", " T", " P")


def number(value: float) -> str:
    """Return a number to three digits, without an exponent where it can be helped.

    >>> number(125321.0), number(3.14159), number(0.01234)
    ('125,000', '3.14', '0.0123')
    """
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def count(value: float | None) -> str:
    """Return how many, to three digits with the prefix of a thousand, a million and so on; a dash for None.

    >>> count(11_304_512), count(999_999), count(42), count(None)
    ('11.3 M', '1 M', '42', '-')
    """
    if value is None:
        return NOTHING
    rounded, place = float(f"{value:.3g}"), 0
    while abs(rounded) >= 1000 and place < len(_PREFIXES) - 1:
        rounded, place = float(f"{rounded / 1000:.3g}"), place + 1
    return f"{rounded:g}{_PREFIXES[place]}"


def middle(values: Sequence[float], show: Callable[[float], str] = number) -> str:
    """Return the median; a dash for none."""
    return show(statistics.median(values)) if values else NOTHING


def with_range(values: Sequence[float], show: Callable[[float], str] = number) -> str:
    """Return the median and, of several values, the least and the most; a dash for none.

    >>> with_range([1.0, 2.0, 4.0]), with_range([2.0]), with_range([-1.0, 1.0])
    ('2 (1-4)', '2', '0 (-1 to 1)')
    """
    if len(values) < 2:
        return middle(values, show)
    low, high = min(values), max(values)
    return f"{middle(values, show)} ({show(low)}{' to ' if low < 0 else '-'}{show(high)})"


def exponent(value: float) -> str:
    """Return an exponent to two places; never a negative nothing.

    >>> exponent(1.984), exponent(-0.001)
    ('1.98', '0.00')
    """
    return f"{round(value, 2) + 0.0:.2f}"


def factor(value: float) -> str:
    """Return a ratio to two places, to three digits where it is large.

    >>> factor(1.0), factor(0.5123), factor(479.2), factor(0.0123)
    ('1.00', '0.51', '479', '0.012')
    """
    if value >= 10:
        return number(value)
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def percent(share: float | None) -> str:
    """Return a share in per cent; a dash for None.

    >>> percent(0.617), percent(0.0123), percent(None)
    ('62 %', '1.2 %', '-')
    """
    if share is None:
        return NOTHING
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.2g} %"


def listed(values: Sequence[object]) -> str:
    """Return values with commas between them."""
    return ", ".join(map(str, values))
