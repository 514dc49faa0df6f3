"""Removal of run folders: whole runs alone, none that is being trained, nothing behind a link. No TensorFlow here."""

from __future__ import annotations

import os
from pathlib import Path

from tfgen.errors import OptionError, OutputError, RunError
from tfgen.files import remove, temporary_beside
from tfgen.runs.folder import RunFolder, check_entries
from tfgen.runs.listing import looks_like_run

_IN_USE = "is being trained by another process, and is not deleted; stop that first"


def removable(path: Path, runs_dir: Path) -> RunFolder:
    """Return a run that may be deleted, its path without links.

    Args:
        path: of the run as a user names it; for a run outside `runs_dir` the absolute one, without links.
        runs_dir: the folder of runs.

    Raises:
        OptionError: for a path that ends in no name, or a relative one that leads out of `runs_dir`.
        RunError: for a folder that is no run, holds other runs, has links out of it, is a link, or is being trained.
        OutputError: when the folder cannot be written.
    """
    if path.name in ("", ".", ".."):
        raise OptionError(f"{path} is no name of a run; name its folder, for example {runs_dir}/NAME.")
    if os.path.islink(path):
        raise RunError(f"{path} is a link, and is not deleted; name the run's own folder, or remove the link yourself.")
    place, root = Path(os.path.realpath(path.parent)) / path.name, Path(os.path.realpath(runs_dir))
    if not os.path.isdir(place):
        raise RunError(f"{path} is no folder; `tfgen runs` lists the runs.")
    if not looks_like_run(place):
        raise RunError(f"{path} is no run folder, and is not deleted.")
    if root not in place.parents and str(path) != str(place):  # relative, or by way of a link
        raise OptionError(f"{path} does not lie in {runs_dir}; to delete it all the same, name it in full: {place}")
    if root == place or place in root.parents or any(child.is_dir() for child in _runs_inside(place)):
        raise RunError(f"{path} holds other runs, and is not deleted; name those, or move them away.")
    files = RunFolder(place)
    check_entries(place)  # the lock is a file of the folder, which must not be elsewhere
    _require_ours(files, path)
    with files.locked(trouble=_IN_USE):
        return files


def delete_run(files: RunFolder) -> None:
    """Delete the folder of a run with everything in it; links in it go, what they lead to stays.

    It is renamed first, so that a kill leaves no half of it under its name.

    Raises:
        RunError: when it is being trained.
        OutputError: when it cannot be deleted, or not all of it.
    """
    with temporary_beside(files.path) as temporary:
        try:
            with files.locked(trouble=_IN_USE):
                if os.name != "nt":  # Windows renames no folder with an open file, the lock
                    files.path.rename(temporary)
            if os.name == "nt":
                files.path.rename(temporary)
        except OSError as error:
            raise OutputError(f"cannot delete {files.path}: {error.strerror}.") from error
        remove(temporary)
        if os.path.lexists(temporary):
            raise OutputError(f"cannot delete all of {files.path}; what is left is in {temporary}.")


def folder_bytes(folder: Path) -> int:
    """Return the bytes of the files in a folder, those behind links left out."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:  # gone by now
                continue
    return total


def _runs_inside(place: Path) -> list[Path]:
    with os.scandir(place) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and looks_like_run(Path(entry.path))
        ]


def _require_ours(files: RunFolder, path: Path) -> None:
    """Check that a folder is a run of tfgen: other programs have a ``config.json`` too."""
    try:
        files.read_config()
    except RunError as error:
        if not (os.path.isfile(files.path / "metrics.jsonl") or os.path.isdir(files.path / "checkpoints")):
            raise RunError(
                f"{path} is no run folder (its config.json is not one of a run), and is not deleted."
            ) from error
