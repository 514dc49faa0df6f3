"""Reading of untrusted files: regular files inside their folder, within bounds of size, depth and numbers."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tfgen.errors import RunError

#: Most bytes of a file of options, such as ``config.json`` or a manifest.
CONFIG_BYTES = 1_000_000
#: Most bytes of a file of results.
RESULTS_BYTES = 10_000_000
#: Most bytes of one row of a file that is read row by row.
_ROW_BYTES = 1_000_000
#: Most objects and lists within each other; tfgen itself writes ten.
MOST_DEPTH = 32
#: Most objects and lists in one file: each takes some 60 bytes of memory, and two in the file.
_MOST_CONTAINERS = 250_000
#: What JSON text may hold that its values must not: half a character (a lone surrogate), the character NUL, long numbers.
_SUSPICIOUS = re.compile(rb"\\u(?:d[89a-f]|0000)|[0-9]{19}", re.IGNORECASE)
_LARGEST = 2**63


def open_regular(path: Path, most_bytes: int | None = None, within: Path | None = None) -> io.BufferedReader:
    """Open a regular file for reading, never a device or a named pipe, which might have no end.

    Args:
        path: of the file.
        most_bytes: its largest size; None for any.
        within: the folder that it has to lie in, once links are followed; None for a file that the user has named.

    Raises:
        FileNotFoundError: when it is missing.
        ValueError: when it is no regular file, too large, or outside `within`; says so as ``"it is ..."``.
        OSError: when it cannot be read.
    """
    if within is not None and not _lies_in(path, within):
        raise ValueError("it is a link out of its folder")
    if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: opening some devices acts
        raise ValueError("it is no regular file")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        result = os.fstat(descriptor)
        if not stat.S_ISREG(result.st_mode):  # it was exchanged in between
            raise ValueError("it is no regular file")
        if most_bytes is not None and result.st_size > most_bytes:
            raise ValueError(f"it has {result.st_size:,} bytes, more than {most_bytes:,}")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _lies_in(path: Path, folder: Path) -> bool:
    place, root = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([place, root]) == root


def read_regular(path: Path, most_bytes: int, within: Path | None = None) -> bytes:
    """Return the content of a regular file of limited size; see `open_regular`, whose errors it raises."""
    with open_regular(path, most_bytes, within) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:  # it grew, or is one of those whose size the system does not tell
        raise ValueError(f"it has more than {most_bytes:,} bytes")
    return content


def rows_of(path: Path, within: Path | None = None) -> Iterator[bytes]:
    """Yield the rows of a regular file, each with its newline, in bounded memory; the last one may lack it.

    Raises:
        ValueError: when it is no regular file, lies outside `within`, or a row is longer than a million bytes.
        OSError: when it cannot be read.
    """
    with open_regular(path, None, within) as file:
        while row := file.readline(_ROW_BYTES + 1):
            if len(row) > _ROW_BYTES:
                raise ValueError(f"it has a row of more than {_ROW_BYTES:,} bytes")
            yield row


def parse_json(content: bytes) -> Any:
    """Parse JSON of unknown origin, in UTF-8.

    Raises:
        ValueError: for text that is no JSON, is nested too deeply, or holds half a character, NUL, or a number beyond 64 bits.
    """
    containers = content.count(b"[") + content.count(b"{")
    if containers > _MOST_CONTAINERS:
        raise ValueError(f"it holds more than {_MOST_CONTAINERS:,} lists and objects")
    try:
        value = json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError(f"it is nested more than {MOST_DEPTH} deep") from error
    if containers > MOST_DEPTH or _SUSPICIOUS.search(content):
        _check(value)
    return value


def _check(value: Any) -> None:
    """Check depth, texts and numbers of parsed JSON, without recursion."""
    left = [(value, 0)]
    while left:
        entry, depth = left.pop()
        if isinstance(entry, dict | list):
            if depth >= MOST_DEPTH:
                raise ValueError(f"it is nested more than {MOST_DEPTH} deep")
            inside = [*entry.keys(), *entry.values()] if isinstance(entry, dict) else entry
            left += [(child, depth + 1) for child in inside]
        elif isinstance(entry, str):
            if not is_text(entry):
                raise ValueError("it holds half a character, or the character NUL")
        elif isinstance(entry, int) and not -_LARGEST <= entry < _LARGEST:
            raise ValueError("it holds a number of more than 64 bits")


def is_text(text: str) -> bool:
    """Return whether a text can be written as JSON and read again: it has no half of a character, and no NUL."""
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read_json(
    path: Path, what_to_do: str | Callable[[], str], most_bytes: int = CONFIG_BYTES, within: Path | None = None
) -> dict[str, Any]:
    """Read a JSON object from a file of unknown origin.

    Args:
        path: the file.
        what_to_do: the end of the error message, for example "restore it from a copy", or a function that makes it.
        most_bytes: its largest size.
        within: the folder that it has to lie in; None for a file that the user has named.

    Raises:
        RunError: when the file is missing, damaged, too large or no regular file; names it, with advice.
    """
    try:
        content = parse_json(read_regular(path, most_bytes, within))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; {_advice(what_to_do)}.") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RunError(f"{path} is damaged or unreadable ({why}); {_advice(what_to_do)}.") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged (it holds no JSON object); {_advice(what_to_do)}.")
    return content


def _advice(what_to_do: str | Callable[[], str]) -> str:
    return what_to_do if isinstance(what_to_do, str) else what_to_do()
