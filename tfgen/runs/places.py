"""Places of new runs: names that are plain and free, and what a killed process left of a folder that it was making."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path

from tfgen.errors import OutputError, RunError
from tfgen.files import folders_made, is_stale, remove, remove_stale, temporary_beside
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
    check_plain(name)
    if os.path.lexists(runs_dir / name) and not is_unmade(runs_dir / name):
        raise taken(runs_dir / name)


def check_plain(name: str) -> None:
    """Check that a run's name is a plain one.

    Raises:
        RunError: for another.
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


def placed(runs_dir: Path, name: str | None, stem: str, fill: Callable[[Path], object]) -> Path:
    """Make the folder of a new run, which appears as a whole once it is filled, and return its path.

    An empty folder of that name, as earlier versions left it when they were killed, is taken over. New folders above it are
    removed when it fails.

    Args:
        runs_dir: where runs live.
        name: of the run, or None for `stem`, with a number when that is taken.
        stem: what an unnamed run is called.
        fill: writes the run's files into the folder that it is given.

    Raises:
        RunError: when a run of that name exists, or the name is no plain name.
        OutputError: when the folder cannot be made.
    """
    if name is not None:
        check_name(runs_dir, name)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(folders_made(runs_dir))
        except OSError as error:
            reason = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
            raise OutputError(f"cannot make runs in {runs_dir}: {reason}; choose another --runs-dir.") from error
        remove_stale(runs_dir)
        path = runs_dir / (name or stem)
        try:
            with temporary_beside(path) as temporary:
                temporary.mkdir()
                fill(temporary)
                for number in itertools.count(2):
                    if renamed(temporary, path):
                        return path
                    if name is not None:
                        raise taken(path)
                    path = runs_dir / f"{stem}-{number}"
        except OSError as error:
            raise OutputError(f"cannot make {path}: {error.strerror}; choose another --runs-dir.") from error
    raise AssertionError("there is always another number")


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
