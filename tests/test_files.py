"""A file is there whole or not at all, and a damaged one is named."""

import json
import os
import re
import signal
import stat
import subprocess
import sys

import pytest

from tests.systems import needs_sigkill
from tfgen.errors import OutputError
from tfgen.files import is_temporary, remove_old, remove_stale, write_json, written_whole


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_takes_the_place_of_the_old_at_the_end(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with written_whole(path) as temporary:
        assert temporary.parent == path.parent  # a rename across file systems is not atomic
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["x.txt"]


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt()])
def test_failure_leaves_the_old_file_and_nothing_else(error, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")

    def write():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


def test_a_full_disk_is_told(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with (
        pytest.raises(OutputError, match=r"cannot write .*x\.txt: No space left on device; free some space"),
        written_whole(path),
    ):
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


def test_the_file_has_the_usual_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "x.json", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o640


def test_folders_are_made(tmp_path):
    write_json(tmp_path / "a" / "b" / "x.json", {"a": 1})
    assert json.loads((tmp_path / "a" / "b" / "x.json").read_text()) == {"a": 1}


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder.json").mkdir()
    for path, says in (
        (tmp_path / "file" / "x.json", "choose another place"),
        (tmp_path / "file" / "deeper" / "x.json", "choose another place"),
        (tmp_path / "folder.json", "it is a folder; name a file"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        with pytest.raises(OutputError, match=says):
            write_json(path, {})
    assert names(tmp_path) == ["file", "folder.json"]


#: Writes a file and is killed: in the writing, or when the whole is about to take its place.
KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from tfgen.files import temporary_beside, written_whole

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

path, moment = Path(sys.argv[1]), sys.argv[2]
if moment == "folder":
    with temporary_beside(path) as temporary:
        temporary.mkdir()
        (temporary / "half").write_text("half")
        die()
if moment == "rename":
    os.replace = die
with written_whole(path) as temporary:
    temporary.write_text("half")
    if moment == "write":
        die()
"""


def killed_writing(path, moment):
    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, path, moment], check=False)
    assert done.returncode == -signal.SIGKILL
    return [name for name in names(path.parent) if name.startswith(".tfgen-")]


@needs_sigkill
@pytest.mark.parametrize("moment", ["write", "rename"])
def test_what_a_killed_writer_left_goes_with_the_next_writing_of_the_file(moment, tmp_path):
    path, other = tmp_path / "x.txt", tmp_path / "y.txt"
    path.write_text("old")
    [left] = killed_writing(path, moment)
    assert is_temporary(left)
    assert left.endswith("-x.txt")
    assert path.read_text() == "old"
    other.write_text("")
    with written_whole(other) as temporary:
        temporary.write_text("new")
    assert left in names(tmp_path)  # of another file
    with written_whole(path) as temporary:
        assert left not in names(tmp_path)
        temporary.write_text("new")
    assert names(tmp_path) == ["x.txt", "y.txt"]
    assert path.read_text() == "new"


@needs_sigkill
def test_a_killed_folder_goes_as_well(tmp_path):
    [left] = killed_writing(tmp_path / "x", "folder")
    assert names(tmp_path / left) == ["half"]
    remove_stale(tmp_path)
    assert names(tmp_path) == []


@needs_sigkill
def test_what_a_living_process_writes_stays(tmp_path):
    path = tmp_path / "x.txt"
    program = KILLED_WRITER.replace("os.kill(os.getpid(), signal.SIGKILL)", "print(flush=True); sys.stdin.read()")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program, path, "write"], stdin=pipe, stdout=pipe, text=True) as other:
        other.stdout.readline()
        [held] = names(tmp_path)
        os.utime(tmp_path / held, (0, 0))  # however old it is
        with written_whole(path) as temporary:
            temporary.write_text("mine")
            remove_stale(tmp_path)
            assert sorted([held, temporary.name]) == names(tmp_path)
        other.communicate()
    assert other.returncode == 0
    assert names(tmp_path) == ["x.txt"]
    assert path.read_text() == "half"  # the later of two writers


def test_only_what_is_stale_and_ours_is_removed(tmp_path):
    host = "0" * 8  # another one
    mine = [".tfgen-notes.txt", f".tfgen-{host}-12-abc-x.txt", f"tfgen-{host}-12-{'a' * 8}-x.txt", ".x-abcdefgh.npz"]
    old, young = (f".tfgen-{host}-12-{digit * 8}-x.txt" for digit in "ab")
    for name in (*mine, old, young):
        (tmp_path / name).write_text("")
    for name in (*mine, old):
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("")
    link = f".tfgen-{host}-12-{'c' * 8}-x.txt"
    (tmp_path / link).symlink_to(tmp_path / "outside", target_is_directory=True)
    os.utime(tmp_path / link, (0, 0), follow_symlinks=False)
    remove_stale(tmp_path)
    assert names(tmp_path) == sorted([*mine, young, "outside"])
    assert names(tmp_path / "outside") == ["precious"]


def test_old_names_go_after_a_day_only(tmp_path):
    pattern = re.compile(r"\.half-[a-z]+")
    for name in (".half-old", ".half-new", ".other-old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    for name in (".half-old", ".other-old"):
        os.utime(tmp_path / name / "file", (0, 0))
        os.utime(tmp_path / name, (0, 0))
    os.utime(tmp_path / ".half-new", (0, 0))  # the file in it is new
    remove_old(tmp_path, pattern)
    assert names(tmp_path) == [".half-new", ".other-old"]


def test_folders_made_for_a_file_that_failed_are_removed(tmp_path):
    (tmp_path / "there").mkdir()
    for place in (tmp_path / "there", tmp_path / "a" / "b"):
        with pytest.raises(RuntimeError), written_whole(place / "x.txt"):
            raise RuntimeError("bug")
    assert names(tmp_path) == ["there"]


def test_a_name_as_long_as_file_systems_take(tmp_path):
    path = tmp_path / ("ä" * 120 + ".png")
    with written_whole(path) as temporary:
        assert temporary.suffix == ".png"
        temporary.write_text("new")
    assert names(tmp_path) == [path.name]


def test_content_that_is_no_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}
