"""The plan of a run: every example, every step, the same from wherever it is entered."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.errors import OptionError
from tfgen.training.schedule import CHUNK_BYTES, SHUFFLED_WHOLE, Schedule, block_size, chunk_steps, shuffled_by_blocks

plans = st.builds(
    lambda examples, share, epochs, chunk, seed, block: Schedule(
        examples, max(1, int(examples * share)), epochs, chunk, seed, block=block
    ),
    st.integers(1, 60), st.floats(0.01, 1.0), st.integers(1, 4), st.integers(1, 20), st.integers(0, 99), st.integers(0, 9),
)  # fmt: skip


@given(plans)
def test_chunks_follow_each_other_through_every_step(plan):
    chunks = list(plan.chunks())
    assert chunks[0].first == 0
    assert chunks[-1].last == plan.total_steps
    assert all(before.last == after.first for before, after in itertools.pairwise(chunks))
    for chunk in chunks:
        assert chunk.indices.shape == (chunk.last - chunk.first, plan.batch_size)
        assert 0 < chunk.last - chunk.first <= plan.chunk_steps
        assert chunk.ends_epoch == (chunk.last == (chunk.epoch + 1) * plan.steps_per_epoch)
    if plan.middle:
        assert plan.middle in {chunk.last for chunk in chunks}
    assert sum(chunk.ends_epoch for chunk in chunks) == plan.epochs


@given(plans)
def test_an_epoch_sees_no_example_twice(plan):
    seen = plan.order(0).ravel()
    assert len(set(seen)) == len(seen) == plan.steps_per_epoch * plan.batch_size
    assert set(seen) <= set(range(plan.examples))


@given(plans, st.data())
def test_entering_after_any_chunk_gives_the_same_rest(plan, data):
    chunks = list(plan.chunks())
    entered = data.draw(st.integers(0, len(chunks) - 1))
    rest = list(plan.chunks(chunks[entered].first))
    assert len(rest) == len(chunks) - entered
    for one, other in zip(rest, chunks[entered:], strict=True):
        assert (one.epoch, one.first, one.last, one.ends_epoch) == (
            other.epoch,
            other.first,
            other.last,
            other.ends_epoch,
        )
        np.testing.assert_array_equal(one.indices, other.indices)


def test_epochs_and_seeds_have_orders_of_their_own():
    plan = Schedule(100, 10, 2, 5, seed=0)
    assert not np.array_equal(plan.order(0), plan.order(1))
    assert not np.array_equal(plan.order(0), Schedule(100, 10, 2, 5, seed=1).order(0))
    np.testing.assert_array_equal(plan.order(1), Schedule(100, 10, 2, 7, seed=0).order(1))


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(OptionError, match="at most the 10 training examples, got 11"):
        Schedule(10, 11, 1, 1, 0)


def test_chunks_of_large_examples_hold_fewer_steps():
    assert chunk_steps(100, 128, 784) == 100
    assert chunk_steps(100, 128, 218 * 178 * 3) == CHUNK_BYTES // (128 * 218 * 178 * 3)
    assert chunk_steps(100, 1, 2 * CHUNK_BYTES) == 1


@given(st.integers(1, 500), st.integers(1, 40), st.integers(1, 5), st.integers(0, 99))
def test_a_shuffle_by_blocks_reads_each_block_once_and_few_of_them_at_a_time(examples, block, mixed, seed):
    order = shuffled_by_blocks(np.random.default_rng(seed), examples, block, mixed)
    assert sorted(order.tolist()) == list(range(examples))
    of_block = order // block
    spans = [np.flatnonzero(of_block == number) for number in range(of_block.max() + 1)]
    for place in range(0, examples, max(1, examples // 7)):
        assert sum(span[0] <= place <= span[-1] for span in spans) <= mixed


def test_a_shuffle_by_blocks_is_random():
    orders = np.array([shuffled_by_blocks(np.random.default_rng(seed), 60, 5, 3) for seed in range(4000)])
    share = np.array([(orders[:, 0] == example).mean() for example in range(60)])  # of each to come first
    assert np.abs(share - 1 / 60).max() < 5 * np.sqrt(1 / 60 / 4000)
    neighbours = (np.abs(np.diff(orders[:, :12])) == 1).mean()
    assert neighbours < 0.15  # 2 / 60 if all were shuffled; next to each other in a group of 15: 2 * 12 / (15 * 14)


def test_small_sets_are_shuffled_whole():
    assert block_size(60_000, 784) == 0
    assert block_size(SHUFFLED_WHOLE // 3072, 3072) == 0
    assert block_size(1_000_000, 3072) == 2**22 // 3072
    assert block_size(1_000, 2**24) == 1
