"""Paths between codes: the formulas; end points that come back exactly, or a word that they do not; the pictures; mistakes."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tfgen
from tests.pictures import without_pictures
from tests.slow import slow
from tests.toy_models import Gaussian, GaussianConfig
from tfgen import DataSources, DataSpec, GenerativeModel, dequantise, quantise
from tfgen.cli.main import main
from tfgen.data.digits import load_digits
from tfgen.data.lookup import load_dataset
from tfgen.errors import CapabilityError, DataError, OptionError, UnknownNameError
from tfgen.figures.interpolation import draw_image_paths, draw_plane_paths
from tfgen.model.base import build_model
from tfgen.plugin.loading import load_registry
from tfgen.sample.interpolation import PATHS, Interpolation, interpolate, linear, sinusoidal, spherical, weights_of

tfd = tfp.distributions
EXAMPLE = str(Path(__file__).parents[2] / "docs/examples/histogram.py")
FINITE = st.floats(-1e6, 1e6, width=32)
STEPS = st.integers(2, 30)


@st.composite
def pairs(draw):
    """Two codes of one dimension, in the type of most models or in that of checks."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    codes = hnp.arrays(dtype, draw(st.integers(1, 6)), elements=FINITE)
    return draw(codes), draw(codes)


@st.composite
def circle_pairs(draw):
    """Two codes of one norm, neither parallel nor opposite: an orthonormal frame, an angle and a radius."""
    d, seed = draw(st.integers(2, 50)), draw(st.integers(0, 10_000))
    frame = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, 2)))[0].T
    angle, radius = draw(st.floats(1e-4, math.pi - 1e-4)), draw(st.floats(1e-3, 1e3))
    return radius * frame[0], radius * (math.cos(angle) * frame[0] + math.sin(angle) * frame[1]), angle, radius


# Paths


@given(STEPS)
def test_weights_go_from_0_to_1_in_equal_steps(steps):
    weights = weights_of(steps)
    assert (len(weights), weights[0], weights[-1]) == (steps, 0, 1)
    np.testing.assert_allclose(np.diff(weights), 1 / (steps - 1), rtol=1e-12)


def test_weights_of_eleven_steps_are_tenths():
    np.testing.assert_array_equal(weights_of(11), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])


@pytest.mark.parametrize("name", PATHS)
@given(codes=pairs(), steps=STEPS)
def test_every_path_begins_at_the_first_code_and_ends_at_the_second(name, codes, steps):
    z1, z2 = codes
    path = PATHS[name](z1, z2, weights_of(steps))
    assert path.shape == (steps, *z1.shape)
    assert np.isfinite(path).all()
    np.testing.assert_array_equal(path[0], z1)
    np.testing.assert_array_equal(path[-1], z2)


@given(codes=pairs(), steps=STEPS)
def test_linear_and_sinusoidal_are_their_formulas(codes, steps):
    z1, z2 = (code.astype(np.float64) for code in codes)
    tolerance = {"rtol": 1e-12, "atol": 1e-9}
    for index, (straight, slowing) in enumerate(
        zip(linear(z1, z2, weights_of(steps)), sinusoidal(z1, z2, weights_of(steps)), strict=True)
    ):
        share = index / (steps - 1)
        np.testing.assert_allclose(straight, (1 - share) * z1 + share * z2, **tolerance)
        late = math.sin(share * math.pi / 2)
        np.testing.assert_allclose(slowing, (1 - late) * z1 + late * z2, **tolerance)


@given(circle_pairs(), STEPS)
def test_spherical_keeps_the_norm_and_turns_at_constant_speed(pair, steps):
    z1, z2, angle, radius = pair
    path = spherical(z1, z2, weights_of(steps))
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), radius, rtol=1e-9)
    chords = np.linalg.norm(np.diff(path, axis=0), axis=-1)
    np.testing.assert_allclose(chords, 2 * radius * math.sin(angle / (steps - 1) / 2), rtol=1e-6)


def test_spherical_is_its_formula_for_codes_of_different_norms():
    z1, z2, share = np.array([2.0, 0, 0]), np.array([3.0, 3.0, 0]), 0.25
    expected = (math.sin(0.75 * math.pi / 4) * z1 + math.sin(0.25 * math.pi / 4) * z2) / math.sin(math.pi / 4)
    np.testing.assert_allclose(spherical(z1, z2, np.array([share]))[0], expected, rtol=1e-12)


@given(pairs(), st.sampled_from([2.0, 1.0, 0.0, -1.0, -3.0]), STEPS)
def test_spherical_is_linear_where_no_arc_is_determined(codes, factor, steps):
    z = codes[0].astype(np.float64)
    z[np.abs(z) < 1e-3] = 0  # the square of a tiny number is zero
    weights = weights_of(steps)
    np.testing.assert_array_equal(spherical(z, factor * z, weights), linear(z, factor * z, weights))


def test_each_pair_of_a_batch_has_its_own_angle():
    random = np.random.default_rng(0)
    z1, z2, weights = random.normal(size=(3, 5)), random.normal(size=(3, 5)), weights_of(4)
    z2[1] = 2 * z1[1]
    together = spherical(z1, z2, weights)
    assert together.shape == (4, 3, 5)
    for row in range(3):
        np.testing.assert_allclose(together[:, row], spherical(z1[row], z2[row], weights), rtol=1e-12)


# Models


def moved(name: str, data: DataSpec, amount: float = 0.05, **options: object) -> GenerativeModel:
    """A small flow, its weights moved away from the identity that it starts as."""
    spec = load_registry().model(name)
    model = build_model(spec, dataclasses.replace(spec.config(), **options), data, seed=0)
    random = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(weight + amount * random.normal(size=weight.shape))
    return model


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def flow(digits):
    return moved("realnvp", digits.spec, layers=3, units=16)


@pytest.fixture(scope="module")
def conditional_flow(digits):
    return moved("conditional_realnvp", digits.spec, amount=0.2, layers=3, units=16)


def test_the_ends_of_a_flow_are_the_two_images_exactly(flow, digits):
    found = interpolate(flow, digits.test.x[[3, 8]], steps=5, seed=4)
    assert found.paths == ("linear", "sinusoidal", "spherical")
    assert found.x.shape == (3, 5, 8, 8, 1)
    assert found.x.dtype == np.uint8
    for path, codes, name in zip(found.x, found.codes, found.paths, strict=True):
        np.testing.assert_array_equal(path[0], digits.test.x[3])
        np.testing.assert_array_equal(path[-1], digits.test.x[8])
        expected = PATHS[name](codes[0], codes[-1], weights_of(5)).astype(np.float32)
        np.testing.assert_array_equal(codes, expected)
        np.testing.assert_array_equal(path, flow.decode(expected))  # what stands in the middle is decoded as well
    assert len(np.unique(found.x.reshape(15, -1), axis=0)) == 3 * 3 + 2
    assert not found.end_errors().any()


@pytest.mark.parametrize("model", ["realnvp", slow("spline_flow")])
def test_the_ends_of_a_flow_on_real_mnist_are_the_images_exactly(model, prepared_data_dir, mnist_dir):
    data = load_dataset("mnist", load_registry(), DataSources(str(prepared_data_dir), str(mnist_dir)))
    flow = moved(model, data.spec, amount=0.02, layers=5, units=64)
    for pair in ([0, 1], [18, 61], [200, 300], [400, 9999]):
        found = interpolate(flow, data.test.x[pair], steps=11, seed=pair[0])
        np.testing.assert_array_equal(found.x[:, [0, -1]], np.stack([data.test.x[pair]] * 3))


class Shaky(GenerativeModel):
    """Codes are dequantised images, and decoding errs by `error` grey levels, as if by rounding."""

    error = 0.02
    encoded = 0

    def encode(self, x, labels=None, seed=0):
        type(self).encoded += 1
        return tf.reshape(dequantise(x, self.data.levels, seed), [-1, self.data.dimensions])

    def decode(self, z, labels=None, seed=0):
        return quantise(tf.reshape(tf.convert_to_tensor(z) + self.error, [-1, *self.data.shape]), self.data.levels)

    def prior(self, labels=None):
        return tfd.Sample(tfd.Uniform(0.0, 17.0), [self.data.dimensions])


class Blurring(Shaky):
    """Decodes to a reconstruction."""

    error = 5.0


class Wrong(Shaky):
    """No noise helps."""

    error = 1.0


@pytest.fixture(scope="module")
def dull(digits):
    """Two images without the brightest level, which could not become brighter."""
    return digits.test.x[np.flatnonzero((digits.test.x < 16).all(axis=(1, 2, 3)))[:2]]


def test_noise_is_drawn_anew_where_rounding_carries_a_level_over_its_border(digits, dull):
    model, seed = Shaky(None, digits.spec, 0), 1
    assert (model.decode(model.encode(dull, seed=seed)).numpy() != dull).any(axis=(1, 2, 3)).all()  # both ends suffer
    found = interpolate(model, dull, seed=seed)
    assert not found.end_errors().any()
    np.testing.assert_array_equal(found.codes, interpolate(model, dull, seed=seed).codes)
    assert (found.codes != interpolate(model, dull, seed=seed + 1).codes).any()


def test_what_does_not_come_back_is_shown_as_it_is(digits, dull):
    Blurring.encoded = 0
    found = interpolate(Blurring(None, digits.spec, 0), dull)
    np.testing.assert_array_equal(found.x[:, [0, -1]], np.stack([np.minimum(dull + 5, 16)] * 3))
    assert found.end_errors().max() == 5
    assert Blurring.encoded == 1  # other noise would not help
    assert interpolate(Wrong(None, digits.spec, 0), dull).end_errors().max() == 1


def test_between_samples(flow):
    found = interpolate(flow, steps=3, seed=7)
    np.testing.assert_array_equal(found.codes[0, [0, -1]], flow.prior().sample(2, seed=tfgen.as_seed(7)))
    assert found.ends is None
    assert not found.end_errors().any()
    assert (found.x != interpolate(flow, steps=3, seed=8).x).any()


def test_a_conditional_model_decodes_under_the_label_of_the_nearer_end(conditional_flow, digits):
    which = [0, 1]
    x, labels = digits.test.x[which], digits.test.labels[which]
    assert labels[0] != labels[1]
    found = interpolate(conditional_flow, x, labels, steps=5)
    assert found.labels.tolist() == [labels[0]] * 3 + [labels[1]] * 2
    assert not found.end_errors().any()
    for end in (0, 1):  # each was encoded under its own label: under another one, its code is another
        code = conditional_flow.encode(x[[end]], [labels[1 - end]])
        assert np.abs(found.codes[0, -end] - code[0]).max() > 1e-2
    for path, codes in zip(found.x, found.codes, strict=True):
        np.testing.assert_array_equal(path, conditional_flow.decode(codes, found.labels))

    other = interpolate(conditional_flow, x, labels, steps=5, decode_labels=[5, 5])
    np.testing.assert_array_equal(other.codes, found.codes)
    np.testing.assert_array_equal(other.x[0], conditional_flow.decode(found.codes[0], [5] * 5))
    assert other.end_errors().any()


def test_samples_of_a_conditional_model(conditional_flow):
    found = interpolate(conditional_flow, labels=[2, 9], steps=4)
    assert found.labels.tolist() == [2, 2, 9, 9]
    np.testing.assert_array_equal(found.x[0], conditional_flow.decode(found.codes[0], [2, 2, 9, 9]))


def test_a_prior_that_depends_on_the_label_is_drawn_from_once_for_each_end(conditional_flow, monkeypatch):
    def prior(labels=None):
        centres = tf.cast(labels, tf.float32)[:, None] * tf.ones([1, 64])
        return tfd.MultivariateNormalDiag(centres, 1e-3 * tf.ones([2, 64]))

    monkeypatch.setattr(conditional_flow, "prior", prior)
    found = interpolate(conditional_flow, labels=[2, 9], steps=2)
    np.testing.assert_allclose(found.codes[0].mean(axis=-1), [2, 9], atol=0.01)


def test_what_python_is_told_of_mistakes(flow, conditional_flow, digits):
    x, spec = digits.test.x[:2], digits.spec
    with pytest.raises(CapabilityError, match=r"model Gaussian has no latent codes .* which interpolation needs"):
        interpolate(Gaussian(GaussianConfig(), spec, 0), x)
    with pytest.raises(UnknownNameError, match="unknown path 'sferical'; did you mean 'spherical'"):
        interpolate(flow, x, paths=["sferical"])
    for paths in ([], ["linear", "linear"]):
        with pytest.raises(OptionError, match="--path must name one or several"):
            interpolate(flow, x, paths=paths)
    for steps in (-1, 0, 1, 1002):
        with pytest.raises(OptionError, match="--steps must be from 2 to 1001"):
            interpolate(flow, x, steps=steps)
    with pytest.raises(DataError, match="expected two examples"):
        interpolate(flow, digits.test.x[:3])
    with pytest.raises(DataError, match="takes no labels"):
        interpolate(flow, x, [1, 2])
    for labels, says in ((None, "needs a label"), ([1], "expected 2 labels"), ([1, 10], "must lie in 0 .. 9")):
        with pytest.raises(DataError, match=says):
            interpolate(conditional_flow, x, labels)
        if labels is not None:
            with pytest.raises(DataError, match=says):
                interpolate(conditional_flow, x, [1, 2], decode_labels=labels)


# Pictures


def ticks(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def test_images_stand_in_rows_under_their_weights(drawn, tmp_path):
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5, 1).astype(np.uint8)
    found = Interpolation(("linear", "spherical"), weights_of(3), np.zeros((2, 3, 1)), x, ends=x[0, [0, -1]])
    found = dataclasses.replace(found, x=np.stack([x[0], x[0][:, ::-1]]))
    shown = dataclasses.replace(found, ends=None)
    draw_image_paths(shown, 256, tmp_path / "x.png")
    axes = drawn[0].axes[0]
    assert (ticks(axes.xaxis), ticks(axes.yaxis)) == (["0", "0.5", "1"], ["linear", "spherical"])
    picture = axes.images[0].get_array()
    assert picture.shape == (2 * 4, 3 * 5, 3)
    np.testing.assert_array_equal(picture[:4, 5:10, 0], x[0, 1, :, :, 0])
    np.testing.assert_array_equal(picture[4:, 10:, 2], x[0, 2, ::-1, :, 0])

    draw_image_paths(found, 256, tmp_path / "x.png")  # the second path misses the ends, so they are shown beside
    axes = drawn[1].axes[0]
    assert ticks(axes.xaxis) == ["from", "0", "0.5", "1", "to"]
    np.testing.assert_array_equal(axes.images[0].get_array()[4:, :5, 0], x[0, 0, :, :, 0])
    np.testing.assert_array_equal(axes.images[0].get_array()[:4, -5:, 0], x[0, 2, :, :, 0])


def test_exact_ends_are_not_shown_twice(drawn, tmp_path, flow, digits):
    draw_image_paths(interpolate(flow, digits.test.x[:2], steps=4), 17, tmp_path / "x.png")
    assert ticks(drawn[0].axes[0].xaxis) == ["0", "0.333", "0.667", "1"]
    assert drawn[0].axes[0].images[0].get_array().max() == 255


def test_curves_in_the_plane_are_broken_where_the_label_changes(drawn, tmp_path):
    x = np.stack([np.linspace([-1, 0], [1, 0.5], 9)] * 2).astype(np.float32)
    labels = np.repeat([0, 1], [5, 4]).astype(np.int32)
    found = Interpolation(("linear", "spherical"), weights_of(9), x, x, labels)
    draw_plane_paths(found, 4, DataSpec("vector", (2,)), np.zeros((7, 2)), tmp_path / "x.png")
    lines = drawn[0].axes[0].lines
    curves = [line.get_xydata() for line in lines if line.get_linestyle() == "-"]
    assert [len(curve) for curve in curves] == [5, 4, 5, 4]
    marked = {line.get_label(): line.get_xydata() for line in lines if line.get_linestyle() != "-"}
    np.testing.assert_array_equal(marked["linear"], x[0, [0, 4, 8]])
    assert len(marked["test data"]) == 7
    assert {text.get_text() for text in drawn[0].axes[0].texts} == {r"$\lambda=0$", r"$\lambda=1$"}


# The command


@pytest.fixture(scope="module")
def runs(once):
    """Folder of a run of each kind (labelled or unlabelled vectors, conditional, without latents) that no test may change."""
    small = {"epochs": 1, "compile": "graph", "units": 8, "layers": 2, "depth": 1}

    def make(folder):
        common = {"runs_dir": folder, "quiet": True}
        with without_pictures():
            tfgen.train("realnvp", data="checkerboard", name="plane", batch_size=5000, **small, **common)
            tfgen.train("conditional_realnvp", data="digits", name="conditional", **small, **common)
            tfgen.train("histogram", plugins=[EXAMPLE], data="digits", name="flat", epochs=1, compile="graph", **common)

    return once("interpolated", make)


@pytest.fixture
def say(capsys):
    """Return a function that runs the command and returns what it prints."""

    def say(*arguments, code=0):
        assert main(["interpolate", *map(str, arguments)]) == code
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line != "loading TensorFlow ..."]
        assert len(lines) == (1 if code else 0), err
        return (lines[0] if code else out).strip()

    return say


def test_between_classes_into_arrays(tiny_run, digits, tmp_path, say):
    out = tmp_path / "x.npz"
    first, second = (int(np.flatnonzero(digits.test.labels == label)[0]) for label in (3, 8))
    said = say(
        tiny_run, "--from", 3, "--to", 8, "--steps", 4, "--path", "spherical", "linear", "--seed", 6, "--out", out
    )
    where = f"from test example {first} (class 3) to test example {second} (class 8); decoding gives both back exactly"
    assert said == f"{where}\n{out}"
    with np.load(out) as arrays:
        assert sorted(arrays.files) == ["l", "paths", "x", "z"]
        assert arrays["paths"].tolist() == ["spherical", "linear"]
        np.testing.assert_array_equal(arrays["l"], weights_of(4))
        model = tfgen.load(tiny_run).model
        expected = interpolate(model, digits.test.x[[first, second]], steps=4, paths=["spherical", "linear"], seed=6)
        np.testing.assert_array_equal(arrays["x"], expected.x)
        np.testing.assert_array_equal(arrays["z"], expected.codes)
        np.testing.assert_array_equal(arrays["x"][:, 0], digits.test.x[[first, first]])


def test_between_indices_into_the_run(run_copy, say):
    picture = run_copy / "figures" / "interpolation.png"
    assert "from test example 0 (class" in say(run_copy)
    assert picture.read_bytes().startswith(b"\x89PNG")
    said = say(run_copy, "--from", 3, "--to-index", 17, "--path", "linear")
    assert "(class 3) to test example 17 (class" in said
    assert said.endswith(str(picture.with_name("interpolation-2.png")))


def test_between_samples_in_the_plane(runs, tmp_path, drawn, say):
    out = tmp_path / "x.png"
    assert (
        say(runs / "plane", "--samples", "--seed", 2, "--out", out) == f"between two codes of the prior, seed 2\n{out}"
    )
    curves = [line.get_xydata() for line in drawn[0].axes[0].lines if line.get_linestyle() == "-"]
    assert len(curves) == 3
    assert all(len(curve) > 200 for curve in curves)
    said = say(runs / "plane", "--from-index", 5, "--to-index", 6, "--out", out, "--overwrite")
    assert "from test example 5 to test example 6; decoding gives both back" in said


def test_a_conditional_run(runs, tmp_path, say, digits):
    run, out = runs / "conditional", tmp_path / "x.npz"
    assert "decoding gives both back exactly" in say(run, "--from", 3, "--to", 8, "--out", out)
    with np.load(out) as arrays:
        assert arrays["labels"].tolist() == [3] * 6 + [8] * 5
    say(run, "--from", 3, "--to", 8, "--labels", 4, 5, "--out", out, "--overwrite")
    with np.load(out) as arrays:
        assert arrays["labels"].tolist() == [4] * 6 + [5] * 5
    say(run, "--samples", "--steps", 2, "--seed", 5, "--out", out, "--overwrite")
    with np.load(out) as arrays:
        assert arrays["labels"].tolist() == [0, 1]
        expected = interpolate(tfgen.load(run).model, labels=[0, 1], steps=2, seed=5)
        np.testing.assert_array_equal(arrays["z"], expected.codes)


def test_one_line_under_several_labels(runs, tmp_path, say, drawn):
    run, out = runs / "conditional", tmp_path / "x.npz"
    say(run, "--from", 3, "--to", 8, "--labels-each", 1, 7, 9, "--steps", 5, "--out", out)
    model = tfgen.load(run).model
    with np.load(out) as arrays:
        assert arrays["paths"].tolist() == ["linear"] * 3
        assert arrays["row_labels"].tolist() == [1, 7, 9]
        assert "labels" not in arrays
        for codes in arrays["z"]:
            np.testing.assert_array_equal(codes, arrays["z"][0])
        for label, codes, x in zip([1, 7, 9], arrays["z"], arrays["x"], strict=True):
            np.testing.assert_array_equal(x, model.decode(codes, np.full(5, label)))
    said = say(run, "--labels-each", 1, 7, "--path", "linear", "spherical", "--out", tmp_path / "x.png")
    assert "note: decoding, under labels 1 and 7, does not give them back exactly" in said
    rows = [text.get_text() for text in drawn[0].axes[0].get_yticklabels()]
    assert rows == ["linear, label 1", "linear, label 7", "spherical, label 1", "spherical, label 7"]
    say(run, "--samples", "--labels-each", 4, "--out", tmp_path / "y.png")
    assert [text.get_text() for text in drawn[1].axes[0].get_yticklabels()] == ["label 4"]
    assert "--labels-each must lie in 0 .. 9; got 10." in say(run, "--labels-each", 10, code=2)


def test_labels_of_rows_need_a_conditional_model_and_a_label(tiny_run, digits, runs):
    with pytest.raises(CapabilityError, match="RealNVP takes no labels"):
        interpolate(tfgen.load(tiny_run).model, digits.test.x[:2], labels_each=[1])
    with pytest.raises(DataError, match="at least one label"):
        interpolate(tfgen.load(runs / "conditional").model, digits.test.x[:2], [1, 1], labels_each=[])


def test_end_points_that_do_not_come_back_are_told(tiny_run, tmp_path, say, monkeypatch, digits):
    run = tfgen.load(tiny_run)
    decode = type(run.model).decode

    def blurred(self, z, labels=None, seed=0):
        return tf.minimum(decode(self, z, labels, seed) + tf.constant(2, tf.uint8), 16)

    monkeypatch.setattr(type(run.model), "decode", blurred)
    said = say(tiny_run, "--out", tmp_path / "x.png")
    wrong = int((digits.test.x[:2] < 16).sum())
    assert f"note: decoding does not give them back exactly: {wrong} of 128 values differ, by up to 2 of 17" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--from", 10, "--to", 3], "--from must be a class, 0 .. 9, got 10."),
        (["--from", 1, "--to", -3], "--to must be a class, 0 .. 9, got -3."),
        (["--from-index", 0, "--to-index", 300], "--to-index must be a test example, 0 .. 299, got 300."),
        (["--from-index", -1, "--to-index", 3], "--from-index must be a test example, 0 .. 299, got -1."),
        (["--from", 3], "only one end of the path is named; name the other one by --to or --to-index."),
        (["--to-index", 3], "name the other one by --from or --from-index."),
        (["--from", 3, "--from-index", 3, "--to", 1], "--from and --from-index both name one end"),
        (["--samples", "--to", 3], "--samples draws both ends; leave it out to name an end, or name none."),
        (["--from", 3, "--to", 3], "name two different ones, for example --from-index 0 --to-index 1"),
        (["--from-index", 4, "--to-index", 4], "both ends are test example 4; name two different ones"),
        (["--from", "three", "--to", 3], "unknown class 'three'; known: none. The classes of these data are numbers."),
        (["--fron", 3], "unknown option '--fron'; did you mean '--from'?"),
        (["--steps", 1], "--steps must be at least 2, got 1."),
        (["--steps", 102], "--steps must be at most 101 for a picture, got 102; write an .npz with --out."),
        (["--steps", 1002, "--out", "x.npz"], "--steps must be from 2 to 1001, got 1002."),
        (["--seed", -1], "--seed must be 0 or more"),
        (["--path", "curved"], "invalid choice 'curved' for argument '--path'"),
        (["--path", "linear", "linear"], "none twice; got 'linear linear'."),
        (["--labels", 1], "--labels must be two classes, got 1."),
        (["--labels", 1, 2], "model RealNVP takes no labels; leave --labels out."),
        (["--labels-each", 1, 7], "model RealNVP takes no labels; leave --labels-each out."),
        (["--labels", 1, 7, "--labels-each", 1], "--labels-each keeps one; give one of them."),
        (["--out", "x.jpg"], "cannot write x.jpg: the name must end in .png (a picture) or .npz (arrays)."),
    ],
)
def test_mistakes(options, says, tiny_run, say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tiny_run.rglob("*"))
    assert says in say(tiny_run, *options, code=2)
    assert sorted(tiny_run.rglob("*")) == before
    assert not list(tmp_path.iterdir())


def test_mistakes_with_other_runs(runs, say, tmp_path):
    said = say("-p", EXAMPLE, runs / "flat", code=2)
    assert said == "tfgen: model Histogram has no latent codes (Decodes), which interpolation needs."
    said = say(runs / "plane", "--from", 0, "--to-index", 1, code=2)
    assert "--from: data set 'checkerboard' has no classes; choose test examples by --from-index, --to-index." in said
    assert "--labels must lie in 0 .. 9; got 10." in say(runs / "conditional", "--labels", 3, 10, code=2)
    assert "is no folder" in say(tmp_path / "nothing", code=2)
    assert not list(runs.glob("*/figures/interpolation.png"))


def test_a_class_that_the_test_split_lacks(tiny_run, say, monkeypatch, digits):
    kept = digits.test.labels != 3
    test = dataclasses.replace(digits.test, x=digits.test.x[kept], labels=digits.test.labels[kept])
    lacking = dataclasses.replace(digits, splits={**digits.splits, "test": test})
    monkeypatch.setattr("tfgen.data.digits.load_digits", lambda: lacking)
    said = say(tiny_run, "--from", 3, "--to", 8, code=2)
    assert "--from 3: no test example of data set 'digits' is of this class; there are 0, 1, 2, 4, 5" in said
