"""Metrics of disentanglement on constructed codes whose scores are known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.errors import DataError
from tfgen.metrics.disentanglement import (
    beta_vae_score,
    dci,
    entropy,
    factor_vae_score,
    mutual_information,
    mutual_information_gap,
)

FACTORS = np.array(list(itertools.product(range(4), range(5), range(3))) * 20, np.float32)
RANDOM = np.random.default_rng(0)
#: A dimension for each factor, slightly noisy, in units of its own.
PERFECT = FACTORS * [1.0, -2.0, 30.0] + 0.01 * RANDOM.normal(size=FACTORS.shape)
UNRELATED = RANDOM.normal(size=(len(FACTORS), 3))
#: Two dimensions for the first factor.
TWICE = np.concatenate([PERFECT, PERFECT[:, :1] + 0.01 * RANDOM.normal(size=(len(FACTORS), 1))], axis=1)
#: One dimension for the first two factors, and one for the third.
MERGED = np.stack([FACTORS[:, 0] + 10 * FACTORS[:, 1], FACTORS[:, 2]], axis=1)


def test_a_dimension_for_each_factor_is_perfect():
    found = dci(PERFECT, FACTORS)
    assert found.disentanglement > 0.98
    assert found.completeness > 0.98
    assert found.informativeness == 1
    assert mutual_information_gap(PERFECT, FACTORS) == pytest.approx(1, abs=0.02)
    assert beta_vae_score(PERFECT, FACTORS) > 0.99
    assert factor_vae_score(PERFECT, FACTORS) == 1


def test_unrelated_codes_score_like_guesses():
    found = dci(UNRELATED, FACTORS)
    assert found.disentanglement < 0.1
    assert found.completeness < 0.1
    assert found.informativeness == pytest.approx(np.mean([1 / 4, 1 / 5, 1 / 3]), abs=0.06)
    assert mutual_information_gap(UNRELATED, FACTORS) < 0.05
    assert beta_vae_score(UNRELATED, FACTORS) == pytest.approx(1 / 3, abs=0.06)
    assert factor_vae_score(UNRELATED, FACTORS) < 0.6


def test_two_dimensions_for_a_factor_are_disentangled_and_not_complete():
    """The gap of the first factor is gone: (0 + 1 + 1) / 3."""
    assert mutual_information_gap(TWICE, FACTORS) == pytest.approx(2 / 3, abs=0.02)
    found = dci(TWICE, FACTORS)
    assert found.disentanglement > 0.95
    # Of the first factor both dimensions have half the importance: 1 - log 2 / log 4; the others have 1.
    assert found.completeness == pytest.approx((0.5 + 1 + 1) / 3, abs=0.06)
    assert factor_vae_score(TWICE, FACTORS) == 1


def test_one_dimension_for_two_factors_is_complete_and_not_disentangled():
    found = dci(MERGED, FACTORS)
    assert found.completeness > 0.95
    assert found.disentanglement < 0.75
    assert factor_vae_score(MERGED, FACTORS) < 0.9


def test_a_rotation_takes_the_gap():
    scaled = (FACTORS - FACTORS.mean(axis=0)) / FACTORS.std(axis=0)
    angle = math.pi / 4
    turned = scaled.copy()
    turned[:, :2] = scaled[:, :2] @ [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    assert mutual_information_gap(turned, FACTORS) < 0.5
    assert mutual_information_gap(scaled, FACTORS) > 0.95


def test_collapsed_dimensions_take_no_part():
    collapsed = np.concatenate([PERFECT, 1e-3 * RANDOM.normal(size=(len(FACTORS), 2))], axis=1)
    assert factor_vae_score(collapsed, FACTORS) == 1
    assert mutual_information_gap(collapsed, FACTORS) == pytest.approx(1, abs=0.03)
    constant = np.ones((len(FACTORS), 2))
    assert factor_vae_score(constant, FACTORS) == 0
    assert mutual_information_gap(constant, FACTORS) == 0
    assert np.isfinite(dci(constant, FACTORS).disentanglement)


def test_one_code_of_one_dimension():
    assert 0.9 < mutual_information_gap(FACTORS[:, :1], FACTORS[:, :1]) <= 1
    assert dci(FACTORS[:, :1], FACTORS[:, :1]).informativeness == 1


@pytest.mark.parametrize("score", [beta_vae_score, factor_vae_score])
def test_one_factor_cannot_be_told_from_others(score):
    with pytest.raises(DataError, match="needs 2 factors or more, got 1"):
        score(FACTORS, FACTORS[:, :1])


@pytest.mark.parametrize("score", [beta_vae_score, factor_vae_score, dci])
def test_the_same_seed_gives_the_same_score(score):
    assert score(UNRELATED, FACTORS, 3) == score(UNRELATED, FACTORS, 3)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.integers(0, 1000))
def test_mutual_information_is_bounded_by_both_entropies(values, seed):
    first = np.array(values)
    second = np.random.default_rng(seed).permutation(first)
    found = mutual_information(first, second)
    assert -1e-12 <= found <= min(entropy(first), entropy(second)) + 1e-9
    assert mutual_information(first, first) == pytest.approx(entropy(first))
    assert found == pytest.approx(mutual_information(second, first))


@pytest.mark.parametrize(
    ("codes", "factors", "says"),
    [
        (np.zeros(5), np.zeros((5, 1)), r"expected codes \[n, d\] and factors \[n, k\]; got \[5\] and \[5, 1\]"),
        (np.zeros((5, 2)), np.zeros((4, 1)), r"got \[5, 2\] and \[4, 1\]"),
        (np.full((4, 2), np.nan), np.array([[0], [1], [0], [1]]), "codes are not finite"),
        (np.zeros((4, 2)), np.zeros((4, 1)), "factor 0 has one value in all 4 examples"),
        (np.zeros((9, 2)), np.arange(9.0)[:, None], "factor 0 has nearly as many values as there are examples"),
    ],
)
def test_what_has_no_score(codes, factors, says):
    for score in (mutual_information_gap, dci):
        with pytest.raises(DataError, match=says):
            score(codes, factors)
