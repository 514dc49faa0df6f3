"""Arrays of requests: nested lists of numbers as examples, codes and masks of a model, with their shapes and values checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen import DataError, DataSpec


def examples(given: Any, data: DataSpec, most: int) -> NDArray[Any]:
    """Return examples of the data of a model, ``[n, *shape]``; a single one may come without the first axis.

    Raises:
        DataError: for another shape, numbers that no example has, or more than `most` examples.
    """
    found = _rows("x", _numbers("x", given), data.shape, most, data.described())
    if data.kind == "image":
        return _whole("x", found, 0, data.levels - 1, "grey levels").astype(np.uint8)
    return _finite("x", found)


def codes(given: Any, width: int, discrete: bool, most: int) -> NDArray[Any]:
    """Return codes [n, width], float32, or int32 of a model with discrete ones; a single one may come as [width].

    Raises:
        DataError: for another shape, numbers that are not finite, or more than `most` codes.
    """
    found = _rows("z", _numbers("z", given), (width,), most, f"codes of {width} numbers")
    if discrete:
        return _whole("z", found, 0, 2**31 - 1, "discrete codes").astype(np.int32)
    return _finite("z", found)


def mask(given: Any, count: int, data: DataSpec, most: int) -> NDArray[np.bool_]:
    """Return which pixels are known, [n, height, width]: one mask for each image, or one for all.

    Raises:
        DataError: for another shape, or values other than true, false, 0 and 1.
    """
    found = _array("known", given)
    if found.dtype.kind != "b":
        found = _whole("known", _numbers("known", given), 0, 1, "true and false, or 1 and 0,").astype(np.bool_)
    rows = _rows("known", found, data.shape[:2], most, f"masks of {data.shape[0]} x {data.shape[1]} pixels")
    if len(rows) not in (1, count):
        raise DataError(f"known: {count} images need as many masks, or one for all; got {len(rows)}.")
    return np.broadcast_to(rows, (count, *rows.shape[1:]))


def _array(name: str, given: Any) -> NDArray[Any]:
    problem = f"{name}: the nested lists must have equal lengths, and hold numbers alone."
    try:
        # First as they are: an array of texts would give each of them the room of the longest.
        if not set(map(type, np.array(given, dtype=object).flat)) <= {int, float, bool}:
            raise DataError(problem)
        return np.asarray(given)
    except (ValueError, OverflowError, MemoryError) as error:
        raise DataError(problem) from error


def _numbers(name: str, given: Any) -> NDArray[Any]:
    found = _array(name, given)
    if found.dtype.kind not in "iuf":
        raise DataError(f"{name}: the nested lists must hold numbers alone.")
    return found


def _rows(name: str, found: NDArray[Any], shape: tuple[int, ...], most: int, what: str) -> NDArray[Any]:
    rows = found[None] if found.shape == shape else found
    if rows.shape[1:] != shape or not len(rows):
        raise DataError(f"{name}: expected {what}, an array {_text(('n', *shape))}; got {_text(found.shape)}.")
    if len(rows) > most:
        raise DataError(f"{name}: at most {most} at a time, got {len(rows)}.")
    return rows


def _whole(name: str, found: NDArray[Any], low: int, high: int, what: str) -> NDArray[Any]:
    wrong = found[~((found >= low) & (found <= high) & (found == np.floor(found)))]
    if wrong.size:
        raise DataError(f"{name}: {what} must be whole numbers in {low} .. {high}; got {wrong.flat[0]}.")
    return found


def _finite(name: str, found: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        numbers = found.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise DataError(
            f"{name}: numbers must be finite, as float32 holds them; got {found[~np.isfinite(numbers)].flat[0]}."
        )
    return numbers


def _text(shape: tuple[Any, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"
