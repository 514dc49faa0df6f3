"""A run that fails before its first checkpoint leaves nothing; one that has a checkpoint is never removed."""

import pytest
import tensorflow as tf

import tfgen
from tfgen.errors import NonFiniteError, OutputError
from tfgen.plugin.registry import Registry
from tfgen.runs.experiment import resume_run
from tfgen.runs.folder import RunFolder
from tfgen.training import trainer as training

OPTIONS = {"data": "two_gaussians", "epochs": 1, "layers": 2, "units": 4, "depth": 1, "compile": "graph"}


def train(runs):
    return tfgen.train("realnvp", runs_dir=runs, name="x", quiet=True, **OPTIONS)


def full_disk(*_):
    raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")


def test_a_full_disk_at_the_first_checkpoint_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tf.train.Checkpoint, "write", full_disk)
    with pytest.raises(OutputError, match=r"there was none before\. Free some space, then make the run again"):
        train(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_an_interrupt_before_the_first_checkpoint_leaves_no_folder(tmp_path, monkeypatch):
    def interrupt(self, hook, run, **arguments):
        assert run.files.read_config()["model"] == "realnvp"
        raise KeyboardInterrupt

    monkeypatch.setattr(Registry, "observe", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_fails_after_its_first_checkpoint_stays(tmp_path, monkeypatch):
    def diverge(*_):
        raise NonFiniteError("loss is not finite")

    monkeypatch.setattr(training.Trainer, "_run_chunk", diverge)
    with pytest.raises(NonFiniteError):
        train(tmp_path / "runs")
    assert RunFolder.open(tmp_path / "runs" / "x").saved_step() == 0


@pytest.mark.slow
def test_a_resumed_run_without_a_checkpoint_stays(tmp_path, monkeypatch):
    config = tfgen.train("realnvp", runs_dir=tmp_path, name="whole", quiet=True, **OPTIONS).provenance
    files = RunFolder.create(tmp_path, "x", "x", config)  # as after a kill before the first checkpoint
    run = tfgen.load(files.path)
    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", full_disk)
        with pytest.raises(OutputError):
            resume_run(run, quiet=True)
    assert resume_run(run, quiet=True).files.finished


def test_a_run_that_another_process_goes_on_with_stays(tmp_path, monkeypatch):
    def taken(self, hook, run, **arguments):
        if hook == "tfgen_run_started":
            monkeypatch.setattr(RunFolder, "locked", held_elsewhere)
            raise KeyboardInterrupt

    def held_elsewhere(self):
        raise tfgen.errors.RunError(f"{self.path} is being trained by another process; wait for it, or stop it.")

    monkeypatch.setattr(Registry, "observe", taken)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "runs")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["x"]
