"""`tfgen runs`: lists every run, damaged ones too, filters, tags, and deletes what it is asked to and nothing else."""

from __future__ import annotations

import builtins
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfgen.cli import main
from tfgen.runs.folder import RunFolder
from tfgen.runs.listing import list_runs, main_metric
from tfgen.runs.removal import removable
from tfgen.runs.tags import change_tags, read_tags

BITS = {
    "value": 1.78099,
    "standard_error": 0.00297,
    "unit": "bits/dim",
    "basis": {"split": "test", "density": "dequantised"},
}


def make_run(
    name: str, model: str = "realnvp", data: str = "digits", finished: bool = True, runs: str = "runs"
) -> Path:
    """Make a run folder as training leaves it, in the current folder."""
    files = RunFolder.create(Path(runs), name, name, {"model": model, "data": data})
    files.add_metrics({"step": 3, "epoch": 1.0})
    (files.path / "checkpoints").mkdir()
    (files.path / "checkpoints" / "step-3.index").write_text("weights")
    if finished:
        results = {"model": model, "data": data, "steps": 3, "epochs": 1, "train_seconds": 0.5}
        files.write_results({**results, "test": {"nll_nats": {**BITS, "unit": "nats"}, "bits_per_dim": BITS}})
    return files.path


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with three runs, the first changed last."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    for age, run in enumerate(
        [make_run("a"), make_run("b", "vae", "photos:32", finished=False), make_run("c", "realnvp", "mnist")]
    ):
        for path in run.glob("*.json*"):
            os.utime(path, (1_700_000_000 - 3600 * age,) * 2)
    return tmp_path


def lines(capsys) -> list[str]:
    return [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip(" ─\t")]


def named(capsys, *options: str) -> list[str]:
    """The names of the runs that are listed."""
    assert main(["runs", *options, "--json"]) == 0
    return [run["name"] for run in json.loads(capsys.readouterr().out)["runs"]]


def refused(capsys, *arguments: object) -> str:
    assert main(["runs", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("tfgen: ")
    assert err.count("\n") == 1
    assert "deleted  " not in out
    return err


def test_the_table(here, capsys):
    change_tags(RunFolder(Path("runs/a")), ["good", "wide"])
    assert main(["runs"]) == 0
    heading, first, second, third = lines(capsys)
    assert heading.split() == ["run", "model", "data", "state", "tags", "test", "metric", "changed"]
    assert first.split()[:6] == ["a", "realnvp", "digits", "finished", "good", "wide"]
    assert "1.7810 ± 0.0030 bits/dim" in first
    assert "2023-11-14" in first
    assert "unfinished, step 3" in second
    assert third.split()[0] == "c"


def test_a_bound_is_called_so(here, capsys):
    files = RunFolder(Path("runs/a"))
    bound = {**BITS, "basis": {**BITS["basis"], "density": "bound"}}
    files.write_results({**files.read_results(), "test": {"elbo_nats": {**bound, "unit": "nats"}}})
    assert main(["runs", "a", "c"]) == 0
    _, first, second = lines(capsys)
    assert "ELBO 1.7810 ± 0.0030 nats (bound)" in first
    assert "bound" not in second


def test_filters(here, capsys):
    change_tags(RunFolder(Path("runs/a")), ["good", "wide"])
    change_tags(RunFolder(Path("runs/c")), ["good"])
    assert named(capsys) == ["a", "b", "c"]
    assert named(capsys, "--model", "realnvp") == ["a", "c"]
    assert named(capsys, "--data", "photos:32") == ["b"]
    assert named(capsys, "--state", "unfinished") == ["b"]
    assert named(capsys, "--state", "finished", "--data", "mnist") == ["c"]
    assert named(capsys, "--tag", "good") == ["a", "c"]
    assert named(capsys, "--tag", "good", "--tag", "wide") == ["a"]
    assert named(capsys, "c", "runs/a") == ["c", "runs/a"]
    assert named(capsys, "--model", "gan") == []
    assert main(["runs", "--tag", "god"]) == 0
    assert capsys.readouterr().out == "none of the 3 runs is so; tags in use: good, wide\n"


def test_own_data_are_found_by_their_path(here, capsys):
    make_run("own", data=str(here / "x.npz"))
    assert named(capsys, "--data", "x.npz") == ["own"]


def test_json_holds_numbers(here, capsys):
    assert main(["runs", "a", "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert run["metric"] == {
        "split": "test", "name": "bits_per_dim", "value": 1.78099, "standard_error": 0.00297, "unit": "bits/dim",
        "density": "dequantised",
    }  # fmt: skip
    assert (run["state"], run["steps"], run["changed"], run["problem"]) == ("finished", 3, 1_700_000_000, "")


def test_no_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.startswith("no runs in runs; make one: tfgen run ")
    assert "cannot list the runs in other" in refused(capsys, "--runs-dir", "other")
    Path("file").touch()
    assert "Not a directory" in refused(capsys, "--runs-dir", "file")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", None), ("config.json", "{"), ("config.json", "[]"), ("config.json", '{"model": 3, "data": "d"}'),
        ("config.json", '{"format": 99, "model": "m", "data": "d"}'), ("results.json", "{"),
        ("results.json", '{"test": 3}'), ("results.json", '{"format": 99}'), ("tags.json", "[[["), ("config.json", "\0" * 99),
    ],
)  # fmt: skip
def test_a_damaged_run_is_one_line_and_stops_nothing(file, content, here, capsys):
    path = Path("runs/b") / file
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    entries = {entry.name: entry for entry in list_runs(Path("runs"))}
    assert {name: entry.state for name, entry in entries.items()} == {"a": "finished", "b": "damaged", "c": "finished"}
    assert "\n" not in entries["b"].problem
    assert str(Path("runs/b")) in entries["b"].problem
    assert named(capsys, "--state", "damaged") == ["b"]
    assert main(["runs"]) == 0
    assert "damaged" in capsys.readouterr().out


def test_a_link_out_of_a_run_and_a_pipe_are_damage(here):
    os.symlink(here, "runs/a/elsewhere")
    (Path("runs/b") / "config.json").unlink()
    os.mkfifo("runs/b/config.json")
    assert [entry.state for entry in list_runs(Path("runs")) if entry.name != "c"] == ["damaged"] * 2


def test_what_else_lies_there_is_no_run(here, capsys):
    Path("runs/notes.txt").write_text("mine")
    Path("runs/compare-a-b").mkdir()
    Path("runs/.tfgen-0123abcd-1-0123abcd-x").mkdir()
    Path("runs/.tfgen-0123abcd-1-0123abcd-x/config.json").write_text("{}")
    assert named(capsys) == ["a", "b", "c"]


def test_runs_of_a_sweep_have_its_name(here, capsys):
    make_run("layers=5", runs="runs/sweep")
    assert sorted(named(capsys)) == ["a", "b", "c", "sweep/layers=5"]
    assert main(["runs", "--tag-as", "good", "sweep/layers=5"]) == 0
    assert capsys.readouterr().out == "sweep/layers=5  good\n"
    assert named(capsys, "--tag", "good") == ["sweep/layers=5"]


def test_the_main_metric():
    metrics = list_of(["fid", "nll_nats_given_label", "bits_per_dim_given_label", "bits_per_dim"])
    for name in ("bits_per_dim", "bits_per_dim_given_label", "nll_nats_given_label", "fid"):
        assert main_metric(metrics).name == name
        del metrics[name]
    assert main_metric(metrics) is None


def list_of(names: list[str]) -> dict:
    from tfgen.metrics.metric import metrics_from_json

    return metrics_from_json(dict.fromkeys(names, BITS))


def test_tags(here, capsys):
    assert main(["runs", "--tag-as", "good", "--tag-as", "v1", "a", "runs/b"]) == 0
    assert capsys.readouterr().out == "a  good v1\nruns/b  good v1\n"
    assert main(["runs", "--untag", "good", "--tag-as", "best", "a"]) == 0
    assert capsys.readouterr().out == "a  best v1\n"
    assert main(["runs", "--untag", "best", "--untag", "v1", "a"]) == 0
    assert capsys.readouterr().out == "a  (no tags)\n"
    assert "tags      good v1" in info(capsys, "b")
    assert "tags" not in info(capsys, "a")


def info(capsys, name: str) -> str:
    assert main(["info", name]) == 0
    return capsys.readouterr().out


def test_no_run_is_tagged_if_one_of_them_is_none(here, capsys):
    assert "did you mean" in refused(capsys, "--tag-as", "good", "a", "aa")
    assert read_tags(RunFolder(Path("runs/a"))) == ()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tag-as", "good"], "--tag-as needs the names of runs: tfgen runs --tag-as good NAME"),
        (["--untag", "good"], "--untag needs the names of runs"),
        (["--delete"], "--delete needs the names of runs"),
        (["--delete", "--yes"], "--delete needs the names of runs"),
        (["--yes"], "--yes is for --delete"),
        (["--delete", "--tag-as", "good", "a"], "--tag-as and --delete do not go together"),
        (["--delete", "--state", "unfinished", "a"], "--state is for the list, and does not go with --delete"),
        (["--tag-as", "x", "--untag", "x", "a"], "are both given 'x'"),
        (["--tag-as", "a b", "a"], "'a b' is no tag"),
        (["--model", "realnpv"], "unknown model 'realnpv'; did you mean 'realnvp'?"),
        (["--state", "running"], "running"),
        (["nothing"], "nothing is no folder"),
        (["--runs-dir", "runs", "nothing"], "nothing is no folder"),
        (["--runs-dir", "runs/compare", "nothing"], "nothing is no run in runs/compare"),
    ],
)
def test_bad_input_is_one_line(arguments, says, here, capsys):
    assert says in refused(capsys, *arguments)


def test_runs_are_deleted(here, capsys):
    os.symlink(here / "runs/a/metrics.jsonl", "runs/b/own-link")  # of another place, so that b is refused below
    Path("kept").mkdir()
    Path("kept/file").touch()
    assert main(["runs", "--delete", "--yes", "a", "runs/c"]) == 0
    assert capsys.readouterr().out.count("deleted  ") == 2
    assert sorted(os.listdir("runs")) == ["b"]
    assert "link out of the run's folder" in refused(capsys, "--delete", "--yes", "b")


def test_links_within_go_and_what_they_lead_to_stays(here, capsys):
    Path("kept").mkdir()
    Path("kept/file").write_text("precious")
    os.symlink(here / "kept", "runs/a/checkpoints/link")
    assert main(["runs", "--delete", "--yes", "a"]) == 0
    assert not Path("runs/a").exists()
    assert Path("kept/file").read_text() == "precious"


def test_a_damaged_run_can_be_deleted(here):
    Path("runs/a/config.json").write_text("{")
    Path("runs/b/config.json").unlink()
    assert main(["runs", "--delete", "--yes", "a", "b"]) == 0
    assert sorted(os.listdir("runs")) == ["c"]


def asked(monkeypatch, answer: str | None) -> None:
    """Make stdin a terminal on which somebody answers so; None for the end of the input."""

    def reply(prompt: str = "") -> str:
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(builtins, "input", reply)


@pytest.mark.parametrize(("answer", "gone"), [("y", True), ("YES ", True), ("", False), ("n", False), (None, False)])
def test_the_question(answer, gone, here, monkeypatch, capsys):
    asked(monkeypatch, answer)
    assert main(["runs", "--delete", "a", "b"]) == 0
    out = capsys.readouterr().out
    assert "delete these 2 runs for good?" in out
    assert Path("runs/a").exists() == Path("runs/b").exists() == (not gone)
    assert ("nothing is deleted" in out) == (not gone)


def test_without_a_terminal_nothing_is_deleted(here, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert "--yes" in refused(capsys, "--delete", "a")
    assert Path("runs/a").exists()


def test_a_run_in_training_is_not_deleted_nor_any_other(here, capsys):
    with RunFolder(Path("runs/b")).locked():
        assert "is being trained by another process" in refused(capsys, "--delete", "--yes", "a", "b")
    assert sorted(os.listdir("runs")) == ["a", "b", "c"]
    assert main(["runs", "--delete", "--yes", "a", "b"]) == 0


def test_folders_that_are_no_runs_are_not_deleted(here, capsys):
    Path("runs/mine").mkdir()
    Path("runs/mine/thesis.tex").touch()
    Path("runs/foreign").mkdir()
    Path("runs/foreign/config.json").write_text('{"architectures": ["BertModel"]}')
    make_run("in", runs="runs/sweep")
    for name, says in [
        ("runs/mine", "is no run folder"), ("mine", "is no run folder"), ("foreign", "not one of a run"),
        ("runs/sweep", "is no run folder"), ("runs", "is no run folder"), (".", "is no name of a run"),
        ("runs/a/..", "is no name of a run"), ("nothing", "is no folder"), ("runs/a/config.json", "is no folder"),
        (here / "runs", "is no run folder"),
    ]:  # fmt: skip
        assert says in refused(capsys, "--delete", "--yes", "a", name), name
    assert sorted(os.listdir("runs")) == ["a", "b", "c", "foreign", "mine", "sweep"]


def test_a_folder_that_holds_other_runs_is_not_deleted(here, capsys):
    make_run("inside", runs="runs/a")
    assert "holds other runs" in refused(capsys, "--delete", "--yes", "a")
    config = json.dumps({"model": "m", "data": "d"})
    Path("config.json").write_text(config)
    assert "holds other runs" in refused(capsys, "--delete", "--yes", here)
    assert Path("runs/b").exists()


def test_outside_of_the_runs_folder_a_run_is_named_in_full(here, capsys):
    outside = make_run("x", runs="elsewhere").resolve()
    for name in ("elsewhere/x", "runs/../elsewhere/x", "./elsewhere/x"):
        assert f"name it in full: {outside}" in refused(capsys, "--delete", "--yes", name)
    assert outside.exists()
    assert main(["runs", "--delete", "--yes", str(outside)]) == 0
    assert not outside.exists()


def test_links_are_not_followed(here, capsys):
    outside = make_run("x", runs="elsewhere").resolve()
    os.symlink(outside, "runs/link")
    os.symlink(outside.parent, "runs/links")
    assert "is a link" in refused(capsys, "--delete", "--yes", "runs/link")
    assert "is a link" in refused(capsys, "--delete", "--yes", "link")
    assert "is a link" in refused(capsys, "--delete", "--yes", here / "runs" / "link")
    assert f"name it in full: {outside}" in refused(capsys, "--delete", "--yes", "runs/links/x")
    assert f"name it in full: {outside}" in refused(capsys, "--delete", "--yes", here / "runs/links/x")
    assert outside.exists()
    assert sorted(named(capsys)) == ["a", "b", "c", "link"]  # of a folder behind a link nothing


def test_a_runs_folder_that_is_a_link_itself(here):
    os.rename("runs", "disk")
    os.symlink("disk", "runs")
    assert main(["runs", "--delete", "--yes", "a"]) == 0
    assert sorted(os.listdir("disk")) == ["b", "c"]


def test_a_name_that_is_here_as_well_is_not_taken_for_that_of_a_run(here, capsys):
    """As for other commands a folder here goes before one in ``runs/``; being outside, it is refused."""
    make_run("a", runs=".")
    assert "does not lie in runs" in refused(capsys, "--delete", "--yes", "a")
    assert Path("a").exists()
    assert Path("runs/a").exists()


def test_the_parent_folder_must_be_writable(here, capsys, monkeypatch):
    def rename(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", rename)
    assert "cannot delete" in refused(capsys, "--delete", "--yes", "a")
    assert (Path("runs/a") / "checkpoints" / "step-3.index").exists()  # not half of it


def test_names_are_looked_up_once(here):
    assert removable(Path("runs/a"), Path("runs")).path == here.resolve() / "runs" / "a"


def test_500_runs_are_listed_fast_and_without_tensorflow(tmp_path):
    for number in range(500):
        make_run(f"run-{number}", runs=str(tmp_path / "runs"))
    code = (
        "import sys; from tfgen.cli.main import main; code = main(['runs']); "
        "print(sorted({'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules))); sys.exit(code)"
    )
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert done.stdout.endswith("[]\n")
    assert done.stdout.count("run-") == 500
    assert spent < 4.0, spent  # seconds of the processor, on any machine
