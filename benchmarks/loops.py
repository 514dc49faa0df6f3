"""The ways of training that are compared. All minimise the same losses, from the same weights, with the same optimizer.

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

import abc
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timings import AutoChoice
from tfgen.data.dataset import Dataset, Split
from tfgen.errors import NonFiniteError
from tfgen.feeds import DeviceFeed
from tfgen.models import Batch, GenerativeModel, Objective, build_model
from tfgen.optimisers import make_optimizer
from tfgen.options import CompileMode, TrainOptions
from tfgen.schedule import Chunk, Schedule
from tfgen.seeds import fold_in
from tfgen.specs import ModelSpec
from tfgen.stepping import Step, compile_chunk
from tfgen.training import Trainer, prefixed_names

_PROBE = 10**7  # purpose of the seed of the losses before and after, apart from any that trains
_PROBE_EXAMPLES = 512


@dataclass(frozen=True)
class Task:
    """What every way has to do.

    Attributes:
        spec: of the model.
        config: the model's options.
        data: what it is trained on.
        training: batch, optimizer and seed; `chunk_steps` is also what `fit` runs in one execution.
        total_steps: how many steps each way makes in all.
    """

    spec: ModelSpec
    config: Any
    data: Dataset
    training: TrainOptions
    total_steps: int

    def model(self) -> GenerativeModel:
        """Build the model with the weights that every way starts from."""
        model = build_model(self.spec, self.config, self.data.spec, self.training.seed, self.training.precision)
        model.steps_per_epoch = len(self.data.train) // self.training.batch_size  # what is annealed goes at one pace
        return model


class Loop(abc.ABC):
    """One way of training, which stands still between two calls.

    Attributes:
        objectives: what it minimises.
        optimizers: one for each objective.
    """

    objectives: Sequence[Objective]
    optimizers: Sequence[keras.optimizers.Optimizer]

    @abc.abstractmethod
    def run(self, steps: int) -> None:
        """Make that many steps, a multiple of the chunk; the device may still be at work when this returns."""

    def timed(self, lead: int, steps: int) -> float:
        """Make `lead` steps and then `steps` more; return the seconds of the latter, the device's work included.

        The lead lets caches and pipelines settle after another way has had the machine; it also uses up the batches
        that a pipeline prepared meanwhile, which would make the first steps look faster than they can be sustained.
        """
        self.run(lead)
        tf.test.experimental.sync_devices()
        begin = time.perf_counter()
        self.run(steps)
        tf.test.experimental.sync_devices()
        return time.perf_counter() - begin

    @property
    def steps_done(self) -> int:
        """Updates so far, as the optimizer has counted them."""
        return int(self.optimizers[0].iterations.numpy())

    @property
    def jit(self) -> bool | None:
        """Whether Keras had XLA compile the step; None where Keras has no part in it."""
        return None

    def loss(self, task: Task) -> float:
        """Return the loss of the first objective on the same validation examples, with the same noise, for every way."""
        valid = task.data.valid
        noise = fold_in(task.training.seed, _PROBE)
        return float(self.objectives[0].loss(_batch(valid, slice(_PROBE_EXAMPLES)), noise, tf.constant(0))["loss"])


class PerStep(Loop):
    """The usual way: one call of a `tf.function` for each batch that `tf.data` hands over."""

    def __init__(self, task: Task, jit: bool) -> None:
        self._model = task.model()
        self.objectives, self.optimizers = _objectives(self._model, task)
        step = plain_step(self.objectives, self.optimizers, task.training.seed)
        self._step = tf.function(step, jit_compile=jit, autograph=False)
        self._batches = iter(pipeline(task.data.train, task.training.batch_size))

    def run(self, steps: int) -> None:
        """Make the steps one by one."""
        for _ in range(steps):
            self._step(*next(self._batches))


class Fit(Loop):
    """`keras.Model.fit` on the same losses, many steps in one execution.

    `fit` makes a new iterator, and fills its shuffle buffer, each time that it is called: `timed` leaves this to the epoch
    before those that count. Epochs follow each other on one iterator then.
    """

    def __init__(self, task: Task, jit: bool | str) -> None:
        generative = task.model()
        self.objectives, self.optimizers = _objectives(generative, task)
        step = plain_step(self.objectives, self.optimizers, task.training.seed)
        self._model = _KerasModel(generative, step)
        # Keras stores this optimizer; all of them are applied in the step.
        self._model.compile(self.optimizers[0], jit_compile=jit, steps_per_execution=task.training.chunk_steps)
        self._data = pipeline(task.data.train, task.training.batch_size)

    @property
    def jit(self) -> bool:
        """What Keras made of ``auto``, or of what it was told."""
        return bool(self._model.jit_compile)

    def run(self, steps: int) -> None:
        """Fit for one epoch of that many steps."""
        self._model.fit(self._data, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)

    def timed(self, lead: int, steps: int) -> float:
        """Fit for an epoch of `lead` steps and ``steps / lead`` epochs more, which are timed."""
        clock = _EpochClock()
        epochs = 1 + steps // lead
        # shuffle=False: the pipeline does it, and Keras warns otherwise.
        self._model.fit(self._data, epochs=epochs, steps_per_epoch=lead, shuffle=False, verbose=0, callbacks=[clock])
        return clock.ends[-1] - clock.ends[0]


class Chunks(Loop):
    """tfgen's loop: a chunk of steps on the device, then a look at its sums."""

    def __init__(self, task: Task, mode: CompileMode, stream: bool) -> None:
        options = dataclasses.replace(task.training, feed="stream" if stream else "device")
        trainer = Trainer(task.model(), task.data, options)
        self.feed = trainer.feed
        self.objectives, self.optimizers = trainer.objectives, trainer.state.optimizers
        self._state = trainer.state
        names = [*trainer.first_losses, *prefixed_names(trainer.objectives, "gradient_norm")]
        step = Step(trainer.state, trainer.objectives, options.seed, options.ema, check_gradients=True)
        self._program = compile_chunk(step, self.feed, names, mode)
        self._size = options.chunk_steps
        self._schedule = trainer.schedule
        self._payloads = self._plan()

    def _plan(self) -> Iterator[tuple[Chunk, Any]]:
        return self.feed.payloads(equal_chunks(self._schedule, self._size), self._size)

    def run(self, steps: int) -> None:
        """Make the steps in chunks."""
        for _ in range(steps // self._size):
            chunk, payload = next(self._payloads)
            _, finite, sums = self._program(payload, tf.constant(chunk.first), tf.constant(self._size))
            if not bool(finite):  # the loop has stopped early: its time would be that of fewer steps
                raise NonFiniteError(f"loss or gradient is not finite before step {chunk.last}.")
            _ = {name: float(total) / self._size for name, total in sums.items()}  # as the trainer reads them

    def glance(self) -> float:
        """Compile, time a single step, and undo both; return its seconds.

        A convolution in an XLA loop can be slower by two orders of magnitude on a CPU: no reason to wait for a chunk.
        """
        saved = self._state.snapshot()
        _, payload = next(self._plan())
        seconds = 0.0
        for _ in range(2):  # the first compiles
            begin = time.perf_counter()
            done, _, _ = self._program(payload, tf.constant(0), tf.constant(1))
            int(done)  # waits for the device
            seconds = time.perf_counter() - begin
        self._state.restore_snapshot(saved)
        return seconds

    @property
    def data_bytes(self) -> dict[str, Any] | None:
        """Bytes and type of the examples on the device, and bytes of the labels; None when they are streamed."""
        if not isinstance(self.feed, DeviceFeed):
            return None
        x, labels = self.feed.x, self.feed.labels
        return {"dtype": x.dtype.name, "examples": _bytes(x), "labels": 0 if labels is None else _bytes(labels)}


def choose_mode(task: Task, report: Callable[[str], None]) -> AutoChoice:
    """Return what ``tfgen run --compile auto`` takes, found as the trainer finds it.

    Args:
        task: what is trained.
        report: told what is being tried.
    """
    trainer = Trainer(task.model(), task.data, dataclasses.replace(task.training, feed="device"))
    begin = time.perf_counter()
    mode, _, timings = trainer.choose_mode(report)
    return AutoChoice(mode, time.perf_counter() - begin, timings)


def plain_step(
    objectives: Sequence[Objective], optimizers: Sequence[keras.optimizers.Optimizer], seed: int
) -> Callable[..., tf.Tensor]:
    """Return the step as one writes it by hand: ``(x, labels) -> loss``; its noise is that of tfgen's step."""

    def step(x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        number = tf.cast(optimizers[0].iterations, tf.int32)
        losses = []
        for index, (objective, optimizer) in enumerate(zip(objectives, optimizers, strict=True)):
            weights = [weight.value for weight in objective.weights]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                loss = objective.loss(Batch(x, labels), fold_in(fold_in(seed, index), number), number)["loss"]
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


def equal_chunks(schedule: Schedule, size: int) -> Iterator[Chunk]:
    """Yield the steps of a schedule, in its order, in chunks of one size.

    The schedule's own chunks end at epoch ends as well, where fewer steps are left; a comparison needs equal counts.
    """
    rows = itertools.chain.from_iterable(schedule.order(epoch) for epoch in range(schedule.epochs))
    for first in range(0, schedule.total_steps - size + 1, size):
        indices = np.stack(list(itertools.islice(rows, size)))
        yield Chunk(first // schedule.steps_per_epoch, first, first + size, indices, ends_epoch=False)


class _KerasModel(keras.Model):
    """The thinnest `keras.Model` that trains a generative model: Keras's own metrics would be extra work."""

    def __init__(self, generative: GenerativeModel, step: Callable[..., tf.Tensor]) -> None:
        super().__init__()
        self.generative = generative
        self._plain_step = step
        self.built = True

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        return {"loss": self._plain_step(*data)}


class _EpochClock(keras.callbacks.Callback):
    """Notes when each epoch ends, the device's work included."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        tf.test.experimental.sync_devices()
        self.ends.append(time.perf_counter())


def _objectives(model: GenerativeModel, task: Task) -> tuple[list[Objective], list[keras.optimizers.Optimizer]]:
    objectives = list(model.objectives())
    optimizers = [make_optimizer(task.training, task.total_steps) for _ in objectives]
    for objective, optimizer in zip(objectives, optimizers, strict=True):
        optimizer.build(objective.weights)
    return objectives, optimizers


def _batch(split: Split, which: slice) -> Batch:
    return Batch(tf.constant(split.x[which]), None if split.labels is None else tf.constant(split.labels[which]))


def _bytes(tensor: tf.Tensor) -> int:
    return int(tf.size(tensor)) * int(tensor.dtype.size)
