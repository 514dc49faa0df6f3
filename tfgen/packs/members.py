"""Members of an untrusted pack, a zip file or a folder of the same files: names, sizes and bytes, within bounds.

A pack may lie about everything. Names are compared with a closed list, so that none leads out of the folder; sizes with the
bytes that the file has; what a member unpacks to is counted while it is read.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from tfgen.errors import RunError
from tfgen.packs.manifest import MANIFEST, MOST_BYTES
from tfgen.reading import open_regular
from tfgen.unpacking import OF_DAMAGE, most_unpacked

#: What reading a damaged pack raises. OverflowError: sizes of more than 64 bits. UnicodeError is a ValueError.
DAMAGE: tuple[type[Exception], ...] = (*OF_DAMAGE, ValueError, OverflowError, OSError)
#: Most bytes that are read at once; the table of contents of a zip file is.
CHUNK = 2**22
_ENCRYPTED = 0x1


class Members:
    """Members of an open pack.

    Attributes:
        sizes: of the members by name, as the pack declares them.
    """

    sizes: Mapping[str, int]

    def check(self) -> None:
        """Raise ValueError for a member that a pack of this format does not have."""

    def open(self, name: str) -> IO[bytes]:
        """Open a member for reading; raises one of `DAMAGE`."""
        raise NotImplementedError

    def read(self, name: str, most_bytes: int) -> bytes:
        """Return a small member; ValueError for more than `most_bytes`."""
        with self.open(name) as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise ValueError(f"its {name} has more than {most_bytes:,} bytes")
        return content


class _ZipMembers(Members):
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._infos = {info.filename: info for info in archive.infolist()}
        self.sizes = {name: info.file_size for name, info in self._infos.items()}

    def check(self) -> None:
        for info in self._archive.infolist():
            _check(info)
            if info is not self._infos[info.filename]:
                raise ValueError(f"it has two members {info.filename}")

    def open(self, name: str) -> IO[bytes]:
        _check(self._infos[name])
        return self._archive.open(self._infos[name])


class _FolderMembers(Members):
    """Files of a folder; others may lie beside them, as in a clone of a repository."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names = [name for name in (MANIFEST, *MOST_BYTES) if os.path.lexists(folder / name)]
        self.sizes = {name: os.lstat(folder / name).st_size for name in names}

    def open(self, name: str) -> IO[bytes]:
        try:
            return open_regular(self._folder / name, None, within=self._folder)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _check(info: zipfile.ZipInfo) -> None:
    """Raise ValueError for a member of a zip file that a pack does not have."""
    name = info.filename
    if name != MANIFEST and name not in MOST_BYTES:
        raise ValueError(f"{name[:80]!r} is no member of a pack")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise ValueError(f"{name} is a link or another special file")
    if info.flag_bits & _ENCRYPTED:
        raise ValueError(f"{name} needs a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in a way that is not read here")
    if info.file_size > most_unpacked(info.compress_size):
        raise ValueError(f"{name} would unpack from {info.compress_size:,} to {info.file_size:,} bytes")


class _ShortReads:
    """File of which no more than `CHUNK` bytes are read at once, whatever the table of contents of a zip file says."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(CHUNK + 1 if size < 0 else min(size, CHUNK + 1))
        if len(content) > CHUNK:
            raise ValueError("its table of contents is too long")
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextlib.contextmanager
def opened_pack(path: Path) -> Iterator[Members]:
    """Context manager that opens a pack: a zip file, or a folder with the same files or with one ``.tfgen`` file.

    Raises:
        RunError: when it is neither, cannot be read, or its table of contents is not that of a pack.
    """
    with contextlib.ExitStack() as stack:
        try:
            if os.path.isdir(path):
                found: Members = _FolderMembers(path)
            else:
                file = stack.enter_context(open_regular(path))
                if not zipfile.is_zipfile(file):
                    raise RunError(f"{path} is no pack, or it is cut short: it does not end as a zip file does.")
                archive: Any = _ShortReads(file)
                found = _ZipMembers(stack.enter_context(zipfile.ZipFile(archive)))
        except FileNotFoundError as error:
            raise RunError(f"there is no file or folder {path}.") from error
        except DAMAGE as error:
            raise damaged(path, error) from error
        yield found


def damaged(path: Path, error: Exception | str) -> RunError:
    """Return the error about a damaged pack."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    reason = (text.splitlines() or [type(error).__name__])[0][:200]
    return RunError(f"{path} is no sound pack ({reason}); get it again, or pack the run again.")
