"""Boundary of data sets: labels and examples of any type that has a plain meaning are cast, all others refused by name."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.data.dataset import SPLITS, Dataset, Split
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError

VECTORS = DataSpec("vector", (3,), classes=4)
IMAGES = DataSpec("image", (2, 2, 1), levels=17)
_LABELS = [0, 3, 1, 2, 3]


def labelled(labels: Any, spec: DataSpec = VECTORS, split: str = "train") -> Dataset:
    """Return a data set of five vectors in which one split has these labels."""
    fine = Split(np.zeros((5, *spec.shape), spec.dtype), np.zeros(5, np.int32))
    return Dataset(
        "made", spec, {name: dataclasses.replace(fine, labels=labels) if name == split else fine for name in SPLITS}
    )


def with_examples(x: Any, spec: DataSpec, split: str = "test") -> Dataset:
    """Return a data set without labels in which one split has these examples."""
    fine = Split(np.zeros((2, *spec.shape), spec.dtype))
    return Dataset("made", spec, {name: Split(x) if name == split else fine for name in SPLITS})


@pytest.mark.parametrize("dtype", ["int64", "uint8", "int8", "uint64", ">i4", "float64", "float16", "int32"])
@pytest.mark.parametrize("form", ["flat", "column", "one-hot", "list"])
def test_labels_of_every_plain_form_become_int32(dtype, form):
    labels: Any = np.array(_LABELS, dtype)
    labels = {
        "flat": labels,
        "column": labels[:, None],
        "one-hot": np.eye(4, dtype=dtype)[_LABELS],
        "list": labels.tolist(),
    }[form]
    found = labelled(labels).train.labels
    assert found is not None
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, _LABELS)


def test_truth_values_are_labels_of_two_classes():
    spec, truth = dataclasses.replace(VECTORS, classes=2), np.array([True, False, True, True, False])
    np.testing.assert_array_equal(labelled(truth, spec).train.labels, [1, 0, 1, 1, 0])
    np.testing.assert_array_equal(labelled(np.stack([~truth, truth], 1), spec).train.labels, [1, 0, 1, 1, 0])


def test_a_column_of_one_class_is_no_one_hot_row():
    spec = dataclasses.replace(VECTORS, classes=1)
    np.testing.assert_array_equal(labelled(np.zeros((5, 1), int), spec).train.labels, np.zeros(5))
    with pytest.raises(DataError, match=r"labels must lie in 0 \.\. 0; got 1\."):
        labelled(np.ones((5, 1), int), spec)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([1, 2, 3, 4, 1]), r"labels must lie in 0 \.\. 3; got 4\."),
        (np.array([1, 2, 3, -1, 1]), r"labels must lie in 0 \.\. 3; got -1\."),
        (np.array([1, 2**40, 3, 0, 1]), "labels must lie in"),  # whose last 32 bits are a class
        (np.array([1, 2, 3, 1.5, 1]), r"whole numbers, 0 \.\. 3, got 1\.5\."),
        (np.array([1, 2, 3, np.nan, 1]), r"whole numbers, 0 \.\. 3, got nan\."),
        (np.array(["a", "b", "a", "b", "a"]), r"whole numbers, .* number the classes"),
        (np.array([0, None, 1, 2, 3], object), "got object; number the classes"),
        (np.eye(4)[_LABELS] + np.eye(4)[0], r"array of shape \(5, 4\)"),  # rows with two ones
        (np.full((5, 4), 0.25), r"expected 5 labels, one for each example \(or one-hot rows of 4\)"),
        (np.eye(3)[[0, 1, 2, 0, 1]], r"got an array of shape \(5, 3\)"),
        (np.zeros(4, int), r"got an array of shape \(4,\)"),
        ([[0], [1, 2]], "labels are no array"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("split", SPLITS)
def test_other_labels_are_refused_and_data_set_and_split_are_named(labels, message, split):
    with pytest.raises(DataError, match=f"data set 'made', split '{split}': .*{message}|{message}") as refused:
        labelled(labels, split=split)
    assert str(refused.value).startswith(f"data set 'made', split '{split}': ")
    assert "\n" not in str(refused.value)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8), st.integers(1, 9))
def test_labels_pass_exactly_where_all_are_classes(values, classes):
    x = np.zeros((len(values), 1), np.float32)
    splits = dict.fromkeys(SPLITS, Split(x, np.array(values)))
    spec = DataSpec("vector", (1,), classes=classes)
    if all(0 <= value < classes for value in values):
        assert Dataset("made", spec, splits).valid.labels.tolist() == values
    else:
        with pytest.raises(DataError, match="must lie in"):
            Dataset("made", spec, splits)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("split", SPLITS)
def test_numbers_that_are_not_finite_are_refused_by_row_and_column(bad, split):
    spec, x = DataSpec("vector", (3,)), np.zeros((9, 3), np.float32)
    x[7, 1] = bad
    with pytest.raises(
        DataError,
        match=rf"^data set 'made', split '{split}': row 7, column 1 \(counted from 0\) is {bad}; .*leave this row out",
    ):
        with_examples(x, spec, split)
    x[8] = bad
    with pytest.raises(DataError, match=r"row 7, column 1 .* and 3 more are not finite; .*leave these 2 rows out"):
        with_examples(x, spec, split)


@pytest.mark.parametrize("split", SPLITS)
def test_masked_values_are_refused_as_missing_ones(split):
    x = np.ma.masked_array(np.zeros((9, 3), np.float32), np.arange(27).reshape(9, 3) == 8)
    with pytest.raises(
        DataError, match=rf"split '{split}': examples: the value at \[2, 2\] is masked, and so are 1 in all"
    ):
        with_examples(x, DataSpec("vector", (3,)), split)
    found = with_examples(np.ma.masked_array(x.data), DataSpec("vector", (3,)), split).splits[split].x
    assert type(found) is np.ndarray
    with pytest.raises(DataError, match=r"labels: the value at \[2\] is masked"):
        labelled(np.ma.masked_array([0, 1, 2, 3, 1], [False, False, True, False, False]), split=split)


def test_the_row_is_right_beyond_the_numbers_that_are_looked_at_in_one_go(monkeypatch):
    monkeypatch.setattr("tfgen.data.mapped.BLOCK_BYTES", 24)
    x = np.zeros((50, 3), np.float32)
    x[43, 2] = x[11, 0] = np.nan
    with pytest.raises(DataError, match=r"row 11, column 0 .* and 1 more"):
        with_examples(x, DataSpec("vector", (3,)))


def test_floats_of_other_precision_become_float32_unless_they_are_too_large():
    spec = DataSpec("vector", (3,))
    found = with_examples(np.full((2, 3), 0.1), spec).test.x
    assert found.dtype == np.float32
    assert found[0, 0] == np.float32(0.1)
    with pytest.raises(DataError, match=r"row 0, column 0 .* is inf"):
        with_examples(np.full((2, 3), 1e39), spec)
    with pytest.raises(DataError, match="whole numbers have no density: add uniform noise"):
        with_examples(np.ones((2, 3), np.int64), spec)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint16", "bool", "uint8", "int8"])
def test_whole_numbers_become_grey_levels(dtype):
    found = with_examples(np.ones((2, 2, 2, 1), dtype), IMAGES).test.x
    assert found.dtype == np.uint8
    assert (found == 1).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((2, 2, 2, 1), 17), r"grey levels must lie in 0 \.\. 16, as spec\.levels says; got 17\."),
        (np.full((2, 2, 2, 1), -1), r"grey levels must lie in 0 \.\. 16, as spec\.levels says; got -1\."),
        (np.full((2, 2, 2, 1), 256), r"got 256\."),  # which uint8 would take for 0
        (np.zeros((2, 2, 2, 1)), r"got float64 of \(2, 2, 1\); round them to whole grey levels"),
        (np.full((2, 2, 2, 1), np.nan), "got float64"),
        (np.zeros((2, 2, 2), np.uint8), r"got uint8 of \(2, 2\); add the axis of channels"),
        (np.zeros((2, 2, 2, 1), "U1"), "got <U1"),
        (np.zeros((2, 2, 2, 1), complex), "got complex128"),
        (np.zeros((), np.uint8), "got uint8"),
        ([[1], [1, 2]], "examples are no array"),
    ],
)  # fmt: skip
def test_other_images_are_refused_with_advice(x, message):
    with pytest.raises(DataError, match=message) as refused:
        with_examples(x, IMAGES)
    assert str(refused.value).startswith("data set 'made', split 'test'")


def test_channels_that_come_first_are_told():
    with pytest.raises(DataError, match=r"put the channels last: numpy\.moveaxis"):
        with_examples(np.zeros((2, 3, 4, 5), np.uint8), DataSpec("image", (4, 5, 3)))


def test_what_fits_is_kept_as_it_is(tmp_path):
    array = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (2, 2, 2, 1))
    assert with_examples(array, IMAGES).test.x is array


def test_a_data_set_is_checked_without_tensorflow():
    program = (
        "import sys, numpy as np; from tfgen.data.dataset import SPLITS, Dataset, Split; from tfgen.data.spec import DataSpec;"
        "x = np.zeros((3, 2)); Dataset('s', DataSpec('vector', (2,), classes=2), dict.fromkeys(SPLITS, Split(x, x[:, 0])));"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
