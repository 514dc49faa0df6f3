"""The MLflow tracker against MLflow's own file store: what it has is read back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import tfgen
from tests.pictures import without_pictures
from tests.slow import slow
from tfgen.runs import resume_run
from tfgen_plugins.mlflow import observer

TINY = {
    "data": "digits", "layers": 2, "units": 8, "epochs": 2, "chunk_steps": 4, "compile": "graph", "quiet": True,
    "checkpoint_seconds": 0.0, "evaluate": 50,
}  # fmt: skip


@pytest.fixture
def asked_for(tmp_path, monkeypatch):
    """The environment says where the store is."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = (tmp_path / "store").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


@pytest.fixture
def client(asked_for):
    reason = "MLflow is not installed: pip install 'tfgen-prob[mlflow]', or mlflow-skinny"
    return pytest.importorskip("mlflow", reason=reason).MlflowClient(asked_for)


def tracked_runs(client):
    return client.search_runs([client.get_experiment_by_name("tfgen").experiment_id])


def assert_has_every_metric_once(client, run, tracked):
    expected: dict[str, list[tuple[int, float]]] = {}
    for row in run.metrics:
        for name, value in row.items():
            if name not in ("step", "epoch", "seconds"):
                expected.setdefault(name, []).append((row["step"], value))
    for name, points in expected.items():
        history = sorted((m.step, m.value) for m in client.get_metric_history(tracked.info.run_id, name))
        # The losses before the first step are in no row.
        assert [point for point in history if point[0]] == pytest.approx(points), name
    assert "valid/bits_per_dim" in expected


def test_options_metrics_results_and_pictures_are_in_the_store(client, tmp_path):
    run = tfgen.train("realnvp", runs_dir=tmp_path / "runs", name="a", picture_samples=4, **TINY)
    (tracked,) = tracked_runs(client)
    assert (tracked.info.run_name, tracked.info.status) == ("a", "FINISHED")
    assert_has_every_metric_once(client, run, tracked)
    assert min(m.step for m in client.get_metric_history(tracked.info.run_id, "train/loss")) == 0
    options = {"model": "realnvp", "data": "digits", "training.seed": "0", "options.units": "8", "evaluate": "50"}
    assert options.items() <= tracked.data.params.items()
    assert tracked.data.params["compile_mode" if "compile_mode" in run.provenance else "training.compile"] == "graph"
    for split in ("test", "valid"):
        for name, metric in run.results[split].items():
            assert tracked.data.metrics[f"results/{split}/{name}"] == pytest.approx(metric["value"])
            assert client.get_metric_history(tracked.info.run_id, f"results/{split}/{name}")[0].step == 20
    drawn = {f"figures/{path.name}" for path in run.files.figures.glob("*.png")}
    assert "figures/samples_after.png" in drawn
    assert {file.path for file in client.list_artifacts(tracked.info.run_id, "figures")} == drawn
    for name in (*drawn, "results.json"):
        kept = Path(client.download_artifacts(tracked.info.run_id, name))
        assert kept.read_bytes() == (run.folder / name).read_bytes()


class Stopper:
    """Ends a run at a step, before its checkpoint."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @tfgen.hookimpl(trylast=True)  # behind the tracker
    def tfgen_progress(self, step):
        if step == 14:
            raise self.error


@pytest.mark.slow
def test_a_resumed_run_goes_on_in_the_same_run_with_each_step_once(client, tmp_path):
    with without_pictures():
        with pytest.raises(KeyboardInterrupt):
            tfgen.train("realnvp", runs_dir=tmp_path, name="a", observers=[Stopper(KeyboardInterrupt())], **TINY)
        (before,) = tracked_runs(client)
        assert before.info.status == "KILLED"
        assert max(m.step for m in client.get_metric_history(before.info.run_id, "train/loss")) == 14
        run = resume_run(tfgen.load(tmp_path / "a"), quiet=True)
    (tracked,) = tracked_runs(client)
    assert (tracked.info.run_id, tracked.info.status) == (before.info.run_id, "FINISHED")
    assert_has_every_metric_once(client, run, tracked)


@pytest.mark.slow
def test_another_store_gets_a_run_of_its_own(client, tmp_path, monkeypatch):
    with without_pictures():
        with pytest.raises(KeyboardInterrupt):
            tfgen.train("realnvp", runs_dir=tmp_path, name="a", observers=[Stopper(KeyboardInterrupt())], **TINY)
        uri = (tmp_path / "another").as_uri()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        resume_run(tfgen.load(tmp_path / "a"), quiet=True)
    assert tracked_runs(client)[0].info.status == "KILLED"
    assert tracked_runs(type(client)(uri))[0].info.status == "FINISHED"


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_run_that_fails(client, tmp_path, monkeypatch):
    def evaluate(*_, **__):
        raise tfgen.DataError("no more data")

    monkeypatch.setattr("tfgen.runs.experiment.evaluate", evaluate)
    with pytest.raises(tfgen.DataError):
        tfgen.train("realnvp", runs_dir=tmp_path, **TINY)
    assert tracked_runs(client)[0].info.status == "FAILED"


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("asked", [True, slow(False)])
def test_without_the_package(asked, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mlflow", None)  # an import of it fails
    if asked:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    else:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = tfgen.train("realnvp", runs_dir=tmp_path, **TINY)
    assert run.files.finished
    said = capsys.readouterr().err.splitlines()
    assert len(said) == asked
    assert all("pip install mlflow-skinny" in line for line in said)
    assert not (run.folder / "mlflow.json").exists()


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("content", ["{", "[1]", pytest.param("[" * 1000, id="deep"), None])
def test_a_record_of_unknown_origin_is_not_trusted(content, tmp_path):
    file = tmp_path / "mlflow.json"
    os.mkfifo(file) if content is None else file.write_text(content)
    with pytest.raises(tfgen.RunError, match="delete it, and the run is a new one"):
        observer.tfgen_run_started(SimpleNamespace(folder=tmp_path, name="a", provenance={}))
