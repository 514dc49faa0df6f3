"""Augmentation: flips and shifts of training images, by seed, step and example."""

from __future__ import annotations

import dataclasses
import json
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.slow import named, slow
from tests.toy_models import GaussianConfig, Pixels, vectors
from tfgen.cli.main import main
from tfgen.data.dataset import Dataset, Split
from tfgen.data.spec import DataSpec
from tfgen.errors import OptionError
from tfgen.model.objective import Batch, Objective
from tfgen.model.program import Program
from tfgen.plugin.train_options import CompileMode, TrainOptions
from tfgen.runs.folder import RunFolder
from tfgen.training.augmentation import Augmentation, augmentation
from tfgen.training.trainer import Trainer

SPEC = DataSpec("image", (4, 6, 1), levels=256, classes=2)
OPTIONS = TrainOptions(
    epochs=2, batch_size=16, compile="graph", chunk_steps=1, flip=True, shift=2, checkpoint_seconds=0, ema=0.5
)


def images(n: int, seed: int = 0) -> Split:
    random = np.random.default_rng(seed)
    return Split(random.integers(0, 256, (n, *SPEC.shape)).astype(np.uint8), (np.arange(n) % 2).astype(np.int32))


DATA = Dataset("images", SPEC, {"train": images(40), "valid": images(20, 1), "test": images(20, 2)})


def changed(x: np.ndarray, flip: bool, down: int, right: int) -> np.ndarray:
    """The definition, by NumPy: mirror, then move with the edge repeated."""
    x = x[:, ::-1] if flip else x
    padded = np.pad(x, [(2, 2), (2, 2), (0, 0)], mode="edge")
    return padded[2 - down : 2 - down + x.shape[0], 2 - right : 2 - right + x.shape[1]]


def test_each_image_is_a_mirrored_and_moved_one_and_all_changes_occur():
    x = np.broadcast_to(images(1).x, (3000, *SPEC.shape))
    batch = Batch(tf.constant(x), tf.zeros([3000], tf.int32))
    augmented = Augmentation(True, 2, seed=3)(batch, tf.constant(5))
    assert augmented.x.dtype == tf.uint8
    assert augmented.labels is batch.labels
    known = {
        changed(x[0], flip, down, right).tobytes(): (flip, down, right)
        for flip in (False, True)
        for down in range(-2, 3)
        for right in range(-2, 3)
    }
    seen = [known[image.tobytes()] for image in augmented.x.numpy()]
    assert len(set(seen)) == len(known) == 50
    counts = np.unique(np.array(seen), axis=0, return_counts=True)[1]
    assert counts.min() > 60 - 4 * np.sqrt(60)
    assert counts.max() < 60 + 4 * np.sqrt(60)


def test_one_alone_does_nothing_else():
    x = images(500).x
    batch = Batch(tf.constant(x), None)
    flipped = Augmentation(True, 0, seed=0)(batch, tf.constant(0)).x.numpy()
    mirrored = (flipped != x).any(axis=(1, 2, 3))
    assert 200 < mirrored.sum() < 300
    np.testing.assert_array_equal(flipped[mirrored], x[mirrored, :, ::-1])
    moved = Augmentation(False, 1, seed=0)(batch, tf.constant(0)).x.numpy()
    np.testing.assert_array_equal(moved[moved[..., 0].any(axis=(1, 2))].shape, x.shape)
    assert Augmentation(False, 0, seed=0)(batch, tf.constant(0)) is batch


def test_example_i_of_a_step_depends_on_seed_step_and_i_alone():
    augment, x = Augmentation(True, 2, seed=1), tf.constant(images(40).x)
    whole = augment(Batch(x, None), tf.constant(3)).x.numpy()
    np.testing.assert_array_equal(augment(Batch(x[:7], None), tf.constant(3)).x, whole[:7])
    assert not np.array_equal(augment(Batch(x, None), tf.constant(4)).x, whole)
    assert not np.array_equal(Augmentation(True, 2, seed=2)(Batch(x, None), tf.constant(3)).x, whole)
    for jit in (False, True):
        program = Program(lambda x, step: augment(Batch(x, None), step).x, jit)
        np.testing.assert_array_equal(program(x, tf.constant(3)), whole)


class Looking(Pixels):
    """Logs a number that depends on each pixel of its batch."""

    def objectives(self):
        return [Objective("o", self._looking, self.trainable_variables)]

    def _looking(self, batch, seed, context):
        x = tf.cast(tf.reshape(batch.x, [-1, 24]), tf.float32)
        return self._loss(batch, seed, context) | {"mark": tf.reduce_mean(x @ tf.range(24.0)[:, None])}


def looking(options: TrainOptions) -> Trainer:
    keras.utils.set_random_seed(0)
    return Trainer(Looking(GaussianConfig(), SPEC, 0), DATA, options)


def fitted(trainer: Trainer, mode: CompileMode = "graph") -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    trainer.fit(None, mode, lambda *_: None, lambda _, row: rows.append(row), quiet=True)
    return rows[1:]


@pytest.mark.parametrize("options", [{"feed": "stream"}, {"batch_size": 4, "accumulate": 4}])
def test_the_loss_sees_augmented_images_and_validation_does_not(options):
    trainer = looking(dataclasses.replace(OPTIONS, **options))
    weigh = np.arange(24.0)
    augment = Augmentation(True, 2, OPTIONS.seed)
    for step, row in enumerate(fitted(trainer)):
        order = trainer.schedule.order(step // 2)[step % 2]
        x = augment(Batch(tf.constant(DATA.train.x[order]), None), tf.constant(step)).x.numpy()
        assert row["train/mark"] == pytest.approx(np.mean(x.reshape(-1, 24) @ weigh), rel=1e-5)
        if "valid/mark" in row:
            assert row["valid/mark"] == pytest.approx(np.mean(DATA.valid.x.reshape(-1, 24) @ weigh), rel=1e-5)


@pytest.mark.parametrize("mode", ["xla-step", slow("xla-loop")])
def test_compile_modes_give_the_same_images(mode):
    rows = [[row["train/mark"] for row in fitted(looking(OPTIONS), each)] for each in ("graph", mode)]
    assert rows[0] == pytest.approx(rows[1], rel=1e-5)


@pytest.mark.parametrize("mode", named(typing.get_args(CompileMode), {"graph"}))
def test_resumed_is_uninterrupted(mode, tmp_path):
    def stop(step, _):
        if step == 3:
            raise KeyboardInterrupt

    files = RunFolder.create(tmp_path, "stopped", "stopped", {})
    with pytest.raises(KeyboardInterrupt):
        looking(OPTIONS).fit(files, mode, lambda *_: None, stop, quiet=True)
    resumed, whole = looking(OPTIONS), looking(OPTIONS)
    resumed.fit(files, mode, lambda *_: None, lambda *_: None, quiet=True)
    fitted(whole, mode)
    for expected, value in zip(whole.state.snapshot(), resumed.state.snapshot(), strict=True):
        assert expected.tobytes() == value.tobytes()


@pytest.mark.parametrize(("options", "says"), [
    ({"flip": True}, "--flip is for images, and this data set has vectors; leave it out."),
    ({"shift": 1}, "--shift 1 is for images, and this data set has vectors; leave it out."),
])  # fmt: skip
def test_vectors_are_refused(options, says):
    with pytest.raises(OptionError, match=says):
        augmentation(TrainOptions(**options), vectors().spec)


def test_a_shift_out_of_the_image_is_refused():
    with pytest.raises(OptionError, match="--shift must be below 4, the pixels of a side of the images, got 4"):
        augmentation(TrainOptions(shift=4), SPEC)
    augmentation(TrainOptions(shift=3), SPEC)


def test_the_command_augments_refuses_vectors_and_records_the_options(tmp_path, capsys, no_pictures):
    quick = ["--layers", "2", "--units", "8", "--compile", "graph", "--epochs", "1", "--evaluate", "none"]
    quick += ["--runs-dir", str(tmp_path)]
    assert main(["run", "realnvp", "--data", "two_gaussians", "--flip", *quick]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("tfgen: --flip is for images")
    assert main(["run", "realnvp", "--flip", "--shift", "1", *quick, "--name", "augmented"]) == 0
    recorded = json.loads((tmp_path / "augmented/config.json").read_text())["training"]
    assert (recorded["flip"], recorded["shift"]) == (True, 1)
    assert tfgen.load(tmp_path / "augmented").config.training.flip
