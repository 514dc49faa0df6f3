"""Tracing of a model before training finds unseeded randomness, untracked weights and state that is not saved."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.slow import named
from tests.toy_models import ConditionalPixels, Gaussian, GaussianConfig, LinearGaussian, Pixels, spec, vectors
from tests.training.test_training import QUICK, fit, toy, weights
from tfgen.data.spec import DataSpec
from tfgen.errors import CapabilityError, PluginError
from tfgen.model.base import GenerativeModel, build_model
from tfgen.model.tracing import trace_methods
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import build
from tfgen.plugin.specs import DatasetSpec
from tfgen.runs.config import default_config
from tfgen.runs.experiment import start_run
from tfgen.runs.folder import RunFolder
from tfgen.seeds import normal

VECTORS = DataSpec("vector", (2,), classes=2)
DIGITS = DataSpec("image", (8, 8, 1), classes=10, levels=17)


def trace(cls: type[GenerativeModel], data: DataSpec = VECTORS) -> None:
    model = cls(GaussianConfig(), data, 0)
    trace_methods(model, model.objectives())


@pytest.mark.parametrize("cls", [Gaussian, LinearGaussian])
def test_sound_models_pass(cls):
    trace(cls)


@pytest.mark.parametrize("cls", [Pixels, ConditionalPixels])
def test_sound_models_of_images_pass(cls):
    trace(cls, DIGITS)


@pytest.mark.parametrize(
    "name", named(sorted(load_registry(()).models), {"realnvp", "vae", "cvae", "pixelcnn", "gan", "cgan"})
)
def test_built_in_models_pass(name):
    found = load_registry(()).model(name)
    model = build_model(found, build(found.config, {}), DIGITS, 0)
    trace_methods(model, model.objectives())


class Unseeded(Gaussian):
    """Draws from the state of TensorFlow."""

    def sample(self, n, labels=None, seed=0, first=0):
        return self.mean + tf.random.normal([n, *self.data.shape])


class UnseededInALoop(Gaussian):
    """Draws from the state of TensorFlow within a while loop."""

    def sample(self, n, labels=None, seed=0, first=0):
        x = tf.zeros([n, *self.data.shape])
        step = lambda k, x: (k + 1, self.mean + tf.random.normal([n, *self.data.shape]))  # noqa: E731
        return tf.while_loop(lambda k, x: k < 3, step, [0, x])[1]


class UnseededLoss(Gaussian):
    """A distribution is sampled without a seed."""

    def _loss(self, batch, seed, context):
        noise = tfp.distributions.Normal(0.0, 1.0).sample(2)
        return {"loss": super()._loss(batch, seed, context)["loss"] + 0.0 * tf.reduce_sum(noise)}


class Shuffled(Gaussian):
    """Shuffles by TensorFlow's own state."""

    def log_prob(self, x, labels=None, seed=0):
        return super().log_prob(tf.random.shuffle(x))


class Dropped(Gaussian):
    """Uses a layer of Keras with random numbers of its own."""

    def __init__(self, config, data, seed):
        super().__init__(config, data, seed)
        self.dropout = keras.layers.Dropout(0.5, seed=seed)

    def _loss(self, batch, seed, context):
        dropped = self.dropout(batch.x, training=context.training)
        return {"loss": -tf.reduce_mean(self.log_prob(dropped))}


class Untracked(Gaussian):
    """Keeps a layer where Keras does not look."""

    def __init__(self, config, data, seed):
        super().__init__(config, data, seed)
        layer = keras.layers.Dense(2, kernel_initializer="zeros")
        layer.build([None, 2])
        self.networks = {1: lambda: layer}

    def log_prob(self, x, labels=None, seed=0):
        return super().log_prob(x + self.networks[1]()(x))


class Counting(Gaussian):
    """Counts its losses in a weight that is not trained, which is allowed."""

    def __init__(self, config, data, seed):
        super().__init__(config, data, seed)
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def _loss(self, batch, seed, context):
        if context.training:
            self.count.assign_add(1.0)
        return super()._loss(batch, seed, context)


class CountingAside(Gaussian):
    """Counts its losses in a variable that Keras does not track."""

    def __init__(self, config, data, seed):
        super().__init__(config, data, seed)
        self.counts = (lambda variable: lambda: variable)(tf.Variable(0.0, trainable=False, name="aside"))

    def _loss(self, batch, seed, context):
        self.counts().assign_add(1.0)
        return super()._loss(batch, seed, context)


class CountingSamples(Counting):
    """Changes a weight in its sampler, which only a loss may."""

    def sample(self, n, labels=None, seed=0, first=0):
        self.count.assign_add(1.0)
        return super().sample(n, labels, seed, first)


class Eager(Gaussian):
    """Works in eager mode only."""

    def log_prob(self, x, labels=None, seed=0):
        if float(tf.reduce_max(x)) > 100:
            raise ValueError("too large")
        return super().log_prob(x)


class WrongDecoder(LinearGaussian):
    """Fails where codes are decoded."""

    def decode(self, z, labels=None, seed=0):
        return tf.matmul(z, tf.zeros([3, 2]))


@pytest.mark.parametrize(("cls", "says"), [
    (Unseeded, r"sample draws random numbers that do not follow from its seed \(RandomStandardNormal, .*test_tracing.py:\d+\)"),
    (UnseededInALoop, r"sample draws random numbers that do not follow from its seed \(RandomStandardNormal\)"),
    (UnseededLoss, r"the loss of objective 'nll' draws random numbers that do not follow from its seed"),
    (Shuffled, r"objective 'nll' draws random numbers that do not follow from its seed \(RandomShuffle, .*test_tracing.py"),
    (Dropped, r"its random numbers \(of keras.layers.Dropout, for example\) do not follow from the seed"),
    (Untracked, r"the loss of objective 'nll' uses dense.*bias.*, which Keras does not track"),
    (CountingAside, r"changes the variable aside:0, which no checkpoint would keep"),
    (CountingSamples, r"sample changes the variable .*count.*test_tracing.py:\d+, and only a loss may"),
    (Eager, r"log_prob failed: TypeError: .*test_tracing.py:\d+.*is compiled without AutoGraph, where tensors have no values"),
    (WrongDecoder, r"tracing decode failed|decode failed: .*test_tracing.py:\d+"),
])  # fmt: skip
def test_what_would_go_wrong_later_is_told(cls, says):
    with pytest.raises(PluginError, match=says) as raised:
        trace(cls)
    assert "\n" not in str(raised.value)


def test_a_loss_may_update_weights_that_are_not_trained():
    trace(Counting)


def test_what_a_model_does_not_offer_after_all_is_passed_over():
    class Refusing(Gaussian):
        def log_prob(self, x, labels=None, seed=0):
            return super().log_prob(x)

        def encode(self, x, labels=None, seed=0):
            raise CapabilityError("not with these options.")

        def decode(self, z, labels=None, seed=0):
            raise CapabilityError("not with these options.")

        def prior(self, labels=None):
            raise CapabilityError("not with these options.")

    trace(Refusing)


def test_nothing_is_computed():
    """Tracing sees no values: a model that looks at them would fail, and no weight is changed."""
    model = Counting(GaussianConfig(), VECTORS, 0)
    trace_methods(model, model.objectives())
    assert float(model.count) == 0.0


@pytest.mark.parametrize("cls", [Unseeded, Dropped])
def test_nothing_is_written_of_a_run_that_would_go_wrong(cls, tmp_path):
    registry = load_registry(())
    registry.add_model(spec(cls))
    registry.add_dataset(DatasetSpec("vectors", lambda _: vectors(128), "toy"))
    with pytest.raises(PluginError, match="do not follow from"):
        start_run(default_config(registry.model(cls.__name__.lower()), "vectors"), registry, tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


class Averaging(Gaussian):
    """Keeps a running mean of the batches, as a codebook or batch normalisation would."""

    def __init__(self, config, data, seed):
        super().__init__(config, data, seed)
        self.seen = self.add_weight(shape=data.shape, initializer="zeros", trainable=False, name="seen")

    def _loss(self, batch: Any, seed: Any, context: Any) -> dict[str, Any]:
        if context.training:
            jitter = normal(self.data.shape, seed)
            self.seen.assign(0.5 * self.seen + 0.5 * (tf.reduce_mean(batch.x, axis=0) + jitter))
        return super()._loss(batch, seed, context) | {"seen": tf.reduce_sum(self.seen)}


def test_updates_of_state_in_a_loss_happen_once_a_step_in_every_mode_and_are_resumed(tmp_path):
    options = dataclasses.replace(QUICK, keep="last", checkpoint_seconds=0.0)
    ends = {}
    for mode in ("graph", "xla-step", "xla-loop"):
        trainer = toy(Averaging, options)
        np.testing.assert_array_equal(trainer.model.seen.numpy(), 0.0)  # the first check of the losses changes nothing
        rows = fit(trainer, tmp_path, mode, name=mode)
        ends[mode] = weights(trainer)
        assert rows[-1]["valid/seen"] == pytest.approx(float(tf.reduce_sum(trainer.model.seen)), rel=1e-5)
    for mode, end in ends.items():
        for one, other in zip(end, ends["graph"], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, err_msg=mode)
    assert not np.allclose(ends["graph"][-1], 0.0)

    files = RunFolder.create(tmp_path, "parts", "parts", {})

    def stop(step, _):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toy(Averaging, options).fit(files, "graph", lambda *_: None, stop, quiet=True)
    again = toy(Averaging, options)
    again.fit(files, "graph", lambda *_: None, lambda *_: None, quiet=True)
    for one, other in zip(weights(again), ends["graph"], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("change", "says"), [
    (lambda codes: tf.cast(codes, tf.int32), "encode must return float32 [batch, latent], got int32 [2, 2]"),
    (lambda codes: codes[:, None], "encode must return float32 [batch, latent], got float32 [2, 1, 2]"),
])  # fmt: skip
def test_codes_of_another_kind_are_told(change, says):
    class Odd(LinearGaussian):
        def encode(self, x, labels=None, seed=0):
            return change(super().encode(x, labels, seed))

    with pytest.raises(PluginError, match=re.escape(says)):
        trace(Odd)
