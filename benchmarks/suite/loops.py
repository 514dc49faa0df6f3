"""Timed training steps: same initial weights and optimizer in each compile mode, no work between two calls."""

from __future__ import annotations

import abc
import dataclasses
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.dataset import Dataset, Split
from tfgen.errors import NonFiniteError
from tfgen.model.base import GenerativeModel, build_model
from tfgen.model.objective import Batch, Context, Objective
from tfgen.plugin.specs import ModelSpec
from tfgen.plugin.train_options import CompileMode, TrainOptions
from tfgen.seeds import fold_in
from tfgen.training.compile_mode import compile_chunk
from tfgen.training.feeds import DeviceFeed
from tfgen.training.optimisers import make_optimizer
from tfgen.training.schedule import Chunk, Schedule
from tfgen.training.trainer import Trainer
from tfgen.training.validation import prefixed_names

_PROBE = 10**7  # purpose of the seed of the losses before and after, apart from any that trains
_PROBE_EXAMPLES = 512
_LONG = 30.0  # seconds


@dataclass(frozen=True)
class Task:
    """The common task of all ways of training.

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
        return build_model(self.spec, self.config, self.data.spec, self.training.seed, self.training.precision)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in one pass over the training examples: what is annealed goes at one pace."""
        return len(self.data.train) // self.training.batch_size


class Loop(abc.ABC):
    """One way of training, idle between two calls.

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
        return float(self.objectives[0].loss(_batch(valid, slice(_PROBE_EXAMPLES)), noise, Context.at(0))["loss"])


class Chunks(Loop):
    """tfgen's loop: a chunk of steps on the device, then a look at its sums.

    Attributes:
        feed: where batches come from.
        means: of the terms of the loss in the last chunk.
    """

    def __init__(self, task: Task, mode: CompileMode, stream: bool) -> None:
        options = dataclasses.replace(task.training, feed="stream" if stream else "device")
        trainer = Trainer(task.model(), task.data, options)
        self.feed = trainer.feed
        self.objectives, self.optimizers = trainer.objectives, trainer.state.optimizers
        self._state = trainer.state
        names = [*trainer.first_losses, *prefixed_names(trainer.objectives, "gradient_norm")]
        step = dataclasses.replace(trainer.step, check_gradients=True)
        self._step = step
        self._program = compile_chunk(step, self.feed, names, mode)
        self._size = self._steps = options.chunk_steps
        self._schedule = trainer.schedule
        self._payloads = self._plan()
        self.means: dict[str, float] = {}

    def traced_step(self) -> Any:
        """Return one step, with its batch taken from the feed, as a concrete function, for its operations to be counted."""
        _, payload = next(self._plan())
        step = tf.function(lambda k: self._step(self.feed.batch(payload, k), k), autograph=False)
        return step.get_concrete_function(tf.constant(0))

    def _plan(self) -> Iterator[tuple[Chunk, Any]]:
        return self.feed.payloads(equal_chunks(self._schedule, self._steps), self._size)

    def shorten(self, steps: int) -> None:
        """Make so many steps in a chunk from now on, fewer than it was compiled for."""
        self._steps = steps
        self._payloads = self._plan()

    def run(self, steps: int) -> None:
        """Make the steps in chunks."""
        for _ in range(steps // self._steps):
            chunk, payload = next(self._payloads)
            _, finite, sums = self._program(payload, tf.constant(chunk.first), tf.constant(self._steps))
            if not bool(finite):  # the loop has stopped early: its time would be that of fewer steps
                raise NonFiniteError(f"loss or gradient is not finite before step {chunk.last}.")
            self.means = {name: float(total) / self._steps for name, total in sums.items()}  # as the trainer reads them

    def glance(self) -> float:
        """Compile, time a single step, and undo both; return its seconds, compiling included when both take over half a minute.

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
            if seconds > _LONG:  # compiling or not: nobody waits for that again
                break
        self._state.restore_snapshot(saved)
        return seconds

    @property
    def data_bytes(self) -> dict[str, Any] | None:
        """Bytes and type of the examples on the device, and bytes of the labels; None when they are streamed."""
        if not isinstance(self.feed, DeviceFeed):
            return None
        x, labels = self.feed.x, self.feed.labels
        return {"dtype": x.dtype.name, "examples": _bytes(x), "labels": 0 if labels is None else _bytes(labels)}


def objectives_of(model: GenerativeModel, task: Task) -> tuple[list[Objective], list[keras.optimizers.Optimizer]]:
    """Return the objectives of a model, each with a built optimizer."""
    objectives = list(model.objectives())
    optimizers = [make_optimizer(task.training, task.total_steps) for _ in objectives]
    for objective, optimizer in zip(objectives, optimizers, strict=True):
        optimizer.build(objective.weights)
    return objectives, optimizers


def equal_chunks(schedule: Schedule, size: int) -> Iterator[Chunk]:
    """Yield the steps of a schedule, in its order, in chunks of one size.

    The schedule's own chunks end at epoch ends as well, where fewer steps are left; a comparison needs equal counts.
    """
    rows = itertools.chain.from_iterable(schedule.order(epoch) for epoch in range(schedule.epochs))
    for first in range(0, schedule.total_steps - size + 1, size):
        indices = np.stack(list(itertools.islice(rows, size)))
        yield Chunk(first // schedule.steps_per_epoch, first, first + size, indices, ends_epoch=False)


def _batch(split: Split, which: slice) -> Batch:
    return Batch(tf.constant(split.x[which]), None if split.labels is None else tf.constant(split.labels[which]))


def _bytes(tensor: tf.Tensor) -> int:
    return int(tf.size(tensor)) * int(tensor.dtype.size)
