"""Folders of pictures: decoded, turned upright, resized; subfolders are splits and classes.

PNG, JPEG, WebP, BMP, TIFF and the first frame of GIF; grey, RGB, RGBA, palette, 16 bit and CMYK. Size and format are those
that a file's content declares, and are looked at before anything is decoded. Each file is read once, and what was decoded is
kept in memory or, of many pictures, in a temporary file.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfgen.data.dataset import SplitName
from tfgen.data.own.arrays import SPLIT_KEYS
from tfgen.data.own.picture_file import Picture, read_picture
from tfgen.data.own.raw import Raw
from tfgen.data.own.spool import Spool
from tfgen.data.own.walking import walked
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError
from tfgen.parallel import in_order
from tfgen.plugin.data_options import DataOptions
from tfgen.progress import Bar

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
#: Pictures of which the reading shows its progress, and after how many it is shown anew.
_MANY, _BETWEEN = 5_000, 500
_NAMED = 5
#: Files whose size is looked at, and bytes below which a file is small: two threads read 3 KB at half the rate of one.
_LOOKED_AT, _SMALL = 100, 20_000


class _File(NamedTuple):
    """A picture's file, with its split and class; the path begins at the folder of all pictures."""

    path: str
    split: SplitName | None
    label: str | None


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
    reading = _Reading(folder, options, scratch)
    for file, found in zip(files, reading.decoded(files, _threads_for(folder, files)), strict=True):
        reading.take(file, found)
    return reading.raw()


def _threads_for(folder: Path, files: Sequence[_File]) -> int:
    """Return how many threads decode: one for small files, which take longer in Python, under its lock, than to decode."""
    sizes = [os.path.getsize(path) for file in files[:_LOOKED_AT] if os.path.isfile(path := folder / file.path)]
    return 1 if sum(sizes) < _SMALL * len(sizes) else 2


class _Reading:
    """The pictures of a folder while they are read, in the order of their paths."""

    def __init__(self, folder: Path, options: DataOptions, scratch: Path | None) -> None:
        self._folder, self._options = folder, options
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._kept: list[_File] = []
        self._broken: list[tuple[_File, str]] = []
        self._images = Spool(scratch)
        # Pictures are read in colours until one has some: formats without a grey mode hold grey ones too.
        self._all_grey = options.colour != "rgb"

    def decoded(self, files: Sequence[_File], threads: int) -> Iterator[Picture | str]:
        """Yield each picture, or what is wrong with it; once sizes differ and none is asked for, only sizes are looked at."""

        def read(file: _File) -> Picture | str:
            place, options = self._folder / file.path, self._options
            if len(self._sizes) > 1 and options.size is None:
                return read_picture(place, None, None, options.fit)
            return read_picture(
                place, options.height_and_width, "L" if options.colour == "grey" else "RGB", options.fit
            )

        bar = Bar("reading", len(files), "pictures", quiet=len(files) < _MANY)
        with bar:
            for number, found in enumerate(in_order(read, ((file,) for file in files), threads, "tfgen-pictures"), 1):
                yield found
                if number % _BETWEEN == 0 or number == len(files):
                    bar.update(number, {})

    def take(self, file: _File, found: Picture | str) -> None:
        """Keep a picture, or note what is wrong with it."""
        if isinstance(found, str):
            self._broken.append((file, found))
            return
        self._sizes[found.size] += 1
        if found.image is None or (self._options.size is None and len(self._sizes) > 1):
            return
        if not self._kept:
            self._require_possible(file, found.image.shape)
        self._all_grey = self._all_grey and bool((found.image == found.image[..., :1]).all())
        self._images.append(found.image)
        self._kept.append(file)

    def raw(self) -> Raw:
        """Return what was read.

        Raises:
            DataError: when a picture is broken, or sizes differ and none is asked for.
        """
        self._require_sound()
        if self._options.size is None:
            self._require_one_size()
        images = self._images.array()
        if self._all_grey:
            images = images[..., :1]
        count = len(self._kept) + len(self._broken)
        notes = [f"{len(self._broken):,} of {count:,} files are no pictures and were left out"] if self._broken else []
        parts = _parts([file.split for file in self._kept])
        names = {split: [file.path for file in self._kept[part]] for split, part in parts.items()}
        examples = {split: images[part] for split, part in parts.items()}
        if self._kept[0].label is None:
            return Raw(examples, notes=notes, names=names)
        labels = {split: np.array([file.label for file in self._kept[part]]) for split, part in parts.items()}
        return Raw(examples, labels, notes=notes, names=names)

    def _require_sound(self) -> None:
        count = self._sizes.total() + len(self._broken)
        if not self._broken or (self._options.skip_broken and len(self._broken) < count):
            return
        file, why = self._broken[0]
        others = f", and {len(self._broken) - 1:,} more of {count:,} files are broken" if len(self._broken) > 1 else ""
        raise DataError(
            f"{self._folder / file.path} is no picture that can be read: {why}{others}; mend or remove them, or pass "
            "--skip-broken."
        )

    def _require_possible(self, file: _File, shape: tuple[int, ...]) -> None:
        """Refuse a size that no example has now, and not when all pictures are read."""
        try:
            DataSpec("image", (*shape[:2], 1))
        except DataError as error:
            raise DataError(
                f"{self._folder / file.path}: {str(error).rstrip('.')}; pass --size, such as --size 32."
            ) from error

    def _require_one_size(self) -> None:
        counts = self._sizes.most_common()
        if len(counts) > 1:
            met = ", ".join(f"{height}x{width} ({count:,})" for (height, width), count in counts[:_NAMED])
            more = f" and {len(counts) - _NAMED:,} more" if len(counts) > _NAMED else ""
            raise DataError(
                f"{self._folder} holds pictures of {len(counts):,} sizes, height x width: {met}{more}; give one with --size, "
                "such as --size 32 or --size 32x48."
            )


def _parts(splits: Sequence[SplitName | None]) -> dict[SplitName | None, slice]:
    """Return where each split lies among files whose splits stand together."""
    parts: dict[SplitName | None, slice] = {}
    start = 0
    for split, group in itertools.groupby(splits):
        end = start + sum(1 for _ in group)
        parts[split] = slice(start, end)
        start = end
    return parts


def find_pictures(folder: Path) -> tuple[list[_File], int]:
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


def _in_classes(root: Path, split: SplitName | None, name: str) -> tuple[list[_File], int]:
    """Return the pictures of one split: each in its class, or directly in the folder `name` where there are no classes."""
    files, others, folder = [], 0, root / name
    classes = _folders(folder)
    for label in [None, *classes]:
        for path in _walk(folder if label is None else folder / label, deep=label is not None):
            if path.lower().endswith(ENDINGS):
                files.append(_File(os.path.relpath(path, root), split, label))
            else:
                others += 1
    labelled = {file.label for file in files if file.label is not None}
    if labelled:
        stray = next((file.path for file in files if file.label is None), None)
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
