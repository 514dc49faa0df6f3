"""Data specification: kind, shape, classes and levels of the examples of a data set. No TensorFlow here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tfgen.data.kinds import KINDS, DataKind, Layout
from tfgen.errors import UnknownNameError

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class DataSpec:
    """Spec of a data set: kind, shape, grey levels and classes of one example.

    Attributes:
        kind: ``"image"`` for uint8 arrays ``[batch, height, width, channels]``, ``"vector"`` for float32 ``[batch, d]``.
        shape: the shape of one example, without the batch.
        classes: number of labels, ``0 .. classes - 1``; None for a set without labels.
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

    @property
    def rules(self) -> DataKind:
        """The kind as an object, with its checks and scaling.

        Raises:
            UnknownNameError: for another kind than ``image`` and ``vector``.
        """
        if self.kind not in KINDS:
            raise UnknownNameError("kind of data", self.kind, KINDS)
        return KINDS[self.kind]

    @property
    def dtype(self) -> str:
        """NumPy's name of the type of examples: ``uint8`` for images, ``float32`` for vectors."""
        return self.rules.dtype

    @property
    def quantised(self) -> bool:
        """True if values are integer levels, as of images: they are dequantised or binarised, and have bits/dim."""
        return self.rules.quantised

    @property
    def spatial(self) -> bool:
        """True if an example has height, width and channels, as for convolutions and inpainting."""
        return self.rules.spatial

    @property
    def layout(self) -> Layout:
        """How examples are drawn: images in a ``grid``, vectors as a ``scatter`` plot."""
        return self.rules.layout

    def to_signed(self, x: Any, dtype: tf.DType) -> tf.Tensor:
        """Scale examples for a network: grey levels to [-1, 1], vectors as they are.

        Args:
            x: examples, any leading axes.
            dtype: of the result.
        """
        return self.rules.to_signed(x, self.levels, dtype)

    def from_signed(self, x: tf.Tensor) -> tf.Tensor:
        """Return the examples nearest to numbers that `to_signed` scaled: uint8 images, or the vectors."""
        return self.rules.from_signed(x, self.levels)

    def described(self) -> str:
        """Return a description of a batch of examples, for messages.

        >>> DataSpec("image", (8, 8, 1), levels=17).described(), DataSpec("vector", (2,)).described()
        ('images uint8 [batch, 8, 8, 1] with grey levels 0 .. 16', 'vectors of floats [batch, 2]')
        """
        return self.rules.described(", ".join(map(str, ("batch", *self.shape))), self.levels)
