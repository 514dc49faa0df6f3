"""Masks as they are typed; completions batch by batch, and with which noise they are scored; the picture; the command."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib import image as mpl_image
from PIL import Image

import tfgen
from tests.toy_models import Gaussian, GaussianConfig
from tfgen import DataSpec, GenerativeModel, ModelSpec, Objective, binarise, hookimpl, uniform
from tfgen.cli.main import main
from tfgen.data.digits import load_digits
from tfgen.errors import CapabilityError, DataError, OptionError, PluginError, UnknownNameError
from tfgen.figures.inpainting import draw_inpainting
from tfgen.sample.inpainting import Inpainting, inpaint, inpaint_examples
from tfgen.sample.masks import behind_a_hole, parse_mask

DIGITS = DataSpec("image", (8, 8, 1), classes=10, levels=17)
BLUE = (59, 130, 196)


def known_under(text: str, height: int = 4, width: int = 4, count: int = 1, seed: int = 0) -> np.ndarray:
    return parse_mask(text).known(np.random.default_rng(seed), count, height, width)


# Masks


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("lower", ["....", "....", "####", "####"]),
        ("upper", ["####", "####", "....", "...."]),
        ("left", ["##..", "##..", "##..", "##.."]),
        ("right", ["..##", "..##", "..##", "..##"]),
        ("lower", ["...", "...", "###"]),
        ("upper", ["###", "...", "..."]),
        ("left", ["#..", "#.."]),
        ("right", ["..#", "..#"]),
        ("box:1,0,2,3", ["....", "###.", "###.", "...."]),
        ("box: 3, 3, 1, 1", ["....", "....", "....", "...#"]),
        ("box:0,1,4,1", [".#..", ".#..", ".#..", ".#.."]),
    ],
)
def test_a_mask_names_what_is_unknown(text, unknown):
    expected = np.array([[pixel == "." for pixel in row] for row in unknown])
    known = known_under(text, *expected.shape, count=3)
    assert known.shape == (3, *expected.shape)
    for image in known:
        np.testing.assert_array_equal(image, expected)


def test_a_random_mask_is_another_one_for_each_image_and_follows_from_the_seed():
    known = known_under("random:0.3", 8, 8, count=200)
    assert abs((~known).mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / known.size)
    assert len(np.unique(known.reshape(200, -1), axis=0)) == 200
    np.testing.assert_array_equal(known, known_under("random:0.3", 8, 8, count=200))
    assert (known != known_under("random:0.3", 8, 8, count=200, seed=1)).any()


@pytest.mark.parametrize("kind", ["grey", "with alpha", "colour", "colour with alpha"])
def test_white_pixels_of_a_picture_are_known(kind, tmp_path):
    light = np.array([[255, 0, 130], [120, 255, 0]], np.uint8)
    channels = {"grey": 1, "with alpha": 2, "colour": 3, "colour with alpha": 4}[kind]
    picture = np.repeat(light[..., None], channels, axis=-1)
    if "alpha" in kind:
        picture[..., -1] = 255
    save(picture, tmp_path / "Mask.PNG")
    expected = [[True, False, True], [False, True, False]]
    np.testing.assert_array_equal(known_under(str(tmp_path / "Mask.PNG"), 2, 3, count=2), [expected] * 2)


def save(picture: np.ndarray, path: Any) -> None:
    from PIL import Image

    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(path)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))))
def test_pixels_behind_a_hole_are_those_after_the_first_unknown_one(known):
    expected = np.zeros_like(known)
    for image, row, column in np.ndindex(known.shape):
        before = known[image].ravel()[: row * known.shape[2] + column]
        expected[image, row, column] = known[image, row, column] and not before.all()
    np.testing.assert_array_equal(behind_a_hole(known), expected)


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("lowr", UnknownNameError, "unknown mask 'lowr'; did you mean 'lower'?"),
        ("Upper", UnknownNameError, "did you mean 'upper'?"),
        ("rand:0.3", UnknownNameError, "did you mean 'random:0.5'?"),
        ("mask.jpg", UnknownNameError, "known: FILE.png, box:Y,X,H,W, left, lower, random:0.5, right, upper."),
        ("", UnknownNameError, "unknown mask ''; known: FILE.png"),
        ("box", OptionError, "--mask must be box:Y,X,H,W with whole numbers"),
        ("box:1,2,3", OptionError, "at least 1, got box:1,2,3."),
        ("box:1,2,3,4,5", OptionError, "got box:1,2,3,4,5."),
        ("box:1,2,3,x", OptionError, "got box:1,2,3,x."),
        ("box:1,2,3,0", OptionError, "got box:1,2,3,0."),
        ("box:-1,2,3,1", OptionError, "the first row and column, 0 or more"),
        ("box:2,0,3,1", OptionError, "--mask box:2,0,3,1 reaches row 4 and column 0; the images have rows 0 .. 3 and"),
        ("box:0,4,1,1", OptionError, "reaches row 0 and column 4; the images have rows 0 .. 3 and columns 0 .. 3."),
        ("box:0,0,4,4", OptionError, "leaves no pixel known; take another mask, or draw whole images by: tfgen sample"),
        ("random", OptionError, "--mask must be random:P with a probability P between 0 and 1, got random."),
        ("random:0", OptionError, "between 0 and 1, got random:0."),
        ("random:1", OptionError, "got random:1."),
        ("random:nan", OptionError, "got random:nan."),
        ("random:half", OptionError, "got random:half."),
        ("random:1e-9", OptionError, "leaves nothing to draw: every pixel is known; take another mask."),
        ("random:0.999999999", OptionError, "leaves no pixel known"),
        ("nothing.png", DataError, "--mask nothing.png: there is no such file."),
    ],
)
def test_masks_that_are_none(text, error, says):
    with pytest.raises(error) as caught:
        known_under(text)
    assert says in str(caught.value)


def test_halves_of_a_single_row_or_column():
    for text, height, width in (("lower", 1, 4), ("upper", 1, 4), ("left", 4, 1), ("right", 4, 1)):
        with pytest.raises(OptionError, match="leaves nothing to draw"):
            known_under(text, height, width)


def test_a_mask_that_unfolds_to_gigabytes_is_not_decoded(tmp_path):
    path = tmp_path / "mask.png"
    Image.new("1", (9_000, 9_000)).save(path)  # 10 kB, and 81 million pixels of 16 bytes
    with pytest.raises(DataError, match="it declares 9,000 x 9,000 pixels, more than 4,194,304 in all"):
        known_under(str(path))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match="it is no regular file"):
        known_under(str(path))


def test_pictures_that_are_no_masks(tmp_path):
    path = tmp_path / "mask.png"
    picture = np.zeros((4, 4, 4), np.uint8)
    for level, says in ((0, "leaves no pixel known"), (255, "leaves nothing to draw")):
        save(np.full((4, 4, 1), level, np.uint8), path)
        with pytest.raises(OptionError, match=says):
            known_under(str(path))
    with pytest.raises(DataError, match="the picture has 4 rows and 4 columns, the images have 5 and 3; make one of"):
        known_under(str(path), 5, 3)
    save(picture, path)
    with pytest.raises(DataError, match="the picture is transparent in parts; make it white"):
        known_under(str(path))
    whole = path.read_bytes()
    damaged = [b"", b"no picture", whole[: len(whole) // 2], whole[:40] + b"xxxx" + whole[44:]]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read as a PNG picture"):
            known_under(str(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="cannot be read as a PNG picture"):
        known_under(str(path))


# Completions


@dataclass(frozen=True)
class PainterConfig:
    """Options of a painter."""

    conditional: bool = False
    """Whether it takes labels."""


class Painter(GenerativeModel):
    """Draws noise where nothing is known; ``log p(x|y) = 100 y - (the number of ones among stochastic bits of x)``."""

    density = "exact"
    scored_as = "bits"
    calls: tuple[tuple[Any, ...], ...] = ()

    def __init__(self, config: PainterConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.conditional = config.conditional
        self.a = self.add_weight(shape=(), initializer="zeros", name="a")

    def objectives(self):
        return [Objective("loss", lambda batch, seed, context: {"loss": (self.a - 1.0) ** 2}, [self.a])]

    def log_prob(self, x, labels=None, seed=0):
        self.one_hot(labels, x.shape[0])
        ones = tf.reduce_sum(binarise(x, self.data.levels, "stochastic", seed), axis=[1, 2, 3])
        return (0.0 if labels is None else 100.0 * tf.cast(labels, tf.float32)) - ones

    def inpaint(self, x, known_mask, labels=None, seed=0, particles=1):
        self.one_hot(labels, x.shape[0])
        noise = tf.cast(self.data.levels * uniform(x.shape, tfgen.fold_in(seed, 1)), tf.uint8)
        found = tf.where(known_mask[..., None], x, noise)
        row = (
            x,
            known_mask,
            labels,
            particles,
            found,
            self.log_prob(found, labels, seed),
            self.log_prob(x, labels, seed),
        )
        self.calls = (*self.calls, row)
        return found

    def called(self, place: int) -> np.ndarray:
        """What was given, or found, in all calls together."""
        return np.concatenate([np.asarray(call[place]) for call in self.calls])


class Forgetful(Painter):
    """Changes one known pixel."""

    def inpaint(self, x, known_mask, labels=None, seed=0, particles=1):
        found = super().inpaint(x, known_mask, labels, seed, particles).numpy()
        place = tuple(np.argwhere(known_mask.numpy())[-1])
        found[place] = (found[place] + 1) % self.data.levels
        return found


class Inexact(Painter):
    """Returns floats."""

    def inpaint(self, x, known_mask, labels=None, seed=0, particles=1):
        return tf.cast(super().inpaint(x, known_mask, labels, seed, particles), tf.float32)


class Mute(GenerativeModel):
    """Completes, and has no density."""

    def inpaint(self, x, known_mask, labels=None, seed=0, particles=1):
        return x


@hookimpl
def tfgen_register(registry):
    registry.add_model(ModelSpec("painter", PainterConfig, Painter, summary="Paints."))


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture
def painter():
    return Painter(PainterConfig(), DIGITS, 0)


@pytest.fixture
def labelled_painter():
    return Painter(PainterConfig(conditional=True), DIGITS, 0)


def test_each_image_is_completed_several_times(painter, digits):
    x = digits.test.x[:3]
    known = known_under("random:0.5", 8, 8, count=3)
    found = inpaint(painter, x, known, samples=4, particles=2, seed=5)
    assert found.completions.shape == (3, 4, 8, 8, 1)
    assert found.completions.dtype == np.uint8
    for image, mask, completions in zip(x, known, found.completions, strict=True):
        np.testing.assert_array_equal(completions[:, mask], np.stack([image[mask]] * 4))
        assert len(np.unique(completions.reshape(4, -1), axis=0)) == 4
    assert [call[3] for call in painter.calls] == [2]
    np.testing.assert_array_equal(
        inpaint(painter, x, known, samples=4, particles=2, seed=5).completions, found.completions
    )
    assert (inpaint(painter, x, known, samples=4, particles=2, seed=6).completions != found.completions).any()


@pytest.mark.parametrize(("at_a_time", "particles", "batch"), [(512, 1, 9), (4, 1, 4), (9, 2, 4), (1, 7, 1)])
def test_batches_have_one_size_and_every_row_its_own_image_mask_label_and_noise(
    at_a_time, particles, batch, labelled_painter, digits, monkeypatch
):
    monkeypatch.setattr("tfgen.sample.inpainting._AT_A_TIME", at_a_time)
    model, x, labels = labelled_painter, digits.test.x[:3], np.array([7, 0, 4], np.int32)
    known = known_under("random:0.5", 8, 8, count=3)
    found = inpaint(model, x, known, labels, samples=3, particles=particles)
    assert {len(call[0]) for call in model.calls} == {batch}
    np.testing.assert_array_equal(model.called(0)[:9], np.repeat(x, 3, axis=0))
    np.testing.assert_array_equal(model.called(1)[:9], np.repeat(known, 3, axis=0))
    np.testing.assert_array_equal(model.called(2)[:9], np.repeat(labels, 3))
    np.testing.assert_array_equal(found.completions.reshape(9, 8, 8, 1), model.called(4)[:9])
    np.testing.assert_array_equal(found.labels, labels)
    assert len(np.unique(found.completions.reshape(9, -1), axis=0)) == 9
    # Grey levels become the same bits in scoring as in drawing: same places, same seeds.
    np.testing.assert_array_equal(found.log_prob.ravel(), model.called(5)[:9])
    np.testing.assert_allclose(found.log_prob_x, model.called(6)[:9].reshape(3, 3).mean(axis=1), rtol=1e-6)


def test_the_first_images_of_a_split_under_their_own_labels(painter, labelled_painter, digits):
    lower = parse_mask("lower")
    found = inpaint_examples(labelled_painter, digits, lower, "valid", images=4, samples=2)
    np.testing.assert_array_equal(found.x, digits.splits["valid"].x[:4])
    np.testing.assert_array_equal(found.labels, digits.splits["valid"].labels[:4])
    assert found.known[:, :4].all()
    assert not found.known[:, 4:].any()
    other = inpaint_examples(labelled_painter, digits, lower, labels=np.array([1, 2], np.int32), images=2, samples=1)
    assert other.labels.tolist() == [1, 2]
    assert inpaint_examples(painter, digits, lower, images=1, samples=1).labels is None


def test_a_model_without_a_density_is_not_scored(digits):
    found = inpaint(Mute(None, DIGITS, 0), digits.test.x[:2], known_under("lower", 8, 8, count=2))
    assert found.log_prob is None
    assert found.log_prob_x is None

    class CrossEntropy(Painter):
        """Scores grey levels as if they were bits."""

        scored_as = "cross_entropy"

    model = CrossEntropy(PainterConfig(), DIGITS, 0)
    assert inpaint(model, digits.test.x[:2], known_under("lower", 8, 8, count=2)).log_prob is None


def test_what_python_is_told_of_mistakes(painter, labelled_painter, digits):
    x, known = digits.test.x[:2], known_under("lower", 8, 8, count=2)
    with pytest.raises(CapabilityError, match=r"model Gaussian has no inpainting \(Inpaints\), which inpainting needs"):
        inpaint(Gaussian(GaussianConfig(), DIGITS, 0), x, known)
    for name in ("samples", "particles"):
        with pytest.raises(OptionError, match=f"--{name} must be at least 1, got 0"):
            inpaint(painter, x, known, **{name: 0})
    for wrong in (x[:, :4], x.astype(np.float32), x[:0]):
        with pytest.raises(DataError, match=r"expected uint8 images of shape \(8, 8, 1\), one or more"):
            inpaint(painter, wrong, known)
    for wrong in (known[:1], known[..., None], known.astype(np.uint8)):
        with pytest.raises(DataError, match=r"expected a mask of booleans, shape \(2, 8, 8\)"):
            inpaint(painter, x, wrong)
    with pytest.raises(DataError, match="takes no labels"):
        inpaint(painter, x, known, [1, 2])
    for labels, says in ((None, "needs a label"), ([1], "expected 2 labels"), ([1, 10], "must lie in 0 .. 9")):
        with pytest.raises(DataError, match=says):
            inpaint(labelled_painter, x, known, labels)
    for images in (0, 301):
        with pytest.raises(OptionError, match=f"--images must be at least 1 and at most 300, .* got {images}"):
            inpaint_examples(painter, digits, parse_mask("lower"), images=images)
    plane = dataclasses.replace(digits.spec, kind="vector", shape=(2,))
    with pytest.raises(DataError, match="inpainting is for images; the data are vectors"):
        inpaint(Painter(PainterConfig(), plane, 0), x, known)
    assert not painter.calls


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Forgetful, "inpaint changed known pixels"),
        (Inexact, r"inpaint must return uint8 \[batch, 8, 8, 1\], got float32 \[10, 8, 8, 1\]"),
    ],
)
def test_a_model_that_breaks_its_promise_is_told(model, says, digits):
    with pytest.raises(PluginError, match=f"model {model.__name__}: {says}"):
        inpaint(model(PainterConfig(), DIGITS, 0), digits.test.x[:2], known_under("lower", 8, 8, count=2))


# The picture


def pictures(axes) -> list[np.ndarray]:
    return [np.asarray(picture.get_array()) for picture in axes.images]


def test_rows_show_the_original_what_is_known_and_completions(drawn, tmp_path):
    random = np.random.default_rng(0)
    x = random.integers(0, 17, (2, 3, 5, 1)).astype(np.uint8)
    completions = random.integers(0, 17, (2, 3, 3, 5, 1)).astype(np.uint8)
    known = known_under("right", 3, 5, count=2)
    scores = np.array([[-1.26, -2, -3], [-4, -5, -6.0]])
    found = Inpainting(x, known, completions, 7, np.array([3, 8]), scores, np.array([-10.0, -20.0]))
    draw_inpainting(found, 17, "a$b$.png", tmp_path / "x.png")
    axes = drawn[0].axes[0]
    shown = pictures(axes)
    assert len(shown) == 2 * 5
    for row in (0, 1):
        original, masked, *rest = shown[5 * row : 5 * row + 5]
        np.testing.assert_array_equal(original[..., 0], np.round(x[row, ..., 0] * (255 / 16)))
        np.testing.assert_array_equal(masked[known[row]], original[known[row]])
        assert (masked[~known[row]] == BLUE).all()
        for picture, completion in zip(rest, completions[row], strict=True):
            np.testing.assert_array_equal(picture[..., 2], np.round(completion[..., 0] * (255 / 16)))
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["-10.0", "-1.3", "-2.0", "-3.0", "-20.0", "-4.0", "-5.0", "-6.0"]
    heads = ["original", "masked", "completion 1", "completion 2", "completion 3"]
    assert [label.get_text() for label in axes.get_xticklabels()] == heads
    assert [label.get_text() for label in axes.get_yticklabels()] == ["3", "8"]
    said = drawn[0].get_suptitle().replace("\n", " ")
    assert said == "Mask a$b$.png, 7 particles; below each image its log-likelihood given the class in nats"
    assert mpl_image.imread(tmp_path / "x.png").ndim == 3


def test_texts_stand_below_their_images(drawn, tmp_path):
    x, known = np.zeros((2, 4, 4, 1), np.uint8), known_under("lower", count=2)
    found = Inpainting(
        x, known, np.zeros((2, 1, 4, 4, 1), np.uint8), log_prob=np.full((2, 1), -1.0), log_prob_x=-np.ones(2)
    )
    draw_inpainting(found, 17, "lower", tmp_path / "x.png")
    axes = drawn[0].axes[0]
    boxes = [picture.get_extent() for picture in axes.images]  # left, right, bottom, top
    for text, (left, right, bottom, _) in zip(axes.texts, [boxes[0], boxes[2], boxes[3], boxes[5]], strict=True):
        across, down = text.get_position()
        assert left < across < right
        assert bottom < down < bottom + 0.2
        assert not any(top < down < low for _, _, low, top in boxes)


def test_without_densities_there_are_no_numbers(drawn, tmp_path):
    x, known = np.zeros((1, 4, 4, 3), np.uint8), known_under("lower")
    draw_inpainting(Inpainting(x, known, np.zeros((1, 1, 4, 4, 3), np.uint8)), 256, "lower", tmp_path / "x.png")
    assert not drawn[0].axes[0].texts
    assert drawn[0].get_suptitle() == "Mask lower, 1 particle"


# The command


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Folder with a run of a painter, and of one that takes labels."""
    folder = tmp_path_factory.mktemp("painted")
    for name, conditional in (("plain", False), ("labelled", True)):
        tfgen.train(
            "painter", plugins=[__name__], data="digits", runs_dir=folder, name=name, quiet=True,
            epochs=1, batch_size=1000, compile="graph", conditional=conditional,
        )  # fmt: skip
    return folder


@pytest.fixture
def say(capsys):
    """Return a function that runs the command and returns what it prints."""

    def say(*arguments, code=0):
        capsys.readouterr()
        assert main(["-p", __name__, "inpaint", *map(str, arguments)]) == code
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line != "loading TensorFlow ..." and "inpainting  " not in line]
        assert len(lines) == (1 if code else 0), err
        assert not (code and out)
        return (lines[0] if code else out).strip()

    return say


def test_into_arrays(painted, tmp_path, say, digits):
    out, run = tmp_path / "x.npz", painted / "plain"
    said = say(run, "--mask", "box:2,2,3,4", "--images", 3, "--samples", 2, "--particles", 8, "--seed", 4, "--out", out)
    expected = inpaint_examples(
        tfgen.load(run, plugins=[__name__]).model,
        digits,
        parse_mask("box:2,2,3,4"),
        images=3,
        samples=2,
        particles=8,
        seed=4,
    )
    assert said == (
        "3 images, 2 completions each, mask box:2,2,3,4 (19 % unknown), 8 particles; "
        f"mean log-likelihood of completions {expected.log_prob.mean():.1f} nats, "
        f"of the originals {expected.log_prob_x.mean():.1f} nats\n{out}"
    )
    with np.load(out) as arrays:
        assert sorted(arrays.files) == ["completions", "known", "log_prob", "log_prob_x", "x"]
        for name in arrays.files:
            np.testing.assert_array_equal(arrays[name], getattr(expected, name))
        np.testing.assert_array_equal(arrays["x"], digits.test.x[:3])
        assert arrays["known"].shape == (3, 8, 8)
        assert arrays["completions"].shape == (3, 2, 8, 8, 1)
        assert arrays["log_prob"].shape == (3, 2)


def test_labels_are_those_of_the_images_unless_others_are_given(painted, tmp_path, say, digits):
    out = tmp_path / "x.npz"
    said = say(painted / "labelled", "--split", "valid", "--images", 1, "--samples", 1, "--out", out)
    assert (
        "1 image, 1 completion each, mask lower (50 % unknown), 1 particle; mean log-likelihood given the label of"
        in said
    )
    with np.load(out) as arrays:
        np.testing.assert_array_equal(arrays["labels"], digits.splits["valid"].labels[:1])
    say(painted / "labelled", "--images", 3, "--labels", 4, 5, "--out", out, "--overwrite")
    with np.load(out) as arrays:
        assert arrays["labels"].tolist() == [4, 5, 4]


def test_a_word_where_known_pixels_come_after_a_hole(painted, tmp_path, say):
    def notes(*arguments):
        return "note: some known pixels come after a hole in raster order" in say(
            painted / "plain", "--images", 2, "--out", tmp_path / "x.npz", "--overwrite", *arguments
        )

    assert not notes()
    assert notes("--mask", "upper")
    assert not notes("--mask", "upper", "--particles", 2)
    save(np.array([[255] * 8] * 7 + [[255] * 7 + [0]], np.uint8)[..., None], tmp_path / "last.png")
    assert not notes("--mask", tmp_path / "last.png")


def test_a_run_draws_its_own_picture_and_the_command_another(painted, say):
    picture = painted / "plain" / "figures" / "inpainting.png"
    of_the_run = picture.read_bytes()
    second = picture.with_name("inpainting-2.png")
    assert say(painted / "plain").endswith(f"\n{second}")
    assert second.read_bytes() == of_the_run  # it is what the command draws when it is told nothing else
    say(painted / "plain", "--seed", 1, "--overwrite")
    assert picture.read_bytes() != of_the_run


@pytest.mark.slow
def test_real_completions(tmp_path, say, digits):
    """A PixelCNN, from training to completions of which some are scored like the originals."""
    run = tfgen.train(
        "pixelcnn", data="digits", runs_dir=tmp_path, name="real", quiet=True, conditional=True,
        epochs=1, compile="graph", blocks=1, filters=4,
    )  # fmt: skip
    assert (run.folder / "figures" / "inpainting.png").stat().st_size > 0
    out = tmp_path / "x.npz"
    said = say(run.folder, "--mask", "left", "--images", 3, "--samples", 2, "--particles", 3, "--out", out)
    assert "mask left (50 % unknown), 3 particles; mean log-likelihood given the label" in said
    with np.load(out) as arrays:
        assert arrays["labels"].tolist() == digits.test.labels[:3].tolist()
        np.testing.assert_array_equal(arrays["completions"][:, 0, :, 4:], digits.test.x[:3, :, 4:])
        assert set(np.unique(arrays["completions"][:, :, :, :4])) == {0, 16}
        assert np.isfinite(arrays["log_prob"]).all()
        rows = tf.constant(arrays["completions"].reshape(6, 8, 8, 1))
        labels = tf.constant(np.repeat(arrays["labels"], 2))
        expected = run.model.log_prob(rows, labels, tfgen.fold_in(0, 0)).numpy()
        np.testing.assert_allclose(arrays["log_prob"].ravel(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--mask", "lowr"], "unknown mask 'lowr'; did you mean 'lower'?"),
        (["--mask", "box:7,7,2,2"], "--mask box:7,7,2,2 reaches row 8 and column 8; the images have rows 0 .. 7"),
        (["--mask", "box:0,0,8,8"], "leaves no pixel known"),
        (["--mask", "random:2"], "--mask must be random:P with a probability P between 0 and 1, got random:2."),
        (["--mask", "nothing.png"], "--mask nothing.png: there is no such file."),
        (["--mask"], "Missing value for argument '--mask'"),
        (["--particles", 0], "--particles must be at least 1, got 0."),
        (["--images", 0], "--images must be at least 1, got 0."),
        (["--samples", 0], "--samples must be at least 1, got 0."),
        (["--samples", 31], "--samples must be at most 30 for a picture, got 31; write an .npz with --out."),
        (["--images", 101], "--images must be at most 100 for a picture, got 101; write an .npz with --out."),
        (
            ["--images", 301, "--out", "x.npz"],
            "--images must be at least 1 and at most 300, which split 'test' has, got 301",
        ),
        (["--seed", -1], "--seed must be 0 or more, got -1."),
        (["--split", "tset"], "invalid choice 'tset' for argument '--split'"),
        (["--labels", 1], "model Painter takes no labels; leave --labels out."),
        (["--out", "x.jpg"], "cannot write x.jpg: the name must end in .png (a picture) or .npz (arrays)."),
        (["--maks", "left"], "unknown option '--maks'; did you mean '--mask'?"),
    ],
)
def test_mistakes(options, says, painted, say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(painted.rglob("*"))
    assert says in say(painted / "plain", *options, code=2)
    assert sorted(painted.rglob("*")) == before
    assert not list(tmp_path.iterdir())


def test_mistakes_with_other_runs(painted, tiny_run, say, tmp_path):
    said = say(tiny_run, code=2)
    assert said == "tfgen: model RealNVP has no inpainting (Inpaints), which tfgen inpaint needs."
    assert "--labels must lie in 0 .. 9; got 10." in say(painted / "labelled", "--labels", 3, 10, code=2)
    assert "is no folder" in say(tmp_path / "nothing", code=2)
