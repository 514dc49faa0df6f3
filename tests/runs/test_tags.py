"""Tags of runs: a small file that damages nothing, also while the run is trained."""

import json
import os

import pytest

from tfgen.errors import OptionError, RunError
from tfgen.runs.folder import RunFolder
from tfgen.runs.tags import MOST_TAGS, change_tags, check_tags, read_tags

CONFIG = {"model": "m", "data": "d"}


@pytest.fixture
def files(tmp_path):
    return RunFolder.create(tmp_path, "x", "stem", CONFIG)


def test_tags_are_added_and_taken_away(files):
    assert read_tags(files) == ()
    assert change_tags(files, ["good", "wide"]) == ("good", "wide")
    assert change_tags(files, ["best"], ["wide", "never-there"]) == ("best", "good")
    assert read_tags(files) == ("best", "good")
    assert json.loads((files.path / "tags.json").read_text()) == {"format": 1, "tags": ["best", "good"]}
    assert change_tags(files, remove=["best", "good"]) == ()
    assert RunFolder.open(files.path).read_config() == {"format": 2, **CONFIG}


def test_a_run_is_tagged_while_it_is_trained(files):
    with files.locked():
        assert change_tags(files, ["good"]) == ("good",)


@pytest.mark.parametrize("tag", ["", "-good", "a b", "a\nb", "a,b", "a/b", "_", "x" * 41, "\x1b[2J"])
def test_words_that_are_no_tags(files, tag):
    with pytest.raises(OptionError, match="is no tag"):
        check_tags([tag])
    with pytest.raises(OptionError, match="is no tag"):
        change_tags(files, ["good", tag])
    assert read_tags(files) == ()


@pytest.mark.parametrize("tag", ["good", "v1.2", "größer", "数", "a+b-c_d", "7", "x" * 40])
def test_words_that_are_tags(files, tag):
    assert change_tags(files, [tag]) == (tag,)


def test_there_are_not_too_many(files):
    change_tags(files, map(str, range(MOST_TAGS)))
    with pytest.raises(OptionError, match="would have 21 tags; a run has at most 20"):
        change_tags(files, ["more"])
    assert len(read_tags(files)) == MOST_TAGS


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is damaged or unreadable"),
        ("[]", "holds no JSON object"),
        ('{"format": 1}', "are no list"),
        ('{"format": 1, "tags": "good"}', "are no list"),
        ('{"format": 1, "tags": [["good"]]}', "is no tag"),
        ('{"format": 1, "tags": ["a b"]}', "is no tag"),
        ('{"format": 2, "tags": []}', "this tfgen reads 1"),
        (json.dumps({"format": 1, "tags": [str(i) for i in range(99)]}), "are no list of up to 20"),
    ],
)
def test_a_damaged_file_is_refused_and_kept(files, content, says):
    (files.path / "tags.json").write_text(content)
    with pytest.raises(RunError, match=says):
        read_tags(files)
    with pytest.raises(RunError, match=says):
        change_tags(files, ["good"])
    assert (files.path / "tags.json").read_text() == content


def test_a_link_out_of_the_folder_is_not_followed(files, tmp_path):
    (tmp_path / "secret").write_text('{"format": 1, "tags": ["good"]}')
    os.symlink(tmp_path / "secret", files.path / "tags.json")
    with pytest.raises(RunError, match="a link out of its folder"):
        read_tags(files)
