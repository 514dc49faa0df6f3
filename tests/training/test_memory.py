"""A lack of memory ends in one line that says what to change."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.toy_models import Gaussian, GaussianConfig, spec, vectors
from tfgen.cli.main import main
from tfgen.errors import OutOfMemoryError
from tfgen.model.base import build_model
from tfgen.plugin.train_options import TrainOptions
from tfgen.training import trainer as trainer_module
from tfgen.training.compile_mode import fastest_mode
from tfgen.training.memory import is_out_of_memory, memory_explained
from tfgen.training.trainer import Trainer

OPTIONS = TrainOptions(epochs=2, batch_size=16, compile="graph", chunk_steps=3)
ERRORS = [
    MemoryError(),
    tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nand more"),
    tf.errors.InternalError(None, None, "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 5 bytes"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_step_without_memory_names_what_it_depends_on_and_what_to_change(error, monkeypatch):
    def fake(*_):
        def program(payload, first, count):
            raise error

        return program

    trainer = Trainer(Gaussian(GaussianConfig(), vectors().spec, 0), vectors(), OPTIONS)
    monkeypatch.setattr(trainer_module, "compile_chunk", fake)
    with pytest.raises(OutOfMemoryError) as caught:
        trainer.fit(None, "graph", lambda *_: None, lambda *_: None, quiet=True)
    assert str(caught.value) == (
        "out of memory in epoch 1, with --batch-size 16, --accumulate 1 and --precision float32; make the run again with "
        "--batch-size 8 --accumulate 2 (steps of as many examples in half the memory), --precision mixed_bfloat16 where the "
        "model has it, --feed stream (the data stay out of the device's memory), or a smaller model."
    )


def test_the_command_ends_with_that_line_and_exit_code_2(tmp_path, capsys, monkeypatch):
    def fake(*_):
        def program(payload, first, count):
            raise ERRORS[1]

        return program

    monkeypatch.setattr(trainer_module, "compile_chunk", fake)
    command = ["run", "realnvp", "--layers", "2", "--units", "8", "--compile", "graph", "--no-pictures"]
    command += ["--precision", "float64", "--accumulate", "3", "--runs-dir", str(tmp_path)]
    assert main(command) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(
        "tfgen: out of memory in epoch 1, with --batch-size 128, --accumulate 3 and --precision float64;"
    )
    assert "--batch-size 64 --accumulate 6" in last
    assert "--precision float32" in last


def test_memory_in_the_first_loss_and_in_validation_is_explained(monkeypatch):
    class Greedy(Gaussian):
        def _loss(self, batch, seed, context):
            if not context.training:
                raise MemoryError
            return super()._loss(batch, seed, context)

    trainer = Trainer(Greedy(GaussianConfig(), vectors().spec, 0), vectors(), OPTIONS)
    with pytest.raises(OutOfMemoryError, match="out of memory in a validation"):
        trainer.fit(None, "graph", lambda *_: None, lambda *_: None, quiet=True)

    class Greedier(Gaussian):
        def _loss(self, batch, seed, context):
            raise ERRORS[1]

    with pytest.raises(OutOfMemoryError, match="out of memory in the first step"):
        Trainer(Greedier(GaussianConfig(), vectors().spec, 0), vectors(), OPTIONS)


def test_modes_that_all_lack_memory_are_told_as_such():
    def make(mode):
        def program(*_):
            raise ERRORS[1]

        return program

    state = SimpleNamespace(model=SimpleNamespace(weights=[]), snapshot=list, restore_snapshot=lambda saved: None)
    with pytest.raises(OutOfMemoryError, match="in the first steps"), memory_explained(OPTIONS, "in the first steps"):
        fastest_mode(state, make, None, 10, 1000, lambda _: None)


def test_other_errors_pass():
    error = tf.errors.InvalidArgumentError(None, None, "shapes differ")
    assert not is_out_of_memory(error)
    assert not is_out_of_memory(ValueError("out of memory"))
    with pytest.raises(tf.errors.InvalidArgumentError), memory_explained(OPTIONS, "in the first step"):
        raise error


def test_the_advice_is_of_options_that_are_not_taken_yet():
    def text(**options):
        with (
            pytest.raises(OutOfMemoryError) as caught,
            memory_explained(dataclasses.replace(OPTIONS, **options), "now"),
        ):
            raise MemoryError
        return str(caught.value)

    assert text(batch_size=1, precision="mixed_bfloat16", feed="stream").endswith(
        "make the run again with a smaller model."
    )
    assert "--batch-size 3 --accumulate 5" in text(batch_size=7, accumulate=2)


def test_memory_that_does_not_suffice_while_a_model_is_built_is_no_mistake_of_its_author():
    class Huge(Gaussian):
        def __init__(self, config, data, seed):
            raise MemoryError

    with pytest.raises(OutOfMemoryError, match="out of memory while model 'huge' was built"):
        build_model(spec(Huge), GaussianConfig(), vectors().spec, 0)


_UNDER_A_LIMIT = """
import re, resource
import tensorflow as tf
from tfgen.cli.main import main
tf.matmul(tf.ones([64, 64]), tf.ones([64, 64])).numpy()  # threads are there, and what else is needed once
held = 1024 * int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1])
resource.setrlimit(resource.RLIMIT_AS, (held + 3 * 2**30, resource.RLIM_INFINITY))
plain = ["run", "realnvp", "--data", "x.npz", "--batch-size", "150000", "--compile", "graph", "--no-pictures"]
for depth in ("1", "2"):
    print(main([*plain, "--layers", "2", "--units", "32768", "--depth", depth]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_real_lack_of_memory_is_one_line_in_a_step_and_while_a_model_is_built(tmp_path):
    # One tensor is larger than the limit: 20 GB of activations in a step, then 4 GB of weights. Nothing of that is taken.
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(200_000, 2)).astype(np.float32))
    root = Path(__file__).parents[2]
    environment = os.environ | {"TFDS_DATA_DIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", _UNDER_A_LIMIT]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    told = [line for line in done.stderr.splitlines() if line.startswith("tfgen: ")]
    assert done.stdout.split() == ["2", "2"], done.stderr[-3000:]
    assert told[0].startswith("tfgen: out of memory in the first step, with --batch-size 150000, --accumulate 1 and")
    assert told[1].startswith("tfgen: out of memory while model 'realnvp' was built: its weights need more than")
    assert "Traceback" not in done.stderr
