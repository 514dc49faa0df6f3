"""Which training examples a run takes: the first N of a stratified order, and draws balanced over the classes."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfgen
from tests.toy_models import Gaussian, GaussianConfig, spec, vectors
from tfgen.cli.main import main
from tfgen.data.dataset import Dataset, Split
from tfgen.data.spec import DataSpec
from tfgen.errors import OptionError
from tfgen.plugin.loading import load_registry
from tfgen.plugin.train_options import TrainOptions
from tfgen.runs import resume_run
from tfgen.runs.config import default_config
from tfgen.runs.experiment import start_run
from tfgen.runs.folder import RunFolder
from tfgen.runs.run import Run
from tfgen.training.selection import Selection, balanced, stratified
from tfgen.training.trainer import Trainer

OPTIONS = TrainOptions(epochs=2, batch_size=16, compile="graph", chunk_steps=2)

label_lists = st.lists(st.integers(0, 4), min_size=1, max_size=80).map(lambda labels: np.array(labels, np.int32))


@given(label_lists, st.data())
def test_a_limit_takes_of_each_class_its_share_and_the_same_examples_each_time(labels, data):
    count = data.draw(st.integers(1, len(labels)))
    chosen = stratified(labels, len(labels), count)
    np.testing.assert_array_equal(chosen, stratified(labels, len(labels), count))
    assert len(set(chosen.tolist())) == len(chosen) == count
    assert (np.diff(chosen) > 0).all()
    of_class = np.bincount(labels[chosen], minlength=5)
    shares = np.bincount(labels, minlength=5) * count / len(labels)
    assert (of_class <= shares + 1).all()
    if count >= len(np.unique(labels)):
        assert (of_class > 0).sum() == len(np.unique(labels))


@given(label_lists)
def test_fewer_examples_are_among_more(labels):
    sets = [set(stratified(labels, len(labels), count).tolist()) for count in range(1, len(labels) + 1)]
    assert all(few < more for few, more in itertools.pairwise(sets))
    unlabelled = [set(stratified(None, len(labels), count).tolist()) for count in range(1, len(labels) + 1)]
    assert all(few < more for few, more in itertools.pairwise(unlabelled))


@given(label_lists, st.integers(0, 100), st.integers(0, 5))
def test_balanced_draws_each_class_and_each_example_of_it_equally_often(labels, count, epoch):
    drawn = balanced(labels, 3, epoch, count)
    np.testing.assert_array_equal(drawn, balanced(labels, 3, epoch, count))
    assert len(drawn) == count
    of_class = np.bincount(labels[drawn], minlength=5)[np.unique(labels)]
    assert of_class.max() - of_class.min() <= 1
    times = np.bincount(drawn, minlength=len(labels))
    for label in np.unique(labels):
        assert np.ptp(times[labels == label]) <= 1


def test_epochs_and_seeds_draw_other_examples():
    labels = np.repeat([0, 1], [90, 10])
    draws = [balanced(labels, seed, epoch, 50).tolist() for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    assert draws[0] != draws[1] != draws[2] != draws[0]
    assert len(set().union(*(balanced(labels, 0, epoch, 50).tolist() for epoch in range(40)))) == 100


def rare(n: int = 64) -> Dataset:
    """Vectors, one in eight of class 1."""
    data = vectors(n)
    labels = (np.arange(n) % 8 == 0).astype(np.int32)
    return Dataset("rare", data.spec, {**data.splits, "train": Split(data.train.x, labels)})


class Seen(Gaussian):
    """Counts the examples of class 1 that its loss gets."""

    def _loss(self, batch, seed, context):
        import tensorflow as tf

        return super()._loss(batch, seed, context) | {"of_class_1": tf.reduce_mean(tf.cast(batch.labels, tf.float32))}


@pytest.mark.parametrize(
    ("options", "share"), [({}, 1 / 8), ({"balance": True}, 1 / 2), ({"balance": True, "limit": 32}, 1 / 2)]
)
def test_training_draws_the_classes_equally_often_and_validation_stays(options, share):
    data = rare()
    trainer = Trainer(Seen(GaussianConfig(), data.spec, 0), data, dataclasses.replace(OPTIONS, **options))
    rows = []
    trainer.fit(None, "graph", lambda *_: None, lambda _, row: rows.append(row), quiet=True)
    steps = trainer.schedule.steps_per_epoch
    assert steps == (options.get("limit", 64)) // 16
    ends = [row for row in rows if "valid/loss" in row]
    assert np.mean([row["train/of_class_1"] for row in rows[1:]]) == pytest.approx(share, abs=0.01)
    assert ends[0]["valid/of_class_1"] == pytest.approx(np.mean(data.valid.labels), abs=1e-6)


def test_a_limit_is_what_the_loss_sees():
    data = rare()
    trainer = Trainer(Gaussian(GaussianConfig(), data.spec, 0), data, dataclasses.replace(OPTIONS, limit=20))
    seen = {index for epoch in range(30) for index in trainer.schedule.order(epoch).ravel().tolist()}
    assert seen == set(stratified(data.train.labels, 64, 20).tolist())


def test_what_cannot_be_is_refused():
    data = rare()
    with pytest.raises(OptionError, match="--limit must be at most the 64 training examples, got 65"):
        Selection(data, TrainOptions(limit=65))
    with pytest.raises(OptionError, match="--limit must be 0 or more, got -1"):
        TrainOptions(limit=-1)
    bare = {name: Split(split.x) for name, split in data.splits.items()}
    without = Dataset("bare", DataSpec("vector", (2,)), bare)
    with pytest.raises(OptionError, match="--balance needs labels, and data set 'bare' has none"):
        Selection(without, TrainOptions(balance=True))
    assert len(Selection(without, TrainOptions(limit=10))) == 10


@pytest.mark.parametrize(("option", "says"), [
    (["--limit", "2000"], "--limit must be at most the 1297 training examples, got 2000."),
    (["--limit", "100"], "--batch-size must be at most the 100 training examples, got 128."),
    (["--data", "checkerboard", "--balance"], "--balance needs labels, and data set 'checkerboard' has none"),
])  # fmt: skip
def test_the_command_refuses_in_one_line_and_makes_no_run(option, says, tmp_path, capsys):
    assert main(["run", "realnvp", *option, "--layers", "2", "--units", "8", "--runs-dir", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"tfgen: {says}")
    assert not list((tmp_path / "runs").glob("*"))


class Stopper:
    """Ends a run at a step, as Ctrl-C would."""

    @tfgen.hookimpl
    def tfgen_progress(self, step):
        if step == 3:
            raise KeyboardInterrupt


def test_resumed_is_uninterrupted_and_the_options_are_recorded(tmp_path):
    def registry():
        registry = load_registry(())
        registry.add_model(spec(Gaussian))
        registry.add_dataset(tfgen.DatasetSpec("rare", lambda _: rare(), "toy"))
        return registry

    config = default_config(registry().model("gaussian"), "rare")
    training = dataclasses.replace(OPTIONS, limit=48, balance=True, checkpoint_seconds=0, chunk_steps=1)
    config = dataclasses.replace(config, training=training, pictures=False)
    watched = registry()
    watched.watch(Stopper(), "stopper")
    with pytest.raises(KeyboardInterrupt):
        start_run(config, watched, tmp_path, "stopped", quiet=True)
    stopped = Run(RunFolder.open(tmp_path / "stopped"), registry())
    resumed = resume_run(stopped, quiet=True)
    whole = start_run(config, registry(), tmp_path, "whole", quiet=True)
    for one, other in zip(whole.model.weights, resumed.model.weights, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()
    recorded = json.loads((tmp_path / "whole/config.json").read_text())["training"]
    assert (recorded["limit"], recorded["balance"]) == (48, True)
