"""Progress within a long sampler: the model reports the progress of a batch, shown by a progress bar."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import tensorflow as tf


class SamplingProgress:
    """Progress of sampling in samples, with fractions for the batch in progress.

    Args:
        report: called with the number of samples whenever it changes.
    """

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._parts: dict[int, float] = {}  # of each batch that is being drawn, by its first sample
        self._done = 0
        self._lock = threading.Lock()  # batches are drawn by several threads

    def advance(self, first: int, samples: float) -> None:
        """Record the progress of the batch that begins at sample `first`, in samples."""
        with self._lock:
            self._parts[first] = samples
            self._tell()

    def finish(self, first: int, samples: int) -> None:
        """Record that a batch of samples is complete."""
        with self._lock:
            self._parts.pop(first, None)
            self._done += samples
            self._tell()

    def _tell(self) -> None:
        self._report(self._done + int(sum(self._parts.values())))


#: ``(done, total) -> None``, while a sampler is traced whose progress is shown.
_LISTENER: ContextVar[Callable[[Any, Any], None] | None] = ContextVar("listener", default=None)


def note_progress(done: Any, total: Any) -> None:
    """Tell how far the drawing of a batch is: call it in the loop of a sampler of many steps.

    Without a listener, as in eager mode, under XLA and in most graphs, it adds nothing to the computation.

    Args:
        done: steps done, an integer or a scalar tensor.
        total: steps in all.
    """
    listener = _LISTENER.get()
    if listener is not None:
        listener(done, total)


@contextlib.contextmanager
def listening(progress: SamplingProgress, first: tf.Tensor, batch_size: int, count: int) -> Iterator[None]:
    """Let `note_progress` report to `progress`, for functions traced in this block.

    Args:
        progress: of the whole drawing.
        first: the first sample of the batch, a scalar of the traced function.
        batch_size: samples in a batch.
        count: samples wanted; the last batch may have more, which are not counted.
    """

    def advance(first: Any, done: Any, total: Any) -> None:
        progress.advance(int(first), min(batch_size, count - int(first)) * float(done) / float(total))

    def listener(done: Any, total: Any) -> None:
        tf.numpy_function(advance, [first, done, total], [], stateful=True)

    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
