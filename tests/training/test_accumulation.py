"""Accumulated gradients: a step over N batches is the step over one batch of N times as many examples."""

from __future__ import annotations

import dataclasses
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.slow import slow
from tests.toy_models import Gaussian, GaussianConfig, Noisy, Rivals, vectors
from tfgen.cli.main import main
from tfgen.data.dataset import Dataset
from tfgen.data.digits import load_digits
from tfgen.errors import OptionError
from tfgen.model.base import build_model
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import build
from tfgen.plugin.train_options import CompileMode, TrainOptions
from tfgen.runs.folder import RunFolder
from tfgen.seeds import fold_in, uniform
from tfgen.training.schedule import Schedule
from tfgen.training.trainer import Trainer

QUICK = TrainOptions(
    epochs=2, batch_size=16, compile="graph", chunk_steps=3, learning_rate=0.05, ema=0.9, clip_norm=1.0
)
LARGE = dataclasses.replace(QUICK, batch_size=32)
SMALL = dataclasses.replace(QUICK, batch_size=8, accumulate=4)
REGISTRY = load_registry(())


def toy(model: type[tfgen.GenerativeModel], options: TrainOptions) -> Trainer:
    keras.utils.set_random_seed(0)
    return Trainer(model(GaussianConfig(), vectors(70).spec, 0), vectors(70), options)


def real_nvp(
    options: TrainOptions, name: str = "realnvp", data: Dataset | None = None, **values: typing.Any
) -> Trainer:
    data, spec = data or load_digits(), REGISTRY.model(name)
    config = build(spec.config, {"layers": 2, "units": 8} | values)
    return Trainer(build_model(spec, config, data.spec, 0, options.precision), data, options)


def fitted(trainer: Trainer, mode: CompileMode = "graph") -> list[np.ndarray]:
    """Return all that training changes: weights, optimizers and moving averages."""
    trainer.fit(None, mode, lambda *_: None, lambda *_: None, quiet=True)
    return trainer.state.snapshot()


@pytest.mark.parametrize("model", [slow(Gaussian), Rivals])
@pytest.mark.parametrize("mode", ["graph", slow("xla-step"), "xla-loop"])
def test_a_step_over_four_batches_is_that_over_one_of_four_times_the_size(model, mode):
    """Moving average, clipping, Adam's moments and the weights of two objectives that move in turn."""
    one, four = toy(model, LARGE), toy(model, SMALL)
    assert one.schedule.total_steps == four.schedule.total_steps == 4  # 70 examples: 6 fill no step
    for expected, value in zip(fitted(one, mode), fitted(four, mode), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(fitted(toy(model, QUICK))[0], expected)


def test_an_objective_that_moves_in_every_second_step_counts_steps_and_not_batches():
    class Slower(Rivals):
        def objectives(self):
            first, second = super().objectives()
            return [first, dataclasses.replace(second, every=2)]

    trainer = toy(Slower, SMALL)
    for expected, value in zip(fitted(toy(Slower, LARGE)), fitted(trainer), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    assert [int(optimizer.iterations) for optimizer in trainer.state.optimizers] == [4, 2]


class Table:
    """Noise that is looked up by example, so that it does not depend on the batch an example is in."""

    def __init__(self, data: Dataset, dtype: tf.DType) -> None:
        self.keys = tf.reshape(tf.cast(data.train.x, tf.float32), [len(data.train), -1])
        self.noise = uniform(self.keys.shape, 5, dtype)

    def __call__(
        self, images: typing.Any, levels: int, seed: typing.Any, dtype: tf.DType, **_: typing.Any
    ) -> tf.Tensor:
        flat = tf.reshape(tf.cast(images, tf.float32), [-1, self.keys.shape[1]])
        distance = tf.reduce_sum(tf.abs(flat[:, None] - self.keys[None]), axis=2)
        noise = tf.gather(self.noise, tf.argmin(distance, axis=1))
        return tf.cast(images, dtype) + tf.reshape(noise, tf.shape(images))


@pytest.mark.parametrize(("precision", "rtol"), [("float64", 1e-9), slow("float32", 1e-3)])
@pytest.mark.parametrize("mode", ["graph", slow("xla-step"), slow("xla-loop")])
def test_a_flow_with_the_same_examples_and_noise_takes_the_same_steps(precision, rtol, mode, monkeypatch):
    data = load_digits()
    few = {name: tfgen.Split(split.x[:70], split.labels[:70]) for name, split in data.splits.items()}
    data = Dataset("few", data.spec, few)
    monkeypatch.setattr("tfgen.data.codec.dequantise", Table(data, tf.as_dtype(precision)))
    options = {"precision": precision, "learning_rate": 1e-3, "epochs": 3}
    one = fitted(real_nvp(dataclasses.replace(LARGE, **options), data=data), mode)
    four = fitted(real_nvp(dataclasses.replace(SMALL, **options), data=data), mode)
    for expected, value in zip(one, four, strict=True):
        np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol)


def test_each_batch_has_the_noise_that_it_has_in_a_run_without_accumulation():
    """So that batches of a step are independent, and those of two steps as well."""
    trainer = toy(Noisy, SMALL)
    seen: list[tuple[int, ...]] = []

    def loss(batch, seed, context):
        seen.append(tuple(seed.numpy()))
        return {"loss": tf.reduce_sum(trainer.model.mean**2)}

    step = dataclasses.replace(
        trainer.step, objectives=[dataclasses.replace(trainer.objectives[0], loss=loss, weights=[trainer.model.mean])]
    )
    batch = tfgen.Batch(tf.zeros([32, 2]), tf.zeros([32], tf.int32))
    for number in range(2):
        for m in range(4):
            one = tf.nest.map_structure(lambda part, m=m: None if part is None else part[m], step.batches(batch))
            which = tf.constant(number * 4 + m)
            step._gradients(step.objectives[0], one, tf.constant(number), which, 0, tf.ones([]))
    expected = [tuple(fold_in(fold_in(0, 0), k).numpy()) for k in range(8)]
    assert seen == expected


def test_terms_are_means_over_the_batches_of_a_step_and_the_norm_is_of_the_mean_gradient():
    seen = []
    for options in (LARGE, SMALL):
        trainer = toy(Gaussian, dataclasses.replace(options, chunk_steps=1))
        trainer.fit(None, "graph", lambda *_: None, lambda step, row: seen.append((step, row)), quiet=True)
    half = len(seen) // 2
    for (step, one), (other, four) in zip(seen[1:half], seen[half + 1 :], strict=True):
        assert step == other
        assert four == pytest.approx(one, rel=1e-4)


@pytest.mark.parametrize("precision", ["mixed_float16", slow("mixed_bfloat16")])
def test_mixed_precision_accumulates_in_float32(precision):
    options = {"precision": precision, "epochs": 1, "batch_size": 100, "accumulate": 3, "learning_rate": 0.01}
    trainer = real_nvp(dataclasses.replace(SMALL, **options))
    fitted(trainer)
    assert float(trainer.state.best_value) < trainer.first_losses["loss"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", typing.get_args(CompileMode))
def test_a_gan_takes_all_batches_for_one_network_and_then_for_the_other(mode):
    data = load_digits()
    spec = REGISTRY.model("cgan")
    config = build(spec.config, {"network": "mlp", "units": 8, "discriminator_steps": 2})
    options = dataclasses.replace(SMALL, batch_size=50, accumulate=5, keep="last", ema=0.5)
    trainer = Trainer(build_model(spec, config, data.spec, 0), data, options)
    values = fitted(trainer, mode)
    assert all(np.isfinite(value).all() for value in values)
    steps = trainer.schedule.total_steps
    assert [int(optimizer.iterations) for optimizer in trainer.state.optimizers] == [steps, steps // 2]


@pytest.mark.parametrize("mode", ["graph", slow("xla-step"), slow("xla-loop")])
def test_resumed_is_uninterrupted(mode, tmp_path):
    def stop(step, _):
        if step == 3:
            raise KeyboardInterrupt

    options = dataclasses.replace(SMALL, schedule="cosine", checkpoint_seconds=0, chunk_steps=1)
    files = RunFolder.create(tmp_path, "stopped", "stopped", {})
    with pytest.raises(KeyboardInterrupt):
        toy(Noisy, options).fit(files, mode, lambda *_: None, stop, quiet=True)
    assert files.saved_step() == 2
    resumed = toy(Noisy, options)
    resumed.fit(files, mode, lambda *_: None, lambda *_: None, quiet=True)
    for expected, value in zip(fitted(toy(Noisy, options), mode), resumed.state.snapshot(), strict=True):
        assert expected.tobytes() == value.tobytes()


def test_what_fills_no_step_is_left_out_and_changes_from_epoch_to_epoch():
    plan = Schedule(70, 8, 2, 100, 0, accumulate=4)
    assert plan.order(0).shape == (2, 32)
    np.testing.assert_array_equal(plan.order(0), Schedule(70, 32, 2, 100, 0).order(0))
    assert set(plan.order(0).ravel()) != set(plan.order(1).ravel())


def test_more_than_the_examples_is_refused_in_one_line(tmp_path, capsys):
    with pytest.raises(OptionError, match="at most the 70 training examples, got 8 x --accumulate 9"):
        Schedule(70, 8, 2, 100, 0, accumulate=9)
    with pytest.raises(OptionError, match="--accumulate must be at least 1, got 0"):
        TrainOptions(accumulate=0)
    command = ["run", "realnvp", "--accumulate", "40", "--runs-dir", str(tmp_path / "runs")]
    assert main(command) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "tfgen: --batch-size must be at most the 1297 training examples, got 128 x --accumulate 40."
    )
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())
