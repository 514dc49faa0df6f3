"""Training loops compared: tfgen's, `tf.function` with `tf.data`, `keras.Model.fit`; same losses, weights, optimizer.

Where a choice had to be made, the rivals got the better side of it:

- Their shuffle buffer is as large as the training set and stays full (``repeat`` before ``shuffle``), so they never wait
  for it at the start of an epoch, as a real run does.
- The plain step computes the losses, the gradients and the update, and nothing else; tfgen's step also computes the
  gradient's norm, checks that everything is finite, and sums every logged term.
- The plain loop never looks at a loss, so that the host can run ahead of a GPU; tfgen reads its sums after each chunk.

What favours tfgen: validation, progress bar and files between two chunks are left out (of all ways; they cost the host's
time once in a chunk, not in a step), and its data have no augmentation that only `tf.data` could do.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from benchmarks.timings import AutoChoice
from tfgen.data.dataset import Split
from tfgen.model.base import GenerativeModel
from tfgen.model.objective import Batch, Context, Objective
from tfgen.seeds import fold_in
from tfgen.training.trainer import Trainer
from tfgen_benchmarks.loops import Loop, Task, objectives_of

_ENDLESS = 10**6  # epochs, or steps


class PerStep(Loop):
    """The usual training loop: one call of a `tf.function` for each batch of a `tf.data` pipeline."""

    def __init__(self, task: Task, jit: bool) -> None:
        self._model = task.model()
        self.objectives, self.optimizers = objectives_of(self._model, task)
        step = plain_step(self.objectives, self.optimizers, task.training.seed, task.steps_per_epoch)
        self._step = tf.function(step, jit_compile=jit, autograph=False)
        self._batches = iter(pipeline(task.data.train, task.training.batch_size))

    def run(self, steps: int) -> None:
        """Run the steps one by one."""
        for _ in range(steps):
            self._step(*next(self._batches))


class Fit(Loop):
    """`keras.Model.fit` on the same losses, many steps in one execution.

    `fit` makes a new iterator, and fills its shuffle buffer, each time that it is called: `timed` leaves this to the epoch
    before those that count. Epochs follow each other on one iterator then.
    """

    def __init__(self, task: Task, jit: bool | str) -> None:
        generative = task.model()
        self.objectives, self.optimizers = objectives_of(generative, task)
        self._step = plain_step(self.objectives, self.optimizers, task.training.seed, task.steps_per_epoch)
        self._model = _KerasModel(generative, self._step)
        # Keras stores this optimizer; all of them are applied in the step.
        self._model.compile(self.optimizers[0], jit_compile=jit, steps_per_execution=task.training.chunk_steps)
        self._batch_size = task.training.batch_size
        self._data = pipeline(task.data.train, self._batch_size)

    @property
    def jit(self) -> bool:
        """The value of `jit_compile` that Keras chose."""
        return bool(self._model.jit_compile)

    def traced_step(self) -> Any:
        """Return one step as a concrete function, for its operations to be counted."""
        batch = (tf.TensorSpec([self._batch_size, *spec.shape[1:]], spec.dtype) for spec in self._data.element_spec)
        return tf.function(self._step, autograph=False).get_concrete_function(*batch)

    def run(self, steps: int) -> None:
        """Fit for one epoch of that many steps."""
        self._model.fit(self._data, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)

    def endless(self, steps: int, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Fit for one epoch of so many steps after the other, until a callback ends it."""
        options = {"shuffle": False, "verbose": 0, "callbacks": list(callbacks)}
        self._model.fit(self._data, epochs=_ENDLESS, steps_per_epoch=steps, **options)

    def timed(self, lead: int, steps: int) -> float:
        """Fit for an epoch of `lead` steps and ``steps / lead`` epochs more, which are timed."""
        clock = _EpochClock()
        epochs = 1 + steps // lead
        # shuffle=False: the pipeline does it, and Keras warns otherwise.
        self._model.fit(self._data, epochs=epochs, steps_per_epoch=lead, shuffle=False, verbose=0, callbacks=[clock])
        return clock.ends[-1] - clock.ends[0]


def choose_mode(task: Task, report: Callable[[str], None]) -> AutoChoice:
    """Return the mode of ``tfgen run --compile auto`` for a long run, by the trainer's search.

    Args:
        task: what is trained.
        report: called with the mode that is being tried.
    """
    trainer = Trainer(task.model(), task.data, dataclasses.replace(task.training, feed="device"))
    begin = time.perf_counter()
    mode, _, timings = trainer.choose_mode(report, left=_ENDLESS)
    return AutoChoice(mode, time.perf_counter() - begin, timings)


def plain_step(
    objectives: Sequence[Objective],
    optimizers: Sequence[keras.optimizers.Optimizer],
    seed: int,
    steps_per_epoch: int,
) -> Callable[..., tf.Tensor]:
    """Return a hand-written training step: ``(x, labels) -> loss``; its noise is that of tfgen's step."""

    def step(x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        number = tf.cast(optimizers[0].iterations, tf.int32)
        losses = []
        for index, (objective, optimizer) in enumerate(zip(objectives, optimizers, strict=True)):
            weights = [weight.value for weight in objective.weights]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                noise, context = fold_in(fold_in(seed, index), number), Context.at(number, steps_per_epoch)
                loss = objective.loss(Batch(x, labels), noise, context)["loss"]
            optimizer.apply(tape.gradient(loss, weights), objective.weights)
            losses.append(loss)
        return losses[0]

    return step


def pipeline(split: Split, batch_size: int) -> tf.data.Dataset:
    """Return the endless `tf.data` pipeline of whole batches: shuffled over the whole set, prefetched."""
    parts = tuple(part for part in (split.x, split.labels) if part is not None)
    examples = tf.data.Dataset.from_tensor_slices(parts)
    shuffled = examples.repeat().shuffle(len(split))  # in this order the buffer is never refilled
    return shuffled.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


class _KerasModel(keras.Model):
    """A minimal `keras.Model` that trains a generative model, without Keras's own metrics."""

    def __init__(self, generative: GenerativeModel, step: Callable[..., tf.Tensor]) -> None:
        super().__init__()
        self.generative = generative
        self._plain_step = step
        self.built = True

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        return {"loss": self._plain_step(*data)}


class _EpochClock(keras.callbacks.Callback):
    """Records the end time of each epoch, with the device's work."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        tf.test.experimental.sync_devices()
        self.ends.append(time.perf_counter())
