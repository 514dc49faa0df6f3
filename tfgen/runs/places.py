"""Places of new runs: names that are plain and free, and what a killed process left of a folder that it was making."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from tfgen.errors import RunError
from tfgen.files import is_stale, remove
from tfgen.runs.commands import run_command

#: Most bytes of a run's name: file systems take 255, and temporary names are longer.
LONGEST_NAME = 200
#: Temporary files as earlier versions named them; their names do not say which process wrote them.
OLD_TEMPORARY = re.compile(
    r"\.(config|results|metrics|samples_before|samples_half|samples_after|curves|density|inpainting)"
    r"-[a-z0-9_]{8}\.(json|jsonl|png)"
)


def check_name(runs_dir: Path, name: str) -> None:
    """Check the name of a new run: a plain name that is not taken.

    Raises:
        RunError: for a name that is taken or not plain.
    """
    separators = {"/", "\0", os.sep, os.altsep}
    if not name or name in (".", "..") or separators & {*name} or name.startswith("-"):
        raise RunError(f"--name {name!r} is no plain folder name; use letters, digits, '-' and '_'.")
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError as error:
        raise RunError(f"--name {name!r} holds half a character; use letters, digits, '-' and '_'.") from error
    if size > LONGEST_NAME:
        raise RunError(f"--name {name[:60]}... has more than {LONGEST_NAME} bytes; choose a shorter one.")
    if os.path.lexists(runs_dir / name) and not is_unmade(runs_dir / name):
        raise taken(runs_dir / name)


def renamed(temporary: Path, path: Path) -> bool:
    """Rename a new run's folder to `path`; return False if the name is taken by more than a half-written folder."""
    if os.path.lexists(path):
        if not is_unmade(path):
            return False
        with contextlib.suppress(OSError):  # by now another process may have removed the folder, or put its run here
            for child in path.iterdir():
                if _is_half_written(child):
                    remove(child)
            path.rmdir()  # Windows renames to no existing folder
    try:
        temporary.rename(path)  # fails where another process has renamed its own: that is not empty
    except OSError:
        if os.path.lexists(path):
            return False
        raise
    return True


def is_unmade(path: Path) -> bool:
    """Return whether `path` is a folder with nothing but half-written files of a killed process."""
    try:
        inside = None if os.path.islink(path) else list(path.iterdir())
    except OSError:  # a file, or a folder that is not for us to read
        return False
    return inside is not None and all(map(_is_half_written, inside))


def _is_half_written(path: Path) -> bool:
    """Return whether this is a half-written file of a killed process, by its name."""
    return is_stale(path) or OLD_TEMPORARY.fullmatch(path.name) is not None


def taken(path: Path) -> RunError:
    """Return the error about a name that is taken; says what to do."""
    if (path / "config.json").exists():
        return RunError(f"run {path} exists; choose another --name, or go on with it: {run_command(path, 'resume')}")
    return RunError(f"{path} exists; choose another --name, or move it away: it is no run.")
