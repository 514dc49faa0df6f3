"""The shared loop: feeds and compile modes agree, options do what they say, and unsound models are refused."""

from __future__ import annotations

import dataclasses
import signal
import typing
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.slow import named, slow
from tests.toy_models import Gaussian, GaussianConfig, Noisy, Rivals, Unsound, vectors
from tfgen.data.dataset import Dataset, Split
from tfgen.data.digits import load_digits
from tfgen.errors import NonFiniteError, OptionError, PluginError
from tfgen.model.base import GenerativeModel
from tfgen.model.objective import Objective
from tfgen.plugin.train_options import CompileMode, TrainOptions
from tfgen.runs.folder import RunFolder
from tfgen.training import compile_mode
from tfgen.training.feeds import DeviceFeed, StreamFeed, make_feed
from tfgen.training.interruption import InterruptedRunError
from tfgen.training.optimisers import learning_rate
from tfgen.training.schedule import Schedule
from tfgen.training.step import averaging_decay
from tfgen.training.trainer import Trainer, _shown
from tfgen_plugins.flows import RealNVPConfig
from tfgen_plugins.flows.model import RealNVP

QUICK = TrainOptions(epochs=2, batch_size=16, compile="graph", chunk_steps=3, learning_rate=0.05)


def toy(model: type[GenerativeModel], options: TrainOptions, data: Dataset | None = None) -> Trainer:
    data = data or vectors()
    keras.utils.set_random_seed(options.seed)
    return Trainer(model(GaussianConfig(), data.spec, options.seed), data, options)


def fit(trainer: Trainer, folder: Path, mode: CompileMode = "graph", name: str = "run") -> list[dict[str, float]]:
    files = RunFolder.create(folder, name, "run", {})
    trainer.fit(files, mode, lambda *_: None, lambda *_: None, quiet=True)
    return [{key: value for key, value in row.items() if key != "seconds"} for row in files.read_metrics()]


def weights(trainer: Trainer) -> list[np.ndarray]:
    return [weight.numpy() for weight in trainer.model.weights]


@pytest.mark.parametrize("shuffled_whole", [slow(True), False])
def test_both_feeds_give_the_same_curve(shuffled_whole, tmp_path, monkeypatch):
    data = dataclasses.replace(load_digits(), source="own:of a hash")
    if not shuffled_whole:
        monkeypatch.setattr("tfgen.training.schedule.SHUFFLED_WHOLE", 1000)
        monkeypatch.setattr("tfgen.training.schedule._BLOCK_BYTES", 640)
    rows = []
    for feed in ("device", "stream"):
        options = dataclasses.replace(QUICK, feed=feed, batch_size=200, chunk_steps=4)
        keras.utils.set_random_seed(0)
        trainer = Trainer(RealNVP(RealNVPConfig(layers=2, units=8), data.spec, 0), data, options)
        assert trainer.schedule.block == (0 if shuffled_whole else 10)
        rows.append(fit(trainer, tmp_path, name=feed))
    for row, other in zip(*rows, strict=True):  # threads may add in another order; another batch is 1e-2 off
        assert row == pytest.approx(other, rel=1e-5)
    assert len(rows[0]) == 4  # 6 steps an epoch in chunks of 4 and 2, both of which end before or at the middle


@pytest.mark.parametrize("mode", named(typing.get_args(CompileMode), {"graph", "xla-loop"}))
def test_compile_modes_agree_on_the_same_random_numbers(mode, tmp_path):
    reference = fit(toy(Noisy, QUICK), tmp_path, "graph", "reference")
    rows = fit(toy(Noisy, QUICK), tmp_path, mode, "other")
    for expected, row in zip(reference, rows, strict=True):
        assert expected == pytest.approx(row, rel=1e-4)


def test_the_training_set_lies_on_the_device_as_stored():
    split = load_digits().train
    feed = make_feed(split, "auto")
    assert isinstance(feed, DeviceFeed)
    assert feed.x.dtype == tf.uint8
    assert int(tf.size(feed.x)) == split.x.nbytes


def test_a_set_that_is_too_large_is_streamed(monkeypatch):
    monkeypatch.setattr("tfgen.training.feeds.DEVICE_BYTES", 1000)
    monkeypatch.setattr("tfgen.training.feeds.MEMORY_BYTES", 1000)
    assert isinstance(make_feed(load_digits().train, "auto"), StreamFeed)


@pytest.mark.parametrize("feed", [DeviceFeed, StreamFeed])
@pytest.mark.parametrize("block", [0, 40])
def test_feeds_give_the_examples_that_the_schedule_names(feed, block, tmp_path):
    split = load_digits().train
    np.save(tmp_path / "x.npy", split.x)
    split = Split(np.load(tmp_path / "x.npy", mmap_mode="r"), split.labels)
    schedule = Schedule(len(split), 50, 2, 7, seed=3, block=block)
    source = feed(split)
    for chunk, payload in source.payloads(schedule.chunks(7), schedule.chunk_steps):
        for k in range(chunk.last - chunk.first):
            batch = source.batch(payload, tf.constant(k))
            np.testing.assert_array_equal(batch.x, split.x[chunk.indices[k]])
            np.testing.assert_array_equal(batch.labels, split.labels[chunk.indices[k]])


@pytest.fixture
def long_race(monkeypatch):
    """Every compile mode is timed, however short the training is."""
    monkeypatch.setattr(compile_mode, "_SHARE", float("inf"))


@pytest.mark.usefixtures("long_race")
def test_choosing_a_mode_leaves_no_trace(tmp_path):
    options = dataclasses.replace(QUICK, ema=0.9)
    plain, chosen = toy(Noisy, options), toy(Noisy, options)
    before = weights(chosen)
    named: list[tuple[str, dict[str, object]]] = []
    files = RunFolder.create(tmp_path, "chosen", "run", {})
    checked: list[bool] = []

    def on_mode(mode: CompileMode, timings: dict[str, float | str]) -> None:
        named.append((mode, timings))
        checked.append(all(np.array_equal(a, b) for a, b in zip(before, weights(chosen), strict=True)))
        checked.append(all(int(optimizer.iterations) == 0 for optimizer in chosen.state.optimizers))

    chosen.fit(files, None, on_mode, lambda *_: None, quiet=True)
    mode, timings = named[0]
    assert set(timings) == set(typing.get_args(CompileMode))
    assert timings[mode] == min(timings.values())
    assert checked == [True, True]
    fit(plain, tmp_path, mode, "plain")
    for one, other in zip(weights(plain), weights(chosen), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("long_race")
def test_a_mode_that_cannot_compile_is_left_out(tmp_path):
    class NeedsTheHost(Gaussian):
        def _loss(self, batch, seed, context):
            loss = super()._loss(batch, seed, context)["loss"]
            return {"loss": loss + tf.numpy_function(lambda: np.float32(0), [], tf.float32)}

    seen = []
    trainer = toy(NeedsTheHost, QUICK)
    trainer.fit(RunFolder.create(tmp_path, "r", "r", {}), None, lambda *a: seen.append(a), lambda *_: None, quiet=True)
    mode, timings = seen[0]
    assert mode == "graph"
    assert isinstance(timings["xla-loop"], str)
    assert isinstance(timings["xla-step"], str)


def test_several_objectives_move_their_own_weights_in_turn(tmp_path):
    options = dataclasses.replace(QUICK, epochs=200, learning_rate=0.1)
    trainer = toy(Rivals, options)
    rows = fit(trainer, tmp_path)
    a, b = (float(w) for w in weights(trainer))
    assert a == pytest.approx(float(np.mean(trainer.data.train.x)), abs=0.1)
    assert b == pytest.approx(2 * a, abs=0.1)
    assert {"train/first/loss", "train/second/loss", "train/first/gradient_norm", "valid/first/loss"} <= rows[-1].keys()
    assert [optimizer.variables[0].numpy() for optimizer in trainer.state.optimizers] == [800, 800]


def test_a_step_of_one_objective_does_not_move_the_weights_of_the_other():
    trainer = toy(Rivals, QUICK)
    second = dataclasses.replace(trainer.step, objectives=[trainer.objectives[1]])
    trainer.state.optimizers = [trainer.state.optimizers[1]]
    trainer.model.a.assign(5.0)
    second(trainer.feed.batch(tf.constant(trainer.schedule.order(0)), tf.constant(0)), tf.constant(0))
    assert float(trainer.model.a) == 5.0
    assert float(trainer.model.b) != 0.0


class Slower(Rivals):
    """The second objective moves in each third step only, at a rate of its own."""

    def objectives(self):
        first, second = super().objectives()
        return [first, dataclasses.replace(second, every=3, learning_rate=0.01)]


@pytest.mark.parametrize("mode", typing.get_args(CompileMode))
def test_an_objective_moves_in_every_third_step_only(mode, tmp_path):
    options = dataclasses.replace(QUICK, keep="last", chunk_steps=1)
    trainer = toy(Slower, options)
    seen = [weights(trainer)]
    files = RunFolder.create(tmp_path, "r", "r", {})
    trainer.fit(files, mode, lambda *_: None, lambda *_: seen.append(weights(trainer)), quiet=True)
    moved = np.diff(np.array(seen[1:]), axis=0) != 0  # the first visit is before the first step
    assert len(moved) == 8
    assert moved[:, 0].all()
    assert np.flatnonzero(moved[:, 1]).tolist() == [2, 5]
    assert [int(optimizer.iterations) for optimizer in trainer.state.optimizers] == [8, 2]
    assert abs(seen[4][1] - seen[3][1]) == pytest.approx(0.01, rel=1e-3)  # Adam's first step is as long as its rate
    rows = files.read_metrics()
    assert [row["step"] for row in rows if "train/second/loss" in row] == [3, 6]
    assert all(row["first/learning_rate"] == pytest.approx(0.05) for row in rows)
    assert all(row["second/learning_rate"] == pytest.approx(0.01) for row in rows)


def test_terms_of_an_objective_that_rests_are_means_over_its_own_steps(tmp_path):
    def rows(chunk: int) -> list[dict[str, float]]:
        options = dataclasses.replace(QUICK, keep="last", chunk_steps=chunk)
        return fit(toy(Slower, options), tmp_path, name=f"chunks-of-{chunk}")

    single, whole = rows(1), rows(4)
    for term in ("first/loss", "second/loss", "second/gradient_norm"):
        for row, steps in zip(whole, (single[:4], single[4:]), strict=True):
            moved = [step[f"train/{term}"] for step in steps if f"train/{term}" in step]
            assert len(moved) == (4 if term == "first/loss" else 1)
            assert row[f"train/{term}"] == pytest.approx(np.mean(moved), rel=1e-5)


def test_the_schedule_of_an_objective_ends_with_its_own_last_step(tmp_path):
    options = dataclasses.replace(QUICK, keep="last", schedule="cosine")
    trainer = toy(Slower, options)
    fit(trainer, tmp_path)
    schedules = [optimizer._learning_rate for optimizer in trainer.state.optimizers]
    assert [(schedule.initial_learning_rate, schedule.decay_steps) for schedule in schedules] == [(0.05, 8), (0.01, 2)]


@pytest.mark.parametrize(("named", "says"), [
    ({"every": 0}, "objective 'o': every must be at least 1, got 0."),
    ({"learning_rate": 0.0}, "objective 'o': learning_rate must be above 0, got 0.0."),
])  # fmt: skip
def test_an_objective_that_cannot_be_is_refused(named, says):
    with pytest.raises(PluginError, match=says):
        Objective("o", lambda *_: {}, [], **named)


class Players(Rivals):
    """Losses of two that play against each other."""

    validation_loss_ranks = False


@pytest.mark.parametrize(("chosen", "says"), [
    ({"keep": "best"}, "--keep best goes by the validation loss"),
    ({"keep": "last", "patience": 3}, "--patience 3 goes by the validation loss"),
])  # fmt: skip
def test_nothing_goes_by_losses_that_tell_nothing(chosen, says):
    with pytest.raises(OptionError, match=says):
        toy(Players, dataclasses.replace(QUICK, **chosen))
    toy(Players, dataclasses.replace(QUICK, keep="last"))


def test_the_moving_average_follows_its_formula(tmp_path):
    options = dataclasses.replace(QUICK, ema=0.3, keep="last", chunk_steps=1, epochs=1)
    trainer = toy(Gaussian, options)
    seen = [weights(trainer)]
    files = RunFolder.create(tmp_path, "r", "r", {})
    trainer.fit(files, "graph", lambda *_: None, lambda *_: seen.append(weights(trainer)), quiet=True)
    expected = seen[0]
    for t, now in enumerate(seen[2:]):  # the first visit is before the first step
        decay = min(0.3, (1 + t) / (10 + t))
        expected = [decay * e + (1 - decay) * w for e, w in zip(expected, now, strict=True)]
    trainer.state.finish()
    for e, w in zip(expected, weights(trainer), strict=True):
        np.testing.assert_allclose(w, e, rtol=1e-5)


def test_a_short_run_forgets_its_random_start():
    """With a constant decay of 0.999, 68 % of the start would be left after 388 steps."""
    left = np.prod([averaging_decay(0.999, tf.constant(t)) for t in range(388)])
    assert left < 1e-12


def test_early_stopping_keeps_the_best_weights(tmp_path):
    """A learning rate so large that validation gets worse: the run ends early, with the weights of its best epoch."""
    options = dataclasses.replace(QUICK, epochs=500, learning_rate=2.0, patience=2)
    trainer = toy(Gaussian, options)
    rows = [row for row in fit(trainer, tmp_path) if "valid/loss" in row]
    losses = [row["valid/loss"] for row in rows]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 500
    assert int(trainer.state.best_epoch.numpy()) == best + 1
    trainer.state.finish()
    assert -np.mean(trainer.model.log_prob(trainer.data.valid.x)) == pytest.approx(losses[best], rel=1e-5)
    trainer_last = toy(Gaussian, dataclasses.replace(options, keep="last"))
    fit(trainer_last, tmp_path, name="last")
    trainer_last.state.finish()
    assert any(not np.array_equal(a, b) for a, b in zip(weights(trainer), weights(trainer_last), strict=True))


def test_validation_is_the_mean_over_the_whole_split(tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.training.validation._VALIDATION_BATCH", 7)  # 30 examples: four batches and a rest
    trainer = toy(Gaussian, dataclasses.replace(QUICK, epochs=1, keep="last"))
    row = fit(trainer, tmp_path)[-1]
    assert row["valid/loss"] == pytest.approx(-np.mean(trainer.model.log_prob(trainer.data.valid.x)), rel=1e-5)


@pytest.mark.parametrize(("clip_norm", "expected"), [(0.0, None), (1e-3, 1e-3), (1e6, None)])
def test_clipping_bounds_the_gradient(clip_norm, expected, tmp_path):
    """Adam's first moment after one step is a tenth of the gradient that reached it; the norm that is logged is unclipped."""
    options = dataclasses.replace(QUICK, clip_norm=clip_norm, epochs=1, batch_size=64, keep="last")
    trainer = toy(Gaussian, options)
    logged = fit(trainer, tmp_path)[0]["train/gradient_norm"]
    moments = [v.numpy() for v in trainer.state.optimizers[0].variables if "momentum" in v.path]
    assert len(moments) == 2
    reached = 10 * np.sqrt(sum(np.sum(moment**2) for moment in moments))
    assert logged > 1
    assert reached == pytest.approx(logged if expected is None else expected, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"schedule": "constant"}, [1.0, 1.0, 1.0]),
        ({"schedule": "constant", "warmup_steps": 10}, [0.0, 0.5, 1.0]),
        ({"schedule": "cosine"}, [1.0, 0.5 * (1 + np.cos(np.pi * 0.05)), 0.0]),
        ({"schedule": "cosine", "warmup_steps": 10}, [0.0, 0.5, 0.0]),
    ],
)
def test_learning_rates_at_the_start_at_step_five_and_at_the_end(options, expected):
    rate = learning_rate(TrainOptions(learning_rate=1.0, **options), 100)
    values = [float(rate(step)) if callable(rate) else rate for step in (0, 5, 100)]
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_a_warm_up_as_long_as_the_run_is_refused():
    with pytest.raises(OptionError, match="below the 8 steps"):
        toy(Gaussian, dataclasses.replace(QUICK, warmup_steps=8))


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("idle", PluginError, "no objective trains .*log_scale"),
        ("none", PluginError, r"a dictionary of scalars with 'loss' among them, got \['nll'\]"),
        ("vector", PluginError, r"and 'loss' has the shape \[2\]; take its mean"),
        ("another vector", PluginError, r"and 'nll' has the shape \[2\]; take its mean"),
        ("number", PluginError, "objective 'nll' must return a dictionary of scalars .*, got EagerTensor"),
        ("text", PluginError, "and 'nll' is NoneType"),
        ("infinite", NonFiniteError, "first loss"),
        ("no gradient", PluginError, "gives no gradient to"),
    ],
)
def test_unsound_models_are_refused_before_the_first_step(fault, error, words):
    faulty = type("Faulty", (Unsound,), {"fault": fault})
    with pytest.raises(error, match=words):
        toy(faulty, QUICK)


@pytest.mark.parametrize("mode", named(typing.get_args(CompileMode), {"graph", "xla-loop"}))
def test_a_loss_that_becomes_infinite_stops_the_run_and_keeps_the_last_checkpoint(mode, tmp_path):
    class Exploding(Gaussian):
        def _loss(self, batch, seed, context):
            loss = super()._loss(batch, seed, context)["loss"]
            return {"loss": tf.where(context.step >= 4, np.inf, 1.0) * loss}

    trainer = toy(Exploding, dataclasses.replace(QUICK, checkpoint_seconds=0))
    with pytest.raises(NonFiniteError, match=r"at step 5 \(epoch 2\); the checkpoint of step 4 is good"):
        fit(trainer, tmp_path, mode)
    assert RunFolder(tmp_path / "run").saved_step() == 4


def test_without_a_journal_training_is_the_same_and_keeps_nothing(tmp_path, monkeypatch):
    options = dataclasses.replace(QUICK, keep="best", checkpoint_seconds=0)
    kept, unkept = toy(Gaussian, options), toy(Gaussian, options)
    fit(kept, tmp_path / "kept")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    unkept.fit(None, "graph", lambda *_: None, lambda *_: None, quiet=True)
    for trainer in (kept, unkept):
        trainer.state.finish()
    for one, other in zip(weights(kept), weights(unkept), strict=True):
        assert one.tobytes() == other.tobytes()
    assert list(Path.cwd().iterdir()) == []


def test_without_a_journal_an_interrupt_and_an_infinite_loss_name_no_folder():
    def interrupt(step, _):
        if step == 0:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(InterruptedRunError, match=r"^stopped at step \d+; nothing is kept$"):
        toy(Gaussian, QUICK).fit(None, "graph", lambda *_: None, interrupt, quiet=True)

    class Exploding(Gaussian):
        def _loss(self, batch, seed, context):
            return {"loss": tf.where(context.step >= 4, np.inf, 1.0) * super()._loss(batch, seed, context)["loss"]}

    with pytest.raises(NonFiniteError, match=r"at step 5 \(epoch 2\); try a smaller"):
        toy(Exploding, QUICK).fit(None, "graph", lambda *_: None, lambda *_: None, quiet=True)


@pytest.mark.parametrize("precision", [slow("mixed_bfloat16"), "mixed_float16"])
def test_mixed_precision_trains(precision, tmp_path):
    data = load_digits()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        keras.utils.set_random_seed(0)
        model = RealNVP(RealNVPConfig(layers=2, units=16), data.spec, 0)
    finally:
        keras.config.set_dtype_policy(before)
    trainer = Trainer(model, data, dataclasses.replace(QUICK, precision=precision, learning_rate=0.01))
    rows = fit(trainer, tmp_path)
    losses = [row["valid/loss"] for row in rows if "valid/loss" in row]
    assert losses[-1] < trainer.first_losses["loss"]
    assert all(weight.dtype == "float32" for weight in model.trainable_variables)


def test_scores_with_the_label_given_have_short_names_beside_the_bar():
    metrics = {"train/loss": 1.0, "train/bits_per_dim_given_label": 2.0, "train/gradient_norm": 3.0}
    assert _shown(metrics) == {"loss": 1.0, "bits_per_dim|y": 2.0}
    metrics |= {"valid/loss": 4.0, "valid/bits_per_dim_given_label": 5.0, "valid/nll_nats_given_label": 6.0}
    assert _shown(metrics) == {"loss": 1.0, "bits_per_dim|y": 2.0, "valid/loss": 4.0, "valid/bits_per_dim|y": 5.0}
