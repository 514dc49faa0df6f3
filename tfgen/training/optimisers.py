"""Optimizers and learning-rate schedules from the options of training; plugins register others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen.errors import OptionError, PluginError
from tfgen.plugin.author_code import author_function
from tfgen.plugin.registry import Registry
from tfgen.plugin.train_options import TrainOptions
from tfgen.training.catalogue import optimizer_of, schedule_of


def learning_rate(
    options: TrainOptions,
    total_steps: int,
    height: float | None = None,
    registry: Registry | None = None,
    first: int = 0,
) -> Any:
    """Return the learning rate as a function of the step: a linear rise from zero, then what the schedule says.

    Args:
        options: the schedule, its height and its warm-up.
        total_steps: steps in the whole run, or in its last cycle; where the schedule ends.
        height: in the place of the options' one.
        registry: of the plugins.
        first: steps before it, of earlier cycles.

    Raises:
        OptionError: when the warm-up is as long as the run.
        UnknownNameError: for a schedule of another name.
    """
    rate, warmup = options.learning_rate if height is None else height, options.warmup_steps
    if warmup >= total_steps:
        which = "these further epochs: give more --epochs" if first else "this run"
        raise OptionError(f"--warmup-steps must be below the {total_steps} steps of {which}, got {warmup}.")
    spec = schedule_of(options, registry)
    make = spec.function()
    with author_function(f"schedule {spec.name!r}", "it takes (rate, steps) and returns a number or a Keras schedule"):
        schedule = make(rate, total_steps - warmup)
    schedule = Warmup(rate, warmup, schedule) if warmup else schedule
    return Later(first, schedule) if first and callable(schedule) else schedule


class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up of the learning rate: ``rate * step / steps``, and from `steps` on another schedule, begun then.

    Args:
        rate: at the end of the warm-up.
        steps: of the warm-up.
        after: a schedule, or a constant.
    """

    def __init__(self, rate: float, steps: int, after: Any) -> None:
        self.rate, self.steps, self.after = rate, steps, after

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the learning rate of a step."""
        done = tf.cast(step, tf.float32)
        after = self.after(tf.maximum(done - self.steps, 0.0)) if callable(self.after) else self.after
        return tf.where(done < self.steps, self.rate * done / self.steps, tf.cast(after, tf.float32))


class Later(keras.optimizers.schedules.LearningRateSchedule):
    """Learning-rate schedule that begins at a later step.

    Args:
        first: steps before it.
        schedule: a function of the steps since then.
    """

    def __init__(self, first: int, schedule: Any) -> None:
        self.first, self.schedule = first, schedule

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the learning rate of a step."""
        return self.schedule(tf.maximum(tf.cast(step, tf.int64) - self.first, 0))


def make_optimizer(
    options: TrainOptions,
    total_steps: int,
    height: float | None = None,
    registry: Registry | None = None,
    first: int = 0,
) -> keras.optimizers.Optimizer:
    """Return the optimizer that the options describe, with loss scaling where float16 needs it; see `learning_rate`.

    Raises:
        PluginError: when what a plugin made is no Keras optimizer.
    """
    spec = optimizer_of(options, registry)
    make, rate = spec.function(), learning_rate(options, total_steps, height, registry, first)
    with author_function(f"optimizer {spec.name!r}", "it takes (learning_rate, options) and returns a Keras optimizer"):
        optimizer = make(rate, options)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise PluginError(f"optimizer {spec.name!r} is a {type(optimizer).__name__}, not a keras.optimizers.Optimizer.")
    if options.clip_norm:
        optimizer.global_clipnorm = options.clip_norm
    return keras.optimizers.LossScaleOptimizer(optimizer) if options.precision == "mixed_float16" else optimizer


def leave_undecayed(optimizer: keras.optimizers.Optimizer, weights: Sequence[keras.Variable]) -> None:
    """Exclude weights from the optimizer's decay of weights, beside those that it excludes itself; before it is built."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # behind the scaling of losses
    if weights:
        # Keras forgets the weights and the pattern of names of an earlier call.
        own = set(getattr(inner, "_exclude_from_weight_decay", ()))
        pattern = getattr(inner, "_exclude_from_weight_decay_pattern", None)
        inner.exclude_from_weight_decay(
            var_list=list(weights), var_names=None if pattern is None else [pattern.pattern]
        )
        inner._exclude_from_weight_decay |= own


def adam(rate: Any, options: TrainOptions) -> keras.optimizers.Optimizer:
    """Return Adam (Kingma and Ba 2015)."""
    return keras.optimizers.Adam(rate, beta_1=options.beta_1, beta_2=options.beta_2)


def adamw(rate: Any, options: TrainOptions) -> keras.optimizers.Optimizer:
    """Return Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    return keras.optimizers.AdamW(rate, weight_decay=options.weight_decay, beta_1=options.beta_1, beta_2=options.beta_2)


def constant(rate: float, steps: int) -> float:
    """Return the rate itself."""
    return rate


def cosine(rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return half a cosine from the rate to zero (Loshchilov and Hutter 2017, without restarts)."""
    return keras.optimizers.schedules.CosineDecay(rate, steps)
