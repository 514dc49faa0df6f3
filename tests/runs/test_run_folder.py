"""A run's folder: made once, never shared, read back whole, and held by one trainer at a time."""

import json
import math
import os
import re
import signal
import subprocess
import sys

import pytest

from tests.systems import needs_sigkill
from tfgen.errors import OutputError, RunError
from tfgen.files import temporary_beside
from tfgen.runs.facts import read_run
from tfgen.runs.folder import FORMAT, RunFolder
from tfgen.runs.places import check_name, renamed
from tfgen.runs.results_format import RESULTS_FORMAT
from tfgen.training.saved_steps import latest_step, saved_steps

CONFIG = {"model": "m", "data": "d"}
RESULTS = {"model": "m", "data": "d", "steps": 3, "epochs": 1, "train_seconds": 0.5}


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path, "x", "stem", CONFIG)


def test_names(tmp_path):
    runs = tmp_path / "deep" / "runs"
    assert [RunFolder.create(runs, None, "m-d", CONFIG).name for _ in range(3)] == ["m-d", "m-d-2", "m-d-3"]
    assert RunFolder.create(runs, "mine", "m-d", CONFIG).path == runs / "mine"
    with pytest.raises(RunError, match="exists; choose another --name, or go on with it: tfgen resume"):
        RunFolder.create(runs, "mine", "m-d", CONFIG)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "-x"])
def test_names_that_are_none(name, tmp_path):
    with pytest.raises(RunError, match="is no plain folder name"):
        check_name(tmp_path, name)
    with pytest.raises(RunError, match="is no plain folder name"):
        RunFolder.create(tmp_path / "runs", name, "m-d", CONFIG)
    assert not (tmp_path / "runs").exists()


def test_a_broken_link_is_taken_as_well(tmp_path):
    (tmp_path / "x").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunError, match="exists; choose another --name"):
        check_name(tmp_path, "x")


def test_folders_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("precious")
    for name in (None, "x"):
        with pytest.raises(OutputError, match="it is not a folder; choose another --runs-dir"):
            RunFolder.create(tmp_path / "file", name, "m-d", CONFIG)
        with pytest.raises(OutputError, match="choose another --runs-dir"):
            RunFolder.create(tmp_path / "file" / "deeper", name, "m-d", CONFIG)
    for name in ("x" * 300, "x" * 5000):
        with pytest.raises(RunError, match=r"--name x{60}\.\.\. has more than 200 bytes"):
            RunFolder.create(tmp_path, name, "m-d", CONFIG)
    for name in ("a\0b", "a\ud800"):
        with pytest.raises(RunError, match="--name"):
            RunFolder.create(tmp_path, name, "m-d", CONFIG)


def test_config_and_results_round_trip(folder):
    assert RunFolder.open(folder.path).read_config() == {"format": FORMAT, **CONFIG}
    assert not folder.finished
    with pytest.raises(RunError, match="training is not finished; go on with: tfgen resume"):
        folder.read_results()
    folder.write_results(RESULTS)
    assert folder.finished
    assert folder.read_results() == {"format": RESULTS_FORMAT, **RESULTS}


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


#: Holds the lock of a run until it is killed; the argument hides the module `fcntl`, which Windows lacks.
HOLDER = """
import sys
if sys.argv[2] == "without fcntl":
    sys.modules["fcntl"] = None
from pathlib import Path
from tfgen.errors import RunError
from tfgen.runs.folder import RunFolder
try:
    with RunFolder(Path(sys.argv[1])).locked():
        print("held", flush=True)
        sys.stdin.read()
except RunError as error:
    print(error, flush=True)
"""


def holder(folder, system):
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", HOLDER, folder.path, system], stdin=pipe, stdout=pipe, text=True
    )


@pytest.mark.parametrize("system", ["with fcntl", "without fcntl"])
def test_the_lock_is_for_one_and_goes_with_the_process(system, folder):
    with holder(folder, system) as first:
        assert first.stdout.readline() == "held\n"
        with holder(folder, system) as second:
            assert "is being trained by another process; wait for it, or stop it." in second.stdout.readline()
        first.kill()
        first.wait()
    with holder(folder, system) as third:
        assert third.stdout.readline() == "held\n"
        third.communicate()
    with holder(folder, system) as fourth:  # after one that ended by itself
        assert fourth.stdout.readline() == "held\n"
        fourth.communicate()


def test_a_run_that_was_locked_by_the_system_is_locked_by_the_existence_of_a_file(folder):
    with folder.locked():
        pass
    with holder(folder, "without fcntl") as other:
        assert other.stdout.readline() == "held\n"
        other.communicate()


def test_this_process_and_another(folder):
    with holder(folder, "with fcntl") as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="is being trained by another process"), folder.locked():
            pass
        other.communicate()
    with folder.locked(), pytest.raises(RunError, match="is being trained by another process"), folder.locked():
        pass


#: Makes a run and is killed at a moment: with its folder made and empty, before it gets its name, or just after.
MAKER = """
import os, signal, sys
from pathlib import Path
from tfgen.runs import folder

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

moment = sys.argv[2]
if moment == "empty":
    folder.write_json = die
if moment == "unnamed":
    Path.rename = die
folder.RunFolder.create(Path(sys.argv[1]), "x", "stem", {"model": "m", "data": "d"})
die()
"""


@needs_sigkill
@pytest.mark.parametrize("moment", ["empty", "unnamed", "named"])
def test_a_run_killed_while_it_is_made_is_whole_or_can_be_made_again(moment, tmp_path):
    assert subprocess.run([sys.executable, "-c", MAKER, tmp_path, moment], check=False).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    if moment == "named":
        assert RunFolder.open(tmp_path / "x").read_config() == {"format": FORMAT, **CONFIG}
        return
    assert not (tmp_path / "x").exists()
    with pytest.raises(RunError, match="is no run folder"):  # what is half made is no run that could be named
        RunFolder.open(tmp_path)
    check_name(tmp_path, "x")
    RunFolder.create(tmp_path, "other", "stem", CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    RunFolder.create(tmp_path, "x", "stem", CONFIG)


@pytest.mark.parametrize("name", ["x", None])
@pytest.mark.parametrize("inside", [[], [".config-ab3_efgh.json"]])
def test_an_empty_folder_that_was_left_is_named_and_taken_over(inside, name, tmp_path):
    (tmp_path / "x").mkdir()
    for file in inside:
        (tmp_path / "x" / file).write_text('{"mod')
    with pytest.raises(
        RunError, match=f"it is empty, as after a kill .*tfgen run MODEL --runs-dir {tmp_path} --name x$"
    ):
        RunFolder.open(tmp_path / "x")
    check_name(tmp_path, "x")
    files = RunFolder.create(tmp_path, name, "x", CONFIG)
    assert files.path == tmp_path / "x"
    assert [path.name for path in files.path.iterdir()] == ["config.json"]


@pytest.mark.parametrize("inside", ["notes.txt", ".notes", "checkpoints", ".config-notes.json", ".lock"])
def test_a_folder_with_anything_in_it_is_taken(inside, tmp_path):
    (tmp_path / "x" / inside).mkdir(parents=True)
    for call in (check_name, lambda runs, name: RunFolder.create(runs, name, "x", CONFIG)):
        with pytest.raises(RunError, match="exists; choose another --name, or move it away: it is no run"):
            call(tmp_path, "x")
    assert RunFolder.create(tmp_path, None, "x", CONFIG).name == "x-2"
    assert [path.name for path in (tmp_path / "x").iterdir()] == [inside]


#: Makes runs of one name and unnamed ones, from the moment that a file appears, and prints which it got.
RACER = """
import sys, time
from pathlib import Path
from tfgen.errors import RunError
from tfgen.runs.folder import RunFolder
runs, me = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    try:
        print(RunFolder.create(runs, f"named{number}", "stem", {"model": me, "data": "d"}).name)
    except RunError:
        pass
    print(RunFolder.create(runs, None, "stem", {"model": me, "data": "d"}).name)
"""


def test_an_empty_folder_that_another_process_takes_first(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()

    def unmade(path):
        path.rmdir()  # as the other process does, between the look and the taking
        return True

    monkeypatch.setattr("tfgen.runs.places.is_unmade", unmade)
    (tmp_path / "new").mkdir()
    assert renamed(tmp_path / "new", tmp_path / "a")
    assert (tmp_path / "a").is_dir()


def test_no_two_processes_get_one_folder(tmp_path):
    for number in range(0, 20, 2):
        (tmp_path / f"named{number}").mkdir()  # to be taken over, by one of them
    pipe = subprocess.PIPE
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, tmp_path, f"m{me}"], stdin=pipe, stdout=pipe, text=True)
        for me in range(4)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    got = [racer.communicate()[0].split() for racer in racers]
    assert all(racer.returncode == 0 for racer in racers)
    names = [name for mine in got for name in mine]
    assert sorted(names) == sorted(
        {f"named{number}" for number in range(20)} | {"stem"} | {f"stem-{n}" for n in range(2, 81)}
    )
    for me, mine in enumerate(got):
        for name in mine:
            assert RunFolder.open(tmp_path / name).read_config()["model"] == f"m{me}"
    assert len(list(tmp_path.iterdir())) == len(names)


def test_the_lock_of_a_run_removes_what_killed_processes_left_in_it(folder):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with temporary_beside(folder.path / "x") as mine:
        named = mine.name
    left = re.sub(r"-[0-9]+-", f"-{dead.pid}-", named, count=1)
    old, young, notes = ".config-abcdefgh.json", ".results-abcdefgh.json", ".config-notes.json"
    folder.figures.mkdir()
    for name in (left, old, young, notes):
        (folder.path / name).write_text("")
    (folder.figures / left).write_text("")
    (folder.figures / ".samples_half-abcdefgh.png").write_text("")
    for path in (folder.path / old, folder.path / notes, folder.figures / ".samples_half-abcdefgh.png"):
        os.utime(path, (0, 0))
    with folder.locked():
        assert sorted(path.name for path in folder.path.iterdir()) == [
            notes, ".lock", young, "config.json", "figures",
        ]  # fmt: skip
        assert not list(folder.figures.iterdir())


def test_a_run_without_a_checkpoint_is_discarded(folder):
    (folder.path / "checkpoints").mkdir()
    (folder.path / "checkpoints" / "step-0.data-00000-of-00001").write_text("half")
    with folder.locked():
        folder.discard()  # it is being trained
    assert (folder.path / "config.json").exists()
    folder.discard()
    assert list(folder.path.parent.iterdir()) == []


@pytest.mark.parametrize("kept", ["checkpoints/step-0.index", "results.json"])
def test_a_run_with_a_checkpoint_or_results_is_never_discarded(kept, folder):
    (folder.path / kept).parent.mkdir(exist_ok=True)
    (folder.path / kept).write_text("")
    folder.discard()
    assert (folder.path / "config.json").exists()
    assert (folder.path / kept).exists()


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
    assert math.isnan(read_run(files, "x").measured("test")["active_units"].standard_error)
