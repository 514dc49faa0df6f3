"""A finished run that is trained longer: a new cycle of the schedule, bit for bit, with results of its own."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.slow import slow
from tests.toy_models import Noisy, Rivals, spec, vectors
from tfgen.cli.main import main
from tfgen.errors import OptionError, RunError
from tfgen.plugin.loading import load_registry
from tfgen.plugin.train_options import TrainOptions
from tfgen.runs import recorded_cycles, resume_run
from tfgen.runs.config import default_config
from tfgen.runs.experiment import start_run
from tfgen.runs.folder import RunFolder
from tfgen.runs.run import Run
from tfgen.training.optimisers import learning_rate
from tfgen.training.saved_steps import latest_step, prefix

#: 64 examples: 4 steps an epoch.
OPTIONS = TrainOptions(
    epochs=2, batch_size=16, compile="graph", chunk_steps=1, learning_rate=0.05, ema=0.9, checkpoint_seconds=0
)
COSINE = dataclasses.replace(OPTIONS, schedule="cosine", warmup_steps=3)


class Slower(Rivals):
    """The second objective moves in each second step only."""

    def objectives(self):
        first, second = super().objectives()
        return [first, dataclasses.replace(second, every=2)]


class Annealed(Noisy):
    """A loss that rises over four epochs whatever the weights are, as that of a VAE does while beta warms up."""

    def _loss(self, batch, seed, context):
        return {"loss": super()._loss(batch, seed, context)["loss"] + 100.0 * tf.minimum(1.0, context.epoch / 4)}


class Stopper:
    """Ends a run at a step, as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self.step = step

    @tfgen.hookimpl
    def tfgen_progress(self, step):
        if step == self.step:
            raise KeyboardInterrupt


def registry(*observers):
    result = load_registry(())
    for model in (Noisy, Slower, Annealed):
        result.add_model(spec(model))
    result.add_dataset(tfgen.DatasetSpec("vectors", lambda _: vectors(), "toy"))
    for observer in observers:
        result.watch(observer, "observer")
    return result


def train(folder: Path, name: str, options: TrainOptions, model: str = "noisy", *observers) -> Run:
    config = default_config(registry().model(model), "vectors")
    config = dataclasses.replace(config, training=options, pictures=False)
    return start_run(config, registry(*observers), folder, name, quiet=True)


def opened(run: Run | Path, *observers) -> Run:
    return Run(RunFolder.open(run.folder if isinstance(run, Run) else run), registry(*observers))


def longer(run: Run, epochs: int | None, *observers) -> Run:
    return resume_run(opened(run, *observers), quiet=True, epochs=epochs)


def tensors(run: Run) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(prefix(run.folder, latest_step(run.folder))))
    names = [name for name in reader.get_variable_to_shape_map() if not name.startswith(("seconds", "_CHECKPOINTABLE"))]
    return {name: reader.get_tensor(name) for name in names}


def assert_equal(one: Run, other: Run, but: tuple[str, ...] = ()) -> None:
    expected, found = tensors(one), tensors(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        if not name.startswith(but or ("-",)):
            assert value.tobytes() == found[name].tobytes(), name


def rows(run: Run) -> list[dict[str, float]]:
    return [row | {"seconds": 0} for row in run.metrics]


@pytest.mark.parametrize("model", ["noisy", slow("slower")])
def test_at_a_constant_rate_two_and_one_epochs_are_three(model, tmp_path):
    extended = longer(train(tmp_path, "extended", OPTIONS, model), 1)
    whole = train(tmp_path, "whole", dataclasses.replace(OPTIONS, epochs=3), model)
    assert_equal(whole, extended)
    assert [row["step"] for row in rows(extended)] == list(range(1, 13))
    assert rows(extended) == rows(whole)
    assert extended.results["steps"] == 12
    assert extended.results["epochs"] == 3


def test_a_cycle_has_a_schedule_and_a_warm_up_of_its_own(tmp_path):
    run = longer(longer(train(tmp_path, "run", COSINE), 2), 1)
    rates = [row["learning_rate"] for row in run.metrics]
    assert len(rates) == 20
    assert rates[8:16] == pytest.approx(rates[:8])
    assert max(rates) == pytest.approx(0.05, rel=0.1)
    recorded = [{"epochs": 2, "trained": 2}, {"epochs": 2, "trained": 2}, {"epochs": 1}]
    assert json.loads((run.folder / "config.json").read_text())["cycles"] == recorded
    assert run.results["cycles"] == recorded
    assert run.provenance["training"]["epochs"] == 2


def test_each_objective_counts_its_own_turns(tmp_path):
    run = longer(train(tmp_path, "run", dataclasses.replace(COSINE, warmup_steps=1), "slower"), 2)
    for name in ("first/learning_rate", "second/learning_rate"):
        rates = [row[name] for row in run.metrics]
        assert rates[8:] == pytest.approx(rates[:8]), name


def test_a_schedule_that_begins_later():
    plain, later = learning_rate(COSINE, 20), learning_rate(COSINE, 20, first=100)
    for step in (0, 1, 3, 10, 20):
        assert float(later(tf.constant(100 + step, tf.int64))) == float(plain(tf.constant(step, tf.int64)))
    assert learning_rate(OPTIONS, 20, first=100) == 0.05


@pytest.mark.parametrize("at", [9, slow(13)])
def test_killed_in_a_cycle_and_resumed_is_uninterrupted(at, tmp_path):
    """At step 9 there is no checkpoint of the cycle yet."""
    options = dataclasses.replace(COSINE, patience=2)
    whole = longer(train(tmp_path, "whole", options), 2)
    killed = train(tmp_path, "killed", options)
    with pytest.raises(KeyboardInterrupt):
        longer(killed, 2, Stopper(at))
    assert latest_step(killed.folder) == at - 1
    assert not (killed.folder / "results.json").exists()
    with pytest.raises(RunError, match="is not finished, and further epochs are for a finished run; finish it first"):
        longer(killed, 2)
    resumed = longer(killed, None)
    assert_equal(whole, resumed)
    assert rows(whole) == rows(resumed)
    results = [{**run.results, "train_seconds": 0} for run in (whole, resumed)]
    assert results[0] == results[1]


def test_results_are_those_of_the_new_end(tmp_path):
    run = train(tmp_path, "run", OPTIONS)
    before = run.results
    run.record("test", {"mine": dataclasses.replace(next(iter(run.evaluate().values())), name="mine")})
    assert "mine" in run.results["test"]
    after = longer(run, 3).results
    assert "mine" not in after["test"]
    assert after["test"] != before["test"]
    assert after["valid"]["nll_nats"]["value"] < before["valid"]["nll_nats"]["value"]
    fresh = tfgen.metrics.metrics_from_json(after["test"])["nll_nats"].value
    assert opened(run).evaluate(record=False)["nll_nats"].value == pytest.approx(fresh, rel=1e-6)


def test_best_weights_of_all_cycles_are_kept_and_patience_begins_anew(tmp_path):
    """A learning rate so large that validation gets worse: every cycle ends early."""
    options = dataclasses.replace(OPTIONS, epochs=500, learning_rate=2.0, patience=2, ema=0.0)
    first = train(tmp_path, "run", options)
    epochs, best = first.results["epochs"], first.results["best_epoch"]
    assert epochs == best + 2 < 500
    second = longer(first, 100)
    losses = [row["valid/loss"] for row in second.metrics if "valid/loss" in row]
    assert second.results["best_epoch"] == int(np.argmin(losses)) + 1
    assert second.results["epochs"] >= epochs + 2
    assert second.results["cycles"] == [{"epochs": 500, "trained": epochs}, {"epochs": 100}]
    assert tensors(second)["best_value/.ATTRIBUTES/VARIABLE_VALUE"] == pytest.approx(min(losses), rel=1e-6)


@pytest.mark.parametrize("keep", ["best", slow("last")])
def test_the_best_weights_are_judged_by_the_objective_of_the_last_cycle(keep, tmp_path):
    options = dataclasses.replace(OPTIONS, epochs=1, keep=keep, ema=0.0)
    first = train(tmp_path, "run", options, "annealed")
    extended = longer(first, 5)
    losses = [row["valid/loss"] for row in extended.metrics if "valid/loss" in row]
    assert min(losses[1:]) > losses[0]  # of a quarter of the rise
    assert extended.results["best_epoch"] == int(np.argmin(losses[1:])) + 2
    assert tensors(extended)["best_value/.ATTRIBUTES/VARIABLE_VALUE"] == pytest.approx(min(losses[1:]), rel=1e-6)


@pytest.mark.slow
def test_killed_at_the_start_of_a_cycle_of_another_objective_and_resumed_is_uninterrupted(tmp_path):
    options = dataclasses.replace(OPTIONS, epochs=1, patience=3)
    whole = longer(train(tmp_path, "whole", options, "annealed"), 3)
    killed = train(tmp_path, "killed", options, "annealed")
    with pytest.raises(KeyboardInterrupt):
        longer(killed, 3, Stopper(5))
    resumed = longer(killed, None)
    assert_equal(whole, resumed)
    assert rows(whole) == rows(resumed)


def test_what_cannot_be_trained_longer_keeps_its_results(tmp_path):
    run = train(tmp_path, "run", COSINE)
    before = (run.folder / "results.json").read_text(), (run.folder / "config.json").read_text()
    with pytest.raises(RunError, match=r"nothing is left to train. To train longer: tfgen resume .*run --epochs 10"):
        longer(run, None)
    with pytest.raises(OptionError, match="--epochs must be at least 1, got 0"):
        longer(run, 0)
    monstrous = json.loads(before[1])
    monstrous["training"]["warmup_steps"] = 4
    (run.folder / "config.json").write_text(json.dumps(monstrous))
    with pytest.raises(OptionError, match="below the 4 steps of these further epochs: give more --epochs, got 4"):
        longer(run, 1)
    assert (run.folder / "results.json").read_text() == before[0]
    assert "cycles" not in json.loads((run.folder / "config.json").read_text())


@pytest.mark.parametrize(
    "cycles", [[], "many", [{"epochs": 2}, {"epochs": 2}], [{"epochs": 2, "trained": 0}, {"epochs": 1}],
               [{"epochs": 2, "trained": 2}], [{"epochs": "2", "trained": 2}, {"epochs": 1}], [3, 4],
               [*[{"epochs": 1, "trained": 1}] * 1000, {"epochs": 1}]]
)  # fmt: skip
def test_cycles_that_are_malformed_are_told_in_one_line(cycles, tmp_path):
    files = RunFolder.create(tmp_path, "run", "run", {"model": "noisy", "data": "vectors", "cycles": cycles})
    with pytest.raises(
        RunError, match=re.escape(f"{files.path / 'config.json'} is damaged (its 'cycles' are malformed)")
    ):
        resume_run(opened(files.path), quiet=True)


def test_the_command_trains_longer_and_tells_the_cycles(run_copy, capsys, no_pictures):
    epochs = json.loads((run_copy / "results.json").read_text())["epochs"]
    assert main(["resume", str(run_copy), "--epochs", "1"]) == 0
    assert f"({epochs + 1} epochs)" in capsys.readouterr().out
    assert main(["info", str(run_copy)]) == 0
    assert re.search(rf"^cycles    {epochs} epochs?, 1 epoch$", capsys.readouterr().out, re.MULTILINE)
    config = json.loads((run_copy / "config.json").read_text())
    assert [cycle.epochs for cycle in recorded_cycles(config)] == [epochs, 1]
    assert main(["resume", str(run_copy), "--epochs", "0"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "tfgen: --epochs must be at least 1, got 0."
    assert main(["report", str(run_copy)]) == 0
    assert f"tfgen resume runs/{run_copy.name} --epochs 1" in (run_copy / "report.html").read_text()
