"""Splits by hash: disjoint, complete, in the shares asked for, and the same whatever else there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.data.columns import Column
from tfgen.data.dataset import SPLITS, Split
from tfgen.data.own.hashing import example_hashes, hashes
from tfgen.data.own.splitting import split_examples
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError

SHARES = (0.8, 0.1, 0.1)  # of few examples, chance would leave a split empty, which is refused
REAL = DataSpec("vector", (3,), 4)
TINY = DataSpec("image", (2, 2, 1), 4)


def vectors(seed, n, d=3):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def split(parts, *arguments, spec=REAL, **options):
    """The splits, gathered."""
    return {name: found.split() for name, found in split_examples(parts, spec, *arguments, **options).splits.items()}


def rows(x):
    return {row.tobytes() for row in x}


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(200, 400), st.integers(1, 200), st.integers(0, 5))
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
    one = split({None: Split(x, labels)}, SHARES, spec=TINY)
    other = split({None: Split(x[order], labels[order])}, SHARES, spec=TINY)
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
    found = split_examples({None: Split(np.concatenate([x, x]))}, REAL, SHARES)
    assert not found.copies
    assert not rows(found.splits["train"].split().x) & rows(found.splits["test"].split().x)
    given_splits = {
        "train": Split(x),
        "valid": Split(vectors(1, 20)),
        "test": Split(np.concatenate([x[:7], vectors(2, 9)])),
    }
    assert split_examples(given_splits, REAL, SHARES).copies == {"test": 7}


def test_minus_zero_is_zero():
    x = np.array([[0.0, 1.0], [-0.0, 1.0]], np.float32)
    assert len({*hashes(x).tolist()}) == 1
    assert hashes(x, 1)[0] != hashes(x, 2)[0]


def test_too_few_examples_for_three_splits():
    with pytest.raises(DataError, match="x: the valid split has no example; give other shares with --split-sizes"):
        split_examples({None: Split(vectors(0, 2))}, REAL, (0.98, 0.01, 0.01), name="x")


def hash_of(spec, x, labels=None, context=None):
    """The hashes of rows, as texts of their own."""
    return example_hashes(Split(np.asarray(x), labels, context), spec, 0).hashes.tolist()


def test_values_that_repeat_by_nature_are_not_held_out_as_a_whole():
    counts = np.random.default_rng(0).poisson(3, (5000, 1)).astype(np.float32)
    for x in (counts, np.repeat(counts, 2, axis=1), np.round(counts / 3, 1)):
        found = split({None: Split(x)}, SHARES, spec=DataSpec("vector", (x.shape[1],)))
        frequent = [value for value in np.unique(x[:, 0]) if np.mean(x[:, 0] == value) > 0.1]
        assert len(frequent) >= 3
        for value in frequent:
            shares = [np.sum(found[name].x[:, 0] == value) / np.sum(x[:, 0] == value) for name in SPLITS]
            np.testing.assert_allclose(shares, SHARES, atol=0.08)
    assert not split_examples({None: Split(counts)}, DataSpec("vector", (1,)), SHARES).copies


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(200, 400), st.integers(1, 100))
def test_adding_rows_that_repeat_moves_none(seed, n, more):
    random = np.random.default_rng(seed)
    x = random.integers(0, 3, (n + more, 2)).astype(np.float32)
    spec = DataSpec("vector", (2,))
    before = split({None: Split(x[:n])}, SHARES, spec=spec)
    after = split({None: Split(x[random.permutation(n + more)])}, SHARES, spec=spec)
    for name in SPLITS:
        for row in np.unique(x, axis=0):
            assert (before[name].x == row).all(axis=1).sum() <= (after[name].x == row).all(axis=1).sum()


def test_a_row_is_hashed_with_its_label_and_context():
    x, label = np.zeros((2, 3), np.float32) + 0.5, np.array([0, 1], np.int32)
    spec = DataSpec("vector", (3,), 2, context=(Column("dose"),))
    doses = np.array([[1.0], [2.0]], np.float32)
    assert len({*hash_of(spec, x, label, doses)}) == 2
    assert len({*hash_of(spec, x, label * 0, doses)}) == 2
    assert len({*hash_of(spec, x, label, doses * 0)}) == 2
    assert len({*hash_of(spec, x, label * 0, doses * 0)}) == 1


def test_categories_and_classes_are_hashed_by_their_names():
    def spec(categories, classes):
        columns = (Column("size"), Column("kind", "category", categories))
        return DataSpec("vector", (2,), len(classes), class_names=classes, columns=columns)

    x = np.array([[0.5, 0], [1.5, 1]], np.float32)
    before = hash_of(spec(("b", "c"), ("cat", "dog")), x, np.array([0, 1], np.int32))
    x[:, 1] += 1
    after = hash_of(spec(("a", "b", "c"), ("ape", "cat", "dog")), x, np.array([1, 2], np.int32))
    assert before == after


def test_a_grey_image_is_hashed_as_grey_whether_or_not_others_have_colours():
    grey = np.random.default_rng(0).integers(0, 256, (20, 2, 2, 1), dtype=np.uint8)
    coloured = DataSpec("image", (2, 2, 3))
    assert hash_of(coloured, grey.repeat(3, axis=-1)) == hash_of(TINY, grey) == hashes(grey).tolist()
    others = np.random.default_rng(1).integers(0, 256, (20, 2, 2, 3), dtype=np.uint8)
    assert not {*hash_of(coloured, others)} & {*hash_of(TINY, others[..., :1])}
