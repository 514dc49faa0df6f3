"""Validation: the mean of every objective's terms over the validation split."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgen.data.dataset import Split
from tfgen.model.objective import Batch, Context, Objective
from tfgen.model.program import Program
from tfgen.seeds import fold_in
from tfgen.training.step import prefixed

_VALIDATION = 10**6  # purpose of the seed, beyond any number of objectives
_VALIDATION_BATCH = 500


class Validation:
    """The objectives' terms on the validation split, in batches, with the same noise each time.

    Args:
        objectives: of the model.
        split: to validate on.
        seed: of the run.
        step: the last of training: what is annealed has its final value, and validation losses of all epochs compare.
        steps_per_epoch: of the training.
        jit: whether XLA compiles it.
        most: examples at a time, at most.

    Attributes:
        monitored: the index of the objective whose loss decides early stopping and the best weights: the one that begins
            last, the first of those that begin together. Its loss counts once it has begun: before, its weights are random.
        loss_name: what that loss is called in the metrics.
    """

    def __init__(
        self,
        objectives: list[Objective],
        split: Split,
        seed: int,
        step: int,
        steps_per_epoch: int,
        jit: bool,
        most: int | None = None,
    ) -> None:
        self.split = split
        self.batch_size = min(_VALIDATION_BATCH, most or _VALIDATION_BATCH)
        self.monitored = max(range(len(objectives)), key=lambda index: objectives[index].begin)
        self.loss_name = prefixed_names(objectives, "loss")[self.monitored]

        def terms(batch: Batch, number: tf.Tensor) -> dict[str, tf.Tensor]:
            found: dict[str, tf.Tensor] = {}
            noise = fold_in(fold_in(seed, _VALIDATION), number)
            context = Context.at(step, steps_per_epoch, training=False)
            for objective in objectives:
                found |= prefixed(objective, objectives, objective.loss(batch, noise, context))
            return found

        self._terms = Program(terms, jit)

    def __call__(self) -> dict[str, float]:
        """Return the mean of each term over the split."""
        sums: dict[str, float] = {}
        for number, begin in enumerate(range(0, len(self.split), self.batch_size)):
            batch = batch_of(self.split, slice(begin, begin + self.batch_size))
            for name, value in self._terms(batch, tf.constant(number)).items():
                sums[name] = sums.get(name, 0.0) + float(value) * int(batch.x.shape[0])
        return {name: total / len(self.split) for name, total in sums.items()}


def prefixed_names(objectives: list[Objective], term: str) -> list[str]:
    """Return what `term` is called in the metrics, for each objective."""
    return [name for objective in objectives for name in prefixed(objective, objectives, {term: None})]


def batch_of(split: Split, which: Any) -> Batch:
    """Return the examples of a split that an index or slice picks, as tensors."""
    parts = (split.x, split.labels, split.context)
    return Batch(*(None if part is None else tf.constant(part[which]) for part in parts))
