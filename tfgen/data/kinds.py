"""Data kinds: type, checks, scaling and picture of images and vectors. TensorFlow is imported by the scaling alone."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    import tensorflow as tf

#: How examples are drawn: images in a grid, or a scatter plot of the first two coordinates.
Layout = Literal["grid", "scatter"]


class DataKind(abc.ABC):
    """Base class of data kinds: everything that depends on whether examples are images or vectors.

    Attributes:
        dtype: NumPy's name of the stored type.
        quantised: True if values are integer levels: such examples are dequantised or binarised, and have bits/dim.
        spatial: True if an example has height, width and channels: for convolutions, masks of pixels, inpainting.
        layout: how examples are drawn.
    """

    dtype: ClassVar[str]
    quantised: ClassVar[bool]
    spatial: ClassVar[bool]
    layout: ClassVar[Layout]

    def shape_problem(self, shape: tuple[int, ...]) -> str | None:
        """Return a message about an impossible shape of one example; None if it is possible."""
        return None

    def excess_level(self, x: Any, levels: int) -> int | None:
        """Return the largest level of examples if it is not below `levels`; None if there is none."""
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
    layout = "grid"

    def shape_problem(self, shape: tuple[int, ...]) -> str | None:
        """Return a message unless the shape is (height, width, channels)."""
        return None if len(shape) == 3 else f"images have shape (height, width, channels), got {shape}."

    def excess_level(self, x: Any, levels: int) -> int | None:
        """Return the largest grey level if it is too high; with 256 levels, all that uint8 holds, without a pass over `x`."""
        if levels >= 2**8 or not x.size:
            return None
        brightest = int(x.max())
        return brightest if brightest >= levels else None

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
    layout = "scatter"

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
