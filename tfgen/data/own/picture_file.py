"""Decode one picture, of a file or in memory: its declared size is checked first; upright, 8 bits, over white, resized."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfgen.reading import open_regular

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
#: A picture of more pixels is refused before it is decoded: it would take more than 500 MB. Pillow itself refuses 179 million.
MOST_PIXELS = 170_000_000
_MOST_FILE_BYTES = 2**29
#: Tag of Exif for how the camera was turned; 1 is upright.
_ORIENTATION = 0x0112
#: Tags of TIFF for the sides of the picture as it is stored.
_WIDTH, _HEIGHT = 256, 257


class Picture(NamedTuple):
    """A picture as it was decoded, uint8 [height, width, channels]; None where only its size was looked at.

    The size is that of the upright picture in its file, height and width.
    """

    size: tuple[int, int]
    image: NDArray[np.uint8] | None


def read_picture(
    source: Path | bytes, size: tuple[int, int] | None, mode: Literal["L", "RGB"] | None, fit: str
) -> Picture | str:
    """Return a picture of the wanted size, its own where None, and mode; without a mode it is not decoded.

    A picture that cannot be read gives the reason.

    Args:
        source: its file, or the content of one.
        size: height and width.
        mode: grey or colours.
        fit: "crop" or "pad", what is done with pictures of other proportions than the size.
    """
    from PIL import ImageOps

    try:
        content = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source, _MOST_FILE_BYTES)
        with content as file, _opened(file) as picture:
            if mode is None:
                return Picture(_upright_size(picture), None)
            upright = _eight_bit(picture)
            ImageOps.exif_transpose(
                upright, in_place=True
            )  # which knows the formats that are upright once they are decoded
            width, height = upright.size
            image = _resized(_without_alpha(upright, mode), size or (height, width), fit)
            shape = (*(size or (height, width)), len(mode))
            return Picture((height, width), np.asarray(image, np.uint8).reshape(shape))
    except Exception as error:  # what decoders raise for damaged files is of many kinds
        return _why(error)


def _upright_size(picture: Any) -> tuple[int, int]:
    """Return height and width of the upright picture, which is not decoded."""
    width, height = picture.size
    if picture.format == "TIFF":  # of which Pillow tells the upright size already
        width, height = picture.tag_v2[_WIDTH], picture.tag_v2[_HEIGHT]
    turned = picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)  # the camera was turned by a quarter
    return (width, height) if turned else (height, width)


def _opened(file: Any) -> Any:
    """Open a picture whose declared size is checked."""
    from PIL import Image

    try:
        picture = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(f"it declares more than {MOST_PIXELS:,} pixels") from error
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"it declares {width:,} x {height:,} pixels, more than {MOST_PIXELS:,} in all")
    return picture


def _eight_bit(picture: Any) -> Any:
    """Return a picture of 8 bits for each channel.

    The mode alone decides how, so that pictures of one set are not scaled in different ways: of 16 bits the upper eight are
    kept, floats lie in [0, 1], and whole numbers of 32 bits are grey levels.
    """
    from PIL import Image

    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture)
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not finite")
    low, high = values.min(initial=0), values.max(initial=0)
    if values.dtype.kind == "f":
        if low < 0 or high > 1:
            raise ValueError(f"its floats lie in {low:g} .. {high:g}, and are read from 0 to 1: save it with 8 bits")
        values = values * 255.0
    elif picture.mode.startswith("I;16") or picture.format == "PNG":  # earlier versions of Pillow call it I
        values = values >> 8
    elif low < 0 or high > 255:
        raise ValueError(
            f"its whole numbers of 32 bits lie in {low} .. {high}, beyond 0 .. 255: save it with 8 or 16 bits"
        )
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


def _why(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if text and "cannot identify image file" not in text else "it is damaged, or of another format"
