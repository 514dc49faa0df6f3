"""Grey levels and their cells: noise never leaves a cell, numbers become the level of theirs, whoever compiles it."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfgen import DataSpec, TfgenError, dequantise, normal, quantise, seeds, uniform
from tfgen.data.dequantisation import number_below
from tfgen.layers import LogitCodec

DTYPES = {np.float32: 24, np.float64: 53}  # bits of a uniform number


@pytest.fixture(params=[0, 1, -2, -1], ids=["smallest", "second", "last but one", "largest"], scope="module")
def extreme(request):
    """Every uniform number is one of the smallest or largest there are, 0 and 1 - 2^-24 in float32 among them."""

    def bits(shape, seed, dtype, first):
        kept = 24 if dtype == tf.uint32 else 53
        return tf.fill(shape, tf.constant(request.param % 2**kept << dtype.size * 8 - kept, dtype))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeds, "_bits", bits)
        yield request.param


def assert_in_cells(y, v):
    """Each y of a level v lies in ``[v, v + 1)`` as the floats of its type have it."""
    assert np.all(v.astype(y.dtype) <= y)
    assert np.all(y < v.astype(y.dtype) + y.dtype.type(1))


def shares(v, levels, seed, dtype):
    """Return y / L, and the ends of its cell: all of one program, in which a quotient may be a product with 1 / L."""
    v = tf.convert_to_tensor(v)
    low, high = (tf.cast(v, dtype) / levels, (tf.cast(v, dtype) + 1) / levels)
    return low, dequantise(v, levels, seed, dtype, unit=True), high


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("levels", [2, 17, 256, 2**16, 2**23])
def test_the_largest_and_smallest_noise_stays_in_the_cell_of_every_level(levels, dtype, jit, extreme):
    v = np.unique(np.r_[np.linspace(0, levels - 1, 2**16).astype(np.int32), 2 ** np.arange(levels.bit_length()) - 1])
    v = v[v < levels].astype(np.int32)
    y = tf.function(dequantise, jit_compile=jit)(v, levels, 0, tf.as_dtype(dtype)).numpy()
    low, share, high = tf.function(shares, jit_compile=jit)(v, levels, 0, tf.as_dtype(dtype))
    assert y.dtype == share.dtype.as_numpy_dtype == dtype
    assert_in_cells(y, v)
    assert np.all((low <= share) & (share < high) & (share < 1))
    expected = np.minimum(v.astype(dtype) + dtype(extreme % 2 ** DTYPES[dtype]) * dtype(2.0 ** -DTYPES[dtype]),
                          np.nextafter(v.astype(dtype) + dtype(1), dtype(0)))  # fmt: skip
    np.testing.assert_array_equal(y, expected)


@given(
    levels=st.integers(2, 2**23),
    share=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**31 - 1),
    data=st.data(),
)
def test_noise_stays_in_its_cell_for_any_level_and_seed(levels, share, seed, data):
    dtype = data.draw(st.sampled_from([tf.float32, tf.float64]))
    v = np.full(4096, int(share * levels), np.int32)
    assert_in_cells(dequantise(v, levels, seed, dtype).numpy(), v)
    low, scaled, high = shares(v, levels, seed, dtype)
    assert np.all((low <= scaled) & (scaled < high))


BELOW = {jit: tf.function(number_below, jit_compile=jit, reduce_retracing=True) for jit in (False, True)}


@pytest.mark.parametrize("jit", BELOW)
@pytest.mark.parametrize("dtype", DTYPES)
@given(values=arrays(np.float64, 64, elements=st.floats(-1e30, 1e30) | st.integers(-(2**24), 2**24).map(float)))
def test_the_number_below_is_that_of_numpy(values, dtype, jit):
    x = values[np.abs(values) >= 1e-30].astype(dtype)
    ends = np.ldexp(
        dtype([[1], [-1]]), np.arange(-99, 100)
    ).ravel()  # around each power of two numbers are unevenly spaced
    x = np.concatenate([x, ends, np.nextafter(ends, dtype(np.inf)), np.nextafter(ends, dtype(-np.inf))])
    np.testing.assert_array_equal(BELOW[jit](tf.constant(x)), np.nextafter(x, dtype(-np.inf)))


@pytest.mark.parametrize("alpha", [1e-30, 1e-12, 1e-8, 1e-6, 0.05, 0.499])
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_points_on_the_real_line_are_finite_for_the_largest_and_smallest_noise(levels, alpha, extreme):
    x = tf.range(levels, dtype=tf.int32)
    codec = LogitCodec(DataSpec("image", (1, 1, 1), levels=levels), alpha)
    t, log_det = codec.encode(tf.cast(x[:, None, None, None], tf.uint8), 0)
    assert np.all(np.isfinite(t))
    assert np.all(np.isfinite(log_det))
    assert np.all(np.diff(t[:, 0]) > 0)


@pytest.mark.parametrize("draw", [uniform, normal])
@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.int32])
def test_random_numbers_that_would_round_to_1_or_overflow_are_refused(draw, dtype):
    with pytest.raises(TfgenError, match=f"float32 or float64, not {dtype.name}"):
        draw([3], 0, dtype)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [17, 256])
def test_quantised_values_are_the_cells_that_hold_them(levels, dtype, jit):
    borders = np.arange(-3, levels + 3, dtype=dtype)
    below = np.nextafter(borders, dtype(-np.inf))
    y = np.concatenate([borders, below, borders + dtype(0.5), dtype([-0.0, -1e30, 1e30, -np.inf, np.inf])])
    found = tf.function(quantise, jit_compile=jit)(tf.constant(y), levels)
    assert found.dtype == tf.uint8
    np.testing.assert_array_equal(found, np.clip(np.floor(y), 0, levels - 1).astype(np.uint8))
