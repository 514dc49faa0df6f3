"""Saved weights: shapes and data specification in a checkpoint, read from its index before anything is built or restored."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from tfgen.data.kinds import KINDS
from tfgen.data.spec import DataSpec
from tfgen.reading import open_regular
from tfgen.training.saved_steps import prefix

#: Most bytes of an index, which has some 60 for each variable.
_INDEX_BYTES = 2**26
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
#: The variable with the data specification; checkpoints of earlier versions lack it.
_DATA = f"data{_VALUE}"


@dataclass(frozen=True)
class SavedWeights:
    """Weights in a checkpoint.

    Attributes:
        step: of the checkpoint.
        shapes: of the model's weights, in their order.
        data: the data specification as `encoded_spec` writes it; None where the checkpoint has none.
    """

    step: int
    shapes: tuple[tuple[int, ...], ...]
    data: tuple[int, ...] | None


def read_saved_weights(run_folder: Path, step: int) -> SavedWeights:
    """Read what the index of a run's checkpoint declares.

    Raises:
        ValueError: when a file is no regular one, or the index declares more than the files hold.
        OSError: when a file cannot be read.
        tf.errors.OpError: when the index is damaged.
    """
    path = prefix(run_folder, step)
    held = sum(_sizes(path))
    reader = tf.train.load_checkpoint(str(path))
    shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    declared = sum(math.prod(shape) * types[name].size for name, shape in shapes.items() if types[name] != tf.string)
    if declared > held:
        raise ValueError(f"it declares {declared:,} bytes of weights, and its files hold {held:,}")
    if declared > (memory := memory_bytes()):
        raise ValueError(
            f"its weights take {declared / 1e9:.1f} GB, and this machine has {memory / 1e9:.1f} GB of memory"
        )
    numbers = sorted(int(part) for name in shapes if (part := _number(name)) is not None)
    if numbers != list(range(len(numbers))):
        raise ValueError("its weights are not numbered from 0")
    weights = tuple(tuple(shapes[f"weights/{number}{_VALUE}"]) for number in numbers)
    return SavedWeights(step, weights, _saved_spec(reader, shapes.get(_DATA), types.get(_DATA)))


def encoded_spec(data: DataSpec) -> list[int]:
    """Return kind, levels, classes (0 for none) and shape of a data specification as whole numbers, for a checkpoint.

    Of data with columns or a context a negative number follows, a hash of these: another scale would give other numbers.
    """
    tables = [[column.identity() for column in columns or ()] for columns in (data.columns, data.context)]
    plain = [list(KINDS).index(data.kind), data.levels, data.classes or 0, *data.shape]
    if not any(tables):
        return plain
    digest = hashlib.sha256(json.dumps(tables).encode()).digest()
    return [*plain, -1 - int.from_bytes(digest[:7], "big")]


def _sizes(path: Path) -> Iterator[int]:
    """Yield the sizes of a checkpoint's files, which must be regular ones in the run's folder."""
    folder = path.parent
    names = [name for name in os.listdir(folder) if name.startswith(f"{path.name}.")]
    for name in names:
        most = _INDEX_BYTES if name.endswith(".index") else None
        try:
            with open_regular(folder / name, most, within=folder.parent) as file:
                yield os.fstat(file.fileno()).st_size
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _number(name: str) -> str | None:
    """Return the number in the name of a weight; None for another variable."""
    number = name.removeprefix("weights/").removesuffix(_VALUE)
    return number if name == f"weights/{number}{_VALUE}" and number.isascii() and number.isdigit() else None


def _saved_spec(reader: tf.train.CheckpointReader, shape: list[int] | None, dtype: tf.DType) -> tuple[int, ...] | None:
    if shape is None:
        return None
    if dtype != tf.int64 or len(shape) != 1 or not 4 <= shape[0] <= 10:
        raise ValueError("its data specification is malformed")
    return tuple(int(number) for number in reader.get_tensor(_DATA))


def memory_bytes() -> int:
    """Return the memory of this machine in bytes; a great number where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 2**50
