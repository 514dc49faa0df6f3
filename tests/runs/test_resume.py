"""A run that was killed and resumed ends as one that never was: every weight, every optimizer slot, every metric."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.pictures import without_pictures
from tests.slow import slow
from tests.systems import needs_sigkill
from tfgen.cli.main import main
from tfgen.runs import resume_run
from tfgen.training.saved_steps import latest_step, prefix

OPTIONS = ["--epochs", "3", "--units", "8", "--layers", "2", "--chunk-steps", "4", "--checkpoint-seconds", "0"]
OPTIONS += ["--schedule", "cosine", "--ema", "0.9", "--patience", "5", "--deterministic"]

#: Kills its own process with SIGKILL at the moments that the environment names: after the metrics of a step are written
#: and before they are checkpointed, or inside the writing of a checkpoint, when its data is on disk and its index is not.
KILLER = """
import os, signal
import tfgen

def die():
    os.kill(os.getpid(), signal.SIGKILL)

@tfgen.hookimpl
def tfgen_progress(run, step, metrics):
    if step == int(os.environ.get("KILL_AFTER", -1)):
        die()

@tfgen.hookimpl
def tfgen_run_started(run, model):
    import tensorflow as tf
    write = tf.train.Checkpoint.write

    def dying(self, path, *rest, **named):
        result = write(self, path, *rest, **named)
        if path.endswith("-" + os.environ.get("KILL_WRITING", "none")):
            os.unlink(path + ".index")
            with open(path + ".data-00000-of-00001", "r+b") as file:
                file.truncate(1000)
            die()
        return result

    tf.train.Checkpoint.write = dying
"""


def shell(arguments: list[str], cwd: Path, **environment: str) -> int:
    command = [sys.executable, "-m", "tfgen", "-p", "killer.py", *arguments]
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(done.stderr)
    return done.returncode


def final_tensors(run: Path) -> dict[str, np.ndarray]:
    step = latest_step(run)
    assert step is not None
    reader = tf.train.load_checkpoint(str(prefix(run, step)))
    names = [name for name in reader.get_variable_to_shape_map() if not name.startswith(("seconds", "_CHECKPOINTABLE"))]
    return {name: reader.get_tensor(name) for name in names}


def metrics(run: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def assert_equal_runs(one: Path, other: Path) -> None:
    assert metrics(one) == metrics(other)
    tensors, others = final_tensors(one), final_tensors(other)
    assert tensors.keys() == others.keys()
    assert len(tensors) > 20
    for name, value in tensors.items():
        assert value.tobytes() == others[name].tobytes(), name
    results = [json.loads((run / "results.json").read_text()) for run in (one, other)]
    for result in results:
        del result["train_seconds"]
    assert results[0] == results[1]


def train_whole(mode: str, folder: Path) -> Path:
    """Train without a break, in this process, with a checkpoint at the end only."""
    command = ["run", "realnvp", *OPTIONS, "--compile", mode, "--checkpoint-seconds", "3600"]
    assert main([*command, "--runs-dir", str(folder), "--name", "whole"]) == 0
    return folder / "whole"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that never was stopped, compiled as a graph."""
    with without_pictures():
        return train_whole("graph", tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
@needs_sigkill
@pytest.mark.xdist_group("resume")
@pytest.mark.parametrize("mode", ["graph", "xla-loop"])
def test_killed_and_resumed_is_never_killed(mode, whole, tmp_path, monkeypatch, no_pictures):
    """The kills are those of processes; what they leave is compared with a run of this one, which also ends what is left."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "killer.py").write_text(KILLER)
    options = [*OPTIONS, "--compile", mode]
    killed = -signal.SIGKILL
    assert shell(["run", "realnvp", *options, "--name", "killed"], tmp_path, KILL_AFTER="4") == killed
    assert shell(["resume", "runs/killed"], tmp_path, KILL_WRITING="15") == killed
    assert latest_step(tmp_path / "runs/killed") == 14
    assert shell(["resume", "runs/killed"], tmp_path, KILL_AFTER="30") == killed
    assert main(["resume", "runs/killed"]) == 0
    assert_equal_runs(whole if mode == "graph" else train_whole(mode, tmp_path), tmp_path / "runs/killed")


@pytest.mark.slow
@pytest.mark.parametrize("delay", [7.0, 8.5, 10.0, 11.5])
def test_killed_from_outside_at_any_time(delay, tmp_path):
    (tmp_path / "killer.py").write_text(KILLER)
    options = [*OPTIONS, "--compile", "graph", "--epochs", "60"]
    assert shell(["run", "realnvp", *options, "--name", "whole"], tmp_path) == 0
    command = [sys.executable, "-m", "tfgen", "run", "realnvp", *options, "--name", "killed"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if not (tmp_path / "runs/killed/results.json").exists():
        if not (tmp_path / "runs/killed/config.json").exists():
            pytest.skip("killed before there was a run")
        assert shell(["resume", "runs/killed"], tmp_path) == 0
    assert_equal_runs(tmp_path / "runs/whole", tmp_path / "runs/killed")


#: Sends its own process a signal after a step, as Ctrl-C or a scheduler would.
INTERRUPTER = """
import os, signal
import tfgen

@tfgen.hookimpl
def tfgen_progress(run, step, metrics):
    if step == 8 and "INTERRUPT" in os.environ:
        for _ in range(int(os.environ.get("TIMES", "1"))):
            os.kill(os.getpid(), int(os.environ["INTERRUPT"]))
"""


@pytest.mark.xdist_group("resume")
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), slow(signal.SIGTERM, 143)])
def test_interrupted_run_is_saved_and_goes_on(signum, code, whole, tmp_path, monkeypatch, capsys, no_pictures):
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGINT)  # ignored, where the tests run in the background of a shell
    (tmp_path / "interrupter.py").write_text(INTERRUPTER)
    options = [*OPTIONS, "--compile", "graph", "--checkpoint-seconds", "3600"]
    monkeypatch.setenv("INTERRUPT", str(int(signum)))
    assert main(["-p", "interrupter.py", "run", "realnvp", *options, "--name", "stopped"]) == code
    assert latest_step(tmp_path / "runs/stopped") == 8
    assert "tfgen resume runs/stopped" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before
    assert main(["resume", "runs/stopped"]) == 0
    assert_equal_runs(whole, tmp_path / "runs/stopped")


@pytest.mark.xdist_group("resume")
@pytest.mark.parametrize(
    ("signum", "code", "said"), [slow(signal.SIGINT, 130, "stopped"), (signal.SIGTERM, 143, "stopped by SIGTERM")]
)
def test_a_second_signal_stops_at_once_with_its_own_code(
    signum, code, said, tmp_path, monkeypatch, capsys, no_pictures
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "interrupter.py").write_text(INTERRUPTER)
    monkeypatch.setenv("INTERRUPT", str(int(signum)))
    monkeypatch.setenv("TIMES", "2")
    assert main(["-p", "interrupter.py", "run", "realnvp", *OPTIONS, "--compile", "graph", "--name", "stopped"]) == code
    assert capsys.readouterr().err.endswith(f"tfgen: {said}\n")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.xdist_group("resume")
@pytest.mark.parametrize(("signum", "code"), [slow(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_evaluation_of_a_run_says_how_to_go_on(
    signum, code, tmp_path, monkeypatch, capsys, no_pictures
):
    monkeypatch.chdir(tmp_path)
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored, where the tests run in the background of a shell
    options = ["--compile", "graph", "--epochs", "1", "--layers", "2", "--units", "8", "--name", "a b"]
    with monkeypatch.context() as patch:
        patch.setattr("tfgen.runs.experiment.evaluate", lambda *_, **__: os.kill(os.getpid(), signum))
        assert main(["run", "realnvp", *options]) == code
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("tfgen: stopped before the evaluation was complete; the trained weights are saved")
    assert last.endswith("go on with: tfgen resume 'runs/a b'")
    assert main(["resume", "runs/a b"]) == 0
    assert (tmp_path / "runs/a b/results.json").exists()


class Stopper:
    """Ends a run at a step, as Ctrl-C would."""

    @tfgen.hookimpl
    def tfgen_progress(self, step):
        if step == 8:
            raise KeyboardInterrupt


SPLINES = {"layers": 2, "units": 8, "depth": 1, "bins": 4}


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("model", "precision", "mode", "options"),
    [
        slow("realnvp", "float64", "graph", {"layers": 2, "units": 8}),
        slow("realnvp", "float64", "xla-loop", {"layers": 2, "units": 8}),
        slow("spline_flow", "float32", "graph", SPLINES),  # its splines are in float64
        slow("spline_flow", "float64", "xla-step", SPLINES),
        slow("spline_flow", "float32", "xla-loop", SPLINES),
        slow("vae", "float64", "xla-step", {"network": "mlp", "units": 8, "latent": 2}),
    ],
)
def test_resumed_is_uninterrupted_in_float64(model, precision, mode, options, tmp_path):
    training = {"epochs": 2, "chunk_steps": 4, "ema": 0.9, "deterministic": True, "quiet": True}
    arguments = {"data": "digits", "precision": precision, "compile": mode, "runs_dir": tmp_path, **training, **options}
    with pytest.raises(KeyboardInterrupt):
        tfgen.train(model, name="stopped", observers=[Stopper()], **arguments)
    assert latest_step(tmp_path / "stopped") is not None
    resume_run(tfgen.load(tmp_path / "stopped"), quiet=True)
    tfgen.train(model, name="whole", **arguments)
    assert_equal_runs(tmp_path / "whole", tmp_path / "stopped")


def test_a_signal_in_a_command_says_a_line(run_copy, monkeypatch, capsys):
    monkeypatch.setattr("tfgen.evaluate.likelihood.evaluate", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    assert main(["evaluate", str(run_copy)]) == 143
    assert capsys.readouterr().err.splitlines()[-1] == "tfgen: stopped by SIGTERM"


def test_a_program_that_handles_sigterm_keeps_its_handler():
    signal.signal(signal.SIGTERM, handler := lambda *_: None)
    try:
        assert main(["list"]) == 0
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
