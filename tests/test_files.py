"""A file is there whole or not at all, and a damaged one is named."""

import json
import os
import stat

import pytest

from tfgen.errors import OutputError, RunError
from tfgen.files import read_json, write_json, written_whole


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
    assert read_json(tmp_path / "a" / "b" / "x.json", "") == {"a": 1}


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


def test_content_that_is_no_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"3", b"\xff\xfe"])
def test_damaged_json_is_named_with_what_to_do(content, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"x\.json is damaged.*; restore it\.") as caught:
        read_json(path, "restore it")
    assert "\n" not in str(caught.value)


def test_missing_json_and_a_folder_in_its_place(tmp_path):
    with pytest.raises(RunError, match=r"x\.json is missing; restore it\."):
        read_json(tmp_path / "x.json", "restore it")
    with pytest.raises(RunError, match="unreadable"):
        read_json(tmp_path, "restore it")
