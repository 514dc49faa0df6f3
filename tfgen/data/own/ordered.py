"""Examples of a file or folder in the order in which they stand there, for a model that is already trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfgen.data.columns import check_values
from tfgen.data.dataset import Split, SplitName
from tfgen.data.labels import class_texts
from tfgen.data.own.loading import read_own
from tfgen.data.own.raw import spec_and_splits
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions

_ORDER: tuple[SplitName | None, ...] = ("train", "valid", "test", None)


@dataclass(frozen=True)
class Ordered:
    """Examples in the order of their file.

    Attributes:
        x: examples [n, ...].
        labels: numbers of the model's classes, [n]; None where they are not known, or not of those classes.
        names: of the examples, [n], such as those of picture files; empty where they have none.
        context: numbers that are given to a conditional model, [n, k]; None where there are none.
    """

    x: NDArray[np.generic]
    labels: NDArray[np.int32] | None = None
    names: tuple[str, ...] = ()
    context: NDArray[np.float32] | None = None


def ordered_examples(path: str, options: DataOptions, spec: DataSpec) -> Ordered:
    """Return the examples of a file or folder, all splits of it, as a model of `spec` takes them.

    Args:
        path: of the file or folder.
        options: how it becomes examples; pictures are resized to the model's size and colours unless it says otherwise.
        spec: of the data that the model was trained on.

    Raises:
        DataError: when they cannot be read, or are not of the model's kind, shape or grey levels.
    """
    raw = read_own(Path(path).expanduser(), options, spec)
    found, splits = spec_and_splits(raw, path)
    keys = [key for key in _ORDER if key in splits]
    x = np.concatenate([splits[key].x for key in keys])
    require_spec(x, found, spec, path)
    names = tuple(name for key in keys for name in raw.names.get(key, ()))
    contexts = [context for key in keys if (context := splits[key].context) is not None]
    labels = _labels([splits[key] for key in keys], found, spec)
    context = np.concatenate(contexts) if contexts else None
    if context is not None:
        require_context(context, spec, path)
    return Ordered(x, labels, names, context)


def require_context(context: NDArray[np.float32], spec: DataSpec, name: str) -> None:
    """Check that contexts [n, k] can be given to a model; one that takes none is not given them.

    Raises:
        DataError: for another number of columns, and values that a column cannot hold.
    """
    if spec.context is None:
        return
    if context.shape[1] != len(spec.context):
        names = ", ".join(column.name for column in spec.context)
        raise DataError(f"{name} has a context of {context.shape[1]} numbers, and the model takes {names}; give these.")
    check_values(context, spec.context, f"{name}, context")


def require_spec(x: NDArray[np.generic], found: DataSpec, spec: DataSpec, name: str) -> None:
    """Check that examples have kind, shape and grey levels of those that a model was trained on, and values of its columns.

    Raises:
        DataError: when they have not; says which both are, or names the first row with another value.
    """
    if (found.kind, found.shape) != (spec.kind, spec.shape):
        hint = f"; pass --size {spec.shape[0]}x{spec.shape[1]}" if spec.spatial and found.spatial else ""
        raise DataError(f"{name} holds {found.described()}, and the model takes {spec.described()}{hint}.")
    if spec.quantised and (brightest := int(x.max())) >= spec.levels:
        raise DataError(f"{name} holds the grey level {brightest}, and the model knows 0 .. {spec.levels - 1}.")
    if spec.columns is not None:
        check_values(x, spec.columns, name)


def _labels(splits: list[Split], found: DataSpec, spec: DataSpec) -> NDArray[np.int32] | None:
    """Return labels as the model numbers its classes; None where it has others."""
    known = {name: number for number, name in enumerate(class_texts(spec))}
    names = class_texts(found)
    if not names or not set(names) <= set(known):
        return None
    numbers = np.array([known[name] for name in names], np.int32)
    return np.concatenate([numbers[split.labels] for split in splits if split.labels is not None])
