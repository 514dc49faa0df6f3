"""Folders of pictures: decoded, turned upright, resized; subfolders are splits and classes.

PNG, JPEG, WebP, BMP, TIFF and the first frame of GIF; grey, RGB, RGBA, palette, 16 bit and CMYK. Size and format are those
that a file's content declares, and are looked at before anything is decoded. Each file is read once, and what was decoded is
kept in memory or, of many pictures, in a temporary file.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tfgen.data.dataset import SplitName
from tfgen.data.own.arrays import SPLIT_KEYS
from tfgen.data.own.picture_reading import Item, PictureReading, require_classes_alike
from tfgen.data.own.raw import Raw
from tfgen.data.own.walking import walked
from tfgen.errors import DataError
from tfgen.plugin.data_options import DataOptions
from tfgen.reading import is_text

ENDINGS = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
)  # fmt: skip
#: Endings of picture formats that are not supported: a note counts such files.
_UNREAD = (
    ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".svg", ".psd", ".ico",
    ".exr", ".hdr", ".dng", ".cr2", ".nef", ".arw", ".raw", ".dcm",
)  # fmt: skip
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
        raise DataError(
            f"{folder} holds no pictures ({endings}){f' among its {len(others):,} files' if others else ''}."
        )
    reading = PictureReading(str(folder), options, scratch)
    reading.read(((file, folder / file.name) for file in files), len(files), _threads_for(folder, files))
    raw = reading.raw()
    unread = Counter(ending for path in others if (ending := os.path.splitext(path)[1].lower()) in _UNREAD)
    notes = [f"{count:,} files {ending} are not read; save them as .png" for ending, count in sorted(unread.items())]
    return dataclasses.replace(raw, notes=[*raw.notes, *notes])


def _threads_for(folder: Path, files: Sequence[Item]) -> int:
    """Return how many threads decode: one for each core; one for small files, which spend most time under Python's lock."""
    sizes = [os.path.getsize(path) for file in files[:_LOOKED_AT] if os.path.isfile(path := folder / file.name)]
    return 1 if sum(sizes) < _SMALL * len(sizes) else max(1, min(_MOST_THREADS, os.cpu_count() or 1))


def find_pictures(folder: Path) -> tuple[list[Item], list[str]]:
    """Return the picture files in a folder, in the order of their paths, and the other files there.

    Hidden files and folders do not count.

    Raises:
        DataError: when some pictures are in a class or split and others in none, or a class has no picture.
    """
    names = _folders(folder)
    splits = {name: SPLIT_KEYS[name.lower()] for name in names if name.lower() in SPLIT_KEYS}
    if "train" not in splits.values():
        if splits and all(name in splits or name.lower().startswith("train") for name in names):
            raise DataError(
                f"{folder} holds {', '.join(names)}, and none is called train; call that of training so, or name the folder of "
                "one split."
            )
        return _in_classes(folder, None, "")
    _require_no_more(folder, splits)
    files: list[Item] = []
    others: list[str] = []
    for name, split in sorted(splits.items(), key=lambda item: (item[1], item[0])):
        found, more = _in_classes(folder, split, name)
        files += found
        others += more
    require_classes_alike(files, str(folder))
    return files, others


def _require_no_more(folder: Path, splits: Mapping[str, SplitName]) -> None:
    """Refuse pictures beside the folders of splits, which would be left out."""
    for place, folders, files in walked(folder):
        if place == str(folder):
            folders[:] = [name for name in folders if name not in splits]
        if stray := next((name for name in files if name.lower().endswith(ENDINGS)), None):
            stray = os.path.relpath(os.path.join(place, stray), folder)
            raise DataError(
                f"{folder} holds pictures beside its splits {', '.join(splits)}, such as {stray}; folders called train, valid "
                "and test are splits, and others are not read: rename its folder, or take it out."
            )


def _in_classes(root: Path, split: SplitName | None, name: str) -> tuple[list[Item], list[str]]:
    """Return the pictures of one split: each in its class, or directly in the folder `name` where there are no classes."""
    files: list[Item] = []
    others: list[str] = []
    folder = root / name
    classes = _folders(folder)
    for label in [None, *classes]:
        for path in _walk(folder if label is None else folder / label, deep=label is not None):
            if path.lower().endswith(ENDINGS):
                files.append(Item(os.path.relpath(path, root), split, label))
            elif os.path.islink(path) and not os.path.exists(path):
                raise DataError(
                    f"{path} is a link to nothing, perhaps to a folder that was moved; mend it, or remove it."
                )
            else:
                others.append(path)
    labelled = {file.label for file in files if file.label is not None}
    if labelled:
        stray = next((file.name for file in files if file.label is None), None)
        if stray is not None:
            raise DataError(
                f"{folder} holds pictures beside its {len(classes)} folders, such as {os.path.basename(stray)}; sort them in."
            )
        if empty := sorted({*classes} - labelled):
            raise DataError(f"{folder / empty[0]} is a class without a picture; add some, or remove the folder.")
        if strange := next((label for label in classes if not is_text(label)), None):
            raise DataError(f"{folder} holds a folder whose name is no text in UTF-8, {strange!r}; rename the folder.")
    return files, others


def _folders(folder: Path) -> list[str]:
    return list(next(walked(folder))[1])


def _walk(folder: Path, deep: bool) -> Iterator[str]:
    """Yield the files in a folder, and with `deep` in those below it."""
    for place, folders, files in walked(folder):
        if not deep:
            folders.clear()
        yield from (os.path.join(place, name) for name in files)
