"""Random numbers are a function of the seed, however they are compiled."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from tfgen.quantiles import normal_quantile
from tfgen.seeds import as_seed, fold_in, generator, normal, split_seed, uniform

SEEDED = {
    "fold_in": lambda seed: fold_in(seed, 3),
    "fold_in of a folded seed": lambda seed: fold_in(fold_in(seed, 3), 4),
    "split_seed": lambda seed: tf.stack(split_seed(seed, 3)),
    "numbers of the second of two seeds": lambda seed: uniform([50], split_seed(fold_in(seed, 1), 2)[1]),
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


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda seed: fold_in(seed, 3), lambda seed: tf.random.fold_in(seed, 3, alg="philox")),
        (lambda seed: fold_in(seed, -1), lambda seed: tf.random.fold_in(seed, -1, alg="philox")),
        (lambda seed: tf.stack(split_seed(seed, 3)), lambda seed: tf.random.split(seed, 3, alg="philox")),
        (
            lambda seed: uniform([50], seed) * 2.0**24,
            lambda seed: tf.random.stateless_uniform([50], seed, None, None, tf.uint32, alg="philox") // 2**8,
        ),
    ],
    ids=["fold_in", "fold_in of -1", "split_seed", "uniform"],
)
@pytest.mark.parametrize("seed", [0, 12, 2**31 - 1])
def test_numbers_are_those_of_tensorflows_philox(ours, theirs, seed):
    expected = theirs(as_seed(seed))
    np.testing.assert_array_equal(ours(as_seed(seed)), tf.cast(expected, ours(as_seed(seed)).dtype))


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
        np.testing.assert_allclose(compiled, drawn, rtol=0 if dtype == tf.float32 else 1e-13, atol=0)


def test_the_quantiles_of_all_cells_are_exact_monotone_and_mirrored():
    cells = np.arange(2**24, dtype=np.uint32)
    found = normal_quantile(tf.constant(cells)).numpy()
    lower = found[: 2**23]
    exact = special.ndtri((2 * cells[: 2**23].astype(np.float64) + 1) / 2**25)
    # Half of a float32's last place, and what the pieces are off where numbers are near 0.
    assert np.all(np.abs(lower - exact) <= np.spacing(np.abs(exact).astype(np.float32)) / 2 + 3e-9)
    np.testing.assert_array_equal(lower, -found[: 2**23 - 1 : -1])
    assert np.all(np.diff(found) >= 0)
    np.testing.assert_array_equal(tf.function(normal_quantile, jit_compile=True)(tf.constant(cells)), found)


def test_the_outermost_normals_in_float64_are_finite_and_mirrored(monkeypatch):
    ends = np.array([0, 0.5 - 2.0**-53, 0.5, 1 - 2.0**-53])
    monkeypatch.setattr("tfgen.seeds.uniform", lambda *_: tf.constant(ends))
    found = normal([4], 0, tf.float64).numpy()
    assert np.all(np.isfinite(found))
    np.testing.assert_array_equal(found, np.sort(found))
    np.testing.assert_allclose(found[0], -found[3], rtol=1e-3)
    assert abs(found[0]) > 8
    np.testing.assert_allclose(found[[1, 2]], 0, atol=1e-6)


@given(
    row=st.lists(st.integers(1, 5), max_size=3),
    first=st.integers(0, 2**31 - 1),
    n=st.integers(1, 6),
    skipped=st.integers(0, 5),
    draw=st.sampled_from([uniform, normal]),
    dtype=st.sampled_from([tf.float32, tf.float64]),
)
@settings(max_examples=60)
def test_a_row_is_the_same_in_any_batch(row, first, n, skipped, draw, dtype):
    first, skipped = min(first, 2**31 - 1 - n), min(skipped, n - 1)
    together = draw([n, *row], 4, dtype, first=first)
    alone = draw([n - skipped, *row], 4, dtype, first=tf.constant(first + skipped))
    np.testing.assert_array_equal(together[skipped:], alone)


@pytest.mark.parametrize("width", [1, 3, 4, 7])
def test_rows_are_the_same_in_eager_graph_and_xla_and_differ_from_each_other(width):
    def draw(first):
        return normal([40, width], 4, first=first)

    eager = draw(1000).numpy()
    np.testing.assert_array_equal(eager, tf.function(draw)(tf.constant(1000)))
    np.testing.assert_array_equal(eager, tf.function(draw, jit_compile=True)(tf.constant(1000)))
    assert len(np.unique(eager)) == eager.size
    np.testing.assert_array_equal(eager[7:], draw(1007)[:33])


def test_rows_from_the_first_on_are_the_numbers_without_rows():
    """Where rows fill whole blocks of the generator, as those of 28 x 28 images do."""
    np.testing.assert_array_equal(uniform([5, 28, 28, 1], 3, first=0), uniform([5, 28, 28, 1], 3))
