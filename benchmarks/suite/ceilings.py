"""Machine ceilings: rates of a large matrix product and a large copy; and a sleeping program that checks the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen_benchmarks.worker import Program

_MATRIX, _MATRIX_ON_GPU = 2048, 8192
#: Elements of each array that is added up: far more than caches hold.
_ARRAY, _ARRAY_ON_GPU = 2**25, 2**28


class Ceilings:
    """The two programs that set the limits.

    - ``products``: ``a @ b``, both ``[n, n]``: n^3 multiply-adds.
    - ``memory``: ``v += w`` in place, as in the "add" of STREAM (McCalpin 1995): two arrays are read and one is written. A copy
      into fresh memory would measure how the system hands out pages.

    Args:
        dtype: of the numbers.
        on_gpu: whether they lie on a GPU, where everything is larger.
    """

    def __init__(self, dtype: tf.DType, on_gpu: bool) -> None:
        size, length = (_MATRIX_ON_GPU, _ARRAY_ON_GPU) if on_gpu else (_MATRIX, _ARRAY)
        self._size, self._dtype = size, dtype
        self._factor = tf.cast(tf.random.stateless_normal([size, size], [0, 0]), dtype)
        self._total = tf.Variable(tf.zeros([length], dtype))
        self._added = tf.ones([length], dtype)

    def programs(self) -> Mapping[str, tuple[Callable[[int], NDArray[Any]], float]]:
        """Return for each limit the program, and the multiply-adds or the bytes of a call."""
        product = tf.function(lambda scale: tf.matmul(self._factor, self._factor * scale)[0], autograph=False)
        add = tf.function(lambda: self._total.assign_add(self._added)[:1], autograph=False)

        def multiply(number: int) -> NDArray[Any]:
            row: NDArray[Any] = product(tf.constant(1 + number % 7, self._dtype)).numpy()  # another product each time
            return row.astype(np.float32)

        def copy(number: int) -> NDArray[Any]:
            first: NDArray[Any] = add().numpy()
            return first.astype(np.float32)

        moved = 3 * self._total.shape.num_elements() * self._dtype.size
        return {"products": (multiply, float(self._size) ** 3), "memory": (copy, float(moved))}


class Clock:
    """A model that does nothing but sleep, a known time for each example: the suite has to find just that."""

    seconds_each = 1e-3

    def program(self, batch: int) -> Program:
        """Return the program that "makes" a batch."""

        def run(number: int) -> NDArray[Any]:
            time.sleep(batch * self.seconds_each)
            return np.full(1, number)

        return Program(run, batch)
