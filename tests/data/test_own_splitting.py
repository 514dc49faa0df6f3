"""Splits by hash: disjoint, complete, in the shares asked for, and the same whatever else there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.data.dataset import SPLITS, Split
from tfgen.data.own.splitting import hashes, split_examples
from tfgen.errors import DataError

SHARES = (0.8, 0.1, 0.1)


def vectors(seed, n, d=3):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def split(*arguments, **options):
    """The splits, gathered."""
    return {name: found.split() for name, found in split_examples(*arguments, **options).splits.items()}


def rows(x):
    return {row.tobytes() for row in x}


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(60, 300), st.integers(1, 200), st.integers(0, 5))
def test_adding_examples_moves_none_and_no_example_is_lost(seed, n, more, split_seed):
    x, added = vectors(seed, n), vectors(seed + 1, more)
    before = split({None: Split(x)}, SHARES, split_seed)
    after = split({None: Split(np.concatenate([added, x]))}, SHARES, split_seed)
    for name in SPLITS:
        assert rows(before[name].x) <= rows(after[name].x)
    assert sum(len(before[name]) for name in SPLITS) == n
    assert set.union(*(rows(before[name].x) for name in SPLITS)) == rows(x)


@settings(max_examples=25)
@given(st.integers(0, 2**31))
def test_the_order_of_the_examples_does_not_matter(seed):
    random = np.random.default_rng(seed)
    x, labels = random.integers(0, 3, (300, 2, 2, 1)).astype(np.uint8), random.integers(0, 4, 300).astype(np.int32)
    order = random.permutation(300)
    one = split({None: Split(x, labels)}, SHARES)
    other = split({None: Split(x[order], labels[order])}, SHARES)
    for name in SPLITS:
        np.testing.assert_array_equal(one[name].x, other[name].x)
        np.testing.assert_array_equal(one[name].labels, other[name].labels)


def test_shares_are_met_in_every_class_and_another_seed_gives_other_splits():
    x, labels = vectors(0, 20_000), np.resize(np.arange(4, dtype=np.int32), 20_000)
    found = split({None: Split(x, labels)}, (0.5, 0.2, 0.3))
    for label in range(4):
        counts = [np.sum(found[name].labels == label) for name in SPLITS]
        np.testing.assert_allclose(np.array(counts) / 5000, (0.5, 0.2, 0.3), atol=5 * np.sqrt(0.25 / 5000))
    other = split({None: Split(x, labels)}, (0.5, 0.2, 0.3), seed=1)
    shared = len(rows(found["test"].x) & rows(other["test"].x)) / len(found["test"])
    assert 0.2 < shared < 0.4


def test_given_splits_stay_and_missing_ones_are_cut_from_training():
    train, test = vectors(0, 1000), vectors(1, 50)
    found = split({"train": Split(train), "test": Split(test)}, SHARES)
    assert rows(found["test"].x) == rows(test)
    assert rows(found["train"].x) | rows(found["valid"].x) == rows(train)
    assert 60 < len(found["valid"]) < 170  # a ninth


def test_copies_are_in_one_split_and_are_counted_across_given_ones():
    x = vectors(0, 200)
    found = split_examples({None: Split(np.concatenate([x, x]))}, SHARES)
    assert not found.copies
    assert not rows(found.splits["train"].split().x) & rows(found.splits["test"].split().x)
    given_splits = {
        "train": Split(x),
        "valid": Split(vectors(1, 20)),
        "test": Split(np.concatenate([x[:7], vectors(2, 9)])),
    }
    assert split_examples(given_splits, SHARES).copies == {"test": 7}


def test_minus_zero_is_zero():
    x = np.array([[0.0, 1.0], [-0.0, 1.0]], np.float32)
    assert len({*hashes(x).tolist()}) == 1
    assert hashes(x, 1)[0] != hashes(x, 2)[0]


def test_too_few_examples_for_three_splits():
    with pytest.raises(DataError, match="x: the valid split has no example; give other shares with --split-sizes"):
        split_examples({None: Split(vectors(0, 2))}, (0.98, 0.01, 0.01), name="x")
