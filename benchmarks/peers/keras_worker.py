"""`keras.Model.fit` as a contender: the same model, losses and optimizer, trained by Keras's own loop.

python -m benchmarks.peers.keras_worker
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.loops import Fit
from tfgen import runtime
from tfgen.bench.counting import cost_of
from tfgen.bench.tfgen_worker import TfgenContender
from tfgen.bench.worker import Cost, Program, UnsuitableError, serve

_WAYS: Mapping[str, tuple[str, bool | str]] = {
    "fit": ("keras.Model.fit, jit_compile='auto'", "auto"),
    "fit-xla": ("keras.Model.fit, jit_compile=True", True),
}
#: Batches in the shuffle buffer: `fit` fills it anew at each call, which in a short one would count against Keras.
_BUFFERED = 4


class KerasContender(TfgenContender):
    """A registered model in Keras's loop; see `benchmarks.loops.Fit`."""

    def ways(self, work: str) -> Mapping[str, str]:
        """Return whether Keras has XLA compile the step."""
        return {name: words for name, (words, _) in _WAYS.items()} if work == "train" else {}

    def program(self, work: str, way: str, batch: int) -> Program:
        """Return the program: an epoch of so many steps as tfgen's loop makes in a call, in one execution."""
        if work != "train":
            raise UnsuitableError("fit only trains")
        steps = self._subject["chunk_steps"]
        with self._scope:
            fit = Fit(self._task(batch, steps), _WAYS[way][1], buffer=_BUFFERED * batch)

        def run(number: int) -> NDArray[Any]:
            with self._scope:
                fit.run(steps)
            return np.array([fit.steps_done])

        def cost() -> Cost | None:
            one = cost_of(fit.traced_step())
            return one and Cost(steps * one.multiply_adds, one.bytes and steps * one.bytes)

        return Program(run, steps * batch, cost)


if __name__ == "__main__":
    runtime.load_tensorflow()
    serve(KerasContender)
