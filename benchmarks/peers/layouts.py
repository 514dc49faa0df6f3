"""Convert weights and images between the memory layouts of Keras and PyTorch. NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

#: What a masked convolution sees, as in tfgen's PixelCNN: ``A`` all before the pixel, ``B`` the pixel, too; ``above`` the rows
#: above the pixel's, ``row`` its own row, too.
Sees = Literal["A", "B", "above", "row"]


def torch_layout(kernel: NDArray[Any]) -> NDArray[Any]:
    """Return a Keras kernel as PyTorch lays it out.

    Dense kernels [in, out] become [out, in], those of convolutions [h, w, in, out] become [out, in, h, w], and those of
    transposed convolutions, [h, w, out, in] in Keras, by the same exchange [in, out, h, w]. Vectors stay.
    """
    order = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}[kernel.ndim]
    return np.ascontiguousarray(kernel.transpose(order))


def parted(rows: NDArray[Any]) -> NDArray[Any]:
    """Return what lies in turns along the first axis, (shift, log-scale) of each dimension, with all shifts first."""
    return np.concatenate([rows[0::2], rows[1::2]])


def load_arrays(path: Any) -> list[NDArray[Any]]:
    """Return the arrays "0", "1", ... of an .npz file, in order."""
    with np.load(path, allow_pickle=False) as file:
        return [file[str(number)] for number in range(len(file.files))]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and behind an axis that TensorFlow's padding SAME adds: the odd one goes behind."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def window(rows: int, width: int, sees: Sees) -> tuple[tuple[int, int, int, int], NDArray[np.float32]]:
    """Return the extent (top, bottom, left, right) of what a masked convolution sees, and the mask of that rectangle.

    Args:
        rows: how far up it reaches.
        width: of the whole kernel, odd.
        sees: which part of it.
    """
    half = width // 2
    places = [(i, j) for i in range(-rows, 1) for j in range(-half, half + 1) if _is_seen(i, j, sees)]
    (top, bottom), (left, right) = ((min(axis), max(axis)) for axis in zip(*places, strict=True))
    mask = np.zeros((bottom - top + 1, right - left + 1), np.float32)
    for i, j in places:
        mask[i - top, j - left] = 1
    return (top, bottom, left, right), mask


def _is_seen(i: int, j: int, sees: Sees) -> bool:
    in_its_row = {"A": j < 0, "B": j <= 0, "above": False, "row": True}
    return i < 0 or in_its_row[sees]


def grey_distance(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> float:
    """Return the share of grey levels that differ; 1 if any differs by more than one level, or the shapes do."""
    if ours.shape != theirs.shape:
        return 1.0
    apart = np.abs(ours.astype(np.int16) - theirs)
    return 1.0 if apart.max(initial=0) > 1 else float(np.mean(apart > 0))


def relative_distance(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """Return the largest difference relative to the largest value; infinite where shapes differ."""
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def fitting(arrays: Sequence[NDArray[Any]], shapes: Sequence[tuple[int, ...]]) -> None:
    """Check that arrays have these shapes.

    Raises:
        ValueError: when there are more or fewer of them, or one has another shape.
    """
    result = [array.shape for array in arrays]
    if result != list(shapes):
        pairs = enumerate(zip(result, shapes, strict=False))
        wrong = next((f"number {n} is {a}, not {b}" for n, (a, b) in pairs if a != b), "the others are too many or few")
        raise ValueError(f"{len(result)} weights for {len(shapes)}: {wrong}")
