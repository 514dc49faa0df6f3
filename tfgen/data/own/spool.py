"""Spool of examples: gathered one after another, in memory while they are few and in a temporary file when they are many."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError

#: Bytes of examples that are kept in memory.
IN_MEMORY = 2**26


class Spool:
    """Examples of one shape and type, gathered one after another.

    Args:
        folder: where the temporary file lies, which has no name and vanishes with the array; that of the system where None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: io.BytesIO | None = io.BytesIO()
        self._file: IO[bytes] | None = None
        self._kind: tuple[tuple[int, ...], np.dtype[Any]] | None = None
        self._mapped: NDArray[Any] | None = None
        self._count = 0

    def __len__(self) -> int:
        """Return the number of examples."""
        return self._count

    def append(self, example: NDArray[Any]) -> None:
        """Add an example.

        Raises:
            ValueError: for another shape or type than the first one has.
            DataError: when the disk is full.
        """
        self._kind = self._kind or (example.shape, example.dtype)
        if (example.shape, example.dtype) != self._kind:
            shape, dtype = self._kind
            raise ValueError(f"expected {dtype} of shape {shape}, got {example.dtype} of shape {example.shape}")
        content = np.ascontiguousarray(example).data
        try:
            if self._memory is not None and self._memory.tell() + example.nbytes > IN_MEMORY:
                self._move_to_disk(self._memory)
            (self._memory or self._on_disk()).write(content)
        except OSError as error:
            raise self._full(error) from error
        self._count += 1

    def array(self) -> NDArray[Any]:
        """Return the examples, ``[n, ...]``; many of them are a memory map. Nothing is added after that.

        Raises:
            DataError: when the disk is full.
        """
        shape, dtype = self._kind or ((), np.dtype(np.uint8))
        if self._memory is not None:
            return np.frombuffer(self._memory.getbuffer(), dtype).reshape(self._count, *shape)
        if self._mapped is None:
            try:
                self._on_disk().flush()
            except OSError as error:
                raise self._full(error) from error
            self._mapped = np.memmap(self._on_disk(), dtype, "r", shape=(self._count, *shape))
            self._on_disk().close()  # the map has the file open itself
        return self._mapped

    def _move_to_disk(self, memory: io.BytesIO) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (open as long as examples are added)
        weakref.finalize(self, _close, self._file)
        self._file.write(memory.getbuffer())
        self._memory = None

    def _on_disk(self) -> IO[bytes]:
        assert self._file is not None
        return self._file

    def _full(self, error: OSError) -> DataError:
        where = self._folder or Path(tempfile.gettempdir())
        place = "TMPDIR=DIR" if self._folder is None else "--data-dir DIR"
        free = f"; {shutil.disk_usage(where).free / 1e9:.1f} GB are free" if where.is_dir() else ""
        return DataError(
            f"{where} cannot take the {self._count:,} examples read so far, and more to come ({error.strerror}{free}): make "
            f"room, or name another place with {place}."
        )


def _close(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # what a full disk has not taken
        file.close()
