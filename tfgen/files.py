"""Atomic writing of small files, and reading them: a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfgen.errors import OutputError, RunError


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there takes the place of `path` when the block succeeds.

    Raises:
        OutputError: when the folder cannot be written to or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder; name a file.")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another place.") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another place."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as readable JSON, whole or not at all; numbers that JSON does not know (NaN) become null.

    Raises:
        OutputError: when it cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(finite(content), indent=2, allow_nan=False) + "\n")


def finite(content: Any) -> Any:
    """Return JSON's content with null for the numbers that JSON cannot hold."""
    if isinstance(content, Mapping):
        return {str(key): finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def read_json(path: Path, what_to_do: str) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: the file.
        what_to_do: the end of the error message, for example "restore it from a copy".

    Raises:
        RunError: when the file is missing or damaged; says which and what to do.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; {what_to_do}.") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged or unreadable ({error}); {what_to_do}.") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged (it holds no JSON object); {what_to_do}.")
    return content


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
