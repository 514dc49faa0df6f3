"""Completed images are draws from p(unknown | known): exact where known pixels come first, else closer with more particles."""

from __future__ import annotations

import numpy as np
import pytest

from tests.plugins.pixelcnn.pixel_models import (
    BITS,
    every_image,
    labels_of,
    number_of,
    p_value,
    probabilities,
    small_pixelcnn,
)
from tfgen import DataError, DataSpec, OptionError
from tfgen_plugins.pixelcnn import PixelCNNSampling, programs

N = 3000
IMAGE = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]], np.uint8)[..., None]


@pytest.fixture(scope="module")
def model():
    """A model in which what comes later says much of what comes before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "_ON_A_CORE", 2**16)
        yield small_pixelcnn(BITS, seed=2)


def mask(*rows):
    return np.array([[column == "#" for column in row] for row in rows])


def conditional(model, known):
    """Return p(image | its known pixels are those of IMAGE) of all images."""
    p = probabilities(model) * np.all((every_image(BITS) == IMAGE)[..., 0] | ~known, axis=(1, 2))
    return p / p.sum()


def completed(model, known, particles, seed=1):
    images = np.tile(IMAGE, (N, 1, 1, 1))
    drawn = model.inpaint(images, np.tile(known, (N, 1, 1)), seed=seed, particles=particles).numpy()
    np.testing.assert_array_equal(drawn[:, known], images[:, known])
    return number_of(drawn, 2)


def distance(drawn, expected):
    """Return the total variation distance of frequencies from probabilities."""
    return 0.5 * np.abs(np.bincount(drawn, minlength=len(expected)) / len(drawn) - expected).sum()


def test_one_particle_is_exact_where_all_that_is_known_comes_first(model):
    known = mask("###", "#..", "...")
    drawn = completed(model, known, 1)
    assert p_value(drawn, conditional(model, known)) > 1e-3
    drawn = completed(model, mask("...", "...", "..."), 1, seed=2)
    assert p_value(drawn, probabilities(model)) > 1e-3


@pytest.mark.slow
def test_more_particles_come_closer_to_the_exact_conditional(model):
    known = mask("...", "..#", "###")
    exact = conditional(model, known)
    distances = [distance(completed(model, known, particles), exact) for particles in (1, 8, 128)]
    # What as many exact draws are off by.
    noise = distance(np.random.default_rng(0).choice(512, N, p=exact), exact)
    assert distances[0] > 0.4, distances
    assert 0.15 > distances[1] > distances[2], distances
    assert distances[2] < noise + 0.02, distances


def test_particles_change_nothing_where_they_are_not_needed(model):
    known = mask("###", "#..", "...")
    assert p_value(completed(model, known, 8), conditional(model, known)) > 1e-3


def test_grey_levels_that_are_known_stay():
    data = DataSpec("image", (3, 3, 1), classes=3, levels=9)
    model = small_pixelcnn(data, conditional=True, binarise="stochastic")
    x = np.random.default_rng(0).integers(0, 9, (20, 3, 3, 1)).astype(np.uint8)
    known = np.random.default_rng(1).uniform(size=(20, 3, 3)) < 0.5
    first, again, other = (
        model.inpaint(x, known, labels_of(model, 20), seed=seed, particles=2).numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first[known], x[known])
    assert set(np.unique(first[~known])) == {0, 8}
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"particles": 0}, "particles must be at least 1, got 0"),
        ({"known_mask": np.ones((2, 3, 3), np.uint8)}, r"must be of booleans, \[2, 3, 3\].*got uint8"),
        ({"known_mask": np.ones((1, 3, 3), bool)}, r"got bool, \[1, 3, 3\]"),
        ({"known_mask": np.ones((2, 3, 3, 1), bool)}, r"got bool, \[2, 3, 3, 1\]"),
        ({"x": np.zeros((2, 4, 3, 1), np.uint8)}, r"inpaint takes images .* got uint8 \[2, 4, 3, 1\]"),
        ({"x": np.zeros((2, 3, 3, 1), np.float32)}, r"inpaint takes images .* got float32"),
        ({"labels": [0, 1]}, "takes no labels"),
    ],
)
def test_what_cannot_be_completed_is_refused(model, change, says):
    asked = {"x": np.zeros((2, 3, 3, 1), np.uint8), "known_mask": np.ones((2, 3, 3), bool)} | change
    with pytest.raises(DataError, match=says):
        model.inpaint(**asked)


def test_no_images_are_refused(model):
    with pytest.raises(DataError, match="n must be at least 1, got 0"):
        model.sample(0)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf")])
def test_temperatures_that_are_none_are_refused(temperature):
    with pytest.raises(OptionError, match="temperature must be a number above 0, got"):
        PixelCNNSampling(temperature)
