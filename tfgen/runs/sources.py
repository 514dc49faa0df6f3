"""Data folders that a ``config.json`` names: used where they are, but nothing is ever made in a place that it chose."""

from __future__ import annotations

import dataclasses
import os

from tfgen.plugin.specs import DataSources
from tfgen.printed import say


def known_sources(sources: DataSources, quiet: bool = False) -> DataSources:
    """Return the data folders of a ``config.json``, without those in which tfgen has not prepared data before.

    The file may come from another machine or from a stranger: sets that are not prepared yet, and classifiers of their
    images, are then made in the usual folder, never in a place that the file names.

    Args:
        sources: as the file has them.
        quiet: say nothing where the usual folder takes the place of another.
    """
    if sources.manual_dir is not None and not _is_folder(sources.manual_dir):
        sources = dataclasses.replace(sources, manual_dir=None)
    if sources.data_dir is None or _is_folder(sources.data_dir, "tfgen"):
        return sources
    if not quiet:
        say(
            f"note: config.json names the data folder {sources.data_dir!r}, where tfgen has prepared nothing here; "
            "the usual one is used",
            error=True,
        )
    return dataclasses.replace(sources, data_dir=None)


def readable_sources(sources: DataSources) -> DataSources:
    """Return the data folders of a ``config.json`` that are there, for the data set of a plugin, which reads them itself."""
    kept = {name: folder for name, folder in dataclasses.asdict(sources).items() if folder and _is_folder(folder)}
    return DataSources(**kept)


def _is_folder(*parts: str) -> bool:
    """Return whether there is a folder of that path, which may be any text."""
    return os.path.isdir(os.path.join(os.path.expanduser(parts[0]), *parts[1:]))
