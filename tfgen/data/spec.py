"""Data specification: kind, shape, classes and levels of the examples of a data set. No TensorFlow here."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tfgen.data.kinds import KINDS, DataKind, Layout
from tfgen.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    import tensorflow as tf


#: Most scalars in one example, 4096 x 4096: a batch of larger ones fits into no memory.
MOST_DIMENSIONS = 2**24
_MOST_CLASSES = 2**20
_LONGEST_NAME = 200


@dataclass(frozen=True)
class DataSpec:
    """Spec of a data set: kind, shape, grey levels and classes of one example.

    Attributes:
        kind: ``"image"`` for uint8 arrays ``[batch, height, width, channels]``, ``"vector"`` for float32 ``[batch, d]``.
        shape: the shape of one example, without the batch.
        classes: number of labels, ``0 .. classes - 1``; None for a set without labels.
        levels: for images, the number of integer grey levels; values lie in ``0 .. levels - 1`` (256 for 8-bit data).
        value_range: for vectors, the interval that holds practically all values; pictures use it as their frame.
        class_names: of the classes, in the order of their numbers, if they have names.

    Raises:
        UnknownNameError: for another kind.
        DataError: for a shape, a number of classes or of levels, or a range that no data set has.
    """

    kind: Literal["image", "vector"]
    shape: tuple[int, ...]
    classes: int | None = None
    levels: int = 256
    value_range: tuple[float, float] = (-4.0, 4.0)
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise DataError(f"this is no spec of a data set: {problem}")

    def _problem(self) -> str | None:
        """Return what is wrong with the spec, as a sentence; None for a sound one."""
        if not all(_is_whole(side) and side >= 1 for side in self.shape):
            return f"its shape must be of whole numbers from 1, got {self.shape}."
        if (problem := self.rules.shape_problem(self.shape)) is not None:
            return problem
        if self.dimensions > MOST_DIMENSIONS:
            return f"one example of shape {self.shape} has more than {MOST_DIMENSIONS:,} values."
        if self.classes is not None and not (_is_whole(self.classes) and 1 <= self.classes <= _MOST_CLASSES):
            return f"its classes must be none, or a number from 1 to {_MOST_CLASSES:,}, got {self.classes!r}."
        if not (_is_whole(self.levels) and 2 <= self.levels <= 2**8):
            return f"its levels must be a number from 2 to 256, as uint8 holds them, got {self.levels!r}."
        names = self.class_names
        if names is not None and (len(names) != self.classes or len({*names}) != len(names)):
            return f"its {self.classes} classes need as many different class_names, got {len(names)}."
        if names is not None and not all(isinstance(name, str) and 1 <= len(name) <= _LONGEST_NAME for name in names):
            return f"its class_names must be texts of 1 to {_LONGEST_NAME} characters."
        low, high = self.value_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            return f"its value_range must be two finite numbers, the lower first, got {self.value_range}."
        return None

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
        """How examples are drawn: images in a ``grid``, vectors as a ``scatter`` plot or, in one dimension, ``histogram``."""
        return self.rules.layout(self.shape)

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


def _is_whole(value: object) -> bool:
    """Return whether a value is a whole number, of Python or NumPy."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
