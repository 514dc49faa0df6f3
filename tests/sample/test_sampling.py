"""Samples are drawn a batch at a time and streamed; labels go round; a file is a function of the seed."""

import threading
import time
import zipfile
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from matplotlib import image as mpl_image

from tfgen import DataSpec
from tfgen.errors import CapabilityError, DataError, OptionError, OutputError, UnknownNameError, require_option
from tfgen.runs.sample_file import write_samples
from tfgen.sample.archive import write_npz
from tfgen.sample.sampling import SAMPLE_BLOCK, labels_for, sample_batches
from tfgen.seeds import normal, uniform


class Fake:
    """Draws noise; each image's first pixel is its label, where there are labels."""

    sampling = None
    labels_optional = False

    def __init__(self, conditional=False, kind="image", classes=3):
        self.conditional = conditional
        self.data = DataSpec(kind, (4, 4, 1) if kind == "image" else (2,), classes=classes)
        self.asked = []

    def sample(self, n, labels=None, seed=0, first=0):
        self.asked.append(n)
        if self.data.kind == "vector":
            return normal([n, 2], seed, first=first)
        x = tf.cast(256 * uniform([n, 4, 4, 1], seed, first=first), tf.int32)
        if labels is not None:
            x = tf.concat([tf.broadcast_to(labels[:, None, None, None], [n, 1, 4, 1]), x[:, 1:]], axis=1)
        return tf.cast(x, tf.uint8)


@dataclass(frozen=True)
class Warmth:
    """Options of sampling."""

    temperature: float = 1.0

    def __post_init__(self):
        require_option(0 < self.temperature < np.inf, "temperature", self.temperature, "a number above 0")


class Warm(Fake):
    """Draws its temperature, in tenths, as every grey level."""

    sampling = Warmth()

    def sample(self, n, labels=None, seed=0, first=0, temperature=1.0):
        x = super().sample(n, labels, seed, first)
        if temperature == 1.0:
            return x
        return tf.cast(tf.cast(x, tf.float32) * 0 + 10 * temperature, tf.uint8)


class Silent:
    conditional = False
    data = DataSpec("image", (4, 4, 1))


@pytest.mark.parametrize(("kind", "dtype", "shape"), [("image", np.uint8, (4, 4, 1)), ("vector", np.float32, (2,))])
def test_arrays(kind, dtype, shape, tmp_path):
    model = Fake(kind=kind)
    count = SAMPLE_BLOCK + 10
    write_samples(model, tmp_path / "x.npz", count, seed=1, batch_size=4)
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays.files == ["x"]
        x = arrays["x"]
    assert x.shape == (count, *shape)  # the last block is drawn whole and cut
    assert x.dtype == dtype
    assert set(model.asked) == {SAMPLE_BLOCK}
    assert len(np.unique(x.reshape(count, -1), axis=0)) == count
    expected = np.concatenate(list(sample_batches(Fake(kind=kind), count, None, 1, 30)))
    np.testing.assert_array_equal(x, expected)


def test_same_seed_same_file(tmp_path):
    def content(name, seed):
        write_samples(Fake(), tmp_path / name, 10, seed=seed)
        return (tmp_path / name).read_bytes()

    first = content("a.npz", 1)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        first_x = archive.read("x.npy")
    content("b.npz", 1)
    with zipfile.ZipFile(tmp_path / "b.npz") as archive:
        assert archive.read("x.npy") == first_x
    assert content("c.npz", 2) != first
    assert content("a.png", 1) == content("b.png", 1) != content("c.png", 2)


def test_batches_are_written_before_the_next_is_drawn(tmp_path):
    path = tmp_path / "x.npz"
    sizes = []

    def batches():
        for _ in range(4):
            sizes.append(path.stat().st_size)
            yield np.zeros((1000, 16, 16, 1), np.uint8)

    write_npz(path, batches(), DataSpec("image", (16, 16, 1)), 4000, None)
    assert all(later - earlier > 200_000 for earlier, later in pairwise(sizes))
    with np.load(path) as arrays:
        assert arrays["x"].shape == (4000, 16, 16, 1)


class Counting(Fake):
    """Draws its label, or fails at one of them, and counts the batches it has drawn, two threads at a time."""

    def __init__(self, fails_at=None):
        super().__init__(conditional=True, kind="vector", classes=1000)
        self.drawn, self.fails_at, self.lock = 0, fails_at, threading.Lock()

    def sample(self, n, labels=None, seed=0, first=0):
        def count(label):
            with self.lock:
                self.drawn += 1
            if label == self.fails_at:
                raise RuntimeError("out of memory")
            return np.float32(label)

        return tf.fill([n, 2], tf.ensure_shape(tf.numpy_function(count, [labels[0]], tf.float32), []))


#: The label of each batch of one is its number.
NUMBERS = np.arange(1000, dtype=np.int32)


def settled(model, at_least=0):
    """How many batches were drawn once there are so many (a busy machine has half a minute for it) and nothing more happens."""
    patience = time.monotonic() + 30
    while model.drawn < at_least and time.monotonic() < patience:
        time.sleep(0.01)
    seen, since = model.drawn, time.monotonic()
    while time.monotonic() - since < 0.3:
        if model.drawn != seen:
            seen, since = model.drawn, time.monotonic()
    return seen


def test_the_next_batches_are_drawn_ahead_but_no_more_than_two():
    model = Counting()
    batches = sample_batches(model, len(NUMBERS), NUMBERS, 0, 1)
    assert next(batches).shape == (1, 2)
    assert settled(model) == 1  # a picture needs one batch
    for taken in range(2, 5):
        next(batches)
        assert settled(model, at_least=taken + 2) == taken + 2
    batches.close()
    next_to_none = settled(model)
    assert next_to_none <= 6
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tfgen-sampling")]


def test_batches_come_in_order_whoever_is_first():
    class Uneven(Fake):
        """The earlier batch takes longer."""

        def sample(self, n, labels=None, seed=0, first=0):
            def wait(first):
                time.sleep(0.05 * (1 - first % 2))
                return first

            first = tf.ensure_shape(tf.numpy_function(wait, [labels[0]], tf.int32), [])
            return tf.cast(tf.fill([n, 4, 4, 1], first), tf.uint8)

    batches = sample_batches(Uneven(conditional=True), 6, np.arange(6, dtype=np.int32), 0, 1)
    assert [int(batch[0, 0, 0, 0]) for batch in batches] == list(range(6))


def test_a_batch_that_fails_ends_the_loop_with_its_error():
    """The failing batch is chosen by its label: two batches are drawn at a time, so calls come in any order."""
    model, taken = Counting(fails_at=2), []
    with pytest.raises(tf.errors.OpError, match="out of memory"):
        taken.extend(int(batch[0, 0]) for batch in sample_batches(model, len(NUMBERS), NUMBERS, 0, 1))
    assert taken == [0, 1]
    assert settled(model) <= 5  # two were taken, one failed, and two more are drawn ahead at most


def test_every_batch_is_drawn_on_the_device_of_the_caller(monkeypatch):
    """Device scopes are those of one thread: in each of them it has to be entered."""
    entered, original = [], tf.device

    def device(name):
        entered.append(name)
        return original(name)

    with original("/CPU:0"):
        batches = sample_batches(Fake(), 4, None, 0, 1)
        monkeypatch.setattr(tf, "device", device)
        assert len(list(batches)) == 4
    assert [name.rpartition("/")[2] for name in entered] == ["device:CPU:0"] * 4


@pytest.mark.parametrize(
    ("labels", "expected"), [(None, [0, 1, 2, 0, 1, 2, 0]), ([2], [2] * 7), ([1, 0], [1, 0, 1, 0, 1, 0, 1])]
)
def test_labels_go_round(labels, expected, tmp_path):
    write_samples(Fake(conditional=True), tmp_path / "x.npz", 7, labels, batch_size=3)
    with np.load(tmp_path / "x.npz") as arrays:
        np.testing.assert_array_equal(arrays["labels"], expected)
        np.testing.assert_array_equal(arrays["x"][:, 0, 0, 0], expected)


@pytest.mark.parametrize("labels", [[3], [-1], [0, 99999999999], [-(10**30)]])
def test_labels_out_of_range(labels):
    with pytest.raises(DataError, match=r"--labels must lie in 0 \.\. 2; got"):
        labels_for(Fake(conditional=True), 5, labels)


def test_labels_where_there_are_none():
    assert labels_for(Fake(), 5, None) is None
    with pytest.raises(DataError, match="takes no labels; leave --labels out"):
        labels_for(Fake(), 5, [1])
    with pytest.raises(DataError, match="needs labels, and the data set has none"):
        labels_for(Fake(conditional=True, classes=None), 5, None)


def test_a_picture(tmp_path):
    write_samples(Fake(), tmp_path / "x.png", 5, batch_size=2)
    assert mpl_image.imread(tmp_path / "x.png").ndim == 3
    write_samples(Fake(kind="vector"), tmp_path / "y.png", 5)
    assert (tmp_path / "y.png").stat().st_size > 0


def test_options_reach_the_sampler(tmp_path):
    path = tmp_path / "x.npz"
    for temperature, labels in ((0.5, None), (2.0, [2])):
        write_samples(Warm(conditional=True), path, 7, labels, batch_size=3, options={"temperature": temperature})
        with np.load(path) as arrays:
            assert arrays["x"].shape == (7, 4, 4, 1)
            assert (arrays["x"] == 10 * temperature).all()
            assert arrays["labels"].tolist() == (labels * 7 if labels else [0, 1, 2, 0, 1, 2, 0])
    write_samples(Warm(), path, 7, batch_size=3)
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["x"], np.concatenate(list(sample_batches(Fake(), 7, None, 0, 3))))


def test_options_that_a_sampler_does_not_have(tmp_path):
    with pytest.raises(CapabilityError, match="model Fake has no sampling options; leave out temperature"):
        write_samples(Fake(), tmp_path / "y.npz", 3, options={"temperature": 0.8})
    with pytest.raises(UnknownNameError, match="'temprature'; did you mean 'temperature'"):
        write_samples(Warm(), tmp_path / "y.npz", 3, options={"temprature": 0.8})
    with pytest.raises(OptionError, match="'temperature' must be a number, got 'warm'"):
        write_samples(Warm(), tmp_path / "y.npz", 3, options={"temperature": "warm"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options", "error", "says"),
    [
        *(
            (
                "x.npz",
                {"options": {"temperature": value}},
                OptionError,
                f"--temperature must be a number above 0, got {value}",
            )
            for value in (0.0, -1.0, float("nan"), float("inf"))
        ),
        ("x.npz", {"count": 0}, OptionError, "--count must be at least 1"),
        ("x.npz", {"batch_size": 0}, OptionError, "--batch-size must be at least 1"),
        ("x.png", {"count": 10_001}, OptionError, "at most 10000 for a picture"),
        ("x.gif", {}, OutputError, r"must end in \.png"),
    ],
)
def test_what_cannot_be_written(name, options, error, says, tmp_path):
    with pytest.raises(error, match=says):
        write_samples(Warm(), tmp_path / name, **{"count": 5, **options})
    assert not list(tmp_path.iterdir())


def test_a_failing_model_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    path.write_text("old")

    def batches(*arguments):
        yield np.zeros((2, 4, 4, 1), np.uint8)
        raise RuntimeError("out of memory")

    monkeypatch.setattr("tfgen.runs.sample_file.sample_batches", batches)
    with pytest.raises(RuntimeError):
        write_samples(Fake(), path, 4, batch_size=2)
    assert [file.name for file in tmp_path.iterdir()] == ["x.npz"]
    assert path.read_text() == "old"


def test_a_model_that_does_not_sample(tmp_path):
    with pytest.raises(CapabilityError, match=r"has no sampler \(Samples\), which sampling needs"):
        write_samples(Silent(), tmp_path / "x.npz", 4)
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_sampled_again_is_not_traced_again_whatever_the_seed():
    model = Fake()
    first = [list(sample_batches(model, 10, None, seed, 4)) for seed in (0, 1, 0)]
    assert model.asked == [4]
    again = [list(sample_batches(Fake(), 10, None, seed, 4)) for seed in (0, 1, 0)]
    np.testing.assert_equal(first, again)
    assert not np.array_equal(first[0][0], first[1][0])
    list(sample_batches(model, 10, None, 0, 5))
    assert model.asked == [4, 5]
