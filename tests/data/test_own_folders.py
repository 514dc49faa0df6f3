"""Folders of pictures: what is in them is read, or named; links, splits, classes, endings."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from tfgen import DataSources
from tfgen.data.own.pictures import read_pictures
from tfgen.data.own.prepared import prepare_own
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions

RANDOM = np.random.default_rng(0)


@pytest.fixture
def sources(tmp_path):
    return DataSources(data_dir=str(tmp_path / "kept"))


def put(folder, *names):
    """Save pictures of noise, PNG whatever their ending."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.fromarray(RANDOM.integers(0, 256, (4, 4), dtype=np.uint8)).save(folder / name, format="PNG")


def many(folder, count=40):
    put(folder, *(f"{number}.png" for number in range(count)))


def count(data):
    return sum(len(split) for split in data.splits.values())


@pytest.mark.parametrize("deep", [False, True], ids=["class", "below a class"])
def test_pictures_added_behind_a_link_are_seen(deep, tmp_path, sources):
    many(tmp_path / "store" / "cat")
    many(tmp_path / "p" / "dog")
    if deep:
        put(tmp_path / "p" / "cat", "a.png")
        (tmp_path / "p" / "cat" / "more").symlink_to(tmp_path / "store")
    else:
        (tmp_path / "p" / "cat").symlink_to(tmp_path / "store" / "cat")
    first = prepare_own(str(tmp_path / "p"), DataOptions(), sources)
    assert count(first) == 80 + deep
    put(tmp_path / "store" / "cat", "new.png")
    assert count(prepare_own(str(tmp_path / "p"), DataOptions(), sources)) == 81 + deep


def test_pictures_added_behind_the_link_of_a_split_are_seen(tmp_path, sources):
    many(tmp_path / "store" / "cat")
    put(tmp_path / "p" / "test" / "cat", "a.png")
    (tmp_path / "p" / "train").symlink_to(tmp_path / "store")
    assert count(prepare_own(str(tmp_path / "p"), DataOptions(), sources)) == 41
    put(tmp_path / "store" / "cat", "new.png")
    assert count(prepare_own(str(tmp_path / "p"), DataOptions(), sources)) == 42


def test_links_that_lead_back_end(tmp_path):
    many(tmp_path / "p" / "cat", 2)
    many(tmp_path / "p" / "dog", 2)
    (tmp_path / "p" / "cat" / "up").symlink_to(tmp_path / "p" / "cat")
    (tmp_path / "aside" / "deep").mkdir(parents=True)
    put(tmp_path / "aside" / "deep", "b.png")
    (tmp_path / "p" / "dog" / "aside").symlink_to(tmp_path / "aside")
    (tmp_path / "aside" / "back").symlink_to(tmp_path / "p" / "dog")
    assert len(read_pictures(tmp_path / "p", DataOptions()).examples[None]) == 5
    (tmp_path / "p" / "dog" / "out").symlink_to(tmp_path)
    with pytest.raises(DataError, match=r"out is a link to .*, which holds the data itself; remove the link"):
        read_pictures(tmp_path / "p", DataOptions())
    (tmp_path / "p" / "dog" / "out").unlink()
    (tmp_path / "p" / "emu").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r"emu is a link to nothing, .*; mend it, or remove it"):
        read_pictures(tmp_path / "p", DataOptions())


@pytest.mark.parametrize(("bare", "classed"), [("test", "train"), ("train", "test")])
def test_a_split_without_classes_beside_one_with_classes_is_refused(bare, classed, tmp_path):
    put(tmp_path / bare, "a.png")
    put(tmp_path / classed / "cat", "b.png")
    with pytest.raises(DataError, match=f"pictures of the {bare} split have no classes, and those of the {classed}"):
        read_pictures(tmp_path, DataOptions())


def test_pictures_beside_the_splits_are_named(tmp_path):
    put(tmp_path / "train", "a.png")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.txt").touch()
    assert len(read_pictures(tmp_path, DataOptions()).examples) == 1
    put(tmp_path / "testing" / "cat", "b.png")
    with pytest.raises(DataError, match=r"beside its splits train, such as testing/cat/b\.png; .*: rename its folder"):
        read_pictures(tmp_path, DataOptions())
    (tmp_path / "testing").rename(tmp_path / "test")
    (tmp_path / "train.csv").write_text("a\n1.5\n")
    with pytest.raises(DataError, match=r"holds train\.csv and the folder test; name one of them"):
        prepare_own(str(tmp_path), DataOptions(), DataSources(data_dir=str(tmp_path / "kept")))
    (tmp_path / "train.csv").unlink()
    put(tmp_path, "c.png")
    with pytest.raises(DataError, match=r"beside its splits test, train, such as c\.png"):
        read_pictures(tmp_path, DataOptions())


def test_splits_of_which_none_is_for_training_are_no_classes(tmp_path):
    put(tmp_path / "training", "a.png")
    put(tmp_path / "test", "b.png")
    with pytest.raises(
        DataError, match=r"holds test, training, and none is called train; .*, or name the folder of one"
    ):
        read_pictures(tmp_path, DataOptions())


def test_all_endings_of_formats_that_are_read(tmp_path):
    names = ["a.jfif", "b.jpe", "c.TIF", "d.jif", "e.dib", "f.apng"]
    put(tmp_path, *names)
    put(tmp_path, "x.heic", "y.HEIC", "z.txt", ".hidden.png")
    raw = read_pictures(tmp_path, DataOptions())
    assert list(raw.names[None]) == names
    assert raw.notes == ["2 files .heic are not read; save them as .png"]


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path):
    put(tmp_path / "cat", "a.png")
    latin = os.fsencode(tmp_path) + b"/caf\xe9"
    try:
        os.mkdir(latin)
    except OSError:
        pytest.skip("the file system takes names of UTF-8 alone")
    Image.new("L", (4, 4)).save(latin + b"/b.png")
    with pytest.raises(DataError, match=r"'caf.udce9'; rename the folder") as told:
        read_pictures(tmp_path, DataOptions())
    str(told.value).encode()
