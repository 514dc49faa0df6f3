"""Embed PNG files in a page as data URIs: checked, and scaled down when large."""

from __future__ import annotations

import base64
import io
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tfgen import OutputError, RunError
from tfgen.unpacking import read_png

#: A picture of more bytes is scaled down, so that a page of many opens on a phone as well.
MOST_BYTES = 700_000
#: A larger file, or one with more pixels, is no picture that tfgen has drawn; it is not even decoded.
_MOST_READ, _MOST_PIXELS = 64_000_000, 25_000_000
#: Width and height, in pixels, that a scaled picture has at most; half of both as long as it has too many bytes.
_SCALED = (1600, 4800)
_COLOURS = 256


@dataclass(frozen=True)
class Inlined:
    """A picture as a page holds it.

    Attributes:
        uri: ``data:image/png;base64,...``.
        width: in pixels.
        height: in pixels.
        note: changes of the picture, such as scaling; empty for the original file.
    """

    uri: str
    width: int
    height: int
    note: str = ""


def inlined(path: Path, within: Path | None = None) -> Inlined:
    """Return a PNG as a data URI, scaled down when it has more than `MOST_BYTES`.

    The whole file is decoded first, so that no browser has to show a broken picture.

    Args:
        path: of the file.
        within: the folder that it has to lie in, so that a link brings no other picture of the machine into the page.

    Raises:
        RunError: when the file is no PNG, or is damaged.
    """
    try:
        content, _ = read_png(path, _MOST_READ, _MOST_PIXELS, within)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a file that unfolds to gigabytes is only warned of
            with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
                image.verify()  # checksums of all chunks; the image cannot be used behind it
            with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
                image.load()
                return _small(image, content)
    except Exception as error:  # what a decoder raises for a damaged file is of many kinds
        raise RunError(f"{path} is damaged or no PNG ({error}); draw it again, or delete it.") from error


def drawn(draw: Callable[[Path], None]) -> Inlined:
    """Return as a data URI what `draw` writes to the path that it is given.

    Raises:
        OutputError: when there is no place for a temporary file.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture.png"
            draw(path)
            return inlined(path)
    except OSError as error:
        raise OutputError(f"cannot write a temporary picture: {error.strerror}; free some space.") from error


def _small(image: Image.Image, content: bytes) -> Inlined:
    if len(content) <= MOST_BYTES:
        return Inlined(_uri(content), *image.size)
    scaled = Image.new("RGB", image.size, "white")
    colours = image.convert("RGBA")
    scaled.paste(colours, mask=colours)  # a page may be dark; axes and titles are black
    size = _SCALED
    while True:
        scaled.thumbnail(size, Image.Resampling.LANCZOS)
        packed = io.BytesIO()
        scaled.quantize(_COLOURS).save(packed, format="PNG", optimize=True)
        if packed.tell() <= MOST_BYTES or max(scaled.size) <= _COLOURS:
            break
        size = (max(1, scaled.width // 2), max(1, scaled.height // 2))
    shrunk = f"scaled down from {image.width} x {image.height}" if scaled.size != image.size else "in fewer colours"
    return Inlined(_uri(packed.getvalue()), *scaled.size, f"{shrunk} for this page")


def _uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
