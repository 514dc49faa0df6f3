"""Progress within a batch of samples: `note_progress` moves it, and adds nothing to the graph without a listener."""

import numpy as np
import tensorflow as tf

from tests.sample.test_sampling import Fake
from tfgen import note_progress
from tfgen.sample.progress import SamplingProgress
from tfgen.sample.sampling import sample_batches

STEPS = 5


class Slow(Fake):
    """Samples in steps, in a loop of the graph."""

    def sample(self, n, labels=None, seed=0, first=0):
        x = super().sample(n, labels, seed, first)

        def step(k, x):
            note_progress(k + 1, STEPS)
            return k + 1, x + tf.constant(1, tf.uint8)

        return tf.while_loop(lambda k, x: k < STEPS, step, (tf.constant(0), x))[1]


def test_a_batch_tells_its_parts_and_draws_the_same():
    told = []
    drawn = np.concatenate(list(sample_batches(Slow(), 20, None, 0, 10, progress=told.append)))
    assert told[:STEPS] == [2, 4, 6, 8, 10]  # of the first batch, which is drawn by itself
    assert told[-1] == 20
    assert told == sorted(told)
    np.testing.assert_array_equal(drawn, np.concatenate(list(sample_batches(Slow(), 20, None, 0, 10))))


def test_samples_that_fill_a_batch_up_are_not_counted():
    reports = []
    list(sample_batches(Slow(), 5, None, 0, 10, progress=reports.append))
    assert reports == [1, 2, 3, 4, 5, 5]


def test_without_a_listener_the_graph_has_no_call_to_the_host():
    program = tf.function(lambda: Slow().sample(3), autograph=False, jit_compile=True)  # XLA cannot call Python
    assert program().shape == (3, 4, 4, 1)


def test_a_sampler_that_tells_nothing_is_counted_by_batches():
    told = []
    list(sample_batches(Fake(), 7, None, 0, 3, progress=told.append))
    assert sorted(told) in ([3, 6, 7], [3, 4, 7])  # two batches at once, of 3 and of 1, may end in either order


def test_two_batches_at_once():
    told = []
    progress = SamplingProgress(told.append)
    progress.advance(0, 5.0)
    progress.advance(10, 2.5)
    progress.finish(0, 10)
    progress.finish(10, 10)
    assert told == [5, 7, 12, 20]
