"""Folders of pictures: decoded, turned upright, resized; subfolders are splits and classes.

PNG, JPEG, WebP, BMP, TIFF and the first frame of GIF; grey, RGB, RGBA, palette, 16 bit and CMYK. Size and format are those
that a file's content declares, and are looked at before anything is decoded. Each file is read once, and what was decoded is
kept in memory or, of many pictures, in a temporary file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfgen.data.dataset import SplitName
from tfgen.data.own.arrays import SPLIT_KEYS
from tfgen.data.own.picture_reading import Item, PictureReading
from tfgen.data.own.raw import Raw
from tfgen.data.own.walking import walked
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
#: Files whose size is looked at, and bytes below which a file is small: two threads read 3 KB at half the rate of one.
_LOOKED_AT, _SMALL = 100, 20_000
#: Threads that decode large files at most: as many pictures are in memory.
_MOST_THREADS = 16


def read_pictures(folder: Path, options: DataOptions, scratch: Path | None = None) -> Raw:
    """Return the pictures in a folder as uint8 images.

    ``train/``, ``valid/`` and ``test/`` are splits, if there is a ``train/``; folders within them, or within the folder itself,
    are classes.

    Args:
        folder: of pictures.
        options: size, colours, what to do with broken files.
        scratch: where the temporary file of many pictures lies; in the system's folder for such files where None.

    Raises:
        DataError: when there is no picture, one is broken, or sizes differ and none is asked for.
    """
    files, others = find_pictures(folder)
    if not files:
        endings = ", ".join(ENDINGS)
        raise DataError(f"{folder} holds no pictures ({endings}){f' among its {others:,} files' if others else ''}.")
    reading = PictureReading(str(folder), options, scratch)
    reading.read(((file, folder / file.name) for file in files), len(files), _threads_for(folder, files))
    return reading.raw()


def _threads_for(folder: Path, files: Sequence[Item]) -> int:
    """Return how many threads decode: one for each core; one for small files, which spend most time under Python's lock."""
    sizes = [os.path.getsize(path) for file in files[:_LOOKED_AT] if os.path.isfile(path := folder / file.name)]
    return 1 if sum(sizes) < _SMALL * len(sizes) else max(1, min(_MOST_THREADS, os.cpu_count() or 1))


def find_pictures(folder: Path) -> tuple[list[Item], int]:
    """Return the picture files in a folder, in the order of their paths, and how many other files there are.

    Hidden files and folders do not count.

    Raises:
        DataError: when some pictures are in a class and others in none, or a class has no picture.
    """
    splits = {name: SPLIT_KEYS[name.lower()] for name in _folders(folder) if name.lower() in SPLIT_KEYS}
    if "train" not in splits.values():
        return _in_classes(folder, None, "")
    files, others = [], 0
    for name, split in sorted(splits.items(), key=lambda item: (item[1], item[0])):
        found, more = _in_classes(folder, split, name)
        files += found
        others += more
    return files, others


def _in_classes(root: Path, split: SplitName | None, name: str) -> tuple[list[Item], int]:
    """Return the pictures of one split: each in its class, or directly in the folder `name` where there are no classes."""
    files, others, folder = [], 0, root / name
    classes = _folders(folder)
    for label in [None, *classes]:
        for path in _walk(folder if label is None else folder / label, deep=label is not None):
            if path.lower().endswith(ENDINGS):
                files.append(Item(os.path.relpath(path, root), split, label))
            else:
                others += 1
    labelled = {file.label for file in files if file.label is not None}
    if labelled:
        stray = next((file.name for file in files if file.label is None), None)
        if stray is not None:
            raise DataError(
                f"{folder} holds pictures beside its {len(classes)} folders, such as {os.path.basename(stray)}; sort them in."
            )
        if empty := sorted({*classes} - labelled):
            raise DataError(f"{folder / empty[0]} is a class without a picture; add some, or remove the folder.")
    return files, others


def _folders(folder: Path) -> list[str]:
    return sorted(name for name in next(walked(folder))[1] if not name.startswith("."))


def _walk(folder: Path, deep: bool) -> Iterator[str]:
    """Yield the files in a folder, and with `deep` in those below it."""
    for place, folders, files in walked(folder):
        folders[:] = sorted(name for name in folders if deep and not name.startswith("."))
        yield from (os.path.join(place, name) for name in sorted(files) if not name.startswith("."))
