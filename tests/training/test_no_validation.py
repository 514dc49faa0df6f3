"""``--validation 0``: the validation examples are trained on, no loss of theirs is measured, and the last weights stay."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tfgen
from tests.pictures import without_pictures
from tfgen.cli.main import main
from tfgen.data.conditional_toy import load_linear_gaussian
from tfgen.data.digits import load_digits
from tfgen.errors import OptionError
from tfgen.plugin.train_options import TrainOptions
from tfgen.runs.experiment import resume_run
from tfgen.training.selection import Selection, training_data
from tfgen.training.trainer import steps_per_epoch


def test_the_validation_examples_follow_those_for_training():
    digits = load_digits()
    whole = training_data(digits, TrainOptions(validation="0")).train
    np.testing.assert_array_equal(whole.x, np.concatenate([digits.train.x, digits.valid.x]))
    np.testing.assert_array_equal(whole.labels, np.concatenate([digits.train.labels, digits.valid.labels]))
    assert training_data(digits, TrainOptions()) is digits
    assert steps_per_epoch(digits, TrainOptions(validation="0")) == 1497 // 128
    assert steps_per_epoch(digits, TrainOptions(validation="0", limit=256)) == 2


def test_sets_that_are_too_large_to_be_copied(monkeypatch):
    monkeypatch.setattr("tfgen.training.selection._MOST_COPIED", 1000)
    with pytest.raises(
        OptionError, match="--validation 0 copies the examples into memory, and these take more than 2 GB"
    ):
        training_data(load_digits(), TrainOptions(validation="0"))


def test_contexts_follow_as_well():
    data = load_linear_gaussian()
    whole = training_data(data, TrainOptions(validation="0")).train
    np.testing.assert_array_equal(whole.context, np.concatenate([data.train.context, data.valid.context]))


def test_options_that_need_a_validation():
    assert TrainOptions(validation="0").keep == "last"
    with pytest.raises(OptionError, match="--patience must be 0 with --validation 0, which measures no loss, got 2"):
        TrainOptions(validation="0", patience=2)


def test_a_run_without_validation(tmp_path):
    with without_pictures():
        run = tfgen.train(
            "realnvp",
            units=8,
            layers=2,
            depth=1,
            epochs=2,
            compile="graph",
            quiet=True,
            runs_dir=tmp_path,
            validation="0",
        )
        results = json.loads((run.folder / "results.json").read_text())
        assert "test" in results
        assert "valid" not in results
        assert (results["weights"], results["best_epoch"], results["steps"]) == ("last", 0, 22)
        rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
        assert not [name for row in rows for name in row if name.startswith("valid/")]
        longer = resume_run(tfgen.load(run.folder), quiet=True, epochs=1)
    assert json.loads((longer.folder / "results.json").read_text())["steps"] == 33


def test_copies_are_looked_for_among_all_that_was_trained_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = {"units": 8, "layers": 2, "depth": 1, "epochs": 1, "compile": "graph", "quiet": True, "name": "seen"}
    with without_pictures():
        tfgen.train("realnvp", validation="0", limit=1400, **small)
    searched = []
    original = Selection.__init__

    def spy(self, data, options):
        searched.append(data)
        original(self, data, options)

    monkeypatch.setattr(Selection, "__init__", spy)
    assert main(["neighbours", "runs/seen", "--count", "4"]) == 0, capsys.readouterr().err
    assert [len(data.train) for data in searched] == [1497]
