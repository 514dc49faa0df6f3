"""A user's own data, prepared once: read, split, and kept as arrays under the digest of their content."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfgen.data import cache
from tfgen.data.dataset import SPLITS, Dataset, Split, SplitName
from tfgen.data.fitting import with_fitted_columns
from tfgen.data.mapped import release, write_reordered
from tfgen.data.own.hashing import hashes
from tfgen.data.own.loading import read_own, split_raw
from tfgen.data.own.raw import Raw
from tfgen.data.own.splitting import Reordered
from tfgen.data.own.walking import walked
from tfgen.data.spec import DataSpec
from tfgen.data.tfds import data_folder
from tfgen.errors import DataError, OutputError
from tfgen.files import written_whole
from tfgen.plugin.data_options import DataOptions
from tfgen.plugin.specs import DataSources
from tfgen.printed import say
from tfgen.reading import read_regular

#: Changes whenever the same files would give other arrays.
_VERSION = 3
#: Sets of more bytes are put into order on disk; splits of more into random order, since training reads neighbours together.
_LARGE = 2**30
#: Begins the name of a data set that was prepared, before its digest.
KEPT = "own:"
_DIGEST = re.compile("[0-9a-f]{32}")


def kept_own(name: str, sources: DataSources) -> Dataset:
    """Return the data set that was prepared under ``own:DIGEST``.

    Raises:
        DataError: when there is none.
    """
    digest = name.removeprefix(KEPT)
    folder = prepared_folder(sources) / digest
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
    root = prepared_folder(sources)
    pointer = root / "sources" / _listing(place, options)
    if (digest := _known(pointer)) and (root / digest / cache.MANIFEST).is_file():
        return _read(root / digest, digest, _stem(place))
    raw = read_own(place, options, None, root if _is_open(root) else None)
    found = _prepared(raw, path, options, root, _stem(place))
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
    return _prepared(raw, name, options, prepared_folder(sources), name)


def prepare_dataset(data: Dataset, sources: DataSources) -> Dataset:
    """Return a data set of Python, with its splits, as one that later programs find by its digest."""
    fitted = with_fitted_columns(data)
    return _kept(fitted.spec, _whole(fitted), prepared_folder(sources), _stem(Path(data.name)))


def content_digest(spec: DataSpec, splits: Mapping[SplitName, Reordered]) -> str:
    """Return the digest of spec and arrays of a data set, 32 hexadecimal digits."""
    found = hashlib.sha256(json.dumps(spec.identity()).encode())
    for name in SPLITS:
        split, examples = splits[name], splits[name].examples
        rows = (block.x for block in split.blocks())
        labels, context = (None if part is None else part[split.order] for part in (examples.labels, examples.context))
        for array, parts in ((examples.x, rows), (labels, [labels]), (context, [context])):
            if array is not None:
                found.update(f"{name} {(len(split), *array.shape[1:])}".encode())
                for part in parts:
                    found.update(np.ascontiguousarray(part).view(np.uint8).data)
    return found.hexdigest()[:32]


def _prepared(raw: Raw, name: str, options: DataOptions, root: Path, stem: str) -> Dataset:
    """Return raw examples as a data set that is kept; its examples are all in memory only where columns are fitted to them."""
    for note in raw.notes:
        say(f"note: {name}: {note}", error=True)
    spec, splits = split_raw(raw, name, options)
    if spec.kind == "vector" or spec.context is not None:
        fitted = with_fitted_columns(Dataset(name, spec, {key: split.split() for key, split in splits.items()}))
        spec, splits = fitted.spec, _whole(fitted)
    return _kept(spec, splits, root, stem)


def _whole(data: Dataset) -> dict[SplitName, Reordered]:
    """Return the splits of a data set in the order that they have; large ones in that of their hashes, as others are kept."""

    def order(split: Split) -> NDArray[np.intp]:
        return np.argsort(hashes(split.x), kind="stable") if split.x.nbytes > _LARGE else np.arange(len(split))

    return {name: Reordered(data.splits[name], order(data.splits[name])) for name in SPLITS}


def _kept(spec: DataSpec, splits: Mapping[SplitName, Reordered], root: Path, stem: str) -> Dataset:
    """Return a data set as it is kept under its digest."""
    layout = cache.Layout(f"own data {stem}", spec, {name: len(splits[name]) for name in SPLITS})
    # What memory may not hold is put into order once, on disk, and its digest taken from there.
    if layout.bytes > _LARGE and _is_open(root):
        digest = ""
        with cache.written(root / "large", layout, lambda: digest) as files:
            for name, file in files.items():
                _fill_in_passes(file, splits[name])
            digest = content_digest(spec, {name: Reordered(file, np.arange(len(file))) for name, file in files.items()})
        return _read(root / digest, digest, stem)
    digest = content_digest(spec, splits)
    folder = root / digest
    if not (folder / cache.MANIFEST).is_file():
        with cache.written(folder, layout) as files:
            for name, file in files.items():
                _fill(file, splits[name])
    return _read(folder, digest, stem)


def _fill(file: Split, split: Reordered) -> None:
    """Write the rows of a split to the memory maps of its files, a block at a time."""
    start = 0
    for block in split.blocks():
        file.x[start : start + len(block)] = block.x
        start += len(block)
        release(file.x)
    _fill_beside(file, split)


def _fill_in_passes(file: Split, split: Reordered) -> None:
    """Write the rows of a large split to the memory maps of its files, without reading single rows from the disk."""
    write_reordered(split.examples.x, split.order, file.x)
    _fill_beside(file, split)


def _fill_beside(file: Split, split: Reordered) -> None:
    """Write labels and contexts of a split to the memory maps of their files."""
    for empty, part in ((file.labels, split.examples.labels), (file.context, split.examples.context)):
        if empty is not None and part is not None:
            empty[:] = part[split.order]


def prepared_folder(sources: DataSources) -> Path:
    """Return the folder of the data sets that were prepared from a user's own data."""
    return data_folder(sources) / "tfgen" / "own"


def _read(folder: Path, digest: str, stem: str = "arrays") -> Dataset:
    # Sets that were prepared by earlier versions have no modes of their categories.
    kept = with_fitted_columns(cache.read(folder, f"{stem}@{digest[:8]}"))
    return dataclasses.replace(kept, source=f"{KEPT}{digest}")


def _stem(path: Path) -> str:
    """Return the name of a file or folder without its ending, of letters that a run's folder may have."""
    name = path.resolve().name.partition(".")[0] or "data"
    return re.sub(r"[^\w-]+", "_", name)[:40]


def _listing(path: Path, options: DataOptions) -> str:
    """Return a digest of the names, sizes and times of all files, and of the options: it changes when the content may have."""
    content = [_VERSION, str(path.resolve()), dataclasses.asdict(options)]
    found = hashlib.sha256(json.dumps(content).encode("utf-8", "surrogatepass"))
    for folder, name in _files(path):
        entry = [os.path.relpath(folder, path), name, *_size_and_time(os.path.join(folder, name))]
        found.update(json.dumps(entry).encode("utf-8", "surrogatepass"))
    return found.hexdigest()[:32]


def _files(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the folder and the name of each file, in the order of their names."""
    if not path.is_dir():
        yield str(path.parent), path.name
        return
    for folder, _, names in walked(path):  # as those who read the folder walk through it
        yield from ((folder, name) for name in names)


def _size_and_time(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
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
    """Note which set was prepared; where that cannot be written, files are read again the next time, which does no harm."""
    with contextlib.suppress(OSError, OutputError):
        pointer.parent.mkdir(exist_ok=True)
        with written_whole(pointer) as temporary:
            temporary.write_text(data.source.removeprefix(KEPT))


def _is_open(root: Path) -> bool:
    """Return whether the folder of prepared sets can be written to, as far as is known; one that is not there is made."""
    return not root.exists() or os.access(root, os.W_OK)
