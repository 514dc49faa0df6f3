"""Read runs for a report page: folders of the machine removed, values of unexpected types dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from tfgen import OptionError
from tfgen.metrics import CATALOGUE, Catalogue
from tfgen.runs import RunFacts, RunFolder, read_run, read_runs

#: Placeholders for data folders, which belong to one machine.
PLACEHOLDERS = {"data_dir": "DATA_DIR", "manual_dir": "MANUAL_DIR"}


def read_for_page(folders: Sequence[Path], catalogue: Catalogue = CATALOGUE) -> list[RunFacts]:
    """Read the facts of one run or several for a page.

    Args:
        folders: of the runs.
        catalogue: of the metrics that tfgen and its plugins know.

    Raises:
        OptionError: for no run, or for one run under two paths.
        RunError: for a folder that is no run, or whose files are damaged.
    """
    if not folders:
        raise OptionError("no run is named; name one or several, for example: tfgen report runs/realnvp-digits")
    if len(folders) > 1:
        return [cleaned(run) for run in read_runs(folders, catalogue)]
    files = RunFolder.open(folders[0])
    return [cleaned(read_run(files, files.name, catalogue))]


def cleaned(run: RunFacts) -> RunFacts:
    """Return the facts of a run without local folders and without entries of unexpected types.

    A folder may come from somebody else or another version: unexpected entries are ignored.
    """
    folders = _folders(run.config)
    rows = [{name: value for name, value in row.items() if is_number(value)} for row in run.rows]
    results = {name: value for name, value in run.results.items() if _expected(name, value)}
    config = {name: value for name, value in run.config.items() if name != "machine" or isinstance(value, dict)}
    if config.get("sources"):
        config["sources"] = {key: PLACEHOLDERS.get(key, "DIR") for key, value in config["sources"].items() if value}
    return replace(run, config=_without(config, folders), results=_without(results, folders), rows=rows)


def is_number(value: Any) -> bool:
    """Return whether JSON's `value` is a number, finite or not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _expected(name: str, value: Any) -> bool:
    if name == "sampling":  # as a sweep records it
        timed = isinstance(value, dict) and isinstance(value.get("basis"), dict)
        return timed and is_number(value.get("value")) and isinstance(value["basis"].get("batch_size"), int)
    return is_number(value) if name in ("parameters", "best_epoch") else True


def _folders(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the absolute paths in the configuration of a run, each with its placeholder."""
    sources = {config.get("sources", {}).get(key): name for key, name in PLACEHOLDERS.items()}
    plugin = config.get("plugin", {}).get("file")
    result = {**sources, plugin: PurePath(plugin).name if isinstance(plugin, str) else ""}
    init = config.get("init")  # a run, which lies beside others
    result |= {init: f"runs/{PurePath(init).name}"} if isinstance(init, str) else {}
    # The longest first, since one may lie within another; the root alone is the beginning of everything.
    paths = [path for path in result if isinstance(path, str) and PurePath(path).is_absolute() and len(path) > 1]
    return {path: result[path] for path in sorted(paths, key=len, reverse=True)}


def _without(content: Any, folders: Mapping[str, str]) -> Any:
    """Replace folders by placeholders in every string of a JSON object."""
    if isinstance(content, Mapping):
        return {_without(key, folders): _without(value, folders) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without(value, folders) for value in content]
    if isinstance(content, str):
        for path, name in folders.items():
            content = content.replace(path, name)
    return content
