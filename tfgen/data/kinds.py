"""Data kinds: type, checks, scaling and picture of images and vectors. TensorFlow is imported by the scaling alone."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tfgen.data.mapped import extremes

if TYPE_CHECKING:
    import tensorflow as tf

#: How examples are drawn: images in a grid; vectors as a histogram of the only number, a scatter plot of two, or a table of
#: histograms and scatter plots.
Layout = Literal["grid", "scatter", "histogram", "table"]


class DataKind(abc.ABC):
    """Base class of data kinds: everything that depends on whether examples are images or vectors.

    Attributes:
        dtype: NumPy's name of the stored type.
        quantised: True if values are integer levels: such examples are dequantised or binarised, and have bits/dim.
        spatial: True if an example has height, width and channels: for convolutions, masks of pixels, inpainting.
    """

    dtype: ClassVar[str]
    quantised: ClassVar[bool]
    spatial: ClassVar[bool]

    @abc.abstractmethod
    def layout(self, shape: tuple[int, ...]) -> Layout:
        """Return how examples of a shape are drawn."""

    @abc.abstractmethod
    def shape_problem(self, shape: tuple[int, ...]) -> str | None:
        """Return a message about an impossible shape of one example; None if it is possible."""

    @abc.abstractmethod
    def takes(self, dtype: np.dtype[Any]) -> bool:
        """Return whether an array of another type than `dtype` can be cast to it without a change of meaning."""

    def advice(self, x: NDArray[Any], shape: tuple[int, ...]) -> str:
        """Return what to do about examples of a wrong type or shape, for the end of a message; empty without advice."""
        return ""

    def stray_level(self, x: NDArray[Any], levels: int) -> int | None:
        """Return a level of examples that is not in ``0 .. levels - 1``; None if there is none."""
        return None

    def range_text(self, levels: int) -> str:
        """Return the range of values as the end of a message, beginning with a space; empty for an unlimited range."""
        return ""

    @abc.abstractmethod
    def described(self, shape: str, levels: int) -> str:
        """Return a description of a batch whose shape is given as text."""

    @abc.abstractmethod
    def unit_scale(self, levels: int) -> float:
        """Return the factor that scales values to [0, 1], or 1 for values without limits."""

    @abc.abstractmethod
    def to_signed(self, x: Any, levels: int, dtype: tf.DType) -> tf.Tensor:
        """Scale examples for a network: levels to [-1, 1], vectors as they are."""

    @abc.abstractmethod
    def from_signed(self, x: tf.Tensor, levels: int) -> tf.Tensor:
        """Return the examples nearest to numbers that `to_signed` scaled: uint8 levels, or the vectors."""


class Images(DataKind):
    """Images: uint8 grey levels, [height, width, channels]."""

    dtype = "uint8"
    quantised = True
    spatial = True

    def layout(self, shape: tuple[int, ...]) -> Layout:
        """Return ``grid``."""
        return "grid"

    def shape_problem(self, shape: tuple[int, ...]) -> str | None:
        """Return a message unless the shape is (height, width, channels)."""
        return None if len(shape) == 3 else f"images have shape (height, width, channels), got {shape}."

    def takes(self, dtype: np.dtype[Any]) -> bool:
        """Return True for whole numbers."""
        return dtype.kind in "iub"

    def advice(self, x: NDArray[Any], shape: tuple[int, ...]) -> str:
        """Return advice about images of floats, and about images without an axis of channels."""
        if x.shape[1:] == shape and x.dtype.kind == "f":
            return "round them to whole grey levels; of floats in [0, 1]: numpy.round(x * 255).astype(numpy.uint8)"
        if (*x.shape[1:], 1) == shape:
            return "add the axis of channels: x[..., None]"
        if len(x.shape) == 4 and (*x.shape[2:], x.shape[1]) == shape:
            return "put the channels last: numpy.moveaxis(x, 1, -1)"
        return ""

    def stray_level(self, x: NDArray[Any], levels: int) -> int | None:
        """Return a grey level out of range; of uint8 with 256 levels, all that it holds, without a pass over `x`."""
        if (x.dtype == np.uint8 and levels >= 2**8) or not x.size:
            return None
        darkest, brightest = extremes(x)
        return darkest if darkest < 0 else brightest if brightest >= levels else None

    def range_text(self, levels: int) -> str:
        """Return the range of grey levels."""
        return f" with grey levels 0 .. {levels - 1}"

    def described(self, shape: str, levels: int) -> str:
        """Return the description of a batch of images."""
        return f"images uint8 [{shape}]{self.range_text(levels)}"

    def unit_scale(self, levels: int) -> float:
        """Return ``1 / (levels - 1)``."""
        return 1.0 / (levels - 1)

    def to_signed(self, x: Any, levels: int, dtype: tf.DType) -> tf.Tensor:
        """Scale grey levels to [-1, 1]."""
        from tfgen.data.grey_levels import to_signed

        return to_signed(x, levels, dtype)

    def from_signed(self, x: tf.Tensor, levels: int) -> tf.Tensor:
        """Return the nearest grey levels, uint8."""
        from tfgen.data.dequantisation import quantise
        from tfgen.data.grey_levels import from_signed

        return quantise(from_signed(x, levels) + 0.5, levels)


class Vectors(DataKind):
    """Vectors of floats, [d]."""

    dtype = "float32"
    quantised = False
    spatial = False

    def layout(self, shape: tuple[int, ...]) -> Layout:
        """Return ``histogram`` in one dimension, ``scatter`` in two, ``table`` in more."""
        dimensions = math.prod(shape)
        return "histogram" if dimensions == 1 else "scatter" if dimensions == 2 else "table"

    def takes(self, dtype: np.dtype[Any]) -> bool:
        """Return True for floats of any precision: whole numbers have no density."""
        return dtype.kind == "f"

    def advice(self, x: NDArray[Any], shape: tuple[int, ...]) -> str:
        """Return advice about whole numbers, and about single numbers without an axis."""
        if x.shape[1:] == shape and x.dtype.kind in "iub":
            return "whole numbers have no density: add uniform noise in [0, 1), or leave such columns out"
        return "add an axis: x[:, None]" if x.ndim == 1 and shape == (1,) else ""

    def shape_problem(self, shape: tuple[int, ...]) -> str | None:
        """Return a message unless the shape is (d,)."""
        return None if len(shape) == 1 else f"vectors have shape (d,), got {shape}."

    def described(self, shape: str, levels: int) -> str:
        """Return the description of a batch of vectors."""
        return f"vectors of floats [{shape}]"

    def unit_scale(self, levels: int) -> float:
        """Return 1."""
        return 1.0

    def to_signed(self, x: Any, levels: int, dtype: tf.DType) -> tf.Tensor:
        """Cast vectors to a type."""
        import tensorflow as tf

        return tf.cast(x, dtype)

    def from_signed(self, x: tf.Tensor, levels: int) -> tf.Tensor:
        """Return the vectors unchanged."""
        return x


#: The kinds by the value of `tfgen.DataSpec.kind`.
KINDS: Mapping[str, DataKind] = {"image": Images(), "vector": Vectors()}
