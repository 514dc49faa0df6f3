"""Files of unknown origin: what is no regular file, too large, too deep, or no text is refused before it does harm."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.errors import RunError
from tfgen.files import write_json
from tfgen.reading import MOST_DEPTH, open_regular, parse_json, read_json, read_regular, rows_of


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


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[" * 1000 + b"]" * 1000, "nested more than"),
        (b"[" * 200_000, "nested more than"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested more than"),
        (b"[" + b"[]," * 300_000 + b"1]", "more than 250,000 lists"),
        (rb'{"a": "\ud800"}', "half a character"),
        (rb'{"\uDFFF": 1}', "half a character"),
        (rb'{"a": ["x\u0000y"]}', "NUL"),
        (b'{"a": 1' + b"0" * 30 + b"}", "more than 64 bits"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "limit"),
        (b'{"a": "\xff"}', "utf-8"),
        (b"\xff\xfe{\x00}\x00", "utf-8"),
    ],
)  # fmt: skip
def test_json_that_would_do_harm_later(content, says):
    with pytest.raises(ValueError, match=says):
        parse_json(content)


def json_values():
    simple = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    return st.recursive(simple | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=50)


@given(json_values(), st.booleans())
def test_all_other_json_is_read_as_it_is(value, ascii_only):
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


def test_the_depth_that_is_just_read():
    def nested(depth):
        return b"[" * depth + b"]" * depth

    parse_json(nested(MOST_DEPTH))
    with pytest.raises(ValueError, match="nested"):
        parse_json(nested(MOST_DEPTH + 1))


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "link", "folder", "/dev/zero"):
        with pytest.raises(ValueError, match="it is no regular file"):  # and no reading for ever
            open_regular(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing")
    with pytest.raises(ValueError):
        open_regular(tmp_path / "a\0b")


def test_links_may_stay_inside(tmp_path):
    inside, outside = tmp_path / "run" / "deep", tmp_path / "secret.json"
    inside.mkdir(parents=True)
    write_json(outside, {"secret": 1})
    write_json(inside / "x.json", {"a": 1})
    (tmp_path / "run" / "good.json").symlink_to("deep/x.json")
    (tmp_path / "run" / "bad.json").symlink_to(outside)
    (tmp_path / "run" / "up.json").symlink_to("../secret.json")
    (tmp_path / "here").symlink_to("run")  # a user's own link to the whole folder
    assert read_json(tmp_path / "here" / "good.json", "", within=tmp_path / "here") == {"a": 1}
    assert read_json(outside, "") == {"secret": 1}
    for name in ("bad.json", "up.json"):
        with pytest.raises(RunError, match="a link out of its folder"):
            read_json(tmp_path / "run" / name, "", within=tmp_path / "run")


def test_the_largest_size(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert read_regular(tmp_path / "x", 5) == b"12345"
    with pytest.raises(ValueError, match="it has 5 bytes, more than 4"):
        read_regular(tmp_path / "x", 4)
    if os.path.exists("/proc/self/maps"):  # a regular file whose size the system gives as 0
        with pytest.raises(ValueError, match="more than 10 bytes"):
            read_regular("/proc/self/maps", 10)


def test_rows_are_read_one_by_one_and_never_for_ever(tmp_path):
    (tmp_path / "x").write_bytes(b"a\n\nbc")
    assert list(rows_of(tmp_path / "x")) == [b"a\n", b"\n", b"bc"]
    with (tmp_path / "x").open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(ValueError, match="a row of more than"):
        list(rows_of(tmp_path / "x"))
