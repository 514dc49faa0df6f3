"""Divergences of arrays: against their definitions, closed forms, quadrature and each other."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tfgen import metrics
from tfgen.errors import DataError, NonFiniteError, OptionError
from tfgen.metrics import (
    bernoulli_js,
    bernoulli_kl,
    divergences_of_scores,
    gaussian_js,
    gaussian_kl,
    js_divergence,
    kl_divergence,
    monte_carlo_divergences,
)

LOG_2 = math.log(2)
counts = st.lists(st.integers(0, 1000), min_size=2, max_size=6).filter(any)
shares = st.floats(0, 1)


def normalised(values):
    return np.array(values) / np.sum(values)


@st.composite
def pairs(draw):
    """Two vectors of probabilities of one length, some of them zero."""
    p = draw(counts)
    q = draw(st.lists(st.integers(0, 1000), min_size=len(p), max_size=len(p)).filter(any))
    return normalised(p), normalised(q)


def kl_by_hand(p, q):
    total = 0.0
    for a, b in zip(p, q, strict=True):
        if a > 0:
            total += a * math.log(a / b) if b > 0 else math.inf
    return total


# Discrete distributions


@settings(deadline=None)
@given(pairs())
def test_discrete_divergences_are_their_definitions(pair):
    p, q = pair
    middle = (p + q) / 2
    np.testing.assert_allclose(kl_divergence(p, q), kl_by_hand(p, q), rtol=1e-12, atol=1e-12)
    js = (kl_by_hand(p, middle) + kl_by_hand(q, middle)) / 2
    np.testing.assert_allclose(js_divergence(p, q), js, rtol=1e-12, atol=1e-12)


@settings(deadline=None)
@given(pairs())
def test_discrete_bounds_symmetry_and_zeros(pair):
    p, q = pair
    kl, js = kl_divergence(p, q), js_divergence(p, q)
    assert kl >= 0
    assert 0 <= js <= LOG_2
    assert js == js_divergence(q, p)
    assert (kl == 0) == (js == 0) == np.array_equal(p, q)
    assert np.isinf(kl) == bool(((q == 0) & (p > 0)).any())
    # Pinsker, and its counterpart for JS: distances in total variation that are not small are not called small.
    apart = np.abs(p - q).sum() / 2
    assert kl >= 2 * apart**2 - 1e-12
    assert apart**2 / 2 - 1e-12 <= js <= apart * LOG_2 + 1e-12  # Lin 1991, theorem 3


@settings(deadline=None)
@given(counts, counts)
def test_disjoint_supports_are_log_2_apart(left, right):
    p = normalised(left + [0] * len(right))
    q = normalised([0] * len(left) + right)
    assert js_divergence(p, q) == pytest.approx(LOG_2, rel=1e-14)
    assert kl_divergence(p, q) == math.inf


def test_batches_broadcast():
    random = np.random.default_rng(0)
    p, q = random.dirichlet(np.ones(4), size=(3, 1)), random.dirichlet(np.ones(4), size=5)
    for function in (kl_divergence, js_divergence):
        found = function(p, q)
        assert found.shape == (3, 5)
        assert found[2, 1] == function(p[2, 0], q[1])
    np.testing.assert_allclose(kl_divergence(p.astype(np.float32), q), kl_divergence(p, q), rtol=1e-5, atol=1e-7)


def test_bernoulli_curves_are_zero_at_the_other_probability_alone():
    theta = np.linspace(0, 1, 1001)
    for curve in (bernoulli_kl(theta, 0.3), bernoulli_js(theta, 0.3)):
        assert curve.shape == theta.shape
        assert np.flatnonzero(curve == 0).tolist() == [300]
        assert (np.diff(curve)[:300] < 0).all()  # and they fall towards it from both sides
        assert (np.diff(curve)[300:] > 0).all()
    assert bernoulli_js(theta, 0.3).max() < LOG_2
    np.testing.assert_allclose(bernoulli_kl([0, 1], 0.3), [-math.log(0.7), -math.log(0.3)], rtol=1e-14)


@settings(deadline=None)
@given(shares, shares)
def test_bernoulli_is_the_discrete_pair(theta, other):
    p, q = [theta, 1 - theta], [other, 1 - other]
    assert bernoulli_kl(theta, other) == kl_divergence(p, q)
    assert bernoulli_js(theta, other) == js_divergence(p, q) == bernoulli_js(other, theta)
    assert 0 <= bernoulli_js(theta, other) <= LOG_2


def test_the_smallest_numbers_do_no_harm():
    assert js_divergence([5e-324, 1], [0, 1]) == pytest.approx(0, abs=1e-15)  # half of 5e-324 is 0
    assert kl_divergence([1, 0], [1e-310, 1]) == pytest.approx(310 * math.log(10), rel=1e-9)


@pytest.mark.parametrize(
    ("p", "says"),
    [
        ([0.5, 0.6], "must add up to 1 along the last axis; got 1.1"),
        ([0.0, 0.0], "must add up to 1"),
        ([1.5, -0.5], "must hold probabilities, 0 or more; its least is -0.5"),
        ([math.nan, 1.0], "must hold probabilities"),
        ([0.5, 0.25, 0.25], "p has 3 probabilities and q 2"),
        ([[0.5, 0.5]] * 2, r"shapes \(2, 2\) and \(3, 2\) do not broadcast"),
        (0.5, r"of shape \[..., k\]; got shape \(\)"),
        ([], r"got shape \(0,\)"),
    ],
)
def test_what_is_no_pair_of_distributions(p, says):
    for function in (kl_divergence, js_divergence):
        with pytest.raises(DataError, match=says):
            function(p, [[0.5, 0.5]] * 3)


@pytest.mark.parametrize("theta", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_of_a_bit(theta):
    for pair in ((theta, 0.3), (0.3, [0.5, theta])):
        with pytest.raises(DataError, match=r"must lie in 0 \.\. 1"):
            bernoulli_kl(*pair)


# Gaussians


def random_gaussian(random, d):
    factor = random.normal(size=(d, d)) * 10 ** random.uniform(-2, 1)
    return random.normal(size=d), factor @ factor.T + 1e-3 * np.eye(d)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_gaussian_kl_is_the_formula_and_never_negative(seed, d):
    random = np.random.default_rng(seed)
    (m1, c1), (m2, c2) = random_gaussian(random, d), random_gaussian(random, d)
    inverse, gap = np.linalg.inv(c2), m2 - m1
    volumes = np.linalg.slogdet(c2)[1] - np.linalg.slogdet(c1)[1]
    expected = (np.trace(inverse @ c1) + gap @ inverse @ gap - d + volumes) / 2
    np.testing.assert_allclose(gaussian_kl(m1, c1, m2, c2), expected, rtol=1e-6, atol=1e-6)
    assert 0 <= gaussian_kl(m1, c1, m1, c1) < 1e-12
    assert gaussian_kl(m1, c1, m2, c1) >= 0


def test_gaussian_kl_of_numbers():
    assert gaussian_kl(0, 1, 0, 1) == 0
    assert gaussian_kl(1, 4, 3, 9) == pytest.approx(math.log(3 / 2) + (4 + 4) / 18 - 1 / 2, rel=1e-12)
    assert gaussian_kl(0, 1, 1e-8, 1) == pytest.approx(5e-17, rel=1e-6, abs=0)  # a difference of large terms would be 0


def js_on_a_grid(log_p, log_q, points, cell):
    """The definition, by sums over a grid."""
    p, q = np.exp(log_p(points)), np.exp(log_q(points))
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(each > 1e-300, each * np.log(each / middle), 0).sum() for each in (p, q)]
    return sum(parts) / 2 * cell


@settings(max_examples=25, deadline=None)
@given(st.floats(-6, 6), st.floats(0.2, 5))
def test_gaussian_js_on_a_line_is_that_on_a_grid(mean, deviation):
    points = np.linspace(-50, 50, 100_001)
    expected = js_on_a_grid(stats.norm(0, 1).logpdf, stats.norm(mean, deviation).logpdf, points, points[1] - points[0])
    found = gaussian_js(0, 1, mean, deviation**2)
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.value == pytest.approx(gaussian_js(mean, deviation**2, 0, 1).value, abs=1e-12)
    assert 0 <= found.value <= LOG_2
    assert found.standard_error < 1e-10


@pytest.mark.parametrize(
    ("other", "expected"),
    [((0, 1), 0.0), ((1000, 1), LOG_2), ((0, 1e-16), LOG_2), ((0, 1e16), LOG_2), ((3, 1e-16), LOG_2)],
)
def test_gaussian_js_on_a_line_at_its_ends(other, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the quadrature must not doubt itself
        found = gaussian_js(0, 1, *other)
    assert found.value == pytest.approx(expected, abs=1e-6)


def test_gaussian_js_in_the_plane_is_that_on_a_grid():
    one = ([0.0, 0.5], [[1.0, 0.6], [0.6, 2.0]])
    two = ([1.0, -0.5], [[0.5, -0.2], [-0.2, 0.7]])
    ticks = np.linspace(-9, 9, 601)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    densities = [stats.multivariate_normal(*each).logpdf for each in (one, two)]
    expected = js_on_a_grid(*densities, points, (ticks[1] - ticks[0]) ** 2)
    found = gaussian_js(*one, *two, samples=20_000, seed=1)
    assert 0 < found.standard_error < 0.003
    assert abs(found.value - expected) < 4 * found.standard_error
    assert found == gaussian_js(*one, *two, samples=20_000, seed=1)
    assert found != gaussian_js(*one, *two, samples=20_000, seed=2)
    assert gaussian_js(*one, *one) == (0, 0)


@pytest.mark.parametrize(
    ("two", "says"),
    [
        (([0, 0], [[1, 1], [1, 1]]), "covariance2 is not positive definite"),
        (([0, 0], [[1, 0.5], [0, 1]]), "covariance2 must be symmetric"),
        (([0, 0], [[1, 0], [0, math.inf]]), "must be finite"),
        (([0, 0], [1, 1]), r"must have shape \[d\] and covariance2 \[d, d\]; got \(2,\) and \(1, 2\)"),
        ((0, 1), "have 2 and 1 dimensions"),
    ],
)
def test_what_is_no_pair_of_gaussians(two, says):
    for function in (gaussian_kl, gaussian_js):
        with pytest.raises(DataError, match=says):
            function([0, 0], np.eye(2), *two)


# By draws


def normal(mean, deviation):
    """Draws and log-density of a normal, as `monte_carlo_divergences` wants them."""
    return lambda n, random: random.normal(mean, deviation, n), stats.norm(mean, deviation).logpdf


def test_draws_give_the_closed_forms_with_errors_that_are_calibrated():
    one, two = (0.0, 1.0), (1.0, 1.3)
    variances = (0, 1, 1, 1.3**2)
    exact = (gaussian_kl(*variances), gaussian_kl(1, 1.3**2, 0, 1), gaussian_js(*variances).value)
    runs = [monte_carlo_divergences(*normal(*one), *normal(*two), samples=500, seed=seed) for seed in range(200)]
    for number, expected in enumerate(exact):
        values, errors = np.array([run[number] for run in runs]).T
        distances = (values - expected) / errors
        assert np.abs(distances).max() < 4.5
        assert abs(distances.mean()) < 0.3  # no bias
        assert 0.85 < distances.std() < 1.2


def test_draws_of_equal_distributions_are_not_apart_at_all():
    found = monte_carlo_divergences(*normal(0, 1), *normal(0, 1))
    assert found == ((0, 0),) * 3


def test_draws_of_distributions_without_common_ground():
    found = monte_carlo_divergences(
        lambda n, random: random.uniform(0, 1, n), stats.uniform(0, 1).logpdf,
        lambda n, random: random.uniform(2, 3, n), stats.uniform(2, 1).logpdf,
    )  # fmt: skip
    assert found.kl.value == found.reverse_kl.value == math.inf
    assert math.isnan(found.kl.standard_error)
    assert found.js.value == LOG_2
    assert found.js.standard_error < 1e-15


def test_draws_with_half_of_the_mass_in_common():
    half = monte_carlo_divergences(
        lambda n, random: random.uniform(0, 1, n), stats.uniform(0, 1).logpdf,
        lambda n, random: random.uniform(0, 2, n), stats.uniform(0, 2).logpdf,
    )  # fmt: skip
    assert half.kl.value == pytest.approx(LOG_2, rel=1e-12)
    assert half.reverse_kl.value == math.inf
    expected = (math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * LOG_2) / 2
    assert abs(half.js.value - expected) < 4 * half.js.standard_error


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1e4, 1e4)] * 4), min_size=1, max_size=20))
def test_no_scores_lift_js_above_log_2(rows):
    scores = np.array(rows).T
    found = divergences_of_scores(*scores)
    assert found.js.value <= LOG_2
    swapped = divergences_of_scores(*scores[[3, 2, 1, 0]])
    assert swapped.js.value == pytest.approx(found.js.value, rel=1e-12, abs=1e-12)
    assert (swapped.kl.value, swapped.reverse_kl.value) == (found.reverse_kl.value, found.kl.value)
    assert found.kl.value == pytest.approx(np.mean(scores[0] - scores[1]), abs=1e-9)


@pytest.mark.parametrize(
    ("which", "value", "says"),
    [
        (0, math.nan, "log p is nan at 1 of 3 draws of p"),
        (0, -math.inf, r"log p is -inf at 1 of 3 draws of p \(the first: draw 1\)"),
        (1, math.nan, "log q is nan at 1 of 3 draws of p"),
        (1, math.inf, "log q is inf at 1 of 3 draws of p"),
        (2, math.nan, "log p is nan at 1 of 3 draws of q"),
        (3, -math.inf, "log q is -inf at 1 of 3 draws of q"),
    ],
)
def test_scores_that_are_no_densities(which, value, says):
    scores = np.zeros((4, 3))
    scores[which, 1] = value
    with pytest.raises(NonFiniteError, match=says):
        divergences_of_scores(*scores)


def test_scores_of_wrong_shapes_and_too_few_draws():
    with pytest.raises(DataError, match=r"expected a log-density for each draw of p, \[n\]; got shapes \(3,\), \(2,\)"):
        divergences_of_scores(np.zeros(3), np.zeros(2), np.zeros(3), np.zeros(3))
    with pytest.raises(DataError, match=r"got shapes \(3, 1\), \(3, 1\)"):
        divergences_of_scores(*np.zeros((4, 3, 1)))
    for options, says in (({"samples": 1}, "--samples must be at least 2"), ({"seed": -1}, "--seed must be 0 or more")):
        with pytest.raises(OptionError, match=says):
            monte_carlo_divergences(*normal(0, 1), *normal(0, 1), **options)


def test_functions_of_arrays_need_no_tensorflow():
    program = (
        "import sys; from tfgen.metrics import bernoulli_js, gaussian_kl, kl_divergence, monte_carlo_divergences; "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert set(metrics.__all__) <= set(dir(metrics))
