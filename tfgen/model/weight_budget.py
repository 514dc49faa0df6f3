"""Weight budget: a model that is built for saved weights makes those and few others, whatever its options say."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from tfgen.errors import TfgenError

#: Weights beyond the saved ones that a model may make while it is built: seeds of layers, weights that it drops again.
_SPARE_WEIGHTS = 16
_SPARE_VALUES = 2**22
#: Keras layers that a model may make: so many, and so many for each saved weight. Some layers have no weights.
_SPARE_LAYERS, _LAYERS_PER_WEIGHT = 500, 10
#: Held while a model is built within a budget, since constructors of Keras are exchanged meanwhile.
_LOCK = threading.RLock()


class WeightBudgetError(TfgenError):
    """A model made more weights, or larger ones, than were saved."""


class WeightBudget:
    """Budget of weights, by the shapes of the saved ones.

    A weight of a saved shape is free, once for each saved one. Of all others a model may make as many as were saved, with as
    many values, and a few more. What it makes in the end is compared one by one when the checkpoint is restored; the budget
    bounds memory and time until then. Layers are counted as well, since a model may make many before it gives them weights.

    Args:
        shapes: of the saved weights.
    """

    def __init__(self, shapes: Iterable[tuple[int, ...]]) -> None:
        self._left = Counter(shapes)
        self._spare_weights = self._left.total() + _SPARE_WEIGHTS
        self._spare_layers = self._left.total() * _LAYERS_PER_WEIGHT + _SPARE_LAYERS
        self._spare_values = sum(math.prod(shape) * count for shape, count in self._left.items()) + _SPARE_VALUES

    def take(self, shape: tuple[int, ...]) -> None:
        """Count one weight.

        Raises:
            WeightBudgetError: when it is beyond the budget; says so as ``"it has ..."``.
        """
        if self._left[shape] > 0:
            self._left[shape] -= 1
            return
        self._spare_weights -= 1
        self._spare_values -= math.prod(shape)
        if self._spare_values < 0:
            raise WeightBudgetError(f"it has a weight of shape {list(shape)}, and none of that shape was saved")
        if self._spare_weights < 0:
            raise WeightBudgetError("it has many more weights than were saved")

    def take_layer(self) -> None:
        """Count one layer.

        Raises:
            WeightBudgetError: when it is beyond the budget.
        """
        self._spare_layers -= 1
        if self._spare_layers < 0:
            raise WeightBudgetError("it has many more layers than weights were saved")

    @contextlib.contextmanager
    def enforced(self) -> Iterator[None]:
        """Context manager in which this thread makes Keras variables within the budget alone, before they get their memory."""
        variable_init, layer_init, thread = keras.Variable.__init__, keras.layers.Layer.__init__, threading.get_ident()

        @functools.wraps(variable_init)
        def variable(self_: Any, initializer: Any, shape: Any = None, *positional: Any, **named: Any) -> None:
            if threading.get_ident() == thread:
                self.take(
                    tuple(int(side) for side in (shape if shape is not None else getattr(initializer, "shape", ())))
                )
            variable_init(self_, initializer, shape, *positional, **named)

        @functools.wraps(layer_init)
        def layer(self_: Any, *positional: Any, **named: Any) -> None:
            if threading.get_ident() == thread:
                self.take_layer()
            layer_init(self_, *positional, **named)

        with _LOCK:
            keras.Variable.__init__, keras.layers.Layer.__init__ = variable, layer
            try:
                yield
            finally:
                keras.Variable.__init__, keras.layers.Layer.__init__ = variable_init, layer_init
