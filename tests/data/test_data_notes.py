"""Notes on data: columns that no network takes as they are, and classes too rare to be learnt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfgen.data.dataset import SPLITS, Dataset, Split
from tfgen.data.digits import load_digits
from tfgen.data.mapped import column_moments
from tfgen.data.notes import data_notes
from tfgen.data.spec import DataSpec
from tfgen.data.toy import load_checkerboard, load_two_gaussians


def normal(scales=(1.0, 1.0), means=(0.0, 0.0), n=400):
    return np.random.default_rng(3).normal(size=(n, len(scales))) * scales + means


def vectors(x, labels=None, classes=None):
    split = Split(np.asarray(x, np.float32), labels)
    return Dataset("made", DataSpec("vector", split.x.shape[1:], classes), dict.fromkeys(SPLITS, split))


@pytest.mark.parametrize("data", [load_digits, load_two_gaussians, load_checkerboard])
def test_the_usual_data_have_no_notes(data):
    assert data_notes(data(), conditional=True) == []
    assert data_notes(vectors(normal()), conditional=False) == []


@pytest.mark.parametrize(
    ("scales", "means"),
    [
        ((1.0, 1e-4), (0, 0)),
        ((1.0, 1e6), (0, 0)),
        ((1.0, 1.0), (0, 2e4)),
        ((1.0, 0.1), (0, 5.0)),
        ((1.0, 1.0), (0, -150.0)),
    ],
)
def test_columns_in_unusual_units(scales, means):
    (note,) = data_notes(vectors(normal(scales, means)), conditional=False)
    assert note.startswith("column 1: mean and deviation ")
    assert "standardise the data" in note


def test_many_columns_are_not_all_listed():
    (note,) = data_notes(vectors(normal([1e5] * 30, [0] * 30)), conditional=False)
    assert note.startswith("columns 0, 1, 2, 3, 4, ...: ")
    assert len(note) < 400


def test_constant_and_whole_columns_have_no_bounded_density():
    x = normal([1.0] * 4, [0] * 4)
    x[:, 1], x[:, 3] = 5.0, np.random.default_rng(0).poisson(30, len(x))
    one, whole = data_notes(vectors(x), conditional=False)
    assert one.startswith("column 1: one value only, whose density has no bound")
    assert whole.startswith("column 3: whole numbers only")
    x = normal([1e9, 1.0])  # float32 has no fractions of such numbers
    assert not any("whole" in note for note in data_notes(vectors(x), conditional=False))


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((98, 2), "class 1 has 2 % of the training examples"),
        ((95, 5), None),
        ((951, 49), "class 1 has 4.9 %"),
        ((50, 50, 0), "class 2 has 0 %"),
        ((10,) * 100, None),  # an even share is 1 %
        ((*(10,) * 99, 1), "class 99 has 0.1 %"),
        ((1000, *(1,) * 20), "class 1 has 0.098 %, class 2 has"),
    ],
)
def test_rare_classes_are_told_where_labels_matter(counts, told):
    labels = np.repeat(np.arange(len(counts)), counts)
    data = vectors(normal(n=len(labels)), labels, len(counts))
    notes = data_notes(data, conditional=True)
    assert data_notes(data, conditional=False) == []
    assert len(notes) == (told is not None)
    assert told is None or told in notes[0]
    assert all(len(note) < 400 for note in notes)


@given(arrays.arrays(np.float32, (7, 3), elements=st.floats(-1e6, 1e6, width=32)), st.integers(1, 8))
def test_moments_of_columns_in_parts_are_those_of_all(x, rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfgen.data.mapped._AT_ONCE", 12 * rows)
        mean, variance = column_moments(x)
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(0), rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(variance, x.astype(np.float64).var(0), rtol=1e-9, atol=1e-6)
