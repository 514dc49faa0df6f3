"""Random numbers of many seeds at once: each row has the bits that TensorFlow's operation draws for its seed."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.errors import TfgenError
from tfgen.philox import joined_words, philox_words
from tfgen.seeds import as_seed, fold_in, normal, split_seed, uniform

WORD = st.integers(0, 2**64 - 1)
SEED = st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))


@given(WORD, WORD, WORD)
def test_words_are_those_of_tensorflows_operation(key, low, high):
    own = philox_words(*(tf.constant([number], tf.uint64) for number in (key, low, high)))
    theirs = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[2], key=tf.constant([key], tf.uint64), counter=tf.constant([low, high], tf.uint64), alg=1,
        dtype=tf.uint64,
    )  # fmt: skip
    np.testing.assert_array_equal(joined_words(own)[0], theirs)


@pytest.mark.parametrize("draw", [uniform, normal])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("row", [[5], [2, 4]])
@settings(max_examples=20)
@given(st.lists(st.tuples(SEED, st.integers(0, 2**31 - 1)), min_size=1, max_size=4))
def test_a_row_is_what_its_seed_draws_by_itself(draw, dtype, row, rows):
    seeds = tf.constant([seed for seed, _ in rows], tf.int32)
    first = tf.constant([number for _, number in rows])
    together = draw([len(rows), *row], seeds, dtype, first).numpy()
    alone = [draw([1, *row], seeds[i], dtype, first[i]).numpy() for i in range(len(rows))]
    assert together.tobytes() == np.concatenate(alone).tobytes()


@settings(max_examples=20)
@given(st.lists(SEED, min_size=1, max_size=4), st.integers(0, 2**31 - 1))
def test_seeds_are_made_of_the_seed_of_each_row(pairs, index):
    seeds = tf.constant(pairs, tf.int32)
    each = tf.unstack(seeds)
    np.testing.assert_array_equal(fold_in(seeds, index), tf.stack([fold_in(seed, index) for seed in each]))
    split = [split_seed(seed, 3) for seed in each]
    for together, alone in zip(split_seed(seeds, 3), zip(*split, strict=True), strict=True):
        np.testing.assert_array_equal(together, tf.stack(alone))


def test_numbers_that_are_no_rows_have_one_seed():
    with pytest.raises((TfgenError, ValueError)):
        uniform([], tf.constant([[0, 1], [0, 2]]))


def test_a_seed_of_another_shape_is_refused():
    for wrong in ([1, 2, 3], [[1], [2]], [[[0, 1]]]):
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
            as_seed(tf.constant(wrong))
