"""Walk through the folders below a folder of data, within bounds and with errors in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tfgen.errors import DataError

#: A folder with more files is no data set, or one that should be packed into arrays.
MOST_FILES = 2_000_000


def walked(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each folder with the names of its folders, which may be changed to leave some out, and of its files.

    Folders that are links are not entered, but for the first.

    Raises:
        DataError: when a folder cannot be read, or there are more than two million files.
    """

    def fail(error: OSError) -> None:
        raise DataError(
            f"{error.filename} cannot be read: {error.strerror}; leave it out, or change its permissions."
        ) from error

    count = 0
    for place, folders, files in os.walk(folder, onerror=fail):
        count += len(files)
        if count > MOST_FILES:
            raise DataError(
                f"{folder} holds more than {MOST_FILES:,} files; name the folder of the pictures, or pack them as .npz."
            )
        yield place, folders, files
