"""Read pictures one after another, from files or from memory, to arrays of one size; what is broken is counted."""

from __future__ import annotations

import itertools
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from tfgen.data.dataset import SplitName
from tfgen.data.own.picture_file import Picture, read_picture
from tfgen.data.own.raw import Raw
from tfgen.data.own.spool import Spool
from tfgen.data.spec import DataSpec
from tfgen.errors import DataError
from tfgen.parallel import in_order
from tfgen.plugin.data_options import DataOptions
from tfgen.progress import Bar

#: Pictures of which the reading shows its progress, and after how many it is shown anew.
_MANY, _BETWEEN = 5_000, 500
_NAMED = 5


class Item(NamedTuple):
    """A picture to be read.

    Attributes:
        name: for messages and lists, such as its path below the folder of all pictures.
        split: that it belongs to; None for pictures without splits.
        label: name of its class; None for pictures without classes.
    """

    name: str
    split: SplitName | None
    label: str | None


def require_classes_alike(items: Iterable[Item], where: str) -> None:
    """Check that pictures have classes in all splits or in none.

    Raises:
        DataError: names a split without classes.
    """
    labelled: dict[SplitName | None, bool] = {}
    for item in items:
        labelled.setdefault(item.split, item.label is not None)
    bare = [split for split, has in labelled.items() if not has]
    if bare and any(labelled.values()):
        classed = next(split for split, has in labelled.items() if has)
        raise DataError(
            f"{where}: the pictures of the {bare[0]} split have no classes, and those of the {classed} split have; give them "
            f"some, or leave the {bare[0]} split out."
        )


class PictureReading:
    """Pictures while they are read, those of a split together.

    Args:
        where: all of them lie, for messages.
        options: size, colours, what to do with broken pictures.
        scratch: where the temporary file of many pictures lies; in the system's folder for such files where None.
        between: that place and the name of a picture, in messages.
    """

    def __init__(self, where: str, options: DataOptions, scratch: Path | None = None, between: str = os.sep) -> None:
        self._where, self._options, self._between = where, options, between
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._kept: list[Item] = []
        self._broken: list[tuple[Item, str]] = []
        self._images = Spool(scratch)
        # Pictures are read in colours until one has some: formats without a grey mode hold grey ones too.
        self._all_grey = options.colour != "rgb"

    def read(self, items: Iterable[tuple[Item, Path | bytes]], count: int, threads: int = 1) -> None:
        """Read pictures, each from its file or the content of one.

        Args:
            items: read as they are needed.
            count: of the pictures, for the progress.
            threads: that decode.
        """
        bar = Bar("reading", count, "pictures", quiet=count < _MANY)
        with bar, warnings.catch_warnings():  # here, not where a thread decodes: filters belong to the process
            warnings.simplefilter("ignore")  # of Pillow, about sizes, which are checked, and odd entries of files
            for number, (item, found) in enumerate(in_order(self._decoded, items, threads, "tfgen-pictures"), 1):
                self._take(item, found)
                if number % _BETWEEN == 0 or number == count:
                    bar.update(number, {})

    def _decoded(self, item: Item, source: Path | bytes) -> tuple[Item, Picture | str]:
        """Return a picture, or what is wrong with it; once sizes differ and none is asked for, only its size."""
        options = self._options
        if len(self._sizes) > 1 and options.size is None:
            return item, read_picture(source, None, None, options.fit)
        mode: Literal["L", "RGB"] = "L" if options.colour == "grey" else "RGB"
        return item, read_picture(source, options.height_and_width, mode, options.fit)

    def _take(self, item: Item, found: Picture | str) -> None:
        """Keep a picture, or note what is wrong with it."""
        if isinstance(found, str):
            self._broken.append((item, found))
            return
        self._sizes[found.size] += 1
        if found.image is None or (self._options.size is None and len(self._sizes) > 1):
            return
        if not self._kept:
            self._require_possible(item, found.image.shape)
        self._all_grey = self._all_grey and bool((found.image == found.image[..., :1]).all())
        self._images.append(found.image)
        self._kept.append(item)

    def raw(self) -> Raw:
        """Return what was read.

        Raises:
            DataError: when a picture is broken, or sizes differ and none is asked for.
        """
        self._require_sound()
        require_classes_alike(self._kept, self._where)
        if self._options.size is None:
            self._require_one_size()
        images = self._images.array()
        if self._all_grey:
            images = images[..., :1]
        count = len(self._kept) + len(self._broken)
        notes = (
            [f"{len(self._broken):,} of {count:,} pictures cannot be read and were left out"] if self._broken else []
        )
        parts = _parts([item.split for item in self._kept])
        names = {split: [item.name for item in self._kept[part]] for split, part in parts.items()}
        examples = {split: images[part] for split, part in parts.items()}
        if self._kept[0].label is None:
            return Raw(examples, notes=notes, names=names)
        labels = {split: np.array([item.label for item in self._kept[part]], object) for split, part in parts.items()}
        return Raw(examples, labels, notes=notes, names=names)

    def _require_sound(self) -> None:
        count = self._sizes.total() + len(self._broken)
        if not self._broken or (self._options.skip_broken and len(self._broken) < count):
            return
        item, why = self._broken[0]
        others = (
            f", and {len(self._broken) - 1:,} more of {count:,} pictures are broken" if len(self._broken) > 1 else ""
        )
        sound = len(self._broken) < count
        raise DataError(
            f"{self._where}{self._between}{item.name} is no picture that can be read: {why}{others}; mend "
            f"{'or remove them, or pass --skip-broken' if sound else 'them: no picture is left'}."
        )

    def _require_possible(self, item: Item, shape: tuple[int, ...]) -> None:
        """Refuse a size that no example has now, and not when all pictures are read."""
        try:
            DataSpec("image", (*shape[:2], 1))
        except DataError as error:
            raise DataError(
                f"{self._where}{self._between}{item.name}: {str(error).rstrip('.')}; pass --size, such as --size 32."
            ) from error

    def _require_one_size(self) -> None:
        counts = self._sizes.most_common()
        if len(counts) > 1:
            met = ", ".join(f"{height}x{width} ({count:,})" for (height, width), count in counts[:_NAMED])
            more = f" and {len(counts) - _NAMED:,} more" if len(counts) > _NAMED else ""
            raise DataError(
                f"{self._where} holds pictures of {len(counts):,} sizes, height x width: {met}{more}; give one with "
                "--size, such as --size 32 or --size 32x48."
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
