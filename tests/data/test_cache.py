"""Prepared folders of a data set: whole or not there, and what a killed process had half prepared goes."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.systems import needs_sigkill
from tfgen.data import cache
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError

LAYOUT = cache.Layout("made here", DataSpec("image", (2, 2, 1), None), {"train": 3, "valid": 2, "test": 1})

#: Prepares a set and is killed: while the arrays are filled, or when the folder is about to get its name.
KILLED = """
import os, signal, sys
from pathlib import Path
from tfgen.data import cache
from tfgen.data.spec import DataSpec

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "rename":
    Path.rename = die
layout = cache.Layout("made here", DataSpec("image", (2, 2, 1), None), {"train": 3, "valid": 2, "test": 1})
with cache.written(Path(sys.argv[1]), layout) as splits:
    splits["train"].x[:] = 1
    if sys.argv[2] == "fill":
        die()
"""


def prepare(folder):
    with cache.written(folder, LAYOUT) as splits:
        for split in splits.values():
            split.x[:] = 7


@needs_sigkill
@pytest.mark.parametrize("moment", ["fill", "rename"])
def test_a_killed_preparation_leaves_no_set_and_goes_with_the_next(moment, tmp_path):
    folder = tmp_path / "1.0.0"
    done = subprocess.run([sys.executable, "-c", KILLED, folder, moment], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    assert cache.newest(tmp_path) is None
    prepare(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["1.0.0"]
    assert cache.newest(tmp_path) == folder
    np.testing.assert_array_equal(cache.read(folder, "made").train.x, np.full((3, 2, 2, 1), 7, np.uint8))


def test_what_earlier_versions_left_goes_after_a_day(tmp_path):
    for name in (".incomplete-abcdefgh", ".incomplete-12345678", ".incomplete-of-mine"):
        (tmp_path / name).mkdir()
    for name in (".incomplete-abcdefgh", ".incomplete-of-mine"):
        os.utime(tmp_path / name, (0, 0))
    prepare(tmp_path / "1.0.0")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".incomplete-12345678", ".incomplete-of-mine", "1.0.0"]


def labelled(folder):
    """Prepare a small set with labels."""
    layout = cache.Layout("made here", DataSpec("image", (2, 2, 1), 3), {"train": 3, "valid": 2, "test": 1})
    with cache.written(folder, layout) as splits:
        for split in splits.values():
            split.x[:] = 7
            split.labels[:] = np.arange(len(split))


def entry(name, **values):
    """Return a change of the entry of a file in a manifest."""
    return lambda content: content["files"][name].update(values)


CHANGES = {
    "a device among the files": lambda content: content["files"].update({"/dev/zero": {"bytes": 0, "sha256": "0" * 64}}),
    "a file elsewhere": lambda content: content["files"].update({"../../x": content["files"].pop("train-x.npy")}),
    "a file less": lambda content: content["files"].pop("train-labels.npy"),
    "no files": lambda content: content.pop("files"),
    "a list of files": lambda content: content.update(files=list(content["files"])),
    "no checksum": lambda content: content["files"]["train-x.npy"].pop("sha256"),
    "an empty checksum": entry("train-x.npy", sha256=""),
    "another checksum": entry("train-x.npy", sha256="0" * 64),
    "another size": entry("train-x.npy", bytes=2**40),
    "a size below zero": entry("train-x.npy", bytes=-1),
    "a size that is no number": entry("train-x.npy", bytes="1"),
    "more examples": lambda content: content["splits"].update(train=10**12),
    "examples below zero": lambda content: content["splits"].update(train=-3),
    "a split less": lambda content: content["splits"].pop("test"),
    "no splits": lambda content: content.update(splits=None),
    "another shape": lambda content: content.update(shape=[2, 1, 2]),
    "a shape of another rank": lambda content: content.update(shape=[4]),
    "a shape of terabytes": lambda content: content.update(shape=[10**6, 10**6, 1]),
    "no shape": lambda content: content.pop("shape"),
    "fewer classes than labels": lambda content: content.update(classes=2),
    "classes below zero": lambda content: content.update(classes=-1),
    "no classes": lambda content: content.update(classes=None),
    "classes left out": lambda content: content.pop("classes"),
    "no source": lambda content: content.update(source=3),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_a_manifest_names_its_own_arrays_and_their_sums(kind, tmp_path):
    folder = tmp_path / "tfgen" / "1.0.0"
    labelled(folder)
    assert len(cache.read(folder, "made").train) == 3
    content = json.loads((folder / cache.MANIFEST).read_text())
    CHANGES[kind](content)
    (folder / cache.MANIFEST).write_text(json.dumps(content))
    with pytest.raises(DataError, match="is damaged") as caught:
        cache.read(folder, "made")
    assert f"; delete the folder {folder} and it will be prepared anew." in str(caught.value)
    assert "/dev" not in str(caught.value).partition("; delete")[2]


@pytest.mark.parametrize("content", ["[" * 1000 + "]" * 1000, "", "[]", " " * 200_000 + "{}"])
def test_a_manifest_that_is_none(content, tmp_path):
    prepare(tmp_path / "1.0.0")
    (tmp_path / "1.0.0" / cache.MANIFEST).write_text(content)
    with pytest.raises(DataError, match=r"manifest\.json is damaged"):
        cache.read(tmp_path / "1.0.0", "made")


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_arrays_are_regular_files_of_the_folder(kind, tmp_path):
    folder = tmp_path / "1.0.0"
    prepare(folder)
    path = folder / "train-x.npy"
    if kind == "link":
        path.symlink_to(path.rename(tmp_path / "elsewhere.npy"))
    else:
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(DataError, match=rf"train-x\.npy is damaged \(it is .*; delete the folder {folder} and"):
        cache.read(folder, "made")


def test_folders_that_are_no_version(tmp_path):
    prepare(tmp_path / "1.10.0")
    for name in ("²", "1.²", "1.9.0", "x", "9"):
        (tmp_path / name).mkdir()
    (tmp_path / "9" / cache.MANIFEST).mkdir()
    (tmp_path / "1.²" / cache.MANIFEST).write_text("{}")
    assert cache.newest(tmp_path) == tmp_path / "1.10.0"
    assert cache.newest(tmp_path / ("x" * 5000)) is None
