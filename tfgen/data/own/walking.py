"""Walk through the folders below a folder of data, links too, within bounds and with errors in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tfgen.errors import DataError

#: A folder with more files is no data set, or one that should be packed into arrays.
MOST_FILES = 2_000_000


def walked(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each folder with the names of its folders, which may be cleared to enter none, and of its files, in their order.

    Hidden files and folders do not count. Folders that are links are entered, but for those to a folder that the walk is in
    already.

    Raises:
        DataError: when a folder cannot be read, a link leads out to a folder that holds the walk, or there are more than two
            million files and folders.
    """

    def fail(error: OSError) -> None:
        raise DataError(
            f"{error.filename} cannot be read: {error.strerror}; leave it out, or change its permissions."
        ) from error

    count = 0
    for place, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        folders[:] = sorted(
            n for n in folders if not (n.startswith(".") or _leads_back(os.path.join(place, n), folder))
        )
        files = sorted(name for name in files if not name.startswith("."))
        count += len(files) + len(folders)
        if count > MOST_FILES:
            raise DataError(
                f"{folder} holds more than {MOST_FILES:,} files; name the folder of the pictures, or pack them as .npz."
            )
        yield place, folders, files


def _leads_back(path: str, root: Path) -> bool:
    """Return whether a path is a link to a folder through which the walk from the root has come to it."""
    if not os.path.islink(path):
        return False
    target, place = os.path.realpath(path), os.path.dirname(path)
    passed = [os.path.realpath(place)]
    while len(place) > len(os.fspath(root)):
        place = os.path.dirname(place)
        passed.append(os.path.realpath(place))
    if target not in passed and any(os.path.commonpath([real, target]) == target for real in passed):
        raise DataError(f"{path} is a link to {target}, which holds the data itself; remove the link.")
    return target in passed
