"""Observers that are handed to `tfgen.train`."""

from __future__ import annotations

import pytest

import tfgen
from tfgen.errors import PluginError

TINY = {
    "data": "two_gaussians",
    "layers": 2,
    "units": 8,
    "epochs": 1,
    "batch_size": 500,
    "compile": "graph",
    "quiet": True,
}


class Recorder:
    """Notes what it is called with."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.losses: list[float] = []

    @tfgen.hookimpl
    def tfgen_run_started(self, run):
        self.calls.append(f"started {run.name}")

    @tfgen.hookimpl
    def tfgen_progress(self, step, metrics):
        if "valid/loss" in metrics:
            self.losses.append(metrics["valid/loss"])

    @tfgen.hookimpl
    def tfgen_run_finished(self, run, results):
        self.calls.append(f"finished {results['steps']}")


class Failing:
    """Raises in each progress."""

    calls = 0

    @tfgen.hookimpl
    def tfgen_progress(self):
        Failing.calls += 1
        raise ValueError("no disk")


class Misspelt:
    """Has a hook that does not exist."""

    @tfgen.hookimpl
    def tfgen_progres(self, step):
        pass


@pytest.mark.usefixtures("no_pictures")
def test_observers_see_one_training_and_no_other(tmp_path):
    one, other = Recorder(), Recorder()
    run = tfgen.train("realnvp", name="a", runs_dir=tmp_path, observers=[one, other], **TINY)
    assert one.calls == other.calls == ["started a", f"finished {run.results['steps']}"]
    assert one.losses == [row["valid/loss"] for row in run.metrics if "valid/loss" in row]
    tfgen.train("realnvp", name="b", runs_dir=tmp_path, **TINY)
    assert len(one.calls) == 2


@pytest.mark.usefixtures("no_pictures")
def test_an_observer_that_raises_is_named_once_and_the_run_goes_on(tmp_path):
    recorder = Recorder()
    with pytest.warns(
        RuntimeWarning, match=r"plugin 'observer 1 \(Failing\)' failed in tfgen_progress.*ValueError: no disk"
    ):
        run = tfgen.train("realnvp", runs_dir=tmp_path, observers=[Failing(), recorder], **TINY)
    assert Failing.calls == 1
    assert run.files.finished
    assert recorder.losses


@pytest.mark.parametrize(("observers", "says"), [
    ([Misspelt()], r"observer 1 \(Misspelt\): .*tfgen_progres.*tfgen_progress"),
    ([Recorder(), Recorder], r"observer 2 \(type\): 'Recorder' is a class; .*such as Recorder\(\)"),
    ([object()], r"observer 1 \(object\): "),
    ([print], r"observer 1 \(builtin_function_or_method\): "),
])  # fmt: skip
def test_an_observer_that_would_not_be_called_is_refused(observers, says, tmp_path):
    with pytest.raises(PluginError, match=says):
        tfgen.train("realnvp", runs_dir=tmp_path, observers=observers, **TINY)
    assert not list(tmp_path.iterdir())


def test_the_same_observer_twice_is_refused(tmp_path):
    recorder = Recorder()
    with pytest.raises(PluginError, match=r"observer 2 \(Recorder\): it is already loaded as plugin 'observer 1"):
        tfgen.train("realnvp", runs_dir=tmp_path, observers=[recorder, recorder], **TINY)
