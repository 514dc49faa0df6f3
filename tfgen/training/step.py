"""One optimisation step: loss, gradients, optimizer and moving average of every objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import tensorflow as tf

from tfgen.errors import NonFiniteError, OptionError, PluginError
from tfgen.model.author_errors import author_errors
from tfgen.model.boundary import LOSS_CONTRACT
from tfgen.model.objective import Batch, Context, Objective
from tfgen.model.results import require_terms_of_loss
from tfgen.seeds import fold_in
from tfgen.training.state import TrainingState

V = TypeVar("V")


@dataclass(frozen=True)
class Step:
    """One step of training: each objective whose turn it is, one after the other, then the moving average.

    Attributes:
        state: what a step changes.
        objectives: of the model.
        seed: of the run; a step's own seed is made from it and the step's number.
        ema: the largest decay of the moving average, 0 for none; see `averaging_decay`.
        check_gradients: whether a gradient that is not finite counts as failure (loss scaling expects some).
        steps_per_epoch: of the training, for the context of a loss.
        stages: the steps in which each objective takes its turns; see `stages_of`.
        accumulate: batches in a step, whose gradients are averaged.
        augment: changes the examples of a step, of its number; None leaves them as they are.
        terms: the names of each objective's terms, as `check` found them; an objective whose turn it is not has zeros there.
    """

    state: TrainingState
    objectives: Sequence[Objective]
    seed: int
    ema: float
    check_gradients: bool
    steps_per_epoch: int
    stages: Sequence[range]
    accumulate: int = 1
    augment: Callable[[Batch, tf.Tensor], Batch] | None = None
    terms: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self, batch: Batch, step: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Update the state; return the terms of all objectives and whether loss and gradients were finite.

        Args:
            batch: the examples of the step, those of its `accumulate` batches one after the other.
            step: steps done before, a scalar of integers.
        """
        if self.augment is not None:
            batch = self.augment(batch, step)
        logged: dict[str, tf.Tensor] = {}
        finite = tf.constant(True)
        for index, objective in enumerate(self.objectives):
            move = partial(self._move, index, batch, step)
            its_turn = self._its_turn(index, step)
            if its_turn is None:
                terms = move()
            else:
                idle = partial(_zeros, (*self.terms[objective.name], "gradient_norm"))
                terms = tf.cond(its_turn, move, idle)
            logged |= prefixed(objective, self.objectives, terms)
            finite &= tf.math.is_finite(terms["loss"])
            if self.check_gradients:
                finite &= tf.math.is_finite(terms["gradient_norm"])
        rate = 1.0 - averaging_decay(self.ema, step)
        for weight, average in zip(self.state.averaged_weights, self.state.ema, strict=True):
            average.assign_add(tf.cast(rate, average.dtype) * (weight - average))
        return logged, finite

    def _its_turn(self, index: int, step: tf.Tensor) -> tf.Tensor | None:
        """Return whether the weights of an objective move in a step, a scalar; None where they do in every step of the run."""
        stage, every = self.stages[index], self.objectives[index].every
        whole_run = stage.start == 0 and self.objectives[index].end is None
        if whole_run and every == 1:
            return None
        since = step - stage.start
        turn = (since + 1) % every == 0
        return turn if whole_run else turn & (since >= 0) & (step < stage.stop)

    def _move(self, index: int, batch: Batch, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Update the weights of an objective; return its terms and the norm of its gradient, as float32."""
        objective, optimizer = self.objectives[index], self.state.optimizers[index]
        scale = optimizer.scale_loss(tf.ones([]))  # 1, but for float16
        if self.accumulate == 1:
            terms, gradients = self._gradients(objective, batch, step, step, index, scale)
        else:
            terms, gradients = self._mean_gradients(objective, batch, step, index, scale)
        norm = tf.cast(tf.linalg.global_norm(gradients), tf.float32) / scale
        optimizer.apply(gradients, objective.weights)
        return {name: tf.cast(value, tf.float32) for name, value in (terms | {"gradient_norm": norm}).items()}

    def _mean_gradients(
        self, objective: Objective, batch: Batch, step: tf.Tensor, index: int, scale: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        """Return the means of terms and gradients over the batches of a step, computed one after the other.

        A loop of one iteration at a time, since batches that are computed side by side take the memory of all of them.
        """
        names = self.terms[objective.name]
        batches = self.batches(batch)

        def add(number: tf.Tensor, sums: dict[str, tf.Tensor], totals: list[tf.Tensor]) -> tuple[Any, ...]:
            one = tf.nest.map_structure(lambda part: None if part is None else part[number], batches)
            which = step * self.accumulate + number
            terms, gradients = self._gradients(objective, one, step, which, index, scale)
            sums = {name: sums[name] + tf.cast(terms[name], tf.float32) for name in names}
            added = [total + tf.convert_to_tensor(part) for total, part in zip(totals, gradients, strict=True)]
            return number + 1, sums, added

        zeros = [tf.zeros(weight.shape, weight.dtype) for weight in objective.weights]
        start = (tf.constant(0), _zeros(names), zeros)
        _, sums, totals = tf.while_loop(
            lambda number, *_: number < self.accumulate,
            add,
            start,
            parallel_iterations=1,
            maximum_iterations=self.accumulate,
        )
        terms = {name: total / self.accumulate for name, total in sums.items()}
        return terms, [total / tf.cast(self.accumulate, total.dtype) for total in totals]

    def batches(self, batch: Batch) -> Batch:
        """Return the examples of a step by batch: ``[accumulate, batch, ...]``."""

        def cut(part: tf.Tensor | None) -> tf.Tensor | None:
            if part is None:
                return None
            size = part.shape[0] // self.accumulate if part.shape[0] else tf.shape(part)[0] // self.accumulate
            return tf.reshape(part, tf.concat([[self.accumulate, size], tf.shape(part)[1:]], 0))

        return tf.nest.map_structure(cut, batch)

    def _gradients(
        self, objective: Objective, batch: Batch, step: tf.Tensor, which: tf.Tensor, index: int, scale: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        """Return the terms of an objective on a batch, and the gradient of the scaled loss.

        Args:
            objective: whose loss is computed.
            batch: of examples.
            step: steps done before.
            which: the number of the batch in the run, on which its noise depends.
            index: of the objective.
            scale: of the loss.
        """
        weights = [weight.value for weight in objective.weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            context = Context.at(step, self.steps_per_epoch)
            with author_errors(self.state.model, f"the loss of objective {objective.name!r}", LOSS_CONTRACT):
                terms = objective.loss(batch, fold_in(fold_in(self.seed, index), which), context)
            require_terms_of_loss(objective.name, terms)
            terms = {name: tf.ensure_shape(value, []) for name, value in terms.items()}
            scaled = scale * tf.cast(terms["loss"], tf.float32)
        gradients = tape.gradient(scaled, weights)
        if any(gradient is None for gradient in gradients):
            names = [
                weight.path for weight, gradient in zip(objective.weights, gradients, strict=True) if gradient is None
            ]
            raise PluginError(
                f"objective {objective.name!r} gives no gradient to {', '.join(names)}; leave them out or use them."
            )
        return terms, gradients

    def check(self, batch: Batch) -> dict[str, float]:
        """Compute the first losses and gradients, of one batch, and change nothing; return the losses.

        Raises:
            PluginError: when an objective has no ``loss``, its loss is no scalar, or a weight gets no gradient.
            NonFiniteError: when the first loss is not finite.
        """
        losses: dict[str, float] = {}
        trained: set[int] = set()
        others = [(weight.value, weight.numpy()) for weight in self.state.model.non_trainable_weights]
        for index, objective in enumerate(self.objectives):
            first = tf.constant(self.stages[index].start)
            terms, _ = self._gradients(objective, batch, first, first * self.accumulate, index, tf.ones([]))
            if not bool(tf.math.is_finite(terms["loss"])):
                raise NonFiniteError(
                    f"the first loss of objective {objective.name!r} is {float(terms['loss'])}: a mistake "
                    "in the loss, such as the logarithm of 0, or data of another range than it expects."
                )
            self.terms[objective.name] = tuple(terms)
            trained |= {id(weight) for weight in objective.weights}
            losses |= {name: float(value) for name, value in prefixed(objective, self.objectives, terms).items()}
        for variable, before in others:  # a loss may update them
            variable.assign(before)
        idle = [weight.path for weight in self.state.model.trainable_variables if id(weight) not in trained]
        if idle:
            raise PluginError(
                f"no objective trains {', '.join(idle)}; add them to one, or make them non-trainable. Weights that are made "
                "when a layer is first called come too late: build layers in __init__."
            )
        return losses


def stages_of(objectives: Sequence[Objective], epochs: int, steps_per_epoch: int) -> list[range]:
    """Return the steps of a run in which each objective takes its turns.

    Raises:
        OptionError: when the run ends before an objective begins.
        PluginError: when there are steps that belong to no objective.
    """
    total = epochs * steps_per_epoch
    stages = [objective.stage(total, steps_per_epoch) for objective in objectives]
    for objective, stage in zip(objectives, stages, strict=True):
        if not len(stage):
            raise OptionError(
                f"objective {objective.name!r} has no step in a run of {epochs} epochs: it begins after epoch "
                f"{objective.begin:g}; give more --epochs."
            )
    covered = 0
    for stage in sorted(stages, key=lambda stage: stage.start):
        if stage.start > covered:
            break
        covered = max(covered, stage.stop)
    if covered < total:
        raise PluginError(
            f"no objective is trained after epoch {covered / steps_per_epoch:g} of {epochs}; "
            "let one begin there, or the last one have no end."
        )
    return stages


def averaging_decay(largest: float, step: tf.Tensor) -> tf.Tensor:
    """Return the decay of the moving average of the weights in a step: ``min(largest, (1 + t) / (10 + t))``.

    A constant decay d leaves d^t of the random start in the average after t steps: 68 % for 0.999 and 388 steps. While t
    is small the average forgets faster, so that a short run is judged on what it has learnt.

    Args:
        largest: the decay that long runs come to, in [0, 1).
        step: t, the steps done before this one, a scalar of integers.

    >>> [round(float(averaging_decay(0.999, tf.constant(t))), 3) for t in (0, 90, 100_000)]
    [0.1, 0.91, 0.999]
    """
    t = tf.cast(step, tf.float32)
    return tf.minimum(largest, (1.0 + t) / (10.0 + t))


def _zeros(names: Sequence[str]) -> dict[str, tf.Tensor]:
    return {name: tf.zeros([]) for name in names}


def prefixed(objective: Objective, objectives: Sequence[Objective], terms: Mapping[str, V]) -> dict[str, V]:
    """Return the terms under ``objective/term`` where a model has several objectives, else as they are."""
    return {(f"{objective.name}/{name}" if len(objectives) > 1 else name): value for name, value in terms.items()}
