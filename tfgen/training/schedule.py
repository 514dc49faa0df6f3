"""Schedule of training: order of examples, chunks of steps, host visits; a function of options, size of the set and seed.

The host visits after each chunk of steps. Chunks end at epoch ends and at the middle of the run as well, so that a run
that is continued from any of these points goes through exactly the steps, and the visits, of one that never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import OptionError
from tfgen.seeds import generator

#: The most bytes of examples that one chunk may hold when it is streamed to the device.
CHUNK_BYTES = 2**26
#: Sets of more bytes, which are streamed on every device, are shuffled by blocks: a disk reads them in large pieces.
SHUFFLED_WHOLE = 2**31
#: Bytes of a block, and blocks that are mixed.
_BLOCK_BYTES, _MIXED = 2**22, 16
_ORDER = 1  # the purpose of this module's random numbers, apart from any other use of the seed


@dataclass(frozen=True)
class Chunk:
    """Steps ``first .. last - 1``, all in one epoch.

    Attributes:
        epoch: from 0.
        first: the first step, counted from the start of the run.
        last: one behind the last step.
        indices: which training examples each step sees, int32 ``[last - first, step_size]``.
        ends_epoch: whether the epoch is complete with this chunk.
    """

    epoch: int
    first: int
    last: int
    indices: NDArray[np.int32]
    ends_epoch: bool


@dataclass(frozen=True)
class Schedule:
    """The plan of a whole run, or of its last cycle.

    Attributes:
        examples: how many are trained on; each epoch visits them in a new order and leaves out what fills no step.
        batch_size: examples in a batch.
        epochs: passes over the examples.
        chunk_steps: the most steps between two visits of the host.
        seed: of the order.
        accumulate: batches in a step.
        select: which examples an epoch takes, of its number and of as many numbers below `examples` in random order; these
            numbers themselves where None.
        earlier: epochs of earlier cycles, to which `epochs` are added.
        block: examples of a block, see `shuffled_by_blocks`; 0 shuffles all examples at once.
    """

    examples: int
    batch_size: int
    epochs: int
    chunk_steps: int
    seed: int
    accumulate: int = 1
    select: Callable[[int, NDArray[np.int32]], NDArray[np.int32]] | None = None
    earlier: int = 0
    block: int = 0

    def __post_init__(self) -> None:
        if self.step_size > self.examples:
            times = f" x --accumulate {self.accumulate}" if self.accumulate > 1 else ""
            raise OptionError(
                f"--batch-size must be at most the {self.examples} training examples, got {self.batch_size}{times}."
            )

    @property
    def step_size(self) -> int:
        """Examples in a step."""
        return self.batch_size * self.accumulate

    @property
    def steps_per_epoch(self) -> int:
        """Whole steps in an epoch."""
        return self.examples // self.step_size

    @property
    def total_steps(self) -> int:
        """Steps in the run, unless it stops early, those of earlier cycles included."""
        return (self.earlier + self.epochs) * self.steps_per_epoch

    @property
    def start(self) -> int:
        """Steps in earlier cycles."""
        return self.earlier * self.steps_per_epoch

    @property
    def middle(self) -> int:
        """The step after which the half-way pictures are drawn, in the middle of the cycle."""
        return (self.start + self.total_steps) // 2

    def order(self, epoch: int) -> NDArray[np.int32]:
        """Return the examples of an epoch, int32 ``[steps_per_epoch, step_size]``."""
        used = self.steps_per_epoch * self.step_size
        random = generator(self.seed, _ORDER, epoch)
        shuffled = (
            shuffled_by_blocks(random, self.examples, self.block) if self.block else random.permutation(self.examples)
        )
        order = shuffled[:used].astype(np.int32)
        if self.select is not None:
            order = self.select(epoch, order)
        return order.reshape(self.steps_per_epoch, self.step_size)

    def chunks(self, start: int = 0) -> Iterator[Chunk]:
        """Yield the chunks from step `start` on, which must be where a chunk ended."""
        for epoch in range(start // self.steps_per_epoch, self.earlier + self.epochs):
            order = self.order(epoch)
            begin = epoch * self.steps_per_epoch
            end = begin + self.steps_per_epoch
            first = max(start, begin)
            while first < end:
                last = min(end, begin + ((first - begin) // self.chunk_steps + 1) * self.chunk_steps)
                if first < self.middle < last:
                    last = self.middle
                yield Chunk(epoch, first, last, order[first - begin : last - begin], ends_epoch=last == end)
                first = last


def shuffled_by_blocks(
    random: np.random.Generator, examples: int, block: int, mixed: int = _MIXED
) -> NDArray[np.int64]:
    """Return the numbers ``0 .. examples - 1`` in random order: blocks of neighbours are shuffled, then mixed in groups.

    At any time, an epoch reads from the blocks of one group, each of them once in whole. That is as good as a shuffle of all
    examples where their order in the set is random, as that of prepared sets is.

    Args:
        random: from which the order is drawn.
        examples: how many.
        block: neighbours in a block.
        mixed: blocks in a group.
    """
    starts = random.permutation(np.arange(0, examples, block))
    groups = [
        np.concatenate([np.arange(start, min(start + block, examples)) for start in starts[first : first + mixed]])
        for first in range(0, len(starts), mixed)
    ]
    return np.concatenate([random.permutation(group) for group in groups])


def block_size(examples: int, example_bytes: int) -> int:
    """Return how many examples make a block of a set: 0 for one that is shuffled whole."""
    return 0 if examples * example_bytes <= SHUFFLED_WHOLE else max(1, _BLOCK_BYTES // example_bytes)


def chunk_steps(wanted: int, batch_size: int, example_bytes: int) -> int:
    """Return how many steps go into a chunk: as wanted, but no more examples than `CHUNK_BYTES` hold."""
    return max(1, min(wanted, CHUNK_BYTES // (batch_size * example_bytes)))
