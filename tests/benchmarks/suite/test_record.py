"""A result survives its file, and a file that is none is refused in one line that says what to do."""

import json
import subprocess
import sys

import pytest

from tests.made_rows import changed, made_result, made_row, without_numbers
from tfgen.errors import OutputError, RunError
from tfgen_benchmarks.record import FORMAT, read, write


@pytest.fixture
def result():
    return made_result(
        [made_row(), without_numbers("out of memory", batch=1024), made_row(part="growth", sizes={"side": 8})],
        datasheet={"flags": "avx2", "hertz": 2.45e9, "cores": 2, "multiply_adds": 7.84e10},
        peers={"nflows": {"versions": {"torch": "2.9.0"}, "threads": 2, "device": "cpu"}},
        calibration={"slept_ms": 20.0, "timed_ms": 20.2, "off_percent": 1.0},
    )


def damaged(tmp_path, result, change):
    """Write a result whose content somebody has changed."""
    path = tmp_path / "x.json"
    write(path, result)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def test_what_is_written_is_read_again(result, tmp_path):
    write(tmp_path / "a" / "x.json", result)
    assert read(tmp_path / "a" / "x.json") == result
    content = json.loads((tmp_path / "a" / "x.json").read_text())
    assert (content["benchmark"], content["format"]) == ("suite", FORMAT)
    assert content["rows"][0]["derived"]["rate"] == pytest.approx(100)


def test_a_result_without_datasheet_peers_and_calibration_and_without_rows(tmp_path):
    write(tmp_path / "x.json", made_result())
    assert read(tmp_path / "x.json") == made_result()


@pytest.mark.parametrize("content", ["", "{", "[1]", "\0"])
def test_no_json(content, tmp_path):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(RunError, match=r"x\.json is damaged.*; give the --json file of a run of the suite") as caught:
        read(tmp_path / "x.json")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_and_a_folder(tmp_path):
    with pytest.raises(RunError, match=r"x\.json is missing; give"):
        read(tmp_path / "x.json")
    with pytest.raises(RunError, match="unreadable"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"benchmark": "training_loop", "rows": []}, "of the benchmark 'training_loop', not of the suite"),
        ({"model": "realnvp"}, "no result of the suite"),
        ({"benchmark": ["suite"]}, "no result of the suite"),
    ],
)
def test_a_file_of_another_program(content, says, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=rf"x\.json is {says}; give"):
        read(tmp_path / "x.json")


def test_a_newer_format(result, tmp_path):
    path = damaged(tmp_path, result, lambda content: content.update(format=FORMAT + 1, rows="in another way"))
    with pytest.raises(
        RunError, match=rf"is of format {FORMAT + 1}, and this tfgen reads up to {FORMAT}; update tfgen"
    ):
        read(path)


@pytest.mark.parametrize("version", [None, "1", 0, True, 1.5])
def test_a_format_that_is_none(version, result, tmp_path):
    path = damaged(tmp_path, result, lambda content: content.update(format=version))
    with pytest.raises(RunError, match="damaged"):
        read(path)


def in_row(**changes):
    return lambda content: content["rows"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content.pop("rows"), "it has no rows"),
        (lambda content: content.update(rows={}), "it has no rows"),
        (lambda content: content.update(rows=[3]), "row 1 is no object"),
        (lambda content: content.pop("machine"), "it has no machine"),
        (lambda content: content.update(machine=[]), "machine"),
        (lambda content: content.update(options="none"), "options"),
        (lambda content: content.update(more=1), "more"),
        (lambda content: content["rows"][0].pop("model"), "row 1: .*model"),
        (in_row(speed=1), "row 1: .*speed"),
        (in_row(part="sapling"), "row 1: part"),
        (in_row(batch="16"), "row 1: batch"),
        (in_row(seconds=[0.1, None, 0.1]), "row 1: seconds"),
        (in_row(seconds=[0.1, 0.0, 0.1]), "row 1: .*positive"),
        (in_row(examples=None), "row 1: .*positive"),
        (in_row(ceilings={"products": [1e11, -1.0, 1e11]}), "row 1: .*positive"),
    ],
)
def test_damaged_content_is_named(change, says, result, tmp_path):
    path = damaged(tmp_path, result, change)
    with pytest.raises(RunError, match=rf"x\.json is damaged \(.*{says}.*\); give") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_numbers_that_are_whole_in_json_are_still_numbers(result, tmp_path):
    path = damaged(tmp_path, result, in_row(seconds=[1, 2, 1], examples=16))
    assert read(path).rows[0] == changed(result.rows[0], seconds=[1, 2, 1], examples=16)


def test_a_result_that_cannot_be_written(result, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another place"):
        write(tmp_path / "file" / "x.json", result)


def test_results_are_read_drawn_and_compared_without_tensorflow():
    names = ("record", "report", "figure", "growth", "comparing", "comparing_table")
    imports = "".join(f"import tfgen_benchmarks.{name}; " for name in names)
    code = f"import sys; {imports}sys.exit('tensorflow' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
