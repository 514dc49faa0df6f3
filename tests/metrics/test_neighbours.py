"""Nearest neighbours against a tree and all pairs, the test of copying, its picture and its command."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.stats import mannwhitneyu, norm

import tfgen.metrics.neighbours
from tfgen import DataSpec
from tfgen.cli.main import main
from tfgen.errors import DataError
from tfgen.figures.neighbours import draw_neighbours, ranks_at_equal_steps
from tfgen.metrics import copying_test, nearest_neighbours, neighbourhoods


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(tfgen.metrics.neighbours, "BLOCK_COLUMNS", 7)
    monkeypatch.setattr(tfgen.metrics.neighbours, "BLOCK_ENTRIES", 35)  # five queries at a time


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(6, 40), st.integers(1, 6), st.sampled_from([0.0, 1e5]))
def test_as_a_tree_finds_them(seed, n, m, k, far):
    random = np.random.default_rng(seed)
    queries, references = far + random.normal(size=(n, 3)), far + random.normal(size=(m, 3))
    distances, indices = nearest_neighbours(queries, references, k)
    expected, where = cKDTree(references).query(queries, k=range(1, k + 1))
    np.testing.assert_allclose(distances, expected, rtol=1e-6)
    np.testing.assert_array_equal(indices, where)


def test_images_in_blocks(small_blocks, monkeypatch):
    random = np.random.default_rng(0)
    queries, references = (random.integers(0, 256, size=(n, 4, 3, 2), dtype=np.uint8) for n in (12, 40))
    queries[3] = references[17]
    most = 0
    original = tfgen.metrics.neighbours.squared_distances

    def watched(a, b):
        nonlocal most
        most = max(most, len(a), len(b))
        return original(a, b)

    monkeypatch.setattr(tfgen.metrics.neighbours, "squared_distances", watched)
    told = []
    distances, indices = nearest_neighbours(queries, references, 9, told.append)
    assert (told, most) == ([5, 10, 12], 7)  # no more than a block is ever held as float
    pairs = np.sqrt(((queries[:, None].astype(float) - references) ** 2).sum(axis=(2, 3, 4)))
    np.testing.assert_allclose(distances, np.sort(pairs, axis=1)[:, :9])
    np.testing.assert_allclose(np.take_along_axis(pairs, indices, axis=1), distances)
    assert (distances[3, 0], indices[3, 0]) == (0.0, 17)


def test_a_duplicate_has_distance_0_however_far_it_is_from_the_origin():
    x = (1e4 + np.random.default_rng(0).normal(size=(50, 30))).astype(np.float32)
    distances, indices = nearest_neighbours(x, x, 1)
    assert not distances.any()
    np.testing.assert_array_equal(indices[:, 0], np.arange(50))


@pytest.mark.parametrize(
    ("queries", "references", "k", "says"),
    [
        (np.zeros((2, 3)), np.zeros((5, 4)), 1, "of one shape, got 3 and 4 numbers"),
        (np.zeros((2, 3)), np.zeros((5, 3)), 6, "k must be from 1 to the number of references, 5; got 6"),
        (np.zeros((2, 3)), np.zeros((5, 3)), 0, "got 0"),
        (np.zeros(3), np.zeros((5, 3)), 1, r"queries must be numbers \[n, ...\], got float64 of shape \(3,\)"),
        (np.full((2, 3), np.nan), np.zeros((5, 3)), 1, "not all numbers of the queries are finite"),
        (np.zeros((2, 3)), np.full((5, 3), np.inf), 1, "not all numbers of the references are finite"),
    ],
)
def test_what_has_no_neighbours(queries, references, k, says):
    with pytest.raises(DataError, match=says):
        nearest_neighbours(queries, references, k)


# Copies


def test_z_is_that_of_mann_and_whitney():
    random = np.random.default_rng(0)
    samples, test = random.exponential(size=40).round(1), 1.3 * random.exponential(size=60).round(1)  # with ties
    found = copying_test(samples, test)
    pvalue = mannwhitneyu(samples, test, alternative="less", method="asymptotic", use_continuity=False).pvalue
    assert norm.cdf(found.z) == pytest.approx(pvalue)
    assert copying_test(test, samples).z == pytest.approx(-found.z)
    assert (found.samples, found.test_examples) == (40, 60)
    assert (found.samples_median, found.test_median) == (np.median(samples), np.median(test))


def test_copies_are_found_and_fresh_draws_are_not():
    random = np.random.default_rng(0)
    train, test, fresh = (random.normal(size=(n, 5)) for n in (400, 300, 300))
    to_test = nearest_neighbours(test, train, 1)[0][:, 0]

    def test_of(samples):
        return copying_test(nearest_neighbours(samples, train, 1)[0][:, 0], to_test)

    copies, honest, poor = test_of(train[:300] + 1e-3), test_of(fresh), test_of(2 * fresh)
    assert copies.z < -20
    assert copies.samples_near == 1
    assert "as copies would be" in copies.reading
    assert abs(honest.z) < 3
    assert "no sign of copying" in honest.reading
    assert poor.z > 5
    assert "farther" in poor.reading
    some = test_of(np.concatenate([train[:30], 2 * fresh[30:]]))
    assert some.z > 3  # the poor ones outweigh the copies,
    assert some.samples_near >= 0.1  # which show here
    assert honest.test_near == pytest.approx(0.01)


def test_fresh_draws_have_a_z_of_variance_1():
    random = np.random.default_rng(0)
    z = [copying_test(random.exponential(size=50), random.exponential(size=80)).z for _ in range(400)]
    assert abs(np.mean(z)) < 4 / 20
    assert 0.85 < np.std(z) < 1.15


def test_equal_distances():
    found = copying_test(np.zeros(5), np.zeros(4))
    assert (found.z, found.near, found.samples_near, found.test_near) == (0, 0, 1, 1)
    for samples, test in (([], [1.0]), ([1.0], []), ([-1.0], [1.0]), ([1.0], [math.nan]), ([[1.0]], [1.0])):
        with pytest.raises(DataError, match="one distance from 0 on"):
            copying_test(samples, test)


class Halves:
    """A network that sees the upper half of an image."""

    name = "upper halves"

    def __init__(self):
        self.most = 0

    def features(self, x):
        self.most = max(self.most, len(x))
        return x[:, :4].reshape(len(x), -1).astype(np.float32)


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    return [random.integers(0, 17, size=(n, 8, 8, 1), dtype=np.uint8) for n in (30, 600, 40)]


def test_by_pixels_and_by_features(images):
    samples, train, test = images
    network, told = Halves(), []
    pixels, halves = neighbourhoods(samples, train, test, 3, network, told.append)
    assert (pixels.space, halves.space) == ("pixels", "upper halves")
    for found, cut in ((pixels, slice(None)), (halves, slice(4))):
        distances, indices = nearest_neighbours(samples[:, cut], train[:, cut], 3)
        np.testing.assert_allclose(found.distances, distances)
        np.testing.assert_array_equal(found.indices, indices)
        to_test = nearest_neighbours(test[:, cut], train[:, cut], 1)[0][:, 0]
        assert found.test.z == pytest.approx(copying_test(distances[:, 0], to_test).z)
    assert told == [30, 70, 100, 140]
    assert network.most < len(train)
    assert [found.space for found in neighbourhoods(samples, train, test, 1)] == ["pixels"]


# The picture


def test_samples_are_shown_from_the_nearest_to_the_farthest():
    assert ranks_at_equal_steps(np.array([3.0, 1.0, 5.0, 2.0, 4.0]), 3).tolist() == [1, 0, 2]
    assert ranks_at_equal_steps(np.arange(10.0), 1).tolist() == [0]


def test_the_picture_has_each_sample_beside_what_is_nearest(images, drawn, tmp_path):
    samples, train, test = images
    found = neighbourhoods(samples, train, test, 2, Halves())
    draw_neighbours(samples, train, found, 3, DataSpec("image", (8, 8, 1), levels=17), "$x$", tmp_path / "x.png")
    axes = drawn[0].axes[0]
    shown = [picture.get_array()[..., 0] for picture in axes.images]
    chosen = ranks_at_equal_steps(found[0].distances[:, 0], 3)
    expected = [
        image for i in chosen for image in (samples[i], *train[found[0].indices[i]], *train[found[1].indices[i]])
    ]
    for picture, image in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(picture, (image[..., 0] * (255 / 16)).round())
    texts = [text.get_text() for text in axes.texts]
    assert f"{found[1].distances[chosen[2], 1]:.4g}" in texts
    assert "nearest training images by upper halves" in texts
    assert [label.get_text() for label in axes.get_xticklabels()] == ["sample", "1", "2", "1", "2"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "15", "30"]


def test_vectors_get_a_panel_each(drawn, tmp_path):
    random = np.random.default_rng(0)
    samples, train, test = (random.normal(size=(n, 3)).astype(np.float32) for n in (20, 50, 20))
    found = neighbourhoods(samples, train, test, 2)
    draw_neighbours(samples, train, found, 5, DataSpec("vector", (3,)), "x", tmp_path / "x.png")
    panels = [axes for axes in drawn[0].axes if axes.lines]
    assert len(panels) == 5
    first = ranks_at_equal_steps(found[0].distances[:, 0], 5)[0]
    lines = {line.get_label(): line.get_xydata() for line in panels[0].lines}
    np.testing.assert_allclose(lines["sample"][0], samples[first, :2])
    np.testing.assert_allclose(lines["nearest"], train[found[0].indices[first], :2])


# The command


@pytest.fixture
def say(capsys):
    """Return a function that runs the command and returns what it prints, or its error."""

    def say(*arguments, code=0):
        assert main(["neighbours", *map(str, arguments)]) == code
        out, err = capsys.readouterr()
        return err.splitlines()[-1] if code else out

    return say


def test_the_command_prints_draws_and_records(run_copy, say, tmp_path):
    run, out = tfgen.load(run_copy), tmp_path / "x.png"
    before = run.results
    said = say(run_copy, "--samples", 30, "--count", 3, "--nearest", 2, "--seed", 4, "--out", out)
    assert out.read_bytes().startswith(b"\x89PNG")
    after = tfgen.load(run_copy).results
    recorded = after.pop("copying")["pixels"]
    assert after == before
    samples = run.model.sample(200, seed=4).numpy()[:30]  # drawn in whole batches
    distances, _ = nearest_neighbours(samples, run.data.train.x, 1)
    assert recorded["samples_median"] == pytest.approx(np.median(distances))
    assert (recorded["samples"], recorded["test_examples"], recorded["seed"]) == (30, 30, 4)
    assert f"  30 samples           median {np.median(distances):<8.4g} " in said
    assert f"Z {recorded['z']:+.1f}: the samples are " in said
    assert said.endswith(f"{out}\n")
    assert main(["info", str(run_copy)]) == 0

    (run_copy / "results.json").unlink()  # an unfinished run gets the picture alone, in its own folder
    assert "black and white" not in say(run_copy, "--samples", 20)
    assert (run_copy / "figures" / "neighbours.png").exists()
    assert not (run_copy / "results.json").exists()


def test_black_and_white_samples_are_told(run_copy, say, monkeypatch):
    from tfgen.cli.commands import neighbours

    monkeypatch.setattr(neighbours, "_samples", lambda options, run: np.zeros((20, 8, 8, 1), np.uint8))
    assert "note: the samples are black and white and the data are grey" in say(run_copy, "--samples", 20)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--count", 0], "--count must be at least 1, got 0."),
        (["--count", 101], "--count must be at most 100 for a picture, got 101."),
        (["--nearest", 0], "--nearest must be at least 1, got 0."),
        (["--nearest", 31], "--nearest must be at most 30 for a picture, got 31."),
        (["--samples", 19], "--samples must be at least 20, got 19."),
        (["--samples", 40, "--count", 50], "--samples must be at least 50, got 40."),
        (["--seed", -1], "--seed must be 0 or more, got -1."),
        (["--out", "x.npz"], "cannot write x.npz: the name must end in .png (a picture)."),
        (["--features", "clasifier"], "invalid choice 'clasifier'"),
        (["--neares", 3], "unknown option '--neares'; did you mean '--nearest'?"),
    ],
)
def test_mistakes(options, says, tiny_run, say):
    before = json.loads((tiny_run / "results.json").read_text())
    assert says in say(tiny_run, *options, code=2)
    assert json.loads((tiny_run / "results.json").read_text()) == before
    assert not (tiny_run / "figures" / "neighbours.png").exists()
