"""A user's own files: the same examples by any way are the same data set; what cannot be used says why."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from tfgen import DataSources, load_dataset, load_registry
from tfgen.data.dataset import SPLITS
from tfgen.data.digits import load_digits
from tfgen.data.own.prepared import prepare_dataset, prepare_raw
from tfgen.data.own.raw import Raw
from tfgen.errors import DataError, TfgenError
from tfgen.plugin.data_options import DataOptions


@pytest.fixture(scope="module")
def examples():
    """Digits as pictures of 8 bits, with their labels."""
    split = load_digits().train
    return (split.x[:400] * 15).astype(np.uint8), split.labels[:400]


@pytest.fixture
def sources(tmp_path):
    return DataSources(data_dir=str(tmp_path / "kept"))


@pytest.fixture
def load(tmp_path, sources):
    registry = load_registry()
    return lambda name, **options: load_dataset(str(tmp_path / name), registry, sources, DataOptions(**options))


def write_idx(path, array, packed=False):
    content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)


def write_pictures(folder, x, labels):
    for number, (image, label) in enumerate(zip(x, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / str(label) / f"{number}.png")


def assert_equal(one, other):
    assert one.spec == other.spec
    assert one.source == other.source
    for name in SPLITS:
        np.testing.assert_array_equal(one.splits[name].x, other.splits[name].x)
        np.testing.assert_array_equal(one.splits[name].labels, other.splits[name].labels)


def test_the_same_examples_by_any_way_are_the_same_data_set(examples, load, sources, tmp_path):
    x, labels = examples
    np.savez(tmp_path / "a.npz", x=x, labels=labels)
    np.savez_compressed(tmp_path / "b.npz", images=np.asfortranarray(x[::-1]), y=labels[::-1].astype(np.uint8))
    np.savez(tmp_path / "c.npz", x=x[..., 0].astype(np.int64), labels=labels.astype(str))
    write_pictures(tmp_path / "pictures", x, labels)
    first = prepare_raw(Raw({None: x}, {None: labels}), DataOptions(), sources)
    assert first.spec.classes == 10
    assert sum(len(first.splits[name]) for name in SPLITS) == 400
    for name in ("a.npz", "b.npz", "c.npz", "pictures"):
        assert_equal(load(name), first)
    assert_equal(prepare_dataset(first, sources), first)


def test_files_in_the_form_of_mnist(examples, load, tmp_path):
    x, labels = examples
    parts = {"train": slice(0, 300), "t10k": slice(300, 400)}
    for name, packed in (("plain", False), ("packed", True)):
        (tmp_path / name).mkdir()
        for split, part in parts.items():
            ending = ".gz" if packed else ""
            write_idx(tmp_path / name / f"{split}-images-idx3-ubyte{ending}", x[part, ..., 0], packed)
            write_idx(tmp_path / name / f"{split}-labels-idx1-ubyte{ending}", labels[part], packed)
    found = load("plain")
    assert (len(found.test), len(found.train) + len(found.valid)) == (100, 300)
    assert_equal(load("packed"), found)
    write_idx(tmp_path / "alone", x[..., 0])
    assert load("alone").spec.classes is None
    (tmp_path / "packed" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte, plain or gzipped"):
        load("packed")


def test_splits_and_names_of_classes(examples, load, tmp_path):
    x, labels = examples
    for split, part in (("train", slice(0, 300)), ("val", slice(300, 350)), ("Test", slice(350, 400))):
        write_pictures(tmp_path / "p" / split, x[part], np.where(labels[part] % 2, "odd", "even"))
    found = load("p")
    assert found.spec.class_names == ("even", "odd")
    assert [len(found.splits[name]) for name in SPLITS] == [300, 50, 50]
    np.savez(tmp_path / "k.npz", x_train=x[:300], y_train=labels[:300], x_test=x[300:], y_test=labels[300:], levels=256)
    found = load("k.npz")
    assert len(found.test) == 100
    assert found.spec.class_names is None


def test_files_are_read_once_and_again_when_they_change(examples, load, tmp_path, monkeypatch):
    write_pictures(tmp_path / "p", *examples)
    first = load("p")
    with monkeypatch.context() as patch:
        patch.setattr("tfgen.data.own.prepared.read_own", lambda *_: pytest.fail("the files were read again"))
        assert_equal(load("p"), first)
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "p" / "3" / "new.png")
    assert load("p").source != first.source


def test_vectors(load, tmp_path):
    x = np.random.default_rng(0).normal(size=(200, 3))
    np.save(tmp_path / "x.npy", x)
    found = load("x.npy")
    assert found.spec.kind == "vector"
    assert found.spec.shape == (3,)
    assert found.spec.value_range == (np.float32(x.min()), np.float32(x.max()))
    np.save(tmp_path / "line.npy", x[:, 0])
    assert load("line.npy").spec.shape == (1,)


def packed(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def bomb():
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as file,
    ):
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (400, 1000, 1000)})
        for _ in range(400):
            file.write(b"\0" * 10**6)
    return buffer.getvalue()


GOOD = np.zeros((30, 4, 4), np.uint8)
#: What is in the file, or a function that makes it where that takes long, and what is said of it.
BAD = {
    "objects": (packed(x=np.array([{}, {}])), "Python objects"),
    "other names": (packed(pixels=GOOD), "holds arrays called pixels; name them x, labels and context"),
    "nothing": (packed(), "holds no examples"),
    "cut short": (packed(x=GOOD)[:-60], "cannot be read"),
    "bomb": (bomb, "unpacks to more than"),
    "too few labels": (
        packed(x=GOOD, labels=np.zeros(29, int)),
        r"30 examples need as many labels, \[30\]; got \[29\]",
    ),
    "halves": (packed(x=GOOD, labels=np.full(30, 0.5)), "labels must be whole numbers or names"),
    "floats": (packed(x=GOOD / 255), r"images must be whole grey levels, got float64"),
    "channels first": (packed(x=np.zeros((30, 3, 8, 8), np.uint8)), "put the channels last"),
    "whole numbers": (packed(x=np.zeros((30, 8), int)), "neither images"),
    "beyond 255": (packed(x=np.full((30, 4, 4), 256)), r"must lie in 0 \.\. 255, got 256"),
    "no examples": (packed(x=GOOD[:0]), "there are no examples"),
    "texts": (packed(x=np.full((30, 4, 4), "a")), "examples must be numbers"),
    "two shapes": (packed(x_train=GOOD, x_test=np.zeros((9, 5, 5), np.uint8)), "different types or shapes"),
    "twice": (packed(x=GOOD, images=GOOD), "names examples, labels or contexts that another array has too"),
    "test labels": (
        packed(x_train=GOOD, y_train=np.zeros(30, int), x_test=GOOD, y_test=np.ones(30, int)),
        "label 1 is in the test split and not in the training split",
    ),
    "not a number": (packed(x=np.where(np.arange(180).reshape(90, 2) == 7, np.nan, 1.0)), r"row 3, column 1 .* is nan"),
}


@pytest.mark.parametrize("case", BAD)
def test_arrays_that_cannot_be_used_say_why(case, load, tmp_path):
    content, says = BAD[case]
    (tmp_path / "bad.npz").write_bytes(content() if callable(content) else content)
    with pytest.raises(DataError, match=says) as told:
        load("bad.npz")
    assert "\n" not in str(told.value)


HEAD = b"\0\0\x08\x03\0\0\0\x05\0\0\0\x02\0\0\0\x02"
BAD_IDX = {
    "too short": (HEAD + b"1" * 19, "fewer than the 20 bytes"),
    "too long": (HEAD + b"1" * 21, "more than the 20 bytes"),
    "huge": (b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x02", "declares"),
    "cut off": (gzip.compress(b"\0\0\x08\x01\0\0\0\x05" + b"1" * 5)[:-9], "damaged or cut off"),
    "text": (b"hello", "no data set that is read here"),
}


@pytest.mark.parametrize("case", BAD_IDX)
def test_idx_files_that_cannot_be_used_say_why(case, load, tmp_path):
    content, says = BAD_IDX[case]
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=says):
        load("x")


def test_what_is_no_path_and_is_not_there(load, sources):
    with pytest.raises(DataError, match=r"there is no file or folder .*nothing"):
        load("./nothing")
    with pytest.raises(DataError, match="is not kept in"):
        load_dataset("own:00", load_registry(), sources)
    with pytest.raises(TfgenError, match=r"your own data: \./FOLDER"):
        load_dataset("pictuers", load_registry(), sources)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": "8by8"}, "a number of pixels such as 32"),
        ({"size": "0"}, "from 1 to 4096"),
        ({"split_sizes": (0.5, 0.1, 0.1)}, "add up to 1"),
        ({"split_sizes": (1.0, 0.0, 0.0)}, "add up to 1"),
    ],
)
def test_options_that_do_not_fit(options, says):
    with pytest.raises(TfgenError, match=says):
        DataOptions(**options)


def test_options_of_own_data_are_refused_for_other_sets(sources):
    with pytest.raises(TfgenError, match="--split-seed is for a file or folder of your own, and 'digits' is none"):
        load_dataset("digits", load_registry(), sources, DataOptions(split_seed=1))
