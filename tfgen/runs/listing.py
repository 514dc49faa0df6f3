"""Entries of a folder of runs: model, data, state, tags, main metric and date of each, damaged ones too. No TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tfgen.errors import RunError
from tfgen.files import finite, is_temporary
from tfgen.metrics.catalogue import CATALOGUE, Catalogue
from tfgen.metrics.metric import Metric, metrics_from_json
from tfgen.runs.folder import RunFolder
from tfgen.runs.tags import read_tags

State = Literal["finished", "unfinished", "damaged"]
#: Files whose last change is that of the run.
_CHANGING = ("results.json", "metrics.jsonl", "config.json")


@dataclass(frozen=True)
class RunEntry:
    """A line of `tfgen runs`.

    Attributes:
        name: of the run, behind the folder of runs.
        folder: of the run.
        state: ``finished`` (it has results), ``unfinished``, or ``damaged``.
        changed: when results, metrics or options were last written, in seconds since 1970.
        model: name of the model; empty where ``config.json`` is damaged.
        data: name or path of the data set; empty where ``config.json`` is damaged.
        steps: optimisation steps of the training, or of the last checkpoint; None without one.
        tags: sorted.
        metric: main metric of the test split, see `main_metric`.
        problem: what is damaged, in a sentence.
    """

    name: str
    folder: Path
    state: State
    changed: float
    model: str = ""
    data: str = ""
    steps: int | None = None
    tags: tuple[str, ...] = ()
    metric: Metric | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON; of the metric's basis split and density alone."""
        metric = self.metric and {
            "split": "test",
            "name": self.metric.name,
            "value": self.metric.value,
            "standard_error": self.metric.standard_error,
            "unit": self.metric.unit,
            "density": self.metric.basis.density,
        }
        return finite({**vars(self), "folder": str(self.folder), "metric": metric})


def list_runs(runs_dir: Path, catalogue: Catalogue = CATALOGUE) -> list[RunEntry]:
    """Return the runs of a folder, the last changed one first; those of folders in it too, such as sweeps.

    Args:
        runs_dir: the folder of runs.
        catalogue: of the metrics that tfgen and its plugins know.

    Raises:
        RunError: when the folder is none, or cannot be read.
    """
    try:
        folders = list(_run_folders(runs_dir, deeper=True))
    except OSError as error:
        raise RunError(f"cannot list the runs in {runs_dir}: {error.strerror}.") from error
    entries = [read_entry(folder, str(folder.relative_to(runs_dir)), catalogue) for folder in folders]
    return sorted(entries, key=lambda entry: (-entry.changed, entry.name))


def read_entry(folder: Path, name: str, catalogue: Catalogue = CATALOGUE) -> RunEntry:
    """Return the entry of one run; what is wrong with a damaged one is its `problem`."""
    files, changed = RunFolder(folder), _changed(folder)
    facts: dict[str, Any] = {}
    try:
        config = RunFolder.open(folder).read_config()
        facts |= {"model": config["model"], "data": config["data"]}
        facts["tags"] = read_tags(files)
        if not files.finished:
            return RunEntry(name, folder, "unfinished", changed, steps=files.saved_step(), **facts)
        results = files.read_results()
        metric = main_metric(metrics_from_json(results.get("test", {})), catalogue)
        steps = results.get("steps")
        facts["steps"] = steps if isinstance(steps, int) else None
        return RunEntry(name, folder, "finished", changed, metric=metric, **facts)
    except (RunError, OSError, ValueError) as error:
        problem = f"cannot read it: {error.strerror}" if isinstance(error, OSError) else str(error)
        return RunEntry(name, folder, "damaged", changed, problem=problem, **facts)


def main_metric(metrics: dict[str, Metric], catalogue: Catalogue = CATALOGUE) -> Metric | None:
    """Return the metric that stands for a run: the first curve of the catalogue among its metrics, else its first metric.

    So bits/dim goes before nats, a density before a bound, and a metric before its form given the label.
    """
    return next((metrics[name] for name in (*catalogue.curves(), *metrics) if name in metrics), None)


def looks_like_run(folder: Path) -> bool:
    """Return whether a folder is a run, or what is left of a damaged one: metrics or checkpoints without options."""
    if os.path.isfile(folder / "config.json"):
        return True
    return os.path.isfile(folder / "metrics.jsonl") or os.path.isdir(folder / "checkpoints")


def _run_folders(place: Path, deeper: bool) -> Iterator[Path]:
    """Yield the run folders in a place, and, unless they lie behind a link, in its other folders."""
    with os.scandir(place) as entries:
        found: Sequence[os.DirEntry[str]] = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if is_temporary(entry.name) or not entry.is_dir():
            continue
        folder = place / entry.name
        if looks_like_run(folder):
            yield folder
        elif deeper and not entry.is_symlink():
            try:
                yield from _run_folders(folder, deeper=False)
            except OSError:  # not for us to read, and nothing says that it holds runs
                continue


def _changed(folder: Path) -> float:
    times = [0.0]
    for name in _CHANGING:
        try:
            times.append(os.lstat(folder / name).st_mtime)
        except OSError:
            continue
    return max(times)
