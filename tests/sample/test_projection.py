"""Projections of codes: groups stay together, the same seed gives the same plane, few codes and missing packages."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from tests.slow import slow
from tfgen.errors import DataError, TfgenError
from tfgen.sample.projection import PROJECTIONS


@pytest.fixture(scope="module")
def groups():
    """Three groups of forty codes, far from each other in five dimensions, and the group of each code."""
    random = np.random.default_rng(0)
    centres = 20 * random.normal(size=(3, 5))
    of = np.repeat(np.arange(3), 40)
    return centres[of] + random.normal(size=(120, 5)), of


@pytest.mark.parametrize("name", ["tsne", slow("umap")])
def test_groups_stay_together(name, groups):
    codes, of = groups
    points = PROJECTIONS[name][1](codes, 3)
    assert points.shape == (120, 2)
    distances = np.linalg.norm(points[:, None] - points, axis=-1) + 1e9 * np.eye(120)
    assert (of[distances.argmin(axis=1)] == of).all()
    np.testing.assert_array_equal(points, PROJECTIONS[name][1](codes, 3))


@pytest.mark.parametrize("name", ["tsne", slow("umap")])
def test_codes_of_one_dimension_and_too_few_codes(name):
    _, projected = PROJECTIONS[name]
    assert projected(np.arange(12.0)[:, None], 0).shape == (12, 2)
    with pytest.raises(DataError, match="needs 5 codes or more, got 4"):
        projected(np.zeros((4, 3)), 0)


@pytest.mark.parametrize("codes", [np.ones((50, 3)), np.full((50, 3), np.nan)])
@pytest.mark.parametrize("name", PROJECTIONS)
def test_codes_without_distances(name, codes):
    with pytest.raises(DataError, match="these are all alike or not finite"):
        PROJECTIONS[name][1](codes, 0)


def test_umap_is_asked_for_the_same_plane_each_time_and_for_no_more_neighbours_than_there_are(monkeypatch):
    """With a stand-in, since the real one is compiled for half a minute."""
    asked = []

    class Projection:
        def __init__(self, **options):
            asked.append(options)

        def fit_transform(self, codes):
            return codes[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Projection))
    _, projected = PROJECTIONS["umap"]
    assert projected(np.arange(27.0).reshape(9, 3), 4).shape == (9, 2)
    projected(np.arange(120.0).reshape(40, 3), 4)
    assert [options["n_neighbors"] for options in asked] == [8, 15]
    assert asked[0]["random_state"] == asked[1]["random_state"]


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(TfgenError, match="--project umap needs another package; run: pip install umap-learn"):
        PROJECTIONS["umap"][1](np.arange(27.0).reshape(9, 3), 0)
