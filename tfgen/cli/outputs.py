"""Outputs of commands: where one is written, so that nothing earlier is replaced without `--overwrite`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from tfgen.errors import OutputError


def output_file(out: Path | None, usual: Path, overwrite: bool) -> Path:
    """Return the file to write: the one that ``--out`` names, else `usual`, or with a number where that is there already.

    Args:
        out: as given.
        usual: where nothing is given.
        overwrite: replace what is there.

    Raises:
        OutputError: when the file that ``--out`` names is there already.
    """
    if out is not None:
        require_new(out, overwrite)
        return out
    return usual if overwrite else _free(usual, lambda path: not os.path.lexists(path))


def output_folder(out: Path | None, usual: Path, inside: str, files: Iterable[str], overwrite: bool) -> Path:
    """Return the folder to write files into: that of ``--out``, else `usual`, or a numbered one within it.

    Args:
        out: as given.
        usual: where nothing is given.
        inside: name of the folder within the usual one where files of their names are in this.
        files: names of the files that will be written; the folder may hold others.
        overwrite: replace files that are there.

    Raises:
        OutputError: when the folder that ``--out`` names holds one of the files already.
    """
    names = list(files)
    if out is not None:
        for name in names:
            require_new(out / name, overwrite)
        return out

    def is_free(folder: Path) -> bool:
        return not any(os.path.lexists(folder / name) for name in names)

    return usual if overwrite or is_free(usual) else _free(usual / inside, is_free)


def require_new(path: Path, overwrite: bool, option: str = "--out") -> None:
    """Raise `OutputError` where a file is at a path that an option names, unless it may be replaced.

    A folder there is refused when the file is written: nothing replaces it.
    """
    there = os.path.lexists(path) and not path.is_dir()
    if there and not overwrite and path not in (Path("/dev/null"), Path("/dev/stdout")):
        raise OutputError(
            f"{path} is there already; name another place with {option}, or add --overwrite to replace it."
        )


def _free(path: Path, is_free: Callable[[Path], bool]) -> Path:
    """Return the path, or the first of NAME-2, NAME-3, ... that is free."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(place for place in itertools.chain([path], numbered) if is_free(place))
