"""`keras.Model.fit` as a contender: the same model, losses and optimizer, trained by Keras's own loop.

python -m benchmarks.peers.keras_worker
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.loops import Fit
from tfgen import runtime
from tfgen_benchmarks.counting import cost_of
from tfgen_benchmarks.loops import Chunks
from tfgen_benchmarks.tfgen_worker import TfgenContender
from tfgen_benchmarks.worker import Cost, Program, UnsuitableError, serve, steps_in_a_call

_WAYS: Mapping[str, tuple[str, bool | str]] = {
    "fit": ("keras.Model.fit, jit_compile='auto'", "auto"),
    "fit-xla": ("keras.Model.fit, jit_compile=True", True),
}


class Epochs(keras.callbacks.Callback):
    """One endless `fit` in a thread, which stands still between its epochs until the next one is asked for.

    A call of `fit` for each few steps would make a pipeline and take it down again each time, which costs as much as the steps.

    Args:
        fit: runs `keras.Model.fit` with the callbacks that it is given.
    """

    def __init__(self, fit: Callable[[Sequence[keras.callbacks.Callback]], None]) -> None:
        super().__init__()
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._error: BaseException | None = None

        def work() -> None:
            try:
                fit([self])
            except BaseException as error:
                self._error = error
                self._done.release()

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Wait to be asked for it."""
        self._go.acquire()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Say so when the device has done it."""
        tf.test.experimental.sync_devices()
        self._done.release()

    def one(self) -> None:
        """Let one epoch run, and return when it is done."""
        self._go.release()
        self._done.acquire()
        if self._error is not None:
            raise self._error


class KerasContender(TfgenContender):
    """A registered model in Keras's loop; see `benchmarks.loops.Fit`."""

    def ways(self, work: str) -> Mapping[str, str]:
        """Return whether Keras has XLA compile the step."""
        return {name: words for name, (words, _) in _WAYS.items()} if work == "train" else {}

    def program(self, work: str, way: str, batch: int) -> Program:
        """Return the program: an epoch of as many steps as tfgen's loop makes in a call, in one execution."""
        if work != "train":
            raise UnsuitableError("fit only trains")
        with self._scope:
            glance = Chunks(self._task(batch, 1), "graph", stream=False).glance()
            steps = steps_in_a_call(self._subject["chunk_steps"], glance)
            fit = Fit(self._task(batch, steps), _WAYS[way][1])

        def forever(callbacks: Sequence[keras.callbacks.Callback]) -> None:
            with self._scope:
                fit.endless(steps, callbacks)

        epochs = Epochs(forever)

        def run(number: int) -> NDArray[Any]:
            epochs.one()
            return np.array([fit.steps_done])

        def cost() -> Cost | None:
            one = cost_of(fit.traced_step())
            return one and Cost(steps * one.multiply_adds, one.bytes and steps * one.bytes)

        return Program(run, steps * batch, cost)


if __name__ == "__main__":
    runtime.load_tensorflow()
    serve(KerasContender)
