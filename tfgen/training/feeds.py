"""Data feeds of training: the whole set on the device, or streamed a chunk at a time.

Both feeds give the same batches in the same order. A chunk's payload has one shape throughout the run, so that nothing
is traced or compiled twice; steps beyond the chunk's own are padding that no step reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, Protocol

import numpy as np
import tensorflow as tf

from tfgen.data.dataset import Split
from tfgen.data.mapped import gather
from tfgen.model.objective import Batch
from tfgen.training.schedule import Chunk

#: Training sets up to this size are moved to a GPU whole.
DEVICE_BYTES = 2 * 2**30
#: Those up to this size are copied to memory whole where there is no GPU; reading larger ones takes longer by little.
MEMORY_BYTES = 2**29


class Feed(Protocol):
    """A source of batches."""

    def payloads(self, chunks: Iterable[Chunk], steps: int) -> Iterator[tuple[Chunk, Any]]:
        """Yield each chunk with what the device needs for it, padded to `steps` steps."""

    def batch(self, payload: Any, k: tf.Tensor) -> Batch:
        """Return the batch of step `k` of a chunk; called inside the compiled loop."""


def make_feed(split: Split, kind: Literal["auto", "device", "stream"]) -> Feed:
    """Return the feed of that kind; ``auto`` moves sets of up to `DEVICE_BYTES` to a GPU, or of `MEMORY_BYTES` to memory."""
    if kind == "auto":
        most = DEVICE_BYTES if tf.config.list_logical_devices("GPU") else MEMORY_BYTES
        kind = "device" if split.x.nbytes <= most else "stream"
    return DeviceFeed(split) if kind == "device" else StreamFeed(split)


class DeviceFeed:
    """The training set lies on the device once, as stored; the host passes only the indices of the next steps."""

    def __init__(self, split: Split) -> None:
        self.x = tf.constant(split.x)
        self.labels = None if split.labels is None else tf.constant(split.labels)
        self.context = None if split.context is None else tf.constant(split.context)

    def payloads(self, chunks: Iterable[Chunk], steps: int) -> Iterator[tuple[Chunk, Any]]:
        """Yield each chunk with its indices, int32 [steps, batch]."""
        for chunk in chunks:
            yield chunk, tf.constant(_padded(chunk.indices, steps))

    def batch(self, payload: Any, k: tf.Tensor) -> Batch:
        """Gather the examples of step `k`."""
        indices = payload[k]
        parts = (self.x, self.labels, self.context)
        return Batch(*(None if part is None else tf.gather(part, indices) for part in parts))


class StreamFeed:
    """A `tf.data` pipeline that reads the examples of the next chunks, from memory maps too, while the device computes."""

    def __init__(self, split: Split) -> None:
        self._parts = (split.x, split.labels, split.context)

    def payloads(self, chunks: Iterable[Chunk], steps: int) -> Iterator[tuple[Chunk, Any]]:
        """Yield each chunk with its examples [steps, batch, ...], labels [steps, batch] and contexts [steps, batch, k]."""
        planned: list[Chunk] = []

        def read() -> Iterator[tuple[np.ndarray, ...]]:
            for chunk in chunks:
                planned.append(chunk)
                yield tuple(_padded(gather(part, chunk.indices), steps) for part in self._parts if part is not None)

        signature = tuple(
            tf.TensorSpec([steps, None, *part.shape[1:]], part.dtype) for part in self._parts if part is not None
        )
        pipeline = tf.data.Dataset.from_generator(read, output_signature=signature).prefetch(2)
        for payload in pipeline:
            yield planned.pop(0), payload

    def batch(self, payload: Any, k: tf.Tensor) -> Batch:
        """Return the examples of step `k`."""
        there = iter(payload)
        return Batch(*(None if part is None else next(there)[k] for part in self._parts))


def _padded(part: np.ndarray, steps: int) -> np.ndarray:
    return np.pad(part, [(0, steps - len(part))] + [(0, 0)] * (part.ndim - 1))
