"""Compiled programs of models: traced once for each shape of the arguments, and freed with their owner."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops

from tfgen.runtime import without_retracing_warnings

#: How TensorFlow names the gradients of `tf.custom_gradient` in its global registry.
_CUSTOM_GRADIENT = "CustomGradient-"


class Program:
    """Compiled function of tensors: one program for each shape of its arguments, which is freed with this object.

    What libraries keep of a traced function in global tables, and with it the whole program and the model's weights, is
    removed after tracing: see `bijector_cache` and `custom_gradients`. So its results cannot be differentiated from outside;
    take gradients within the function.

    Args:
        function: of tensors and structures of tensors.
        jit: compile by XLA.
    """

    def __init__(self, function: Callable[..., Any], jit: bool = False) -> None:
        self._function = tf.function(function, jit_compile=jit, autograph=False)

    def get_concrete_function(self, *arguments: Any) -> Any:
        """Return the `tf.ConcreteFunction` for arguments of these shapes; it is traced when there is none yet."""
        with bijector_cache, custom_gradients:
            return self._function.get_concrete_function(*arguments)

    def __call__(self, *arguments: Any) -> Any:
        """Run the program for arguments of these shapes; it is traced when there is none yet."""
        with bijector_cache, custom_gradients, without_retracing_warnings():
            return self._function(*arguments)


def program_of(model: Any, key: Hashable, function: Callable[..., Any]) -> Program:
    """Return the program of a model under a key, made from `function` when there is none; it is freed with the model."""
    programs: dict[Hashable, Program] = model.__dict__.setdefault("_self_programs", {})  # unseen by Keras
    if key not in programs:
        programs[key] = Program(function)
    return programs[key]


class _Outermost:
    """Context manager of a global table: it begins with the first that enters, in any thread, and ends with the last."""

    def __init__(self, begin: Callable[[], Any], end: Callable[[Any], None]) -> None:
        self._begin, self._end = begin, end
        self._lock, self._depth, self._state = threading.Lock(), 0, None

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._state = self._begin()
            self._depth += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                state, self._state = self._state, None
                self._end(state)


def _forget_gradients(before: int) -> None:
    registered = ops.gradient_registry._registry
    if len(registered) > before:
        for name in list(registered)[before:]:  # a dictionary keeps the order in which its keys came
            if name.startswith(_CUSTOM_GRADIENT):
                del registered[name]


def _own_bijector_cache() -> tuple[Any, Any] | None:
    bijectors = sys.modules.get("tensorflow_probability.python.bijectors.bijector")
    if bijectors is None:  # nothing is kept without TFP
        return None
    cache = bijectors.Bijector.__dict__["_cache"]
    kept, cache.storage = cache.storage, type(cache.storage)()
    return cache, kept


def _bijector_cache_of_before(state: tuple[Any, Any] | None) -> None:
    if state is not None:
        cache, kept = state
        cache.storage = kept


#: Context manager for tracing: when it ends, the gradients by `tf.custom_gradient` made in it are forgotten. TensorFlow
#: registers each of them for ever, with the graph that it was made in.
custom_gradients = _Outermost(lambda: len(ops.gradient_registry._registry), _forget_gradients)
#: Context manager with a cache of its own for the bijectors of TensorFlow Probability, which ends with it. TFP keeps values
#: and log-determinants of all bijectors of a process in one table. A log-determinant of a traced function holds its graph,
#: and the graph holds the value whose end would remove the entry: it stays for ever.
bijector_cache = _Outermost(_own_bijector_cache, _bijector_cache_of_before)
