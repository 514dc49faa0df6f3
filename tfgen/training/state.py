"""Training state: weights, optimizers, moving average, best weights and counters, saved and restored as one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.model.base import GenerativeModel
from tfgen.training.saved_weights import encoded_spec


class TrainingState:
    """Weights, optimizers, averages, the best weights so far, and where the run stands.

    Args:
        model: what is trained.
        optimizers: one for each objective, already built over its weights.
        ema: whether a moving average of the weights is kept.
        keep_best: whether the weights of the best validation loss are kept.

    Attributes:
        step: steps done.
        best_value: the lowest validation loss so far.
        best_epoch: the epoch, from 1, that reached it; 0 when none has yet.
        stale_epochs: epochs since then.
        seconds: time spent in training, over all sessions.
    """

    def __init__(
        self, model: GenerativeModel, optimizers: Sequence[keras.optimizers.Optimizer], ema: bool, keep_best: bool
    ) -> None:
        self.model = model
        self.optimizers = list(optimizers)
        self.averaged_weights = [weight.value for weight in model.weights if ema and "float" in weight.dtype]
        self.ema = [tf.Variable(weight, trainable=False) for weight in self.averaged_weights]
        with tf.device("/CPU:0"):  # needed once an epoch at most: not worth the device's memory
            self.best = [tf.Variable(weight.value, trainable=False) for weight in model.weights if keep_best]
            self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
            self.best_value = tf.Variable(np.inf, dtype=tf.float64, trainable=False)
            self.best_epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
            self.stale_epochs = tf.Variable(0, dtype=tf.int64, trainable=False)
            self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
            self.data = tf.Variable(encoded_spec(model.data), dtype=tf.int64, trainable=False)

    def checkpoint(self, data: bool = True) -> tf.train.Checkpoint:
        """Return the checkpoint over all of it, as plain lists of variables.

        Args:
            data: with the data specification, by which a restored run's ``config.json`` is checked; that is never restored.

        TensorFlow follows neither the lists of layers of a Keras 3 model nor the networks in a distribution: tracked as
        objects, their weights would be left out, silently.
        """
        counters = {
            name: getattr(self, name) for name in ("step", "best_value", "best_epoch", "stale_epochs", "seconds")
        }
        return tf.train.Checkpoint(
            weights=[weight.value for weight in self.model.weights],
            optimizers=[[variable.value for variable in optimizer.variables] for optimizer in self.optimizers],
            ema=self.ema,
            best=self.best,
            **counters,
            **({"data": self.data} if data else {}),
        )

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the moving average, where there is one, in the model's place for the block."""
        kept = [weight.numpy() for weight in self.averaged_weights]
        _assign(self.averaged_weights, self.ema)
        try:
            yield
        finally:
            _assign(self.averaged_weights, kept)

    @contextlib.contextmanager
    def at_best(self) -> Iterator[None]:
        """Put the best weights, which must be kept, in the model's place for the block."""
        weights = [weight.value for weight in self.model.weights]
        kept = [weight.numpy() for weight in weights]
        _assign(weights, self.best)
        try:
            yield
        finally:
            _assign(weights, kept)

    def forget_best(self) -> None:
        """Let the next validation be the best so far."""
        self.best_value.assign(np.inf)
        self.best_epoch.assign(0)

    def note_validation(self, loss: float, epoch: int) -> None:
        """Record the validation loss of an epoch, and the (averaged) weights when it is the best yet; call in `averaged`."""
        if loss < float(self.best_value.numpy()):
            self.best_value.assign(loss)
            self.best_epoch.assign(epoch)
            self.stale_epochs.assign(0)
            if self.best:
                _assign(self.best, [weight.value for weight in self.model.weights])
        else:
            self.stale_epochs.assign_add(1)

    def finish(self) -> None:
        """Leave in the model the weights that the run ends with: the best, or the last moving average, or the last."""
        if self.best and int(self.best_epoch.numpy()):
            _assign([weight.value for weight in self.model.weights], self.best)
        else:
            _assign(self.averaged_weights, self.ema)

    def _changing(self) -> list[tf.Variable]:
        optimizer_variables = [variable for optimizer in self.optimizers for variable in optimizer.variables]
        return [variable.value for variable in [*self.model.weights, *optimizer_variables]] + self.ema

    def snapshot(self) -> list[Any]:
        """Return a copy of all that a step changes."""
        return [variable.numpy() for variable in self._changing()]

    def restore_snapshot(self, saved: Sequence[Any]) -> None:
        """Put back what `snapshot` returned."""
        _assign(self._changing(), saved)


def _assign(variables: Sequence[tf.Variable], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
