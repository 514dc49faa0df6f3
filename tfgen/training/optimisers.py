"""Keras optimizers and learning-rate schedules from the options of training."""

from __future__ import annotations

from typing import Any

import keras

from tfgen.errors import OptionError
from tfgen.plugin.train_options import TrainOptions


def learning_rate(options: TrainOptions, total_steps: int, height: float | None = None) -> Any:
    """Return the learning rate as a function of the step: a linear rise from zero, then constant or a cosine to zero.

    Args:
        options: the schedule, its height and its warm-up.
        total_steps: steps in the whole run; where the cosine ends.
        height: in the place of the options' one.

    Raises:
        OptionError: when the warm-up is as long as the run.
    """
    rate, warmup = options.learning_rate if height is None else height, options.warmup_steps
    if warmup >= total_steps:
        raise OptionError(f"--warmup-steps must be below the {total_steps} steps of this run, got {warmup}.")
    schedules = keras.optimizers.schedules
    if options.schedule == "cosine":
        if warmup:
            return schedules.CosineDecay(0.0, total_steps - warmup, warmup_target=rate, warmup_steps=warmup)
        return schedules.CosineDecay(rate, total_steps)
    if warmup:
        return schedules.PolynomialDecay(0.0, decay_steps=warmup, end_learning_rate=rate, power=1.0)
    return rate


def make_optimizer(options: TrainOptions, total_steps: int, height: float | None = None) -> keras.optimizers.Optimizer:
    """Return the optimizer that the options describe, with loss scaling where float16 needs it; see `learning_rate`."""
    arguments: dict[str, Any] = {
        "learning_rate": learning_rate(options, total_steps, height),
        "beta_1": options.beta_1,
        "beta_2": options.beta_2,
        "global_clipnorm": options.clip_norm or None,
    }
    if options.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(weight_decay=options.weight_decay, **arguments)
    else:
        optimizer = keras.optimizers.Adam(**arguments)
    return keras.optimizers.LossScaleOptimizer(optimizer) if options.precision == "mixed_float16" else optimizer
