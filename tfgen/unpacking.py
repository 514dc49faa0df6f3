"""Unpacking of untrusted arrays (.npy, .npz) and pictures (.png): the declared size is checked before anything is unpacked."""

from __future__ import annotations

import io
import lzma
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tfgen.reading import open_regular, read_regular

#: What a damaged archive raises, beside errors of the system. RuntimeError: an entry with a password.
OF_DAMAGE = (
    KeyError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, struct.error, zlib.error, lzma.LZMAError,
)  # fmt: skip
#: A packed file may unpack to so many times its size, and to so many bytes whatever its size.
_MOST_RATIO, _MOST_UNPACKED = 300, 2**28
#: Type and shape of an array as its header declares them.
Header = tuple[np.dtype[Any], tuple[int, ...]]


def most_unpacked(packed: int) -> int:
    """Return how many bytes a packed file of so many bytes may unpack to."""
    return max(_MOST_UNPACKED, _MOST_RATIO * packed)


def read_header(stream: Any) -> Header:
    """Read the header of an ``.npy`` file; the stream stands at the data then.

    Raises:
        ValueError: when it is none, declares Python objects, or a shape that no array has.
    """
    version = npy.read_magic(stream)
    readers: Mapping[tuple[int, int], Any] = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"it has version {version} of the format, which is not read here")
    try:
        shape, _, dtype = readers[version](stream)
    except (SyntaxError, tokenize.TokenError, TypeError, RecursionError) as error:  # it is parsed as Python
        raise ValueError(f"its header is damaged ({' '.join(str(error).split())[:100]})") from error
    if not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"its header declares the shape {shape}")
    if dtype.itemsize == 0 and math.prod(shape):
        raise ValueError(f"its header declares {math.prod(shape):,} values of no size ({dtype})")
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    return dtype, tuple(shape)


def map_array(path: Path, dtype: type, shape: tuple[int, ...], within: Path | None = None) -> NDArray[Any]:
    """Map an ``.npy`` file into memory, read-only, after checking that it holds an array of this type and shape, no more.

    Raises:
        ValueError: when it holds something else; says what.
        OSError: when it cannot be read.
    """
    with open_regular(path, None, within) as file:
        declared, size = read_header(file), path.stat().st_size - file.tell()
    if declared != (np.dtype(dtype), shape):
        raise ValueError(f"{path.name} holds {declared[0]} of shape {declared[1]}, not {np.dtype(dtype)} of {shape}")
    if size != math.prod(shape) * np.dtype(dtype).itemsize:
        raise ValueError(f"{path.name} has {size:,} bytes of data, too many or too few for its shape {shape}")
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def read_arrays(
    path: Path, shapes: Mapping[str, tuple[int, ...]], texts: Mapping[str, int] | None = None, most_bytes: int = 2**31
) -> dict[str, NDArray[Any]]:
    """Read arrays of known shapes from an ``.npz`` file.

    Memory is bounded by the shapes that are asked for, whatever the file declares and however well it is packed.

    Args:
        path: of the file.
        shapes: of the arrays of floats to read, by name.
        texts: the most characters of each scalar text to read, by name.
        most_bytes: largest size of the file.

    Raises:
        ValueError: when the file or an array in it is none, has another shape, or a value that is not finite.
        OSError: when it cannot be read.
    """
    try:
        with open_regular(path, most_bytes) as file, zipfile.ZipFile(file) as archive:
            arrays = {name: _read_entry(archive, name, shape) for name, shape in shapes.items()}
            for name, most in (texts or {}).items():
                arrays[name] = _read_entry(archive, name, (), most)
    except OF_DAMAGE as error:
        raise ValueError(str(error)) from error
    return arrays


def _read_entry(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], text: int | None = None) -> NDArray[Any]:
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in a way that is not read here")
    with archive.open(info) as entry:
        dtype, declared = read_header(entry)
        fits = dtype.kind == "U" and dtype.itemsize <= 4 * text if text is not None else dtype.kind == "f"
        if declared != shape or not fits or (dtype.itemsize > 16 and text is None):
            raise ValueError(f"{name} is {dtype} of shape {declared}, not of shape {shape}")
        size = math.prod(shape) * dtype.itemsize
        content = entry.read(size + 1)
    if len(content) != size:
        raise ValueError(f"{name} has not the {size:,} bytes that it declares")
    array: NDArray[Any] = np.frombuffer(content, dtype).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite")
    return array


def read_png(
    path: Path, most_bytes: int, most_pixels: int, within: Path | None = None
) -> tuple[bytes, tuple[int, int]]:
    """Read a PNG file whose declared size is checked, but which is not decoded yet.

    Args:
        path: of the file.
        most_bytes: of the file.
        most_pixels: width times height, as it declares them.
        within: the folder that it has to lie in; None for a file that the user has named.

    Returns:
        Its content, and (width, height).

    Raises:
        FileNotFoundError: when it is missing.
        ValueError: when it is no regular file, no PNG, or too large.
        OSError: when it cannot be read.
    """
    from PIL import Image

    content = read_regular(path, most_bytes, within)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning of Pillow's about the size, which is checked here
        try:
            with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
                width, height = image.size
        except Exception as error:  # what a decoder raises for a damaged file is of many kinds, SyntaxError among them
            raise ValueError(str(error)) from error
    if width * height > most_pixels:
        raise ValueError(f"it declares {width:,} x {height:,} pixels, more than {most_pixels:,} in all")
    return content, (width, height)
