"""Objective of training: its loss, the weights that it moves, and in which steps; batch and context of a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfgen.errors import PluginError


class Batch(NamedTuple):
    """Batch of examples and, for a set that has them, their labels and contexts: the first argument of a loss.

    `GenerativeModel.given` returns what a conditional model is given of it.
    """

    x: tf.Tensor
    labels: tf.Tensor | None
    context: tf.Tensor | None = None


@dataclass(frozen=True)
class Context:
    """Where training stands when a loss is computed; in validation at its end, so that what is annealed has its last value.

    Attributes:
        step: optimisation steps done, a scalar of integers.
        epoch: passes over the training examples done, a float32 scalar: the step over the steps of an epoch.
        training: whether the loss is to be trained on; false in validation. For dropout and the like.
    """

    step: tf.Tensor
    epoch: tf.Tensor
    training: bool = True

    @classmethod
    def at(cls, step: Any, steps_per_epoch: int = 1, training: bool = True) -> Context:
        """Return the context of a step."""
        step = tf.convert_to_tensor(step)
        return cls(step, tf.cast(step, tf.float32) / steps_per_epoch, training)


Terms = dict[str, tf.Tensor]
#: ``(batch, seed, context) -> {"loss": scalar, ...}``: the loss and whatever else should be logged, each a mean over the batch.
LossFunction = Callable[[Batch, tf.Tensor, Context], Terms]


@dataclass(frozen=True)
class Objective:
    """One thing that training makes smaller.

    Attributes:
        name: shown where a model has several, and in error messages.
        loss: the loss and other terms of a batch; ``loss`` is what is differentiated.
        weights: the trainable weights that this objective moves, and no others.
        every: its weights move in one step of so many, the last of them; the steps between belong to the other objectives.
        learning_rate: the height of its own schedule; that of the run where None.
        begin: epochs of training before its weights first move; stages of training are objectives that begin one after
            the other. Fractions of an epoch are rounded to whole steps.
        end: epochs of training after which its weights move no more; None for the end of the run.
        undecayed: those of the weights that ``--weight-decay`` leaves alone, for example where zero is no plain choice.
    """

    name: str
    loss: LossFunction
    weights: Sequence[keras.Variable]
    every: int = 1
    learning_rate: float | None = None
    begin: float = 0.0
    end: float | None = None
    undecayed: Sequence[keras.Variable] = ()

    def __post_init__(self) -> None:
        if self.every < 1:
            raise PluginError(f"objective {self.name!r}: every must be at least 1, got {self.every}.")
        if not self.begin >= 0:
            raise PluginError(f"objective {self.name!r}: begin must be 0 or more epochs, got {self.begin}.")
        if self.end is not None and not self.end > self.begin:
            raise PluginError(
                f"objective {self.name!r}: end must be after begin (epoch {self.begin:g}), got {self.end:g}."
            )
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise PluginError(f"objective {self.name!r}: learning_rate must be above 0, got {self.learning_rate}.")

    def stage(self, total_steps: int, steps_per_epoch: int) -> range:
        """Return the steps of a run between `begin` and `end`."""
        end = total_steps if self.end is None else min(total_steps, round(self.end * steps_per_epoch))
        return range(round(self.begin * steps_per_epoch), end)

    def turns(self, first: int, last: int, stage: range) -> int:
        """Return in how many of the steps ``first .. last - 1`` its weights move; `every` is counted from the stage's start."""
        since = max(first, stage.start) - stage.start
        until = max(min(last, stage.stop) - stage.start, since)
        return until // self.every - since // self.every
