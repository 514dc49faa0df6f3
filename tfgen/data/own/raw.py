"""Raw examples: what a file or folder of a user's own data holds, before it is split and checked against a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tfgen.data.boundary import require_finite
from tfgen.data.columns import Column, check_values, context_names
from tfgen.data.dataset import Split, SplitName
from tfgen.data.mapped import extremes
from tfgen.data.own.numbering import numbered
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError

#: Colour channels of images: grey, and red, green, blue.
_CHANNELS = (1, 3)
_GREY_LEVELS = 256
#: Numbers of a context: each is a column of the spec, which a run's configuration has in full.
_MOST_CONTEXT = 4096


@dataclass(frozen=True)
class Raw:
    """Examples by split, as they were found.

    Attributes:
        examples: arrays [n, ...] by split; under None what is not split yet.
        labels: of the same splits, [n] of whole numbers or texts, or one-hot [n, k]; empty for data without labels.
        levels: of images; None for 256.
        notes: what was left out, and the like.
        names: of the examples of each split, such as those of picture files; empty where they have none.
        columns: of vectors, not yet fitted; None for vectors without names.
        context: of the same splits, float32 [n, k]; empty for data without contexts.
        context_columns: k, of the contexts; None for numbers without names.
        class_names: of the labels 0, 1, ..., where these are numbers that have names.
    """

    examples: Mapping[SplitName | None, NDArray[Any]]
    labels: Mapping[SplitName | None, NDArray[Any]] = field(default_factory=dict)
    levels: int | None = None
    notes: Sequence[str] = ()
    names: Mapping[SplitName | None, Sequence[str]] = field(default_factory=dict)
    columns: tuple[Column, ...] | None = None
    context: Mapping[SplitName | None, NDArray[Any]] = field(default_factory=dict)
    context_columns: tuple[Column, ...] | None = None
    class_names: Sequence[str] | None = None


def spec_and_splits(raw: Raw, name: str) -> tuple[DataSpec, dict[SplitName | None, Split]]:
    """Return spec and splits of raw examples.

    Images are uint8 ``[n, height, width]`` or ``[n, height, width, channels]``, vectors floats ``[n, d]`` or ``[n]``.

    Args:
        raw: as a file holds them.
        name: of the data, for messages.

    Raises:
        DataError: for other types and shapes, or labels that do not fit; says what to do.
    """
    examples = {split: _examples(x, f"{name}{f', {split}' if split else ''}") for split, x in raw.examples.items()}
    shapes = {x.shape[1:] for x in examples.values()}
    kinds = {x.dtype.kind for x in examples.values()}
    if len(shapes) > 1 or len(kinds) > 1:
        described = ", ".join(f"{split} {x.dtype} {list(x.shape[1:])}" for split, x in examples.items())
        raise DataError(f"{name}: the splits hold examples of different types or shapes: {described}.")
    labels, names = numbered(raw.labels, name, raw.class_names)
    for split, x in examples.items():
        if labels and (split not in labels or labels[split].shape != (len(x),)):
            found = list(labels[split].shape) if split in labels else "none"
            where = f"{name}{f', {split}' if split else ''}"
            raise DataError(f"{where}: {len(x):,} examples need as many labels, [{len(x)}]; got {found}.")
    (shape,) = shapes
    classes = None if names is None else len(names)
    image = kinds == {"u"}
    told = None if names == tuple(map(str, range(classes or 0))) else names  # numbers are no names
    kind: Literal["image", "vector"] = "image" if image else "vector"
    context, context_columns = _contexts(raw, {split: len(x) for split, x in examples.items()}, name)
    details = _details(examples, raw.levels, image, name)
    if raw.columns is not None:
        for split, x in examples.items():
            check_values(x, raw.columns, f"{name}{f', {split}' if split else ''}")
    spec = DataSpec(kind, shape, classes, class_names=told, columns=raw.columns, context=context_columns, **details)
    return spec, {split: Split(x, labels.get(split), context.get(split)) for split, x in examples.items()}


def _contexts(
    raw: Raw, counts: Mapping[SplitName | None, int], name: str
) -> tuple[dict[SplitName | None, NDArray[np.float32]], tuple[Column, ...] | None]:
    """Return the contexts by split, float32 [n, k], and their columns; those of more axes, such as images, are flattened."""
    if not raw.context:
        return {}, None
    found: dict[SplitName | None, NDArray[np.float32]] = {}
    for split, count in counts.items():
        values = raw.context.get(split)
        if values is None or values.shape[:1] != (count,) or values.dtype.kind not in "iubf":
            got = "none" if values is None else f"{values.dtype} of shape {list(values.shape)}"
            where = f"{name}{f', {split}' if split else ''}"
            raise DataError(f"{where}: {count:,} examples need a context of numbers each, [{count}, k]; got {got}.")
        with np.errstate(over="ignore"):
            found[split] = values.reshape(count, -1).astype(np.float32)
        require_finite(found[split], f"{name}, context")
    widths = {values.shape[1] for values in found.values()}
    if len(widths) > 1 or 0 in widths:
        raise DataError(
            f"{name}: the contexts of the splits have {', '.join(map(str, sorted(widths)))} numbers; give equally many."
        )
    if max(widths) > _MOST_CONTEXT:
        raise DataError(
            f"{name}: a context has at most {_MOST_CONTEXT:,} numbers, got {max(widths):,}; make images smaller, or give "
            "features of them."
        )
    for split, values in found.items():
        if raw.context_columns is not None:
            check_values(values, raw.context_columns, f"{name}, context{f', {split}' if split else ''}")
    columns = raw.context_columns or tuple(map(Column, context_names(widths.pop())))
    return found, columns


def _details(examples: Mapping[Any, NDArray[Any]], levels: int | None, image: bool, name: str) -> dict[str, Any]:
    """Return levels of images, or the range of vectors."""
    if image:
        levels = _GREY_LEVELS if levels is None else levels
        if not 2 <= levels <= _GREY_LEVELS:
            raise DataError(f"{name}: levels must be a number from 2 to {_GREY_LEVELS}, got {levels}.")
        for x in examples.values() if levels < _GREY_LEVELS else ():
            if (brightest := extremes(x)[1]) >= levels:
                raise DataError(f"{name}: grey levels must lie in 0 .. {levels - 1}, as levels says; got {brightest}.")
        return {"levels": levels}
    if levels is not None:
        raise DataError(f"{name}: levels are those of images, and the examples are vectors; leave levels out.")
    low, high = min(float(x.min()) for x in examples.values()), max(float(x.max()) for x in examples.values())
    return {"value_range": (low, high) if low < high else (low - 1, low + 1)}


def _examples(x: NDArray[Any], where: str) -> NDArray[Any]:
    """Return examples as uint8 images with channels, or float32 vectors."""
    if x.ndim == 0 or not x.size:
        raise DataError(f"{where}: there are no examples; got an array of shape {x.shape}.")
    if x.dtype.kind == "f":
        if x.ndim > 2:
            raise DataError(
                f"{where}: images must be whole grey levels, got {x.dtype} of shape {list(x.shape)}; of floats in [0, 1]: "
                "numpy.round(x * 255).astype(numpy.uint8)."
            )
        with np.errstate(over="ignore"):  # a number too large for float32 is refused as infinite
            x = x.reshape(len(x), -1).astype(np.float32, copy=False)
        require_finite(x, where)  # here rows have the numbers that they have in the file
        return x
    if x.dtype.kind not in "uib":
        raise DataError(f"{where}: examples must be numbers, got {x.dtype}.")
    if x.ndim < 3:
        raise DataError(
            f"{where}: whole numbers of shape {list(x.shape)} are neither images [n, height, width, channels] nor vectors "
            "of floats: reshape images, and cast vectors to float32."
        )
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or x.shape[-1] not in _CHANNELS:
        swapped = x.ndim == 4 and x.shape[1] in _CHANNELS
        advice = "put the channels last: numpy.moveaxis(x, 1, -1)" if swapped else "1 or 3 channels come last"
        raise DataError(f"{where}: images have shape [n, height, width, channels], got {list(x.shape)}; {advice}.")
    low, high = (0, 0) if x.dtype == np.uint8 else extremes(x)
    if low < 0 or high >= _GREY_LEVELS:
        raise DataError(f"{where}: grey levels must lie in 0 .. {_GREY_LEVELS - 1}, got {low} .. {high}.")
    return x.astype(np.uint8, copy=False)
