"""idx files (the format of MNIST), plain or gzipped, told by their content."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tfgen.reading import open_regular
from tfgen.unpacking import most_unpacked

#: The third byte of the magic number, and the type of the values, whose bytes stand with the highest first.
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
#: Most bytes of the values of one file.
_MOST_BYTES = 8 * 2**30


def is_idx(path: Path) -> bool:
    """Return whether a file begins as an idx file does, or as a gzipped one."""
    try:
        with open_regular(path) as file, _unpacked(file) as stream:
            magic = stream.read(4)
    except (OSError, ValueError, EOFError, zlib.error):
        return False
    return len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in _TYPES and 1 <= magic[3] <= 4


def read_idx(path: Path) -> NDArray[Any]:
    """Return the array in an idx file, [n, ...].

    Raises:
        ValueError: when it is none, is cut off, or holds more than it declares.
        OSError: when it cannot be read.
    """
    try:
        with open_regular(path) as file, _unpacked(file) as stream:
            magic = stream.read(4)
            if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
                raise ValueError("it is no idx file")
            sides = struct.unpack(f">{magic[3]}I", stream.read(4 * magic[3]))
            dtype = np.dtype(_TYPES[magic[2]])
            size = math.prod(sides) * dtype.itemsize
            if size > _MOST_BYTES:
                raise ValueError(f"it declares {size:,} bytes, more than {_MOST_BYTES:,}")
            if stream is not file and size > (most := most_unpacked(path.stat().st_size)):
                raise ValueError(f"it unpacks to more than {most:,} bytes")
            content = _read(stream, size)
    except (EOFError, zlib.error, struct.error) as error:
        raise ValueError(f"it is damaged or cut off ({error})") from error
    if len(content) != size:
        raise ValueError(
            f"it has {'more' if len(content) > size else 'fewer'} than the {size:,} bytes that it declares"
        )
    return np.frombuffer(content, dtype).reshape(sides).astype(dtype.newbyteorder("="), copy=False)


def _read(stream: BinaryIO, size: int) -> bytearray:
    """Read so many bytes and perhaps one more, in memory that grows with what is there, not with what is declared."""
    content = bytearray()
    while len(content) <= size and (piece := stream.read(min(1 << 24, size + 1 - len(content)))):
        content += piece
    return content


def _unpacked(file: BinaryIO) -> Any:
    """Return a stream of the content of a file, unpacked if it is gzipped."""
    magic = file.read(2)
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if magic == _GZIP else file
