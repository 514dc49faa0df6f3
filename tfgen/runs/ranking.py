"""Rank the runs of a comparison by a metric: differences with their standard errors, paired over the examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tfgen.runs.scores import Scores

Verdict = Literal["best", "level", "behind"]
Better = Literal["lower", "higher"]
#: A difference counts when it is larger than this many of its standard errors.
STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class Standing:
    """Rank of a run in a row of comparable metrics.

    Attributes:
        difference: its value minus that of the leading run.
        error: the standard error of this difference: that of the mean of the differences of each example, where the scores of
            the examples are known, else ``sqrt(a^2 + b^2)`` of the two runs' errors a and b.
        verdict: ``best`` (ahead of all others by more than two such errors), ``level`` (no significant difference to
            the leading run, or the leading run itself if others are level), or ``behind``.
    """

    difference: float
    error: float
    verdict: Verdict


@dataclass(frozen=True)
class Improvement:
    """How much better the best of the other runs is than the first run of a row.

    Attributes:
        run: the best of the others.
        over: the first run.
        value: the difference, above 0 if `run` is better.
        error: its standard error, as in `Standing`.
        paired: whether that is the error of a paired test over the examples.
    """

    run: str
    over: str
    value: float
    error: float
    paired: bool


def rank(
    values: Mapping[str, float],
    errors: Mapping[str, float],
    better: Better | None,
    scores: Mapping[str, Scores] | None = None,
) -> dict[str, Standing]:
    """Rank the values of a metric with one basis.

    The error of a difference is that of a paired test, where the scores of the examples are known. Else it is
    ``sqrt(a^2 + b^2)``, as if the runs had been measured on different examples: they share them, and examples that are hard
    for one model are mostly hard for the other, so the true error is mostly smaller, and the test is conservative. Variation
    between training seeds is not part of the error.

    Args:
        values: by run.
        errors: standard errors over the examples, by run.
        better: whether lower or higher values are better; None where neither are.
        scores: of the examples, [n], by run, where they are known.

    Returns:
        The rank of each run with a finite value and error; empty if `better` is None or fewer than two such runs.

    >>> {run: standing.verdict for run, standing in rank({"a": 1.0, "b": 1.5}, {"a": 0.1, "b": 0.1}, "lower").items()}
    {'a': 'best', 'b': 'behind'}
    """
    sound = _finite(values, errors)
    if len(sound) < 2 or better is None:
        return {}
    leader = (min if better == "lower" else max)(sound, key=lambda run: values[run])
    result: dict[str, Standing] = {}
    for run in sound:
        difference, (error, _) = values[run] - values[leader], error_of_difference(run, leader, errors, scores or {})
        level = run == leader or abs(difference) <= STANDARD_ERRORS * error
        result[run] = Standing(difference, 0.0 if run == leader else error, "level" if level else "behind")
    if sum(standing.verdict == "level" for standing in result.values()) == 1:
        result[leader] = Standing(0.0, 0.0, "best")
    return result


def improvement(
    values: Mapping[str, float], errors: Mapping[str, float], better: Better | None, scores: Mapping[str, Scores]
) -> Improvement | None:
    """Return the improvement of the best other run over the first one.

    Args:
        values: by run.
        errors: standard errors over the examples, by run.
        better: whether lower or higher values are better; None where neither are.
        scores: of the examples, [n], by run, where they are known.

    Returns:
        The improvement; None if neither direction is better, or a finite number is missing.
    """
    over = next(iter(values))
    sound = _finite(values, errors)
    others = [run for run in sound if run != over]
    if better is None or not others or over not in sound:
        return None
    sign = -1.0 if better == "lower" else 1.0
    run = max(others, key=lambda name: sign * values[name])
    error, paired = error_of_difference(run, over, errors, scores)
    return Improvement(run, over, sign * (values[run] - values[over]), error, paired)


def change(
    values: Mapping[str, float], errors: Mapping[str, float], scores: Mapping[str, Scores]
) -> tuple[float, float] | None:
    """Return the second run's value minus the first one's, and the standard error of this difference.

    Args:
        values: by run.
        errors: standard errors over the examples, by run.
        scores: of the examples, [n], by run, where they are known.

    Returns:
        Both; None unless there are two runs with finite numbers.
    """
    if len(values) != 2 or len(_finite(values, errors)) != 2:
        return None
    first, second = values
    return values[second] - values[first], error_of_difference(second, first, errors, scores)[0]


def error_of_difference(
    run: str, other: str, errors: Mapping[str, float], scores: Mapping[str, Scores]
) -> tuple[float, bool]:
    """Return the standard error of the difference of two runs, and whether it is that of a paired test.

    With scores a_i and b_i of the same n examples it is the standard deviation of ``a_i - b_i`` over ``sqrt(n)``.

    Args:
        run: one of the two.
        other: the other one.
        errors: standard errors over the examples, by run.
        scores: of the examples, [n], by run.
    """
    if run in scores and other in scores and len(scores[run]) == len(scores[other]) >= 2:
        differences = scores[run] - scores[other]
        return float(np.std(differences, ddof=1) / math.sqrt(len(differences))), True
    return math.hypot(errors[run], errors[other]), False


def _finite(values: Mapping[str, float], errors: Mapping[str, float]) -> list[str]:
    """Return the runs whose value and error are finite."""
    return [run for run in values if math.isfinite(values[run]) and math.isfinite(errors[run])]
