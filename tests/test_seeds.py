"""Random numbers are a function of the seed, however they are compiled."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfgen.seeds import as_seed, fold_in, generator, normal, split_seed, uniform

SEEDED = {
    "fold_in": lambda seed: fold_in(seed, 3),
    "split_seed": lambda seed: tf.stack(split_seed(seed, 3)),
    "uniform": lambda seed: uniform([50], seed),
    "uniform in float64": lambda seed: uniform([50], seed, tf.float64),
}


@pytest.mark.parametrize("draw", SEEDED.values(), ids=SEEDED.keys())
def test_the_same_in_eager_graph_and_xla(draw):
    seed = as_seed(12)
    eager = draw(seed)
    np.testing.assert_array_equal(eager, tf.function(draw)(seed))
    np.testing.assert_array_equal(eager, tf.function(draw, jit_compile=True)(seed))
    np.testing.assert_array_equal(eager, draw(12))
    assert not np.array_equal(eager, draw(13))


def test_seeds_made_from_one_differ():
    made = [tuple(fold_in(0, index).numpy()) for index in range(100)] + [tuple(s.numpy()) for s in split_seed(0, 100)]
    assert len(set(made)) == 200
    assert tuple(fold_in(fold_in(0, 1), 2).numpy()) != tuple(fold_in(fold_in(0, 2), 1).numpy())


def test_uniform_fills_the_unit_interval():
    numbers = uniform([100_000], 0).numpy()
    assert 0 <= numbers.min() < 1e-3
    assert 0.999 < numbers.max() < 1
    np.testing.assert_allclose(numbers.mean(), 0.5, atol=0.005)


def test_the_hosts_generator_is_keyed():
    assert generator(1, 2).integers(2**30) == generator(1, 2).integers(2**30)
    assert generator(1, 2).integers(2**30) != generator(2, 1).integers(2**30)


def test_normals_are_standard_and_the_same_when_compiled():
    for dtype in (tf.float32, tf.float64):
        drawn = normal([200_000], 3, dtype).numpy()
        assert drawn.dtype == dtype.as_numpy_dtype
        statistic, _ = stats.kstest(drawn, "norm")
        assert statistic < 0.004
        compiled = tf.function(lambda dtype=dtype: normal([200_000], 3, dtype), jit_compile=True)()
        np.testing.assert_allclose(compiled, drawn, rtol=1e-5, atol=1e-5)


def test_the_outermost_normals_are_finite_and_mirrored(monkeypatch):
    for dtype, bits in ((tf.float32, 24), (tf.float64, 53)):
        ends = np.array([0, 0.5 - 2.0**-bits, 0.5, 1 - 2.0**-bits])
        monkeypatch.setattr("tfgen.seeds.uniform", lambda *_, ends=ends, dtype=dtype: tf.constant(ends, dtype))
        found = normal([4], 0, dtype).numpy()
        assert np.all(np.isfinite(found))
        np.testing.assert_array_equal(found, np.sort(found))
        np.testing.assert_allclose(found[0], -found[3], rtol=1e-3)
        assert abs(found[0]) > 5
        np.testing.assert_allclose(found[[1, 2]], 0, atol=1e-6)
