"""Height and width of feature maps under convolutions of stride 2 and transposed convolutions.

Maps of 28x28 images have sides 28, 14, 7, 4. A transposed convolution doubles its input; where halving rounded up, the
surplus row or column is cut off.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf


def halved(side: int) -> int:
    """Return the side of a feature map after a convolution of stride 2 with padding ``same``: half, rounded up."""
    return math.ceil(side / 2)


def halved_sides(height: int, width: int, times: int) -> list[tuple[int, int]]:
    """Return (height, width) of the image and of `times` maps, each half as large as the one before; smallest first."""
    sides = [(height, width)]
    for _ in range(times):
        height, width = halved(height), halved(width)
        sides.insert(0, (height, width))
    return sides


def upsampled(convolution: Callable[[tf.Tensor], tf.Tensor], maps: tf.Tensor, side: tuple[int, int]) -> tf.Tensor:
    """Return a transposed convolution's maps [n, 2 height, 2 width, c], cut to a (height, width) of `halved_sides`."""
    height, width = side
    return convolution(maps)[:, :height, :width]
