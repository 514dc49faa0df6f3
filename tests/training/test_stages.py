"""Stages of training: objectives that begin and end at an epoch of their own."""

from __future__ import annotations

import dataclasses
import re
import typing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toy_models import Rivals
from tests.training.test_training import QUICK, fit, toy, weights
from tfgen.errors import OptionError, PluginError
from tfgen.model.objective import Objective
from tfgen.plugin.train_options import CompileMode
from tfgen.runs.folder import RunFolder
from tfgen.training.step import stages_of

STAGED = dataclasses.replace(QUICK, epochs=4, keep="last", chunk_steps=1)  # of 4 steps each


def objective(name: str = "o", **named: typing.Any) -> Objective:
    return Objective(name, lambda *_: {}, [], **named)


class Staged(Rivals):
    """The first objective trains for a quarter more than one epoch; the second begins half an epoch before that."""

    def objectives(self):
        first, second = super().objectives()
        return [dataclasses.replace(first, end=1.25), dataclasses.replace(second, begin=0.75, every=2)]


@pytest.mark.parametrize("mode", typing.get_args(CompileMode))
def test_weights_move_between_begin_and_end_alone(mode, tmp_path):
    trainer = toy(Staged, STAGED)
    seen = [weights(trainer)]
    files = RunFolder.create(tmp_path, "r", "r", {})
    trainer.fit(files, mode, lambda *_: None, lambda *_: seen.append(weights(trainer)), quiet=True)
    moved = np.diff(np.array(seen[1:]), axis=0) != 0  # the first visit is before the first step
    assert np.flatnonzero(moved[:, 0]).tolist() == [0, 1, 2, 3, 4]
    assert np.flatnonzero(moved[:, 1]).tolist() == [4, 6, 8, 10, 12, 14]  # each second step, counted from step 3
    assert [int(optimizer.iterations) for optimizer in trainer.state.optimizers] == [5, 6]
    rows = files.read_metrics()
    assert [row["step"] for row in rows if "train/first/loss" in row] == [1, 2, 3, 4, 5]
    assert [row["step"] for row in rows if "train/second/loss" in row] == [5, 7, 9, 11, 13, 15]


def test_the_schedule_of_a_stage_ends_with_its_last_step():
    trainer = toy(Staged, dataclasses.replace(STAGED, schedule="cosine"))
    assert [optimizer._learning_rate.decay_steps for optimizer in trainer.state.optimizers] == [5, 6]


def test_a_run_that_stops_in_a_stage_goes_on_as_if_it_never_had(tmp_path):
    whole = toy(Staged, STAGED)
    rows = fit(whole, tmp_path, name="whole")
    files = RunFolder.create(tmp_path, "parts", "parts", {})

    def stop(step, _):
        if step == 6:
            raise KeyboardInterrupt

    options = dataclasses.replace(STAGED, checkpoint_seconds=0.0)
    parts = toy(Staged, options)
    with pytest.raises(KeyboardInterrupt):
        parts.fit(files, "graph", lambda *_: None, stop, quiet=True)
    again = toy(Staged, options)
    again.fit(files, "graph", lambda *_: None, lambda *_: None, quiet=True)
    assert [{k: v for k, v in row.items() if k != "seconds"} for row in files.read_metrics()] == rows
    for one, other in zip(weights(whole), weights(again), strict=True):
        np.testing.assert_array_equal(one, other)


class SecondIsWorseThanItWas(Rivals):
    """The loss of the second objective is least at its untrained start, b = 0, as long as the first has not moved a."""

    def objectives(self):
        first, second = super().objectives()
        return [first, dataclasses.replace(second, begin=2)]


def test_the_best_weights_are_those_of_the_last_stage(tmp_path):
    trainer = toy(SecondIsWorseThanItWas, dataclasses.replace(STAGED, keep="best", patience=1, learning_rate=1e-3))
    rows = [row for row in fit(trainer, tmp_path) if "valid/second/loss" in row]
    assert rows[0]["valid/second/loss"] < rows[2]["valid/second/loss"]  # before its stage it would have been the best
    assert int(trainer.state.best_epoch.numpy()) >= 3
    assert len(rows) == 4  # nor were the epochs before it counted by the patience


@given(
    first=st.integers(0, 40),
    more=st.integers(0, 40),
    every=st.integers(1, 5),
    begin=st.integers(0, 30),
    length=st.integers(0, 30),
)
def test_turns_are_the_steps_in_which_weights_move(first, more, every, begin, length):
    stage = range(begin, begin + length)
    moving = [step for step in stage if (step - begin + 1) % every == 0]
    counted = objective(every=every).turns(first, first + more, stage)
    assert counted == len([step for step in moving if first <= step < first + more])


@pytest.mark.parametrize(("objectives", "stages"), [
    ([{}], [range(40)]),
    ([{"end": 1}, {"begin": 1}], [range(10), range(10, 40)]),
    ([{"end": 2.5}, {"begin": 0.31}], [range(25), range(3, 40)]),
    ([{"begin": 3}, {"end": 9}], [range(30, 40), range(40)]),
])  # fmt: skip
def test_stages_are_counted_in_epochs(objectives, stages):
    assert stages_of([objective(**named) for named in objectives], 4, 10) == stages


@pytest.mark.parametrize(("objectives", "error", "says"), [
    ([{}, {"begin": 4}], OptionError, "it begins after epoch 4; give more --epochs."),
    ([{}, {"begin": 4.5}], OptionError, "objective '1' has no step in a run of 4 epochs"),
    ([{"begin": 1}], PluginError, "no objective is trained after epoch 0 of 4"),
    ([{"end": 1}, {"begin": 2}], PluginError, "no objective is trained after epoch 1 of 4"),
    ([{"end": 3}, {"end": 2}], PluginError, "let one begin there, or the last one have no end"),
])  # fmt: skip
def test_stages_that_leave_steps_out_are_refused(objectives, error, says):
    named = [objective(str(index), **values) for index, values in enumerate(objectives)]
    with pytest.raises(error, match=re.escape(says)):
        stages_of(named, 4, 10)


@pytest.mark.parametrize(("named", "says"), [
    ({"begin": -1}, "objective 'o': begin must be 0 or more epochs, got -1."),
    ({"begin": float("nan")}, "begin must be 0 or more epochs, got nan."),
    ({"begin": 2, "end": 2}, "objective 'o': end must be after begin (epoch 2), got 2."),
])  # fmt: skip
def test_a_stage_that_cannot_be_is_refused(named, says):
    with pytest.raises(PluginError, match=re.escape(says)):
        objective(**named)
