"""Arrays of a user's own data: .npz and .npy files, without pickles and within bounds of size."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SplitName
from tfgen.data.own.raw import Raw
from tfgen.errors import DataError
from tfgen.reading import open_regular
from tfgen.unpacking import OF_DAMAGE, most_unpacked, read_header

#: Names of the splits in the keys of an archive, such as ``x_train``.
SPLIT_KEYS: Mapping[str, SplitName] = {
    "train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test",
}  # fmt: skip
_EXAMPLES, _LABELS, _CONTEXT = ("x", "images", "data"), ("labels", "y", "label"), ("context", "contexts", "c")
_EXPECTED = "x, labels and context, or x_train, labels_train, x_valid, ... x_test, labels_test"


def read_npz(path: Path) -> Raw:
    """Return the examples of an ``.npz`` file: ``x`` with ``labels``, or ``x_train``, ``labels_train``, ``x_test``, ...

    ``y`` stands for ``labels`` as well; ``context`` are numbers [n, k] for a conditional model; ``levels`` may be the number
    of grey levels.

    Raises:
        DataError: for other names, Python objects, and damaged files.
    """
    with _told(path), open_regular(path) as file, zipfile.ZipFile(file) as archive:
        entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        most = most_unpacked(path.stat().st_size)
        if sum(info.file_size for info in entries.values()) > most:
            raise ValueError(f"it unpacks to more than {most:,} bytes")
        return raw_of_named({name: _read(archive, info) for name, info in entries.items()}, str(path))


def raw_of_named(arrays: Mapping[str, NDArray[Any]], where: str) -> Raw:
    """Return arrays by their names, ``x``, ``labels``, ``context``, or ``x_train``, ..., ``levels``, as raw examples.

    Raises:
        DataError: for other names.
    """
    examples: dict[SplitName | None, NDArray[Any]] = {}
    labels: dict[SplitName | None, NDArray[Any]] = {}
    context: dict[SplitName | None, NDArray[Any]] = {}
    levels = None
    for name, array in arrays.items():
        what, split = _meaning(name, where, arrays)
        if what == "levels":
            levels = _whole(array, where)
        else:
            target = {"x": examples, "labels": labels, "context": context}[what]
            if split in target:
                raise DataError(
                    f"{where}: {name!r} names examples, labels or contexts that another array has too; keep one."
                )
            target[split] = array
    if not examples:
        raise DataError(f"{where} holds no examples; it needs arrays called {_EXPECTED}.")
    if not examples.keys() & {None, "train"}:
        raise DataError(f"{where} holds {', '.join(sorted(arrays))}, and none to train on; call those x_train, or x.")
    for what, beside in (("labels", labels), ("context", context)):
        if alone := [split for split in beside if split not in examples]:
            end = f"_{alone[0]}" if alone[0] else ""
            raise DataError(f"{where} holds {what}{end} and no x{end}; add the examples, or leave {what}{end} out.")
    return Raw(examples, labels, levels, context=context)


def read_npy(path: Path) -> Raw:
    """Return the examples of an ``.npy`` file, which has no labels.

    Raises:
        DataError: for Python objects, and damaged files.
    """
    with _told(path), open_regular(path) as file:
        dtype, shape = read_header(file)
        if path.stat().st_size - file.tell() != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"it has not the data of its shape {list(shape)}")
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    return Raw({None: array})


def _meaning(name: str, where: str, entries: Mapping[str, Any]) -> tuple[str, SplitName | None]:
    """Return what an array is, ``x``, ``labels``, ``context`` or ``levels``, and the split that it belongs to."""
    if name == "levels":
        return "levels", None
    stem, _, end = name.rpartition("_")
    split = SPLIT_KEYS.get(end) if stem else None
    stem = stem if split else name
    if stem in _EXAMPLES:
        return "x", split
    if stem in _LABELS:
        return "labels", split
    if stem in _CONTEXT:
        return "context", split
    raise DataError(f"{where} holds arrays called {', '.join(sorted(entries))}; name them {_EXPECTED}.")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as entry:
        dtype, shape = read_header(entry)  # no objects, and the size is known before there is memory for it
        size = math.prod(shape) * dtype.itemsize
        if size > info.file_size:
            raise ValueError(f"{info.filename} declares {size:,} bytes and has {info.file_size:,}")
    with archive.open(info) as entry:
        array: NDArray[Any] = np.lib.format.read_array(entry, allow_pickle=False)
        if entry.read(1):
            raise ValueError(f"{info.filename} has more data than it declares")
    return array


def _whole(array: NDArray[Any], where: str) -> int:
    if array.size != 1 or array.dtype.kind not in "iu":
        raise DataError(f"{where}: levels must be one whole number, got {array.dtype} of shape {list(array.shape)}.")
    return int(array.reshape(()))


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what a damaged file raises into a `DataError` with its name."""
    try:
        yield
    except (OSError, ValueError, *OF_DAMAGE) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path} cannot be read: {why}; write it again, with numpy.savez or numpy.save.") from error
