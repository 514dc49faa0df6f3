"""Data specification: kind, shape, classes and levels of the examples of a data set. No TensorFlow here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DataSpec:
    """Spec of a data set: kind, shape, grey levels and classes of one example.

    Attributes:
        kind: ``"image"`` for uint8 arrays ``[batch, height, width, channels]``, ``"vector"`` for float32 ``[batch, d]``.
        shape: the shape of one example, without the batch.
        classes: how many labels there are, ``0 .. classes - 1``; None for a set without labels.
        levels: for images, the number of integer grey levels; values lie in ``0 .. levels - 1`` (256 for 8-bit data).
        value_range: for vectors, the interval that holds practically all values; pictures use it as their frame.
    """

    kind: Literal["image", "vector"]
    shape: tuple[int, ...]
    classes: int | None = None
    levels: int = 256
    value_range: tuple[float, float] = (-4.0, 4.0)

    @property
    def dimensions(self) -> int:
        """The number of scalars in one example, D in bits per dimension."""
        return math.prod(self.shape)

    def described(self) -> str:
        """Return a description of a batch of examples, for messages.

        >>> DataSpec("image", (8, 8, 1), levels=17).described(), DataSpec("vector", (2,)).described()
        ('images uint8 [batch, 8, 8, 1] with grey levels 0 .. 16', 'vectors of floats [batch, 2]')
        """
        shape = ", ".join(map(str, ("batch", *self.shape)))
        if self.kind == "image":
            return f"images uint8 [{shape}] with grey levels 0 .. {self.levels - 1}"
        return f"vectors of floats [{shape}]"
