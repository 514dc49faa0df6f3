"""AUROC against all pairs one by one, scikit-learn's, and the spread of new draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tfgen.errors import DataError
from tfgen.metrics.separation import auroc


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.integers(2, 30), st.integers(2, 30))
def test_it_is_the_share_of_pairs_with_ties_as_halves(seed, n, m):
    random = np.random.default_rng(seed)
    a, b = random.integers(0, 6, n).astype(float), random.integers(0, 5, m).astype(float)
    psi = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    found = auroc(a, b)
    assert found.value == pytest.approx(psi.mean())
    assert found.value == pytest.approx(roc_auc_score(np.repeat([1, 0], [n, m]), np.concatenate([a, b])))
    variance = psi.mean(axis=1).var(ddof=1) / n + psi.mean(axis=0).var(ddof=1) / m
    assert found.standard_error == pytest.approx(np.sqrt(variance))
    assert auroc(b, a).value == pytest.approx(1 - found.value)


def test_the_error_is_the_spread_of_new_draws():
    random = np.random.default_rng(0)
    draws = [auroc(random.normal(1.0, size=80), random.normal(size=120)) for _ in range(300)]
    spread = np.std([draw.value for draw in draws])
    assert 0.9 < spread / np.mean([draw.standard_error for draw in draws]) < 1.1


def test_infinite_scores_are_the_smallest():
    assert auroc([0.0, 1.0], [-np.inf, -np.inf]).value == 1


@pytest.mark.parametrize(
    ("a", "says"), [([1.0], "two scores or more"), ([1.0, np.nan], "1 of 2 scores of the first set")]
)
def test_what_has_no_auroc(a, says):
    with pytest.raises(DataError, match=says):
        auroc(a, [1.0, 2.0])
