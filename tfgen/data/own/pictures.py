"""Folders of pictures: decoded, turned upright, resized; subfolders are splits and classes.

PNG, JPEG, WebP, BMP, TIFF and the first frame of GIF; grey, RGB, RGBA, palette, 16 bit and CMYK. Size and format are those
that a file's content declares, and are looked at before anything is decoded.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SplitName
from tfgen.data.own.arrays import SPLIT_KEYS
from tfgen.data.own.raw import Raw
from tfgen.data.own.walking import walked
from tfgen.errors import DataError
from tfgen.parallel import in_order
from tfgen.plugin.data_options import DataOptions
from tfgen.reading import open_regular

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
#: A picture of more pixels is refused before it is decoded: it would take more than 600 MB.
MOST_PIXELS = 2 * 10**8
_MOST_FILE_BYTES = 2**29
#: Modes of Pillow without colour.
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_NAMED = 5


@dataclass(frozen=True)
class _File:
    """A picture's file, with its split and class."""

    path: Path
    split: SplitName | None
    label: str | None


def read_pictures(folder: Path, options: DataOptions, threads: int = 2) -> Raw:
    """Return the pictures in a folder as uint8 images.

    ``train/``, ``valid/`` and ``test/`` are splits, if there is a ``train/``; folders within them, or within the folder itself,
    are classes.

    Args:
        folder: of pictures.
        options: size, colours, what to do with broken files.
        threads: that decode.

    Raises:
        DataError: when there is no picture, one is broken, or sizes differ and none is asked for.
    """
    files, others = find_pictures(folder)
    if not files:
        endings = ", ".join(ENDINGS)
        raise DataError(f"{folder} holds no pictures ({endings}){f' among its {others:,} files' if others else ''}.")
    looked, broken = [], []
    for file, found in zip(
        files, in_order(_look, ((file.path,) for file in files), threads, "tfgen-pictures"), strict=True
    ):
        if isinstance(found, str):
            broken.append((file, found))
        else:
            looked.append((file, *found))
    _require_sound(broken, len(files), options.skip_broken)
    size = options.height_and_width or _only_size(folder, [size for _, size, _ in looked])
    grey = options.colour == "grey" or (options.colour == "auto" and all(is_grey for _, _, is_grey in looked))
    may_be_grey = options.colour == "auto" and not grey

    def decoded(path: Path) -> NDArray[np.uint8] | str:
        return _decode(path, size, grey, options.fit)

    kept, images = [], []
    calls = ((file.path,) for file, _, _ in looked)
    for (file, _, _), image in zip(looked, in_order(decoded, calls, threads, "tfgen-pictures"), strict=True):
        if isinstance(image, str):
            broken.append((file, image))
        else:
            kept.append(file)
            images.append(image)
    _require_sound(broken, len(files), options.skip_broken)
    if may_be_grey and all(
        (image == image[..., :1]).all() for image in images
    ):  # formats without a grey mode hold them too
        images = [image[..., :1] for image in images]
    notes = [f"{len(broken):,} of {len(files):,} files are no pictures and were left out"] if broken else []
    return _raw(folder, kept, images, notes)


def find_pictures(folder: Path) -> tuple[list[_File], int]:
    """Return the picture files in a folder, in the order of their paths, and how many other files there are.

    Hidden files and folders do not count.

    Raises:
        DataError: when some pictures are in a class and others in none, or a class has no picture.
    """
    splits = {name: SPLIT_KEYS[name.lower()] for name in _folders(folder) if name.lower() in SPLIT_KEYS}
    if "train" not in splits.values():
        return _in_classes(folder, None)
    files, others = [], 0
    for name, split in sorted(splits.items()):
        found, more = _in_classes(folder / name, split)
        files += found
        others += more
    return files, others


def _in_classes(folder: Path, split: SplitName | None) -> tuple[list[_File], int]:
    """Return the pictures of one split: each in its class, or directly in the folder where there are no classes."""
    files, others = [], 0
    classes = _folders(folder)
    for label in [None, *classes]:
        for path in _walk(folder if label is None else folder / label, deep=label is not None):
            if path.suffix.lower() in ENDINGS:
                files.append(_File(path, split, label))
            else:
                others += 1
    labelled = [file for file in files if file.label is not None]
    if labelled and len(labelled) < len(files):
        stray = next(file.path for file in files if file.label is None)
        raise DataError(
            f"{folder} holds pictures beside its {len(classes)} folders, such as {stray.name}; sort them in."
        )
    if labelled and (empty := sorted({*classes} - {file.label for file in labelled})):
        raise DataError(f"{folder / empty[0]} is a class without a picture; add some, or remove the folder.")
    return files, others


def _folders(folder: Path) -> list[str]:
    return sorted(name for name in next(walked(folder))[1] if not name.startswith("."))


def _walk(folder: Path, deep: bool) -> Iterator[Path]:
    """Yield the files in a folder, and with `deep` in those below it."""
    for place, folders, files in walked(folder):
        folders[:] = sorted(name for name in folders if deep and not name.startswith("."))
        yield from (Path(place) / name for name in sorted(files) if not name.startswith("."))


def _look(path: Path) -> tuple[tuple[int, int], bool] | str:
    """Return height and width of a picture once it is upright, and whether it is grey; or what is wrong. Decodes nothing."""
    try:
        with open_regular(path, _MOST_FILE_BYTES) as file, _opened(file) as picture:
            width, height = picture.size
            if picture.getexif().get(0x0112) in (5, 6, 7, 8):  # to be turned by a quarter
                width, height = height, width
            return (height, width), picture.mode in _GREY_MODES
    except Exception as error:  # what decoders raise for damaged files is of many kinds
        return _why(error)


def _decode(path: Path, size: tuple[int, int], grey: bool, fit: str) -> NDArray[np.uint8] | str:
    """Return a picture as uint8 [height, width, channels]; or what is wrong with it."""
    from PIL import ImageOps

    try:
        with open_regular(path, _MOST_FILE_BYTES) as file, _opened(file) as picture:
            upright = ImageOps.exif_transpose(_eight_bit(picture))
            image = _resized(_without_alpha(upright, "L" if grey else "RGB"), size, fit)
            return np.asarray(image, np.uint8).reshape(*size, 1 if grey else 3)
    except Exception as error:  # of as many kinds, and only now that all of the file is read
        return _why(error)


def _opened(file: Any) -> Any:
    """Open a picture whose declared size is checked."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about sizes, which are checked here
        try:
            picture = Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise ValueError(f"it declares more than {MOST_PIXELS:,} pixels") from error
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"it declares {width:,} x {height:,} pixels, more than {MOST_PIXELS:,} in all")
    return picture


def _eight_bit(picture: Any) -> Any:
    """Return a picture of 8 bits for each channel: of 16 bits the upper eight; of floats in [0, 1] or [0, 255] the levels."""
    from PIL import Image

    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture)
    if values.dtype.kind == "f":
        values = values * (255.0 if values.max(initial=0) <= 1 else 1.0)
    elif values.max(initial=0) > 255 or picture.mode.startswith("I;16"):
        values = values // 257  # 65535 becomes 255
    exif = picture.getexif()
    result = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    result.info["exif"] = exif.tobytes()
    return result


def _without_alpha(picture: Any, mode: str) -> Any:
    """Return a picture in a mode without transparency, over white."""
    from PIL import Image

    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        above = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return picture.convert(mode)


def _resized(picture: Any, size: tuple[int, int], fit: str) -> Any:
    """Return a picture resized with its sides in proportion (Lanczos, antialiased), and cut or padded about its middle."""
    from PIL import Image, ImageOps

    height, width = size
    if picture.size == (width, height):
        return picture
    change = ImageOps.fit if fit == "crop" else ImageOps.pad
    return change(picture, (width, height), Image.Resampling.LANCZOS)


def _only_size(folder: Path, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    counts = Counter(sizes).most_common()
    if len(counts) > 1:
        met = ", ".join(f"{height}x{width} ({count:,})" for (height, width), count in counts[:_NAMED])
        more = f" and {len(counts) - _NAMED:,} more" if len(counts) > _NAMED else ""
        raise DataError(
            f"{folder} holds pictures of {len(counts):,} sizes, height x width: {met}{more}; give one with --size, such as "
            "--size 32 or --size 32x48."
        )
    return counts[0][0]


def _require_sound(broken: Sequence[tuple[_File, str]], count: int, skip: bool) -> None:
    if not broken or (skip and len(broken) < count):
        return
    file, why = broken[0]
    others = f", and {len(broken) - 1:,} more of {count:,} files are broken" if len(broken) > 1 else ""
    raise DataError(
        f"{file.path} is no picture that can be read: {why}{others}; mend or remove them, or pass --skip-broken."
    )


def _why(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if text and "cannot identify image file" not in text else "it is damaged, or of another format"


def _raw(folder: Path, files: Sequence[_File], images: Sequence[NDArray[np.uint8]], notes: Sequence[str]) -> Raw:
    splits: dict[SplitName | None, list[int]] = {}
    for place, file in enumerate(files):
        splits.setdefault(file.split, []).append(place)
    examples = {split: np.stack([images[place] for place in places]) for split, places in splits.items()}
    names = {
        split: [str(files[place].path.relative_to(folder)) for place in places] for split, places in splits.items()
    }
    if files[0].label is None:
        return Raw(examples, notes=notes, names=names)
    labels = {split: np.array([files[place].label for place in places]) for split, places in splits.items()}
    return Raw(examples, labels, notes=notes, names=names)
