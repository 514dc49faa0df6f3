"""Streamed moments against two passes, and the Frechet distance against closed forms and scipy's matrix root."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from tfgen.errors import DataError
from tfgen.metrics import Moments, frechet_distance, frechet_from_moments

seeds = st.integers(0, 2**31)
quick = settings(max_examples=30, deadline=None)


def features(seed, n=50, d=4):
    """Correlated vectors with a mean."""
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) @ random.normal(size=(d, d)) + random.normal(size=d)


def distance(x, y):
    return frechet_distance(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))


# Moments


@quick
@given(seeds, st.lists(st.integers(0, 60), max_size=6), st.sampled_from([0.0, 1.0, 1e6]))
def test_streaming_equals_two_passes_whatever_the_cuts(seed, cuts, far):
    x = features(seed, n=60) + far
    streamed = Moments(4)
    for batch in np.split(x, sorted(cuts)):
        streamed.update(batch)
    assert streamed.count == 60
    np.testing.assert_allclose(streamed.mean, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(streamed.covariance, np.cov(x.T), rtol=1e-7, atol=1e-8 * max(far, 1e-4))


def test_digits_are_kept_under_a_large_mean():
    x = np.array([[1e9 + 1], [1e9 + 2], [1e9 + 3]])
    streamed = Moments(1)
    for row in x:
        streamed.update(row[None])
    assert streamed.covariance[0, 0] == pytest.approx(1.0, rel=1e-6)


@quick
@given(seeds, st.integers(1, 49))
def test_merging_is_streaming(seed, cut):
    x = features(seed)
    a, b = Moments.of(x[:cut]), Moments.of(x[cut:])
    for both in (a + b, b.merged(a), a + Moments(4) + b):
        assert both.count == 50
        np.testing.assert_allclose(both.mean, x.mean(0), rtol=1e-12)
        np.testing.assert_allclose(both.covariance, np.cov(x.T), rtol=1e-10, atol=1e-12)
    assert (a.count, b.count) == (cut, 50 - cut)


def test_what_is_returned_is_the_callers_own():
    moments = Moments.of(features(0, d=2))
    moments.mean[0] = 7
    moments.covariance[0] = 7
    np.testing.assert_array_equal(moments.mean, Moments.of(features(0, d=2)).mean)
    images = np.array([[255, 0], [1, 255]], np.uint8)
    np.testing.assert_array_equal(Moments.of(images).covariance, np.cov(images.T.astype(float)))


def test_moments_say_what_is_wrong_and_stay_as_they_were():
    moments = Moments.of(features(0))
    before = moments.covariance
    for x, says in (
        (np.zeros(4), r"got an array of shape \(4,\)"),
        (np.zeros((5, 3)), "expected vectors of 4 dimensions, got 3"),
        (np.array([[1, 2, 3, 4], [1, np.nan, 3, 4]]), "1 of 2 vectors are not finite, the first being vector 1"),
        (np.array([["a", "b", "c", "d"]]), "expected real numbers"),
    ):
        with pytest.raises(DataError, match=says):
            moments.update(x)
    np.testing.assert_array_equal(moments.covariance, before)
    with pytest.raises(DataError, match="at least 2 vectors, got 1"):
        _ = Moments.of(np.zeros((1, 3))).covariance
    with pytest.raises(DataError, match="at least 1 vectors, got 0"):
        _ = Moments(3).mean
    with pytest.raises(DataError, match="got 4 and 3"):
        moments.merged(Moments(3))
    with pytest.raises(DataError, match="at least one dimension"):
        Moments(0)


# The distance


@quick
@given(seeds, st.integers(2, 12), st.integers(1, 6))
def test_of_a_set_with_itself_is_0_whatever_its_rank(seed, n, d):
    x = features(seed, n=n, d=d)  # often fewer vectors than dimensions
    scale = np.cov(x.T).reshape(d, d).trace()
    assert (
        0
        <= frechet_distance(x.mean(0), np.cov(x.T).reshape(d, d), x.mean(0), np.cov(x.T).reshape(d, d))
        < 1e-12 * scale
    )


@quick
@given(seeds, seeds)
def test_against_the_matrix_root_of_scipy(seed1, seed2):
    x, y = features(seed1), features(seed2)
    c1, c2 = np.cov(x.T), np.cov(y.T)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert distance(x, y) == pytest.approx(expected, rel=1e-6, abs=1e-6 * np.trace(c1 + c2))


def test_grows_with_a_shift_as_the_formula_says():
    x = features(0)
    for size in (0.1, 1.0, 30.0):
        assert distance(x, x + size * np.array([1, 2, 0, -2])) == pytest.approx(9 * size**2, rel=1e-9)


@quick
@given(seeds, st.floats(0.0, 10.0))
def test_a_scaled_covariance(seed, scale):
    """Of N(m, C) and N(m, s² C) it is ``(1 - s)² Tr C``."""
    c = np.cov(features(seed).T)
    expected = (1 - scale) ** 2 * np.trace(c)
    assert frechet_distance(np.zeros(4), c, np.zeros(4), scale**2 * c) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_singular_covariances():
    """Of diagonal ones it is ``sum (sqrt a - sqrt b)²``, also where they are 0 or nearly so; turned, it is the same."""
    a, b = np.array([4.0, 1.0, 0.0, 1e-20, 9.0, 0.0]), np.array([1.0, 0.0, 2.0, 1e-18, 9.0, 0.0])
    expected, zero = 1 + 1 + 2, np.zeros(6)
    for turn in (np.eye(6), ortho_group.rvs(6, random_state=0)):
        found = frechet_distance(zero, turn @ np.diag(a) @ turn.T, zero, turn @ np.diag(b) @ turn.T)
        assert found == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(zero, np.zeros((6, 6)), zero + 1, np.zeros((6, 6))) == 6
    assert frechet_distance([0.0], [[4.0]], [1.0], [[9.0]]) == pytest.approx(2)


@quick
@given(seeds, seeds)
def test_symmetric_and_the_same_when_both_are_turned_and_moved(seed1, seed2):
    x, y = features(seed1), features(seed2)
    turn = ortho_group.rvs(4, random_state=seed1)
    assert distance(y, x) == pytest.approx(distance(x, y), rel=1e-10)
    assert distance(x @ turn + 3, y @ turn + 3) == pytest.approx(distance(x, y), rel=1e-8)


def test_float32_has_been_there():
    x = features(1, n=40, d=30).astype(np.float32)
    y = features(2, n=40, d=30).astype(np.float32)
    rough = frechet_distance(x.mean(0), np.cov(x.T, dtype=np.float32), y.mean(0), np.cov(y.T, dtype=np.float32))
    assert rough == pytest.approx(distance(x.astype(float), y.astype(float)), rel=1e-3)


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ((np.zeros(2), np.eye(3)), r"the second Gaussian: expected a mean \[d\] and a covariance \[d, d\], got shapes"),
        ((np.zeros((2, 1)), np.eye(2)), "got shapes"),
        ((np.zeros(3), np.eye(3)), "of one dimension, got 2 and 3"),
        ((np.array([0, np.nan]), np.eye(2)), "not all numbers are finite"),
        ((np.zeros(2), np.array([[1.0, 0.5], [0.4, 1.0]])), "not symmetric"),
        ((np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]])), "negative eigenvalue -1"),
    ],
)
def test_what_is_no_gaussian(second, says):
    with pytest.raises(DataError, match=says):
        frechet_distance(np.zeros(2), np.eye(2), *second)


# From blocks


def test_blocks_give_the_distance_of_all_and_the_jackknife_error():
    x, reference = features(3, n=60), Moments.of(features(4, n=500))

    def of(vectors):
        moments = Moments.of(vectors)
        return frechet_distance(moments.mean, moments.covariance, reference.mean, reference.covariance)

    found = frechet_from_moments([Moments.of(block) for block in np.split(x, 6)], reference)
    without = np.array([of(np.delete(x, slice(10 * j, 10 * j + 10), axis=0)) for j in range(6)])
    assert found.value == pytest.approx(of(x))
    assert found.standard_error == pytest.approx(math.sqrt(5 / 6 * np.sum((without - without.mean()) ** 2)))
    ragged = frechet_from_moments([Moments.of(block) for block in (x[:9], x[9:24], x[24:])] + [Moments(4)], reference)
    assert ragged.value == pytest.approx(of(x))
    assert 0.2 < ragged.standard_error / found.standard_error < 5
    one = frechet_from_moments([Moments.of(x)], reference)
    assert one.value == pytest.approx(of(x))
    assert math.isnan(one.standard_error)
    assert math.isnan(frechet_from_moments([Moments.of(x[:1]), Moments.of(x[1:2])], reference).standard_error)
    with pytest.raises(DataError, match="there are no samples"):
        frechet_from_moments([Moments(4)], reference)


def test_the_error_is_what_repeated_draws_show():
    random, reference = np.random.default_rng(0), Moments.of(np.random.default_rng(1).normal(size=(10_000, 3)))
    found = []
    for _ in range(150):
        x = 0.5 + random.normal(size=(300, 3))  # in ragged blocks: eight of 37 and one of 4
        found.append(frechet_from_moments([Moments.of(x[i : i + 37]) for i in range(0, 300, 37)], reference))
    values, errors = np.array(found).T
    assert 0.8 < math.sqrt(np.mean(errors**2)) / values.std() < 1.25
