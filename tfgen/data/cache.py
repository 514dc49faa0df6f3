"""Cache of prepared image sets as `.npy` files, which later loads map into memory without TensorFlow.

A folder ``<root>/<version>/`` holds ``<split>-x.npy`` (uint8), ``<split>-labels.npy`` (int32, where there are labels)
and ``manifest.json``, which gives the shape, the number of classes and, for each file, its size and sha256. A folder is
written under another name first and then renamed: it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Dataset, Split, SplitName
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError
from tfgen.files import remove_old, temporary_beside

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
        shape: the shape of one image, ``(height, width, channels)``.
        classes: the number of labels, or None for a set without labels.
        sizes: the number of examples of each split.
    """

    source: str
    shape: tuple[int, int, int]
    classes: int | None
    sizes: Mapping[SplitName, int]

    @property
    def bytes(self) -> int:
        """Size of the arrays on disk, in bytes."""
        return sum(self.sizes.values()) * (int(np.prod(self.shape)) + (4 if self.classes else 0))


def newest(root: Path) -> Path | None:
    """Return the prepared folder with the highest version in `root`, or None."""
    folders = [manifest.parent for manifest in root.glob(f"[0-9]*/{MANIFEST}")]
    return max(folders, key=_version, default=None)


@contextlib.contextmanager
def written(folder: Path, layout: Layout) -> Iterator[dict[SplitName, Split]]:
    """Context manager that yields empty splits on disk to fill; `folder` appears, with its manifest, when the block succeeds.

    Where another process has prepared the same folder in the meantime, that one stays.

    Raises:
        DataError: when the folder cannot be written or the disk is too small.
    """
    if folder.exists() and not (folder / MANIFEST).exists():
        raise _damaged(folder / MANIFEST, "it is missing")
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
            _rename(temporary, folder)


def read(folder: Path, name: str) -> Dataset:
    """Return the data set `name` in `folder`, its arrays mapped into memory, read-only.

    Raises:
        DataError: when a file is missing, has the wrong size or, up to 512 MB, the wrong sha256; names it.
    """
    manifest = _read_manifest(folder)
    try:
        shape, classes, files = tuple(manifest["shape"]), manifest["classes"], dict(manifest["files"])
        for file, expected in files.items():
            _check(folder / file, expected["bytes"], expected["sha256"])
        splits = {split: _open(folder, split, classes is not None) for split in SPLITS}
        sums = "".join(files[file]["sha256"] for file in sorted(files))
        source = f"{manifest['source']}, arrays {hashlib.sha256(sums.encode()).hexdigest()[:16]}"
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise _damaged(folder / MANIFEST, f"{error!r}") from error
    return Dataset(name=name, spec=DataSpec(kind="image", shape=shape, classes=classes), splits=splits, source=source)


def _empty(folder: Path, name: SplitName, layout: Layout) -> Split:
    def make(what: str, dtype: type, shape: tuple[int, ...]) -> NDArray[Any]:
        array: NDArray[Any] = np.lib.format.open_memmap(folder / f"{name}-{what}.npy", "w+", dtype, shape)
        return array

    n = layout.sizes[name]
    return Split(make("x", np.uint8, (n, *layout.shape)), make("labels", np.int32, (n,)) if layout.classes else None)


def _flush(split: Split) -> None:
    for array in (split.x, split.labels):
        if isinstance(array, np.memmap):
            array.flush()


def _write_manifest(folder: Path, layout: Layout) -> None:
    arrays = sorted(folder.glob("*.npy"))
    files = {path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in arrays}
    content = {
        "source": layout.source,
        "shape": list(layout.shape),
        "classes": layout.classes,
        "splits": dict(layout.sizes),
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n")


def _rename(temporary: Path, folder: Path) -> None:
    try:
        temporary.rename(folder)
    except OSError:
        if not (folder / MANIFEST).exists():  # where it exists, another process was faster
            raise


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(content, dict):
        raise _damaged(path, "it holds no JSON object")
    return content


def _check(path: Path, size: int, sha256: str) -> None:
    if not path.is_file():
        raise _damaged(path, "it is missing")
    result = path.stat().st_size
    if result != size:
        raise _damaged(path, f"it has {result:,} bytes, not {size:,}")
    if size <= HASHED_BYTES and _sha256(path) != sha256:
        raise _damaged(path, "its sha256 is not the recorded one")


def _open(folder: Path, split: SplitName, labelled: bool) -> Split:
    def open_array(what: str) -> NDArray[Any]:
        array: NDArray[Any] = np.load(folder / f"{split}-{what}.npy", mmap_mode="r", allow_pickle=False)
        return array

    return Split(open_array("x"), open_array("labels") if labelled else None)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"{path} is damaged ({why}); delete the folder {path.parent} and it will be prepared anew.")


def _version(folder: Path) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in folder.name.split(".")]


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"cannot write to {folder}: {why}; name another place with --data-dir DIR.") from error
