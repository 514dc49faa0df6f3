"""Prepared folders of a data set: whole or not there, and what a killed process had half prepared goes."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.systems import needs_sigkill
from tfgen.data import cache

LAYOUT = cache.Layout("made here", (2, 2, 1), None, {"train": 3, "valid": 2, "test": 1})

#: Prepares a set and is killed: while the arrays are filled, or when the folder is about to get its name.
KILLED = """
import os, signal, sys
from pathlib import Path
from tfgen.data import cache

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "rename":
    Path.rename = die
layout = cache.Layout("made here", (2, 2, 1), None, {"train": 3, "valid": 2, "test": 1})
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
