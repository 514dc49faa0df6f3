"""Quantile function of the standard normal in float32, bit-equal in eager mode, graphs and XLA.

Compilers may fuse ``a * b + c`` into one operation that rounds once instead of twice, so a polynomial has other last bits
under XLA than in eager mode. Here every product is exact in float64, so fused or not, each sum rounds the same number:

    q(p) = z_k + f a_k + f^2 b_k        k, f: leading and trailing bits of p as a float32, f an integer below 2^15
                                        a_k rounded to 38 bits, b_k to 23 bits; f^2 < 2^30, and 30 + 23 = 53

A piece spans 1/256 of an octave of p, so that tails are as exact as the middle: at most 2e-8 off, less than half of a
float32's last place where numbers exceed 1/4.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import special

_MANTISSA = 23  # bits behind the leading one of a float32
_PIECE = 8  # of these tell the piece,
_WITHIN = _MANTISSA - _PIECE  # these the place within it
_DOUBLE = 53
_SMALLEST, _LARGEST = 2.0**-25, 0.5  # of p in the lower half
_CELL = 24  # bits of the uniform number


def normal_quantile(cells: tf.Tensor) -> tf.Tensor:
    """Return the standard normal's quantiles in the middle of cells of the unit interval, float32.

    Args:
        cells: uint32 below 2^24, any shape: cell c is ``[c, c + 1) / 2^24``. The upper half mirrors the lower one.
    """
    start, linear, quadratic, base = _pieces()
    half = 2 ** (_CELL - 1)
    cells = tf.cast(cells, tf.int32)
    upper = cells >= half
    lower = tf.where(upper, 2 * half - 1 - cells, cells)
    p = tf.cast(2 * lower + 1, tf.float32) * tf.constant(_SMALLEST, tf.float32)  # exact: an odd number below 2^24
    bits = tf.bitcast(p, tf.int32)
    piece = tf.bitwise.right_shift(bits, _WITHIN) - base
    within = tf.cast(tf.bitwise.bitwise_and(bits, 2**_WITHIN - 1), tf.float64)
    quantile = tf.gather(start, piece) + within * tf.gather(linear, piece)
    quantile = tf.cast(quantile + (within * within) * tf.gather(quadratic, piece), tf.float32)
    return tf.where(upper, -quantile, quantile)


@cache
def _pieces() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]:
    """Return the coefficients of all pieces, each [6144], and the number of the first piece."""
    base, end = (int(np.float32(p).view(np.int32)) >> _WITHIN for p in (_SMALLEST, _LARGEST))
    edges = (np.arange(base, end + 1, dtype=np.int32) << _WITHIN).view(np.float32).astype(np.float64)
    left, right = edges[:-1], edges[1:]
    start, end_value, middle = (special.ndtri(p) for p in (left, right, (left + right) / 2))
    square = 2 * (start + end_value - 2 * middle)
    slope = end_value - start - square
    return (
        start,
        _rounded(slope / 2**_WITHIN, _DOUBLE - _WITHIN),
        _rounded(square / 4**_WITHIN, _DOUBLE - 2 * _WITHIN),
        base,
    )


def _rounded(x: Any, bits: int) -> NDArray[np.float64]:
    """Return `x` with mantissas of so many bits."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)
