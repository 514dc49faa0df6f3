"""A user's own data, prepared once: read, split, and kept as arrays under the digest of their content."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfgen.data import cache
from tfgen.data.dataset import SPLITS, Dataset
from tfgen.data.fitting import with_fitted_columns
from tfgen.data.own.loading import dataset_of, read_own
from tfgen.data.own.raw import Raw
from tfgen.data.own.walking import walked
from tfgen.data.tfds import data_folder
from tfgen.errors import DataError
from tfgen.files import written_whole
from tfgen.plugin.data_options import DataOptions
from tfgen.plugin.specs import DataSources
from tfgen.printed import say
from tfgen.reading import read_regular

#: Changes whenever the same files would give other arrays.
_VERSION = 2
#: Begins the name of a data set that was prepared, before its digest.
KEPT = "own:"
_DIGEST = re.compile("[0-9a-f]{32}")


def kept_own(name: str, sources: DataSources) -> Dataset:
    """Return the data set that was prepared under ``own:DIGEST``.

    Raises:
        DataError: when there is none.
    """
    digest = name.removeprefix(KEPT)
    folder = _root(sources) / digest
    if not (_DIGEST.fullmatch(digest) and (folder / cache.MANIFEST).is_file()):
        raise DataError(
            f"data set {name} is not kept in {folder.parent}; name the file, folder or --data-dir that it came from."
        )
    return _read(folder, digest)


def prepare_own(path: str, options: DataOptions, sources: DataSources) -> Dataset:
    """Return the data set in a file or folder; what was prepared from the same files is not read again.

    Args:
        path: as the user has typed it.
        options: how it becomes a data set.
        sources: where prepared sets are kept.

    Raises:
        DataError: when it cannot be read or prepared; says what to do.
    """
    place = Path(os.path.expanduser(path))
    if "\0" in path or not place.exists():
        raise DataError(f"there is no file or folder {path}.")
    root = _root(sources)
    pointer = root / "sources" / _listing(place, options)
    if (digest := _known(pointer)) and (root / digest / cache.MANIFEST).is_file():
        return _read(root / digest, digest, _stem(place))
    raw = read_own(place, options)
    _say_notes(raw, path)
    found = _kept(dataset_of(raw, path, options), root, _stem(place))
    _point(pointer, found)
    return found


def prepare_raw(raw: Raw, options: DataOptions, sources: DataSources, name: str = "arrays") -> Dataset:
    """Return raw examples of a Python program as a data set that later programs find by its digest.

    Args:
        raw: the examples.
        options: how they become a data set.
        sources: where prepared sets are kept.
        name: of the data set.

    Raises:
        DataError: when they fit no spec, or cannot be kept.
    """
    _say_notes(raw, name)
    return _kept(dataset_of(raw, name, options), _root(sources), name)


def prepare_dataset(data: Dataset, sources: DataSources) -> Dataset:
    """Return a data set of Python, with its splits, as one that later programs find by its digest."""
    return _kept(with_fitted_columns(data), _root(sources), _stem(Path(data.name)))


def content_digest(data: Dataset) -> str:
    """Return the digest of spec and arrays of a data set, 32 hexadecimal digits."""
    found = hashlib.sha256(json.dumps(data.spec.to_json()).encode())
    for name in SPLITS:
        split = data.splits[name]
        for array in (split.x, split.labels, split.context):
            if array is not None:
                found.update(f"{name} {array.shape}".encode())
                found.update(np.ascontiguousarray(array).view(np.uint8).data)
    return found.hexdigest()[:32]


def _kept(data: Dataset, root: Path, stem: str) -> Dataset:
    """Return a data set as it is kept under its digest."""
    digest = content_digest(data)
    folder = root / digest
    if not (folder / cache.MANIFEST).is_file():
        layout = cache.Layout(f"own data {stem}", data.spec, {name: len(data.splits[name]) for name in SPLITS})
        with cache.written(folder, layout) as splits:
            for name, split in splits.items():
                split.x[:] = data.splits[name].x
                given = data.splits[name]
                for empty, array in ((split.labels, given.labels), (split.context, given.context)):
                    if empty is not None and array is not None:
                        empty[:] = array
    return _read(folder, digest, stem)


def _say_notes(raw: Raw, name: str) -> None:
    for note in raw.notes:
        say(f"note: {name}: {note}", error=True)


def _root(sources: DataSources) -> Path:
    return data_folder(sources) / "tfgen" / "own"


def _read(folder: Path, digest: str, stem: str = "arrays") -> Dataset:
    return dataclasses.replace(cache.read(folder, f"{stem}@{digest[:8]}"), source=f"{KEPT}{digest}")


def _stem(path: Path) -> str:
    """Return the name of a file or folder without its ending, of letters that a run's folder may have."""
    name = path.resolve().name.partition(".")[0] or "data"
    return re.sub(r"[^\w-]+", "_", name)[:40]


def _listing(path: Path, options: DataOptions) -> str:
    """Return a digest of the names, sizes and times of all files, and of the options: it changes when the content may have."""
    entries = [(str(file.relative_to(path)), *_size_and_time(file)) for file in _files(path)]
    content = [_VERSION, str(path.resolve()), dataclasses.asdict(options), sorted(entries)]
    return hashlib.sha256(json.dumps(content).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, _, names in walked(path):
        yield from (Path(folder) / name for name in names)


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:  # a broken link
        return -1, 0
    return found.st_size, found.st_mtime_ns


def _known(pointer: Path) -> str | None:
    try:
        text = read_regular(pointer, 100, within=pointer.parent).decode("ascii")
    except (OSError, ValueError):
        return None
    return text if _DIGEST.fullmatch(text) else None


def _point(pointer: Path, data: Dataset) -> None:
    pointer.parent.mkdir(exist_ok=True)
    with written_whole(pointer) as temporary:
        temporary.write_text(data.source.removeprefix(KEPT))
