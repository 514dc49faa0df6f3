"""Kinds of data: type, range, shape and scaling of images and vectors."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgen import DataError, Dataset, DataSpec, Split, UnknownNameError
from tfgen.data.dataset import SPLITS

IMAGES, VECTORS = DataSpec("image", (2, 3, 1), levels=17), DataSpec("vector", (4,))


def dataset(spec: DataSpec, x: np.ndarray) -> Dataset:
    """Return a data set whose three splits are the same."""
    return Dataset("made", spec, {name: Split(x, None) for name in SPLITS})


def test_scaling_there_and_back_gives_the_same_examples():
    levels = np.arange(17, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 2, 3, 1), np.uint8)
    scaled = IMAGES.to_signed(levels, tf.float64)
    assert scaled.dtype == tf.float64
    np.testing.assert_allclose(scaled[:, 0, 0, 0], np.linspace(-1, 1, 17))
    back = IMAGES.from_signed(scaled)
    assert back.dtype == tf.uint8
    np.testing.assert_array_equal(back, levels)
    vectors = np.array([[-7.0, 0.5, 3.0, 1e6]], np.float32)
    np.testing.assert_array_equal(VECTORS.from_signed(VECTORS.to_signed(vectors, tf.float32)), vectors)


def test_numbers_off_the_levels_go_to_the_nearest_one_within_the_range():
    off = tf.constant([-9.0, -1 + 0.9 / 16, -1 + 1.1 / 16, 9.0])
    np.testing.assert_array_equal(IMAGES.from_signed(off), [0, 0, 1, 16])


def test_kinds_say_what_depends_on_them():
    assert (IMAGES.dtype, IMAGES.quantised, IMAGES.spatial, IMAGES.layout) == ("uint8", True, True, "grid")
    assert (VECTORS.dtype, VECTORS.quantised, VECTORS.spatial, VECTORS.layout) == ("float32", False, False, "table")
    assert DataSpec("vector", (2,)).layout == "scatter"
    assert DataSpec("vector", (1,)).layout == "histogram"
    assert IMAGES.rules.unit_scale(17) == 1 / 16
    assert VECTORS.rules.unit_scale(17) == 1


@pytest.mark.parametrize(
    ("spec", "x", "message"),
    [
        (
            IMAGES, np.full((1, 2, 3, 1), 17, np.uint8),
            r"split 'train': grey levels must lie in 0 \.\. 16, as spec\.levels says; got 17\.",
        ),
        (
            IMAGES, np.zeros((1, 2, 3, 1), np.float32),
            r"expected uint8 examples of shape \(2, 3, 1\) with grey levels 0 \.\. 16, got float32 of \(2, 3, 1\); round",
        ),
        (VECTORS, np.zeros((1, 4), complex), r"expected float32 examples of shape \(4,\), got complex128 of \(4,\)\."),
    ],
)  # fmt: skip
def test_a_data_set_is_checked_by_its_kind(spec, x, message):
    with pytest.raises(DataError, match=message):
        dataset(spec, x)


def test_levels_that_fit_and_any_vectors_are_taken():
    dataset(IMAGES, np.full((1, 2, 3, 1), 16, np.uint8))
    dataset(DataSpec("image", (2, 3, 1)), np.full((1, 2, 3, 1), 255, np.uint8))
    dataset(VECTORS, np.full((1, 4), 1e30, np.float32))


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"shape": (2, 3)}, r"images have shape \(height, width, channels\), got \(2, 3\)"),
        ({"kind": "vector", "shape": (2, 3)}, r"vectors have shape \(d,\), got \(2, 3\)"),
        ({"shape": ()}, "images have shape"),
        ({"shape": (2, 0, 1)}, "whole numbers from 1"),
        ({"shape": (2, -3, 1)}, "whole numbers from 1"),
        ({"shape": (2, 3.0, 1)}, "whole numbers from 1"),
        ({"shape": (2, True, 1)}, "whole numbers from 1"),
        ({"shape": (10**5, 10**5, 1)}, "more than 16,777,216 values"),
        ({"levels": -5}, "levels must be a number from 2 to 256.*got -5"),
        ({"levels": 0}, "levels must be"),
        ({"levels": 1}, "levels must be"),
        ({"levels": 257}, "levels must be"),
        ({"levels": 10**18}, "levels must be"),
        ({"levels": 16.0}, "levels must be"),
        ({"classes": -1}, "classes must be none, or a number from 1.*got -1"),
        ({"classes": 0}, "classes must be"),
        ({"classes": 10**9}, "classes must be"),
        ({"value_range": (1.0, 1.0)}, "value_range must be two finite numbers"),
        ({"value_range": (0.0, float("inf"))}, "value_range must be"),
        ({"value_range": (float("nan"), 0.0)}, "value_range must be"),
        ({"value_range": (0, 1, 2)}, "value_range must be"),
        ({"value_range": ("a", "b")}, "value_range must be"),
        ({"shape": 2}, "shape must be of whole numbers"),
    ],
)  # fmt: skip
def test_specs_that_no_data_set_has(entries, says):
    with pytest.raises(DataError, match=says):
        DataSpec(**{"kind": "image", "shape": (2, 3, 1), **entries})


def test_numbers_of_numpy_do_in_a_spec():
    spec = DataSpec("image", tuple(np.array([2, 3, 1])), classes=np.int32(3), levels=np.uint8(200))
    assert spec.dimensions == 6


def test_an_unknown_kind_is_named():
    with pytest.raises(UnknownNameError, match="unknown kind of data 'images'; did you mean 'image'"):
        dataset(DataSpec("images", (2, 3, 1)), np.zeros((1, 2, 3, 1), np.uint8))  # type: ignore[arg-type]
