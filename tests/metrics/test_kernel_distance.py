"""The kernel distance against its double sum, its mean over draws, and their spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.errors import DataError
from tfgen.metrics import kernel_distance


def naive(x, y, degree, scale, offset):
    """Gretton et al. 2012, lemma 6, term by term."""

    def k(a, b):
        return (scale * (a @ b) + offset) ** degree

    n, m = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(2, 9),
    st.integers(2, 9),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 12),
)
def test_the_double_sum_in_blocks_of_any_size(seed, n, m, d, degree, block):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(n, d)), 1 + random.normal(size=(m, d))
    found = kernel_distance(x, y, degree=degree, scale=0.7, offset=0.3, block=block)
    assert found.value == pytest.approx(naive(x, y, degree, 0.7, 0.3), rel=1e-9, abs=1e-9)
    whole = kernel_distance(x, y, degree=degree, scale=0.7, offset=0.3)
    assert found.standard_error == pytest.approx(whole.standard_error, rel=1e-6, abs=1e-9, nan_ok=True)
    assert math.isnan(found.standard_error) == (min(n, m) < 4)
    other_way = kernel_distance(y, x, degree=degree, scale=0.7, offset=0.3)
    assert tuple(other_way) == pytest.approx(tuple(found), rel=1e-6, abs=1e-9, nan_ok=True)


def test_the_kernel_of_the_kid_is_the_default():
    x, y = np.random.default_rng(0).normal(size=(2, 6, 5)).astype(np.float32)
    assert kernel_distance(x, y).value == pytest.approx(naive(x.astype(float), y.astype(float), 3, 1 / 5, 1.0))
    images = np.array([[0, 255], [255, 255], [17, 4]], np.uint8)  # integers do not overflow
    assert kernel_distance(images, images[:2]).value == pytest.approx(
        naive(images.astype(float), images[:2].astype(float), 3, 1 / 2, 1.0)
    )


@pytest.mark.parametrize(("shift", "n", "m"), [(0.0, 50, 50), (0.0, 30, 120), (0.4, 50, 50), (0.8, 60, 30)])
def test_unbiased_with_an_error_that_draws_show(shift, n, m):
    """Under the linear kernel with offset 0 the MMD² is the squared distance between the means."""
    random = np.random.default_rng(n + m)
    pairs = [(random.normal(size=(n, 3)), shift + random.normal(size=(m, 3))) for _ in range(400)]
    values, errors = np.array([kernel_distance(x, y, degree=1, scale=1.0, offset=0.0) for x, y in pairs]).T
    assert abs(values.mean() - 3 * shift**2) < 4 * values.std() / 20
    if shift:
        assert 0.85 < math.sqrt(np.mean(errors**2)) / values.std() < 1.2
    cubic, cubic_errors = np.array([kernel_distance(x, y) for x, y in pairs]).T
    if not shift:  # the error varies as the estimate does, so that its mean square is larger
        assert 0.85 < np.median(errors) / values.std() < 1.25
        assert 0.85 < np.median(cubic_errors) / cubic.std() < 1.25
        assert abs(cubic.mean()) < 4 * cubic.std() / 20
        assert 0.3 < np.mean(cubic < 0) < 0.8


def test_constant_sets_have_no_error():
    assert tuple(kernel_distance(np.ones((5, 2)), np.ones((4, 2)))) == pytest.approx((0.0, 0.0), abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "options", "says"),
    [
        (np.zeros((5, 2)), np.zeros((5, 3)), {}, "y: expected vectors of 2 dimensions, got 3"),
        (np.zeros((1, 2)), np.zeros((5, 2)), {}, "x: at least 2 vectors are needed, got 1"),
        (np.zeros((5, 2)), np.full((5, 2), np.inf), {}, "y: 5 of 5 vectors are not finite"),
        (np.zeros((5, 2)), np.zeros((5, 2)), {"degree": 0}, "degree must be a whole number from 1 on, got 0"),
        (np.zeros((5, 2)), np.zeros((5, 2)), {"degree": 1.5}, "got 1.5"),
        (np.zeros((5, 2)), np.zeros((5, 2)), {"scale": -1.0}, "scale must be above 0"),
    ],
)
def test_what_has_no_kernel_distance(x, y, options, says):
    with pytest.raises(DataError, match=says):
        kernel_distance(x, y, **options)
