"""`--evaluate none|N` and `--no-pictures`: what a run does when training ends, and a long evaluation that says so."""

from __future__ import annotations

import dataclasses
import json
import re
import sys

import numpy as np
import pytest

import tfgen
from tests.toy_models import ConditionalGaussian, Gaussian, GaussianConfig, vectors
from tfgen.cli.commands.run import parse_options
from tfgen.cli.result_lines import finished_lines
from tfgen.data.dataset import Split
from tfgen.errors import OptionError
from tfgen.evaluate import clock as clock_module
from tfgen.evaluate.clock import EvaluationClock
from tfgen.evaluate.likelihood import evaluate
from tfgen.plugin.loading import load_registry
from tfgen.runs import config_from_json, default_config, experiment, resume_run

TINY = {"data": "digits", "layers": 2, "units": 8, "epochs": 1, "compile": "graph", "quiet": True}


def test_a_subset_is_the_same_each_time_in_order_and_mixes_sorted_labels():
    split = Split(np.arange(100, dtype=np.float32)[:, None], np.repeat(np.arange(10, dtype=np.int32), 10))
    few = split.subset(30)
    assert len(few) == 30
    assert np.array_equal(few.x, split.subset(30).x)
    assert np.all(np.diff(few.x[:, 0]) > 0)
    assert few.labels is not None
    assert np.array_equal(few.labels, few.x[:, 0] // 10)
    assert len(set(few.labels.tolist())) >= 8
    assert split.subset(100) is split
    assert split.subset(sys.maxsize) is split
    assert split.subset(3).labels is not None
    assert Split(split.x).subset(3).labels is None


def test_a_run_evaluates_so_many_examples_and_draws_nothing_and_so_it_does_when_resumed(tmp_path):
    run = tfgen.train("realnvp", runs_dir=tmp_path, evaluate=10, pictures=False, **TINY)
    config = json.loads((run.folder / "config.json").read_text())
    assert (config["evaluate"], config["pictures"]) == (10, False)
    for split in ("test", "valid"):
        assert run.results[split]["bits_per_dim"]["basis"]["examples"] == 10
    assert not list(run.folder.rglob("*.png"))
    first = run.results
    few = dataclasses.replace(run.data, splits={**run.data.splits, "test": run.data.test.subset(10)})
    by_hand = evaluate(run.model, few, "test", batch_size=10)["bits_per_dim"]
    assert first["test"]["bits_per_dim"]["value"] == pytest.approx(by_hand.value, abs=1e-6)

    (run.folder / "results.json").unlink()  # as after a kill while the model was evaluated
    again = resume_run(tfgen.load(run.folder), quiet=True)
    assert not list(run.folder.rglob("*.png"))
    assert {split: again.results[split] for split in ("test", "valid")} == {
        split: first[split] for split in ("test", "valid")
    }


def test_no_evaluation_at_all(tmp_path):
    run = tfgen.train("realnvp", runs_dir=tmp_path, evaluate="none", pictures=False, **TINY)
    assert not {"test", "valid"} & run.results.keys()
    assert run.results["steps"] == 10
    assert not any(line.startswith(("pictures", "test")) for line in finished_lines(run))
    run.evaluate()
    assert run.results["test"]["bits_per_dim"]["basis"]["examples"] == len(run.data.test)


def test_the_command_line():
    spec = load_registry().model("realnvp")
    _, config = parse_options(["--evaluate", "10", "--no-pictures"], spec, default_config(spec))
    assert (config.evaluate, config.pictures) == (10, False)
    _, config = parse_options([], spec, config)  # as after --config
    assert (config.evaluate, config.pictures) == (10, False)
    _, config = parse_options(["--evaluate", "none", "--pictures"], spec, config)
    assert (config.evaluate, config.pictures) == ("none", True)
    assert (default_config(spec).evaluate, default_config(spec).pictures) == ("all", True)
    with pytest.raises(OptionError, match="--evaluate must be a number from 1, all or none, got 0"):
        parse_options(["--evaluate", "0"], spec, config)
    with pytest.raises(OptionError, match="evaluate"):
        parse_options(["--evaluate", "some"], spec, config)
    with pytest.raises(OptionError, match=r"option 'evaluate' must be .*'none'.*got 'some'"):
        tfgen.train("realnvp", evaluate="some")


class Time:
    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(clock_module.time, "monotonic", lambda: self.now)


def lines(time, clock, batches, examples):
    clock.begin()
    result = []
    for number, seconds in enumerate(batches, 1):
        time.now += seconds
        result.append(clock.line(number, len(batches), examples))
    return result


def test_a_long_evaluation_is_told_once_after_the_second_batch(monkeypatch):
    time = Time(monkeypatch)
    clock = EvaluationClock(training=100.0, examples=2000)  # of two splits
    said = lines(time, clock, [9.0] + [5.0] * 19, 1000)
    assert [number for number, line in enumerate(said) if line] == [1]
    assert said[1].startswith("evaluation takes about 3 min, longer than the training of 2 min; with --evaluate 100 ")
    assert not any(lines(time, clock, [9.0] + [5.0] * 19, 1000))


def test_compilation_in_the_first_batch_is_not_taken_for_the_rest(monkeypatch):
    time = Time(monkeypatch)
    assert not any(lines(time, EvaluationClock(100.0, 2000), [40.0] + [0.1] * 19, 1000))


def test_a_single_batch_and_a_short_evaluation(monkeypatch):
    time = Time(monkeypatch)
    assert lines(time, EvaluationClock(50.0, 200), [60.0], 100)[0].startswith("evaluation takes about 2 min")
    assert not any(lines(time, EvaluationClock(1.0, 200), [2.0] * 5, 100))  # 20 s, though training took 1 s
    assert not any(lines(time, EvaluationClock(float("inf"), 200), [2000.0] * 5, 100))


def test_the_line_is_said_beside_the_bar(monkeypatch, capsys):
    monkeypatch.setattr(clock_module, "_SHORT", 0.0)
    data = vectors()
    model = Gaussian(GaussianConfig(), data.spec, 0)
    metrics = experiment._measured(model, data, 7, 1e-9, quiet=False)
    assert {split: found["nll_nats"].to_json()["basis"]["examples"] for split, found in metrics.items()} == {
        "test": 7, "valid": 7,
    }  # fmt: skip
    error = capsys.readouterr().err
    assert len(re.findall(r"^evaluation takes about .* --evaluate 10 ", error, re.MULTILINE)) == 1
    experiment._measured(model, data, "all", 1e6, quiet=False)
    assert "evaluation takes" not in capsys.readouterr().err


def test_configurations_of_before_evaluate_everything():
    registry = load_registry()
    config = default_config(registry.model("realnvp"))
    content = {key: value for key, value in config.to_json().items() if key not in ("evaluate", "pictures")}
    assert config_from_json(content, registry.model("realnvp")) == config


def test_so_many_examples_of_a_conditional_model_with_their_labels():
    data = vectors()
    model = ConditionalGaussian(GaussianConfig(), data.spec, 0)
    few = data.test.subset(7)
    of_few = dataclasses.replace(data, splits={**data.splits, "test": few})
    found = evaluate(model, data, "test", examples=7, batch_size=7)
    assert found == evaluate(model, of_few, "test", batch_size=7)
    assert found["nll_nats_given_label"].basis.examples == 7
    assert evaluate(model, data, "test", examples=10**6) == evaluate(model, data, "test")
