"""Examples of the classes that are asked for, in their order, for every conditional model; and the picture of a number."""

import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf
from matplotlib import image as mpl_image

import tfgen
from tests import toy_models
from tfgen import DataSpec
from tfgen.cli.main import main
from tfgen.errors import CapabilityError, DataError
from tfgen.figures.examples import LABEL_PIXELS, draw_side_by_side
from tfgen.model.base import build_model
from tfgen.plugin.loading import load_registry
from tfgen.sample.class_samples import _BATCH, generate_examples

#: A stranger's model, each of whose images shows its label in the first row of pixels; the rest is noise.
PLUGIN = '''
from dataclasses import dataclass
import numpy as np
from tfgen import DatasetSpec, DataSpec, ModelSpec, hookimpl
from tfgen.data.dataset import Dataset, Split

@dataclass(frozen=True)
class Config:
    """Options."""

    start: float = 0.0
    """Where it starts."""

def labelled(config, data, seed):
    import tensorflow as tf
    from tfgen import GenerativeModel, Objective, uniform

    class Labelled(GenerativeModel):
        """Draws its label and noise."""

        conditional = True

        def __init__(self, config, data, seed):
            super().__init__(config, data, seed)
            self.a = self.add_weight(shape=(), initializer="zeros", name="a")

        def objectives(self):
            return [Objective("loss", lambda batch, seed, step: {"loss": (self.a - 1.0) ** 2}, [self.a])]

        def sample(self, n, labels=None, seed=0, first=0):
            noise = tf.cast(17 * uniform([n, *self.data.shape], seed, first=first), tf.int32)
            if self.data.kind == "vector":
                return tf.cast(noise, tf.float32)
            shown = tf.broadcast_to(tf.cast(labels, tf.int32)[:, None, None, None], tf.shape(noise[:, :1]))
            return tf.cast(tf.concat([shown, noise[:, 1:]], axis=1), tf.uint8)

    return Labelled(config, data, seed)

def two(sources):
    split = Split(np.zeros((40, 4, 4, 1), np.uint8), np.arange(40, dtype=np.int32) % 2)
    return Dataset("two", DataSpec("image", (4, 4, 1), classes=2, levels=17), {"train": split, "valid": split, "test": split})

@hookimpl
def tfgen_register(registry):
    registry.add_model(ModelSpec("labelled", Config, labelled, summary="Draws labels."))
    registry.add_dataset(DatasetSpec("two", two, summary="Images of two classes."))
'''

DIGITS = DataSpec("image", (8, 8, 1), classes=10, levels=17)
SMALL = {"cvae": {"network": "mlp", "units": 8, "latent": 2}, "conditional_realnvp": {"units": 8, "layers": 2}}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "stranger.py"
    path.write_text(PLUGIN)
    return str(path)


@pytest.fixture(scope="module")
def labelled_run(plugin, tmp_path_factory):
    """Return a function that trains the stranger's model on a data set; tests must not change its folder."""

    def train(data):
        options = {"epochs": 1, "batch_size": 40, "compile": "graph", "quiet": True}
        return tfgen.train("labelled", data=data, plugins=[plugin], runs_dir=tmp_path_factory.mktemp("runs"), **options)

    return train


@pytest.fixture(scope="module")
def run(labelled_run):
    return labelled_run("digits")


@pytest.fixture
def number(plugin, capsys):
    """Return a function that runs the command and returns its code, its output and its error, but for the loading."""

    def number(*arguments):
        capsys.readouterr()
        code = main(["-p", plugin, "number", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out.strip(), err.replace("loading TensorFlow ...\n", "")

    return number


# tfgen.generate


@pytest.mark.parametrize("name", ["cvae", "conditional_realnvp", "vectors"])
def test_examples_are_functions_of_seed_place_and_label(name):
    if name == "vectors":
        data = toy_models.vectors().spec
        model = toy_models.ConditionalGaussian(toy_models.GaussianConfig(), data, 0)
    else:
        spec, data = load_registry(()).model(name), DIGITS
        model = build_model(spec, spec.config(**SMALL[name]), data, seed=0)
    x = generate_examples(model, [0, 1, 1, 0], seed=3)
    assert x.shape == (4, *data.shape)
    assert x.dtype == (np.float32 if name == "vectors" else np.uint8)
    assert len(np.unique(x.reshape(4, -1), axis=0)) == 4
    np.testing.assert_array_equal(x, generate_examples(model, np.array([0, 1, 1, 0]), seed=3))
    np.testing.assert_array_equal(x, generate_examples(model, [0, 1, 1, 0, *[1] * 40], seed=3)[:4])
    np.testing.assert_array_equal(x[::3], generate_examples(model, [0, 0, 0, 0], seed=3)[::3])
    assert not np.array_equal(x, generate_examples(model, [0, 1, 1, 0], seed=4))


def test_images_stand_in_the_order_of_the_labels(run, plugin):
    for labels in ([2, 0, 2, 6], range(10), np.arange(3 * 32 + 1, dtype=np.uint8) % 10, tf.constant([7])):
        x = tfgen.generate(run, labels, seed=1)
        assert x.shape == (len(labels), 8, 8, 1)
        assert x.dtype == np.uint8
        np.testing.assert_array_equal(x[:, 0], np.broadcast_to(np.reshape(labels, (-1, 1, 1)), x[:, 0].shape))
        assert len(np.unique(x[:, 1:].reshape(len(x), -1), axis=0)) == len(x)
    by_folder = tfgen.generate(str(run.folder), [7], plugins=[plugin], seed=1)
    np.testing.assert_array_equal(by_folder, x)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([], r"labels must name at least one class, for example \[0, 2\]; got none"),
        ([3, 10], r"labels must lie in 0 \.\. 9; got 10"),
        ([-1], r"labels must lie in 0 \.\. 9; got -1"),
        ([10**30], r"labels must lie in 0 \.\. 9; got 10{30}"),
        ([2.0], r"list of whole numbers, for example \[0, 2\]; got \[2\.0\]"),
        ([True], r"list of whole numbers, .* got \[True\]"),
        (["2"], "list of whole numbers"),
        ([None], "list of whole numbers"),
        ([[1], [2, 3]], "list of whole numbers"),
        (np.zeros((2, 2), int), "list of whole numbers"),
        ("2026", "list of whole numbers, .* got '2026'"),
        (3, "list of whole numbers, .* got 3"),
        (None, "list of whole numbers"),
        ((label for label in (1, 2)), "list of whole numbers"),
    ],
)
def test_labels_that_do_not_fit(labels, says, run):
    with pytest.raises(DataError, match=says) as caught:
        tfgen.generate(run, labels)
    assert len(str(caught.value)) < 150
    assert "\n" not in str(caught.value)


def test_a_model_that_takes_no_labels_or_does_not_sample(tiny_run):
    with pytest.raises(
        CapabilityError, match=r"tfgen\.generate needs a conditional model, and RealNVP takes no labels"
    ):
        tfgen.generate(tiny_run, [1])

    @dataclass
    class Silent:
        conditional: bool = True
        labels_optional: bool = False
        data: DataSpec = DIGITS

    with pytest.raises(CapabilityError, match=r"no sampler \(Samples\)"):
        generate_examples(Silent(), [1])
    with pytest.raises(tfgen.TfgenError, match="is no folder"):
        tfgen.generate(tiny_run / "nothing", [1])


def test_every_batch_is_told_where_it_begins():
    class Places:
        conditional, labels_optional, sampling, data, asked = True, False, None, DataSpec("vector", (1,), classes=2), []

        def sample(self, n, labels=None, seed=0, first=0):
            self.asked.append(n)
            return tf.cast(first + tf.range(n), tf.float32)[:, None]

    x = generate_examples(Places(), [0] * (2 * _BATCH + 1))
    np.testing.assert_array_equal(x[:, 0], np.arange(2 * _BATCH + 1))
    generate_examples(Places(), [0])
    assert Places.asked == [_BATCH, 1]  # each is traced once


# tfgen number


def _strip(path, digits):
    """The picture's digits, cut apart, in grey levels [n, height, width]."""
    picture = (255 * mpl_image.imread(path)[LABEL_PIXELS:, :, 0]).round().astype(int)
    return np.stack(np.split(picture, digits, axis=1))


def test_the_digits_stand_side_by_side(run, number, tmp_path):
    out = tmp_path / "number.png"
    assert number(run.folder, "0072026", "--out", out) == (0, str(out), "")
    strip = _strip(out, 7)
    assert strip.shape == (7, 128, 128)  # each pixel of 8x8 is a square of 16
    x = tfgen.generate(run, [0, 0, 7, 2, 0, 2, 6])
    expected = (x[..., 0].astype(float) * 255 / 16).round().astype(int)
    np.testing.assert_array_equal(strip[:, ::16, ::16], expected)
    np.testing.assert_array_equal(strip, expected.repeat(16, axis=1).repeat(16, axis=2))
    np.testing.assert_array_equal(expected[:, 0, 0], np.round(np.array([0, 0, 7, 2, 0, 2, 6]) * 255 / 16))


def test_same_seed_same_file_and_arrays_hold_the_same_images(run, number, tmp_path):
    def content(name, *options):
        assert number(run.folder, "007", "--out", tmp_path / name, *options)[0] == 0
        return (tmp_path / name).read_bytes()

    assert content("a.png") == content("b.png", "--seed", 0) != content("c.png", "--seed", 1)
    content("a.npz", "--seed", 1)
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["labels"], [0, 0, 7])
        np.testing.assert_array_equal(arrays["x"], tfgen.generate(run, [0, 0, 7], seed=1))


def test_without_a_name_the_picture_goes_into_the_run(run, number, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "copy")
    assert number(folder, "5")[:2] == (0, str(folder / "figures" / "number.png"))
    assert _strip(folder / "figures" / "number.png", 1).shape == (1, 128, 128)


def test_the_digits_stand_above_their_images(tmp_path):
    images = np.zeros((5, 8, 8, 1), np.uint8)
    pictures = []
    for name, labels in (("a", "11111"), ("b", "11112")):
        draw_side_by_side(images, 17, tmp_path / name, labels)
        pictures.append(mpl_image.imread(tmp_path / name))
    shares = [np.split(picture[:LABEL_PIXELS], 5, axis=1) for picture in pictures]
    assert all((share < 0.5).any() for share in shares[0])  # something is written above each
    differing = [not np.array_equal(one, other) for one, other in zip(*shares, strict=True)]
    assert differing == [False, False, False, False, True]


@pytest.mark.parametrize(("count", "side", "factor"), [(4, 28, 4), (40, 28, 3), (200, 28, 1), (1, 300, 1)])
def test_rows_are_enlarged_by_a_whole_factor_and_not_too_wide(count, side, factor, tmp_path):
    draw_side_by_side(np.zeros((count, side, side + 1, 3), np.uint8), 256, tmp_path / "x.png")
    assert mpl_image.imread(tmp_path / "x.png").shape[:2] == (side * factor, count * (side + 1) * factor)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("-5", "got '-5' with '-' in it"),
        ("\u22125", "got '\u22125' with '\u2212' in it"),
        ("+5", "with '+' in it"),
        ("1.5", "in the digits 0-9 alone, without sign, point or spaces; got '1.5' with '.' in it"),
        ("20 26", "with ' ' in it"),
        ("12a", "with 'a' in it"),
        ("\u0663", "with '\u0663' in it"),
        ("\u00b2", "with '\u00b2' in it"),
        ("1\n", r"with '\n' in it"),
        ("", "which number? Give its digits, for example: tfgen number RUN 2026"),
        (" ", "with ' ' in it"),
        ("1" * 201, "at most 200 digits, got 201 characters"),
    ],
)
def test_what_is_no_number(word, says, number):
    code, out, err = number("no-such-run", word)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing from tfgen number: PATH"),
        (("runs/x",), "Missing from tfgen number: NUMBER"),
        (("runs/x", "12", "13"), "'13' is one argument too many"),
        (("runs/x", "12", "--seed", "-1"), "--seed must be 0 or more, got -1"),
        (("runs/x", "12", "--sead", "1"), "unknown option '--sead'; did you mean '--seed'?"),
        (("runs/x", "12", "--out", "x.gif"), "must end in .png (a picture) or .npz (arrays)"),
        (("runs/x", "12"), "runs/x is no folder"),
    ],
)
def test_mistakes_around_the_number(arguments, says, number):
    code, _, err = number(*arguments)
    assert code == 2
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_runs_that_cannot_write_numbers(run, labelled_run, tiny_run, number, tmp_path):
    assert "tfgen number needs a conditional model, and RealNVP takes no labels" in number(tiny_run, "12")[2]
    assert "train one that does; `tfgen list` says which" in number(tiny_run, "12")[2]
    two = labelled_run("two").folder
    assert number(two, "1011", "--out", tmp_path / "x.png")[0] == 0
    code, _, err = number(two, "1071")
    assert (code, err) == (2, "tfgen: digit 7 has no class: the classes of data set 'two' are 0 .. 1.\n")
    vectors = labelled_run("two_gaussians").folder
    assert "data set 'two_gaussians' has vectors of 2 coordinates" in number(vectors, "1")[2]
    empty = shutil.copytree(run.folder, tmp_path / "empty")
    shutil.rmtree(empty / "checkpoints")
    assert "holds no checkpoint" in number(empty, "12")[2]
    assert not (empty / "figures" / "number.png").exists()
