"""Precision, recall, density and coverage of sets for which they are known, and against all pairs one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.errors import DataError
from tfgen.metrics import manifold_metrics


def values(real, fake, **options):
    return {name: found.value for name, found in manifold_metrics(real, fake, **options).items()}


def expected(precision, recall, density, coverage):
    return pytest.approx(
        {"precision": precision, "recall": recall, "density": density, "coverage": coverage}, nan_ok=True
    )


def naive(real, fake, k, k_dense):
    """By the definitions, over all pairs."""

    def radius(points, i, k):
        return sorted(math.dist(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]

    def inside(x, points, radii):
        return [math.dist(x, p) <= r for p, r in zip(points, radii, strict=True)]

    near, of_fake = ([radius(points, i, k) for i in range(len(points))] for points in (real, fake))
    dense = [radius(real, i, k_dense) for i in range(len(real))]
    balls = np.array([inside(y, real, dense) for y in fake])
    return {
        "precision": np.mean([any(inside(y, real, near)) for y in fake]),
        "recall": np.mean([any(inside(x, fake, of_fake)) for x in real]),
        "density": balls.sum() / (k_dense * len(fake)),
        "coverage": np.mean(balls.any(axis=0)),
    }


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(7, 25),
    st.integers(7, 25),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 9),
)
def test_all_pairs_in_blocks_of_any_size(seed, n, m, k, k_dense, block):
    random = np.random.default_rng(seed)
    real, fake = random.normal(size=(n, 3)), 0.5 + random.normal(size=(m, 3))
    assert values(real, fake, neighbours=k, density_neighbours=k_dense, block=block) == pytest.approx(
        naive(real, fake, k, k_dense)
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_on_a_lattice_where_many_are_exactly_as_far(seed):
    random = np.random.default_rng(seed)
    real, fake = random.integers(0, 3, size=(2, 20, 2))
    assert values(real, fake) == pytest.approx(naive(real, fake, 3, 5))
    # Far from the origin and in float32, the squares of these numbers have lost all that matters here.
    moved = [(x / 64 + 10_000).astype(np.float32) for x in (real, fake)]
    assert values(*moved) == pytest.approx(naive(real, fake, 3, 5))


def blob(seed, n=200, at=0.0):
    return np.random.default_rng(seed).uniform(size=(n, 2)) + at


def test_disjoint_sets():
    assert values(blob(0), blob(1, at=100.0)) == expected(0, 0, 0, 0)


def test_of_a_set_with_itself_all_are_perfect():
    x = blob(0)
    found = manifold_metrics(x, x)
    assert [found[name].value for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    assert found["density"].value > 1  # each is in its own ball and, on average, in those of five others


def test_copies_of_points_that_have_copies_count_though_their_balls_are_points():
    x = np.repeat(np.random.default_rng(0).normal(size=(5, 64)) * 1e3 + 1e5, 7, axis=0)
    assert values(x, x) == expected(1, 1, 7 / 5, 1)
    assert values(x, x + 1.0) == expected(0, 0, 0, 0)


def test_half_of_the_data_is_covered():
    """A dropped mode costs recall and coverage, and no precision; samples elsewhere cost precision alone."""
    real, fake = np.concatenate([blob(0), blob(1, at=100.0)]), blob(0)
    assert values(real, fake) == expected(1, 0.5, pytest.approx(values(blob(0), fake)["density"]), 0.5)
    assert values(fake, real) == expected(0.5, 1, pytest.approx(values(fake, blob(0))["density"] / 2), 1)


def test_an_outlier_enlarges_the_manifold_of_precision_and_not_the_density():
    """The weakness that Naeem et al. 2020, figure 2, show: one real outlier, and samples that gather around it."""
    real = np.concatenate([blob(0), [[50.0, 50.0]]])
    fake = blob(1, at=30.0)
    found = values(real, fake)
    assert found["precision"] == 1
    assert found["density"] == pytest.approx(1 / 5)  # they are in one ball, that of the outlier
    assert found["coverage"] == pytest.approx(1 / 201)


def test_expected_coverage_of_two_sets_of_one_distribution():
    n = 40
    found = [values(blob(2 * seed, n), blob(2 * seed + 1, n))["coverage"] for seed in range(150)]
    theory = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, 6))
    assert abs(np.mean(found) - theory) < 4 * np.std(found) / math.sqrt(150)


@pytest.mark.parametrize(
    ("real", "fake", "options", "says"),
    [
        (np.zeros((5, 2)), np.zeros((9, 2)), {}, "real vectors: at least 6 vectors are needed, got 5"),
        (np.zeros((9, 2)), np.zeros((3, 2)), {}, "samples: at least 4 vectors are needed, got 3"),
        (np.zeros((9, 2)), np.zeros((9, 3)), {}, "samples: expected vectors of 2 dimensions, got 3"),
        (np.zeros((9, 2)), np.full((9, 2), np.nan), {}, "samples: 9 of 9 vectors are not finite"),
        (np.zeros((9, 2)), np.zeros((9, 2)), {"neighbours": 0}, "k must be at least 1, got 0 and 5"),
    ],
)
def test_what_has_no_manifold(real, fake, options, says):
    with pytest.raises(DataError, match=says):
        manifold_metrics(real, fake, **options)


@pytest.mark.parametrize(
    ("n", "m", "d", "shift"), [(300, 300, 2, 0), (300, 300, 16, 0), (400, 100, 4, 0), (300, 300, 4, 2)]
)
def test_errors_are_the_spread_over_sets_drawn_anew(n, m, d, shift):
    random, centre = np.random.default_rng(0), shift / math.sqrt(d)
    draws = [manifold_metrics(random.normal(size=(n, d)), random.normal(centre, size=(m, d))) for _ in range(60)]
    for name in draws[0]:
        spread = np.std([draw[name].value for draw in draws], ddof=1)
        error = math.sqrt(np.mean([draw[name].standard_error ** 2 for draw in draws]))
        # The mean over examples, with the manifolds taken as known, would give 2.9 for precision where sets are apart.
        assert 0.65 < spread / error < 1.4, name


@pytest.mark.parametrize(("n", "m", "known"), [(12, 8, True), (11, 30, False), (30, 7, False)])
def test_sets_too_small_for_two_halves_have_no_error(n, m, known):
    found = manifold_metrics(blob(0, n), blob(1, m))
    assert all(math.isfinite(estimate.standard_error) == known for estimate in found.values())


def test_the_same_sets_have_the_same_error():
    real, fake = blob(0), blob(1, at=0.3)
    assert manifold_metrics(real, fake) == manifold_metrics(real, fake)
