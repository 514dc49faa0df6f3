"""Atomic writing of files: a file is complete or absent, never half written."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfgen.errors import OutputError

#: Names of temporary files and folders: host and process of the writer, a random part, and the name that it will get.
_TEMPORARY = re.compile(r"\.tfgen-(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]+)-[0-9a-f]{8}-(?P<name>.+)", re.DOTALL)
_LONGEST_NAME = 200  # bytes kept of the name: file systems take 255 in all
_DAY = 24 * 3600.0  # seconds after which a writer that cannot be asked for is taken to be dead
_WRITING: set[str] = set()  # names of the temporaries that this process is writing


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Context manager for atomic writing: yields a temporary path, which replaces `path` when the block succeeds.

    Temporary files of killed processes are removed, and so are new folders when the block fails.

    Raises:
        OutputError: when the folder cannot be written to or the disk is full.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(folders_made(path.parent))
            with contextlib.suppress(FileNotFoundError):
                os.lstat(path)  # a name that is too long
            if path.is_dir():
                raise OutputError(f"cannot write {path}: it is a folder; name a file.")
            temporary = stack.enter_context(temporary_beside(path))
            temporary.touch(exist_ok=False)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}; choose another place.") from error
        try:
            yield temporary
            os.replace(temporary, path)
        except OSError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror or error}; free some space or choose another place."
            ) from error


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Context manager that yields a free temporary name beside `path`, to be renamed to it; leftovers are removed.

    The name ends in that of `path` and contains the process number of the writer. Leftovers of killed processes for the same
    `path` are removed first.
    """
    kept = path.name.encode(errors="surrogateescape")[-_LONGEST_NAME:].decode(errors="ignore")
    remove_stale(path.parent, kept)
    temporary = path.parent / f".tfgen-{_host()}-{os.getpid()}-{os.urandom(4).hex()}-{kept}"
    _WRITING.add(temporary.name)
    try:
        yield temporary
    finally:
        remove(temporary)
        _WRITING.discard(temporary.name)


@contextlib.contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """Context manager that yields a new folder among the system's temporary files, readable by this user alone.

    It is removed at the end, and so are leftovers of killed processes that had one of the same name.

    Raises:
        OutputError: when it cannot be made.
    """
    place = Path(tempfile.gettempdir())
    with temporary_beside(place / name) as folder:
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise OutputError(f"cannot write into {place}: {error.strerror}; name another folder by TMPDIR.") from error
        yield folder


def is_temporary(name: str) -> bool:
    """Return whether a file or folder of that name is a temporary one of `temporary_beside`."""
    return _TEMPORARY.fullmatch(name) is not None


def is_stale(path: Path) -> bool:
    """Return whether `path` is a temporary file or folder of `temporary_beside` whose writer was killed.

    A writer on this host is looked up by its process number. A writer on another host cannot be: its files are stale when
    unchanged for a day.
    """
    match = _TEMPORARY.fullmatch(path.name)
    if match is None:
        return False
    writing = _is_writing(path.name, int(match["pid"])) if match["host"] == _host() else None
    return _is_old(path) if writing is None else not writing


def remove_stale(folder: Path, name: str | None = None) -> None:
    """Remove the temporary files and folders in `folder` whose writers were killed; see `is_stale`.

    Args:
        folder: to search, without its subfolders.
        name: of the file or folder that was being written; by default any.
    """
    for path in _listed(folder, ".tfgen-"):
        match = _TEMPORARY.fullmatch(path.name)
        if match is not None and name in (None, match["name"]) and is_stale(path):
            remove(path)


def remove_old(folder: Path, names: re.Pattern[str]) -> None:
    """Remove hidden files and folders in `folder` whose names match and that are unchanged for a day.

    For temporaries whose names do not say who writes them, as earlier versions of tfgen made them.
    """
    for path in _listed(folder, "."):
        if names.fullmatch(path.name) and _is_old(path):
            remove(path)


def _listed(folder: Path, beginning: str) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder) if name.startswith(beginning)]
    except OSError:  # no such folder, or not for us to read: nothing there can be removed
        return []


@functools.cache
def _host() -> str:
    """Return 8 hexadecimal digits for the host and, in a container, its numbering of processes."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except (OSError, AttributeError):  # Linux alone has these
        namespace = ""
    return hashlib.sha256(f"{platform.node()} {namespace}".encode()).hexdigest()[:8]


def _is_writing(name: str, pid: int) -> bool | None:
    """Return whether the process of that number on this host may still be writing; None if unknown."""
    if pid == os.getpid():
        return name in _WRITING
    if os.name == "nt":  # there, a signal 0 would end the process
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is another user's
        return True
    return True


def _is_old(path: Path) -> bool:
    """Return whether nothing at `path` was changed for a day."""
    inside = () if path.is_symlink() else path.rglob("*")
    try:
        newest = max(os.lstat(result).st_mtime for result in (path, *inside))
    except OSError:
        return False
    return newest < time.time() - _DAY


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with its content, ignoring errors."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def folders_made(folder: Path) -> Iterator[None]:
    """Context manager that creates `folder` with its parents, and removes new, empty ones when the block fails."""
    missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for place in missing:
            with contextlib.suppress(OSError):
                place.rmdir()
        raise


def write_json(path: Path, content: Any) -> None:
    """Write `content` as readable JSON, atomically; NaN and infinity become null.

    Raises:
        OutputError: when it cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(finite(content), indent=2, allow_nan=False) + "\n")


def finite(content: Any) -> Any:
    """Replace NaN and infinity, which JSON lacks, by null."""
    if isinstance(content, Mapping):
        return {str(key): finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
