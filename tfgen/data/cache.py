"""Cache of prepared data sets as `.npy` files, which later loads map into memory without TensorFlow.

A folder ``<root>/<version>/`` holds ``<split>-x.npy`` (uint8 or float32), ``<split>-labels.npy`` (int32, where there are
labels) and ``manifest.json``, which gives the spec and, for each file, its size and sha256. A folder is written under
another name first and then renamed: it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Dataset, Split, SplitName
from tfgen.data.kinds import KINDS
from tfgen.data.spec import DataSpec, table_fields
from tfgen.errors import DataError
from tfgen.files import remove_old, temporary_beside
from tfgen.reading import CONFIG_BYTES, open_regular, parse_json, read_regular
from tfgen.unpacking import map_array

MANIFEST = "manifest.json"
#: Larger files are checked by size alone: hashing them would take longer than a user wants to wait at every start.
HASHED_BYTES = 512 * 2**20
#: Half-written folders as earlier versions named them.
_OLD_TEMPORARY = re.compile(r"\.incomplete-[a-z0-9_]{8}")


@dataclass(frozen=True)
class Layout:
    """Shapes and sizes of the arrays in a prepared folder.

    Attributes:
        source: where the examples come from, for the record.
        spec: of the data set.
        sizes: the number of examples of each split.
    """

    source: str
    spec: DataSpec
    sizes: Mapping[SplitName, int]

    @property
    def bytes(self) -> int:
        """Size of the arrays on disk, in bytes."""
        example = self.spec.dimensions * np.dtype(self.spec.dtype).itemsize
        beside = (4 if self.spec.classes else 0) + 4 * len(self.spec.context or ())
        return sum(self.sizes.values()) * (example + beside)

    @property
    def arrays(self) -> list[tuple[SplitName, str]]:
        """The arrays in the folder: split, and ``x``, ``labels`` or ``context``."""
        kept = ["x", *(["labels"] if self.spec.classes else []), *(["context"] if self.spec.context else [])]
        return [(split, what) for split in SPLITS for what in kept]


@dataclass(frozen=True)
class _Expected:
    """Size and checksum of a file of arrays."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class _Manifest:
    """Content of ``manifest.json``."""

    layout: Layout
    files: Mapping[str, _Expected]


def newest(root: Path) -> Path | None:
    """Return the prepared folder with the highest version in `root`, or None."""
    try:
        names = [name for name in os.listdir(root) if name[:1].isdigit() and os.path.isfile(root / name / MANIFEST)]
    except OSError:  # no such folder
        return None
    return max((root / name for name in names), key=_version, default=None)


@contextlib.contextmanager
def written(folder: Path, layout: Layout, renamed: Callable[[], str] | None = None) -> Iterator[dict[SplitName, Split]]:
    """Context manager that yields empty splits on disk to fill; `folder` appears, with its manifest, when the block succeeds.

    Where another process has prepared the same folder in the meantime, that one stays.

    Args:
        folder: of the prepared set.
        layout: of its arrays.
        renamed: called after the block, for a folder whose name follows from what was written: the name beside `folder`.

    Raises:
        DataError: when the folder cannot be written or the disk is too small.
    """
    if folder.exists() and not (folder / MANIFEST).exists():
        raise _damaged(folder, "it is missing")
    with _explained(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_beside(folder) as temporary:
        remove_old(folder.parent, _OLD_TEMPORARY)
        with _explained(folder.parent):
            temporary.mkdir()
        free = shutil.disk_usage(temporary).free
        if free < layout.bytes:  # a full disk would kill the process: memory maps report no errors
            room = f"{layout.bytes / 1e9:.1f} GB; {free / 1e9:.1f} GB are free"
            raise DataError(f"{folder} needs {room}: make room, or name another place with --data-dir DIR.")
        with _explained(folder):
            splits = {name: _empty(temporary, name, layout) for name in SPLITS}
        yield splits
        with _explained(folder):
            for split in splits.values():
                _flush(split)
            _write_manifest(temporary, layout)
            _rename(temporary, folder if renamed is None else folder.with_name(renamed()))


def read(folder: Path, name: str) -> Dataset:
    """Return the data set `name` in `folder`, its arrays mapped into memory, read-only.

    Raises:
        DataError: when a file is missing, has the wrong size or, up to 512 MB, the wrong sha256; names it.
    """
    manifest = _read_manifest(folder)
    for file, expected in manifest.files.items():
        _check(folder, file, expected)
    try:
        splits = {split: _open(folder, split, manifest.layout) for split in SPLITS}
    except (ValueError, OSError) as error:
        raise _damaged(folder, str(error)) from error
    sums = "".join(manifest.files[file].sha256 for file in sorted(manifest.files))
    source = f"{manifest.layout.source}, arrays {hashlib.sha256(sums.encode()).hexdigest()[:16]}"
    return Dataset(name=name, spec=manifest.layout.spec, splits=splits, source=source)


def _empty(folder: Path, name: SplitName, layout: Layout) -> Split:
    def make(what: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        array: NDArray[Any] = np.lib.format.open_memmap(folder / f"{name}-{what}.npy", "w+", dtype, shape)
        return array

    n, spec = layout.sizes[name], layout.spec
    labels = make("labels", np.dtype(np.int32), (n,)) if spec.classes else None
    context = make("context", np.dtype(np.float32), (n, len(spec.context))) if spec.context else None
    return Split(make("x", np.dtype(spec.dtype), (n, *spec.shape)), labels, context)


def _flush(split: Split) -> None:
    for array in (split.x, split.labels, split.context):
        if isinstance(array, np.memmap):
            array.flush()


def _write_manifest(folder: Path, layout: Layout) -> None:
    arrays = sorted(folder.glob("*.npy"))
    files = {path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in arrays}
    content = {
        "source": layout.source,
        **layout.spec.to_json(),
        "splits": dict(layout.sizes),
        "files": files,
    }
    text = json.dumps(content, indent=2) + "\n"
    if len(text) > CONFIG_BYTES:
        raise DataError(_too_much(layout.spec))
    try:
        _manifest(parse_json(text.encode()))
    except ValueError as error:  # never is a file written that would be called damaged when it is read
        raise DataError(f"this data set cannot be kept: {error}.") from error
    (folder / MANIFEST).write_text(text)


def _too_much(spec: DataSpec) -> str:
    """Return what takes most of a manifest that is too long, and what to do about it."""
    columns = [*(spec.columns or ()), *(spec.context or ())]
    categories = [name for column in columns for name in column.categories or ()]
    classes = spec.class_names or ()
    sizes = {
        f"{len(columns):,} columns are more than a data set can have; take fewer of them.": 100 * len(columns),
        f"the names of {len(categories):,} categories are longer than a data set can have; leave such columns out with "
        "--ignore, or shorten the names.": sum(map(len, categories)) + 10 * len(categories),
        f"the names of {len(classes):,} classes are longer than a data set can have; name another column of labels, or "
        "shorten the names.": sum(map(len, classes)) + 10 * len(classes),
    }
    return max(sizes, key=lambda text: sizes[text])


def _rename(temporary: Path, folder: Path) -> None:
    try:
        temporary.rename(folder)
    except OSError:
        if not (folder / MANIFEST).exists():  # where it exists, another process was faster
            raise


def _read_manifest(folder: Path) -> _Manifest:
    path = folder / MANIFEST
    try:
        return _manifest(parse_json(read_regular(path, CONFIG_BYTES, within=folder)))
    except (OSError, ValueError, DataError) as error:
        raise _damaged(folder, str(error)) from error


def _manifest(content: Any) -> _Manifest:
    """Check the content of a manifest, which may be anything.

    Raises:
        ValueError: names the entry that is missing or malformed.
        DataError: for a shape or a number of classes that no data set has.
    """
    entries = content if isinstance(content, dict) else {}
    shape, sizes, files = entries.get("shape"), entries.get("splits"), entries.get("files")
    if not isinstance(entries.get("source"), str):
        raise ValueError("its 'source' is no text")
    if not isinstance(shape, list) or not all(type(side) is int for side in shape):
        raise ValueError("its 'shape' is no list of whole numbers")
    if not isinstance(sizes, dict) or sizes.keys() != {*SPLITS} or not all(_is_count(size) for size in sizes.values()):
        raise ValueError("its 'splits' are no numbers of examples of train, valid and test")
    if entries.get("classes", 0) is not None and not _is_count(entries.get("classes")):
        raise ValueError("its 'classes' is no number of classes")
    layout = Layout(entries["source"], _spec(entries, tuple(shape)), sizes)
    names = {f"{split}-{what}.npy" for split, what in layout.arrays}
    if (
        not isinstance(files, dict) or files.keys() != names
    ):  # thus none lies elsewhere, and none goes without a checksum
        raise ValueError(f"its 'files' are not {', '.join(sorted(names))}")
    for name, expected in files.items():
        sound = isinstance(expected, dict) and _is_count(expected.get("bytes")) and _is_sha256(expected.get("sha256"))
        if not sound:
            raise ValueError(f"it has no size and sha256 of {name}")
    return _Manifest(layout, {name: _Expected(entry["bytes"], entry["sha256"]) for name, entry in files.items()})


def _spec(entries: Mapping[str, Any], shape: tuple[int, ...]) -> DataSpec:
    """Return the spec that a manifest declares; those of earlier versions are of images with 256 grey levels.

    Raises:
        ValueError: for an entry of another type.
        DataError: for a shape, a number of classes or the like that no data set has.
    """
    kind, span, names = entries.get("kind", "image"), entries.get("value_range"), entries.get("class_names")
    if kind not in KINDS:
        raise ValueError(f"its 'kind' is none of {', '.join(KINDS)}")
    if span is not None and not (isinstance(span, list) and len(span) == 2 and all(type(end) is float for end in span)):
        raise ValueError("its 'value_range' is no pair of numbers")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("its 'class_names' are no list of texts")
    given = {"value_range": tuple(span)} if span else {}
    named = {"class_names": tuple(names)} if names else {}
    tables: dict[str, Any] = table_fields(entries)
    return DataSpec(kind, shape, entries["classes"], entries.get("levels", 256), **given, **named, **tables)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _check(folder: Path, name: str, expected: _Expected) -> None:
    try:
        with open_regular(folder / name, within=folder) as file:
            size = os.fstat(file.fileno()).st_size
            if size != expected.bytes:
                raise ValueError(f"it has {size:,} bytes, not {expected.bytes:,}")
            if size <= HASHED_BYTES and hashlib.file_digest(file, "sha256").hexdigest() != expected.sha256:
                raise ValueError("its sha256 is not the recorded one")
    except FileNotFoundError as error:
        raise _damaged(folder, "it is missing", name) from error
    except (OSError, ValueError) as error:
        raise _damaged(folder, str(error), name) from error


def _open(folder: Path, split: SplitName, layout: Layout) -> Split:
    n, spec, classes = layout.sizes[split], layout.spec, layout.spec.classes
    x = map_array(folder / f"{split}-x.npy", np.dtype(spec.dtype).type, (n, *spec.shape), within=folder)
    labels = context = None
    if classes is not None:
        labels = map_array(folder / f"{split}-labels.npy", np.int32, (n,), within=folder)
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"{split}-labels.npy has labels outside 0 .. {classes - 1}")
    if spec.context:
        context = map_array(folder / f"{split}-context.npy", np.float32, (n, len(spec.context)), within=folder)
    return Split(x, labels, context)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(folder: Path, why: str, name: str = MANIFEST) -> DataError:
    """Return the error about a file of a prepared folder, which itself is all that it ever advises to delete."""
    return DataError(f"{folder / name} is damaged ({why}); delete the folder {folder} and it will be prepared anew.")


def _version(folder: Path) -> list[int]:
    return [int(part) if part.isascii() and part.isdigit() else 0 for part in folder.name.split(".")]


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"cannot write to {folder}: {why}; name another place with --data-dir DIR.") from error
