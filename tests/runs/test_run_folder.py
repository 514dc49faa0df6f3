"""A run's folder: made once, never shared, read back whole, and held by one trainer at a time."""

import json
import math
import subprocess
import sys
import textwrap

import pytest

from tfgen.errors import OutputError, RunError
from tfgen.runs.folder import FORMAT, RunFolder, check_name
from tfgen.training.saved_steps import latest_step, saved_steps

CONFIG = {"model": "m", "data": "d"}
RESULTS = {"model": "m", "data": "d", "steps": 3, "epochs": 1, "train_seconds": 0.5}


@pytest.fixture
def folder(tmp_path):
    files = RunFolder.create(tmp_path, "x", "stem")
    files.write_config(CONFIG)
    return files


def test_names(tmp_path):
    runs = tmp_path / "deep" / "runs"
    assert [RunFolder.create(runs, None, "m-d").name for _ in range(3)] == ["m-d", "m-d-2", "m-d-3"]
    assert RunFolder.create(runs, "mine", "m-d").path == runs / "mine"
    with pytest.raises(RunError, match="exists; choose another --name, or go on with it: tfgen resume"):
        RunFolder.create(runs, "mine", "m-d")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "-x"])
def test_names_that_are_none(name, tmp_path):
    with pytest.raises(RunError, match="is no plain folder name"):
        check_name(tmp_path, name)
    with pytest.raises(RunError, match="is no plain folder name"):
        RunFolder.create(tmp_path / "runs", name, "m-d")
    assert not (tmp_path / "runs").exists()


def test_a_broken_link_is_taken_as_well(tmp_path):
    (tmp_path / "x").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunError, match="exists; choose another --name"):
        check_name(tmp_path, "x")


def test_folders_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("precious")
    for name in (None, "x"):
        with pytest.raises(OutputError, match="it is not a folder; choose another --runs-dir"):
            RunFolder.create(tmp_path / "file", name, "m-d")
        with pytest.raises(OutputError, match="choose another --runs-dir"):
            RunFolder.create(tmp_path / "file" / "deeper", name, "m-d")
    with pytest.raises(OutputError, match="too long"):
        RunFolder.create(tmp_path, "x" * 300, "m-d")


def test_config_and_results_round_trip(folder):
    assert RunFolder.open(folder.path).read_config() == {"format": FORMAT, **CONFIG}
    assert not folder.finished
    with pytest.raises(RunError, match="training is not finished; go on with: tfgen resume"):
        folder.read_results()
    folder.write_results(RESULTS)
    assert folder.finished
    assert folder.read_results() == RESULTS


def test_a_newer_format_is_refused(folder):
    (folder.path / "config.json").write_text(json.dumps({**CONFIG, "format": FORMAT + 1}))
    with pytest.raises(
        RunError, match=f"has format {FORMAT + 1}, this tfgen reads {FORMAT}; use the tfgen that made the run"
    ):
        folder.read_config()


@pytest.mark.parametrize(
    "metrics",
    [3, {"nll": 3}, {"nll": {}}, {"nll": {"value": "x", "standard_error": 0.1, "unit": "nats", "basis": {}}}],
)
def test_malformed_results(metrics, folder):
    folder.write_results({**RESULTS, "test": metrics})
    with pytest.raises(RunError, match=r"results\.json is damaged .*; delete it, then: tfgen resume"):
        folder.read_results()
    folder.write_results(
        {**RESULTS, "test": {"nll": {"value": 1.0, "standard_error": 0.1, "unit": "nats", "basis": {}}}}
    )
    folder.read_results()


def test_metrics_and_the_row_that_a_kill_cut_off(folder):
    assert folder.read_metrics() == []
    rows = [{"step": step, "train/loss": 1 / step} for step in (1, 2, 3)]
    for row in rows:
        folder.add_metrics(row)
    assert folder.read_metrics() == rows
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "tra')
    assert folder.read_metrics() == rows
    folder.cut_metrics(2)
    assert folder.read_metrics() == rows[:2]
    folder.add_metrics(rows[2])
    assert folder.read_metrics() == rows
    assert sorted(path.name for path in folder.path.iterdir()) == ["config.json", "metrics.jsonl"]


@pytest.mark.parametrize("line", ["{", "3", "{}", '{"step": "1"}', ""])
def test_a_damaged_row_is_named(line, folder):
    folder.add_metrics({"step": 1})
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 2 is damaged; remove that line"):
        folder.read_metrics()


def test_metrics_that_cannot_be_read_or_written(folder):
    (folder.path / "metrics.jsonl").mkdir()
    with pytest.raises(RunError, match="cannot read"):
        folder.read_metrics()
    with pytest.raises(OutputError, match=r"cannot write .*; free some space, then: tfgen resume"):
        folder.add_metrics({"step": 1})


def test_checkpoints_are_told_from_their_indices(folder):
    checkpoints = folder.path / "checkpoints"
    assert folder.saved_step() is None
    checkpoints.mkdir()
    for name in ("step-9.index", "step-10.index", "step-11.data-00000-of-00001", "step-x.index", "other.index"):
        (checkpoints / name).touch()
    assert saved_steps(folder.path) == [9, 10]  # 11 has no index: it was not written to the end
    assert latest_step(folder.path) == folder.saved_step() == 10


def test_the_lock_is_for_one_and_goes_with_the_process(folder):
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from tfgen.runs.folder import RunFolder
        with RunFolder(Path({str(folder.path)!r})).locked():
            print("held", flush=True)
            sys.stdin.read()
    """)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match="is being trained by another process; wait for it, or stop it"),
            folder.locked(),
        ):
            pass
        other.kill()
        other.wait()
    with folder.locked():
        pass


def test_a_folder_that_cannot_be_locked(folder):
    (folder.path / ".lock").mkdir()
    with pytest.raises(OutputError, match="cannot write into"), folder.locked():
        pass


def test_what_is_no_run(folder, tmp_path):
    with pytest.raises(RunError, match="is no folder"):
        RunFolder.open(tmp_path / "nothing")
    with pytest.raises(RunError, match="is no folder"):
        RunFolder.open(tmp_path / ("x" * 300))
    with pytest.raises(RunError, match="it holds the runs x"):
        RunFolder.open(tmp_path)


def test_results_without_a_standard_error_are_strict_json(run_copy):
    files = RunFolder.open(run_copy)
    results = files.read_results()
    results["test"]["active_units"] = {"value": 3.0, "standard_error": math.nan, "unit": "of 4 units", "basis": {}}
    files.write_results(results)

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    text = (run_copy / "results.json").read_text()
    assert json.loads(text, parse_constant=refuse)["test"]["active_units"]["standard_error"] is None
    assert math.isnan(files.read_results()["test"]["active_units"]["standard_error"])
