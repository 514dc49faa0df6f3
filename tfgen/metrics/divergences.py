"""Kullback-Leibler and Jensen-Shannon divergences, in nats: of discrete distributions, and Monte Carlo estimates.

    KL(p || q) = E_p[log p - log q],    JS(p, q) = KL(p || m)/2 + KL(q || m)/2  with  m = (p + q)/2

Both are 0 for equal distributions alone. KL is not symmetric, and infinite where p has mass and q has none. JS is symmetric
and at most log 2, which it reaches for distributions that share no mass (Lin: Divergence measures based on the Shannon
entropy, 1991, section IV).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from tfgen.errors import DataError, NonFiniteError, require_option
from tfgen.metrics.estimate import Estimate, mean_estimate

Floats = NDArray[np.float64]

#: How far from 1 probabilities may add up, so that a softmax in float32 is taken as it is.
_SUM_TOLERANCE = 1e-5


class Divergences(NamedTuple):
    """KL(p || q), KL(q || p) and JS(p, q) of two distributions, in nats.

    Attributes:
        kl: KL(p || q).
        reverse_kl: KL(q || p).
        js: JS(p, q).
    """

    kl: Estimate
    reverse_kl: Estimate
    js: Estimate


# Discrete distributions


def kl_divergence(p: ArrayLike, q: ArrayLike) -> Floats:
    """Return ``KL(p || q) = sum_i p_i log(p_i / q_i)`` in nats, [...]; 0 log 0 is 0, and infinite where q_i = 0 < p_i.

    Args:
        p: probabilities [..., k].
        q: probabilities [..., k]; the leading axes broadcast.

    Raises:
        DataError: when they are no probabilities, or of shapes that do not go together.

    >>> kl_divergence([0.5, 0.5], [0.25, 0.75]).round(4)
    np.float64(0.1438)
    """
    return _sum_of_terms(*_pair(p, q))


def js_divergence(p: ArrayLike, q: ArrayLike) -> Floats:
    """Return ``JS(p, q) = KL(p || m)/2 + KL(q || m)/2`` in nats with ``m = (p + q)/2``, [...]; at most log 2.

    Args:
        p: probabilities [..., k].
        q: probabilities [..., k]; the leading axes broadcast.

    Raises:
        DataError: when they are no probabilities, or of shapes that do not go together.

    >>> js_divergence([1, 0], [0, 1]).round(4)
    np.float64(0.6931)
    """
    p, q = _pair(p, q)
    twice_m = p + q  # p / m as 2p / (p + q): half of the smallest number would be 0
    js: Floats = np.minimum((_sum_of_terms(2 * p, twice_m) + _sum_of_terms(2 * q, twice_m)) / 4, math.log(2))
    return js


def bernoulli_kl(theta: ArrayLike, other: ArrayLike) -> Floats:
    """Return the KL divergence of two Bernoulli distributions, in nats.

    ``theta log(theta / other) + (1 - theta) log((1 - theta) / (1 - other))``.

    Args:
        theta: probability of a 1 under p, any shape.
        other: the same under q; the shapes broadcast.

    Raises:
        DataError: when one lies outside 0 .. 1.
    """
    return kl_divergence(_bernoulli(theta), _bernoulli(other))


def bernoulli_js(theta: ArrayLike, other: ArrayLike) -> Floats:
    """Return the Jensen-Shannon divergence of two Bernoulli distributions, in nats; arguments as for `bernoulli_kl`."""
    return js_divergence(_bernoulli(theta), _bernoulli(other))


def _sum_of_terms(p: Floats, q: Floats) -> Floats:
    """Return ``sum_i p_i log(p_i / q_i) - p_i + q_i``, which is the KL as both add up to the same.

    No term is negative, as log t <= t - 1, so that rounding cannot make the sum negative either.
    """
    total: Floats = np.sum(np.maximum(special.rel_entr(p, q) - p + q, 0.0), axis=-1)
    return total


def _pair(p: ArrayLike, q: ArrayLike) -> tuple[Floats, Floats]:
    first, second = _probabilities(p, "p"), _probabilities(q, "q")
    if first.shape[-1] != second.shape[-1]:
        raise DataError(
            f"p has {first.shape[-1]} probabilities and q {second.shape[-1]}; give both over the same values."
        )
    try:
        np.broadcast_shapes(first.shape, second.shape)
    except ValueError as error:
        raise DataError(
            f"shapes {first.shape} and {second.shape} do not broadcast; give p and q of one shape."
        ) from error
    return first, second


def _probabilities(p: ArrayLike, name: str) -> Floats:
    values = np.asarray(p, np.float64)
    if values.ndim == 0 or values.shape[-1] == 0:
        raise DataError(f"{name} must be probabilities of shape [..., k]; got shape {values.shape}.")
    if not np.all(values >= 0):  # NaN is no number from 0 on either
        raise DataError(f"{name} must hold probabilities, 0 or more; its least is {values.min():.6g}.")
    total = values.sum(axis=-1, keepdims=True)
    if not np.all(np.abs(total - 1) <= _SUM_TOLERANCE):
        off = float(total.flat[np.argmax(np.abs(total - 1))])
        raise DataError(f"the probabilities of {name} must add up to 1 along the last axis; got {off:.6g}.")
    return values / total


def _bernoulli(theta: ArrayLike) -> Floats:
    values = np.asarray(theta, np.float64)
    if not np.all((values >= 0) & (values <= 1)):
        raise DataError("the probability of a 1 must lie in 0 .. 1.")
    return np.stack([values, 1 - values], axis=-1)


# Any two densities, by draws


def monte_carlo_divergences(
    draw_p: Callable[[int, np.random.Generator], NDArray[Any]],
    log_p: Callable[[NDArray[Any]], ArrayLike],
    draw_q: Callable[[int, np.random.Generator], NDArray[Any]],
    log_q: Callable[[NDArray[Any]], ArrayLike],
    samples: int = 10_000,
    seed: int = 0,
) -> Divergences:
    """Estimate KL both ways and JS by Monte Carlo, from samples of both distributions; see `divergences_of_scores`.

    Args:
        draw_p: ``(n, generator) -> x`` [n, ...], draws of p.
        log_p: ``x -> log p(x)`` [n] nats, normalised.
        draw_q: draws of q.
        log_q: ``x -> log q(x)`` [n] nats, over the same measure as p.
        samples: draws of each.
        seed: of the draws, which are independent for p and q.

    Raises:
        NonFiniteError: when a distribution has no density at its own draws, or a density is no number.
        OptionError: when there are fewer than two samples, or the seed is negative.
    """
    require_option(samples >= 2, "samples", samples, "at least 2")
    require_option(seed >= 0, "seed", seed, "0 or more")
    of_p, of_q = (np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, which)))) for which in (0, 1))
    at_p, at_q = draw_p(samples, of_p), draw_q(samples, of_q)
    return divergences_of_scores(log_p(at_p), log_q(at_p), log_p(at_q), log_q(at_q))


def divergences_of_scores(p_at_p: ArrayLike, q_at_p: ArrayLike, p_at_q: ArrayLike, q_at_q: ArrayLike) -> Divergences:
    """Estimate KL both ways and JS by Monte Carlo, from log-densities at samples of p and at independent samples of q.

    With the log-ratio ``r(x) = log q(x) - log p(x)`` and ``softplus(r) = log(1 + e^r)``, these are means over the draws of

        KL(p || q) = E_p[-r],    KL(q || p) = E_q[r],
        JS(p, q) = E_p[log 2 - softplus(r)]/2 + E_q[log 2 - softplus(-r)]/2

    without bias. The last follows from ``p / m = 2 / (1 + q / p)``. It never overflows, and no draw lifts it above log 2; below
    0 each of the three can fall by chance, where the distributions are nearly equal. A draw of p where q has no density
    shows that KL(p || q) is infinite; then there is no error (NaN), and JS gets log 2 there.

    The errors are those of the means, so they say nothing of regions that hold much of the divergence and no draw.

    Args:
        p_at_p: log p at draws of p, [n] nats.
        q_at_p: log q there.
        p_at_q: log p at draws of q, [m] nats.
        q_at_q: log q there.

    Raises:
        NonFiniteError: when a distribution has no density at its own draws, or a density is no number.
        DataError: when the shapes do not go together.
    """
    at_p, at_q = _log_ratio(p_at_p, q_at_p, "p", "q"), -_log_ratio(q_at_q, p_at_q, "q", "p")
    halves = [_mean(math.log(2) - np.logaddexp(0, ratio)) for ratio in (at_p, -at_q)]
    value = min(sum(half.value for half in halves) / 2, math.log(2))  # which the sum of many log 2 may pass by rounding
    js = Estimate(value, math.hypot(*(half.standard_error for half in halves)) / 2)
    return Divergences(_mean(-at_p), _mean(at_q), js)


def _log_ratio(own: ArrayLike, other: ArrayLike, drawn: str, scored: str) -> Floats:
    """Return the other log-density minus the own one, at draws of the latter, [n]; minus infinity where the other is 0."""
    here, there = np.asarray(own, np.float64), np.asarray(other, np.float64)
    if here.ndim != 1 or here.shape != there.shape or not len(here):
        raise DataError(
            f"expected a log-density for each draw of {drawn}, [n]; got shapes {here.shape}, {there.shape}."
        )
    for wrong, name in ((~np.isfinite(here), drawn), (np.isnan(there) | (there == np.inf), scored)):
        if wrong.any():
            first = np.flatnonzero(wrong)[0]
            value = (here if name == drawn else there)[first]
            raise NonFiniteError(
                f"log {name} is {value} at {wrong.sum()} of {len(wrong)} draws of {drawn} (the first: draw {first}), so "
                f"there is no divergence; check that draws and density of {drawn} are of the same distribution."
            )
    return there - here


def _mean(values: Floats) -> Estimate:
    if not np.isfinite(values).all():
        return Estimate(math.inf, math.nan)
    return mean_estimate(values)
