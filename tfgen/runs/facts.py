"""Facts of a run read from its small files: options, metrics, results, state. No TensorFlow here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tfgen.errors import OptionError, RunError
from tfgen.metrics.catalogue import CATALOGUE, Catalogue
from tfgen.metrics.metric import Metric, metrics_from_json
from tfgen.metrics.plausibility import Note
from tfgen.runs.folder import RunFolder
from tfgen.runs.notes import notes_of
from tfgen.runs.scores import Scores, belong_to, read_scores

SPLITS = ("test", "valid", "train")


class CurvePoint(NamedTuple):
    """Point of a validation curve: its step, epoch and seconds of training (NaN if unknown), and the value."""

    step: int
    epoch: float
    seconds: float
    value: float


@dataclass(frozen=True)
class RunFacts:
    """Facts of a finished or unfinished run, read from the small files of its folder.

    Attributes:
        name: as short as tells it from the other runs.
        folder: of the run.
        config: the content of ``config.json``.
        results: the content of ``results.json``; empty for an unfinished run.
        rows: of ``metrics.jsonl``, thinned to a few thousand (`tfgen.runs.metrics_file.thinned_rows`).
        catalogue: of the metrics that tfgen and its plugins know.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    results: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    catalogue: Catalogue = field(default_factory=lambda: CATALOGUE)

    @property
    def finished(self) -> bool:
        """True if the run has results."""
        return bool(self.results)

    @property
    def steps(self) -> int:
        """Optimisation steps taken."""
        return int(self.results.get("steps") or (self.rows[-1]["step"] if self.rows else 0))

    @property
    def seconds(self) -> float:
        """Seconds of training."""
        return float(self.results.get("train_seconds") or (self.rows[-1].get("seconds", 0.0) if self.rows else 0.0))

    @property
    def averages_weights(self) -> bool:
        """True if a moving average of the weights is what is validated, evaluated and sampled."""
        ema = self.config.get("training", {}).get("ema")
        return isinstance(ema, int | float) and ema > 0

    def measured(self, split: str) -> dict[str, Metric]:
        """Return the metrics of a split by name, without those of classification."""
        return metrics_from_json(self.results.get(split, {}))

    def classified(self, split: str) -> dict[str, Metric]:
        """Return the metrics of the classification of a split by name."""
        return metrics_from_json(self.results.get("classification", {}).get(split, {}).get("metrics", {}))

    def metrics(self) -> dict[tuple[str, str], Metric]:
        """Return every measured metric by split and name, those of classification among them."""
        return {
            (split, name): metric
            for split in SPLITS
            for measured in (self.measured(split), self.classified(split))
            for name, metric in measured.items()
        }

    def notes(self) -> list[Note]:
        """Return what spoils the results: notes on the data, and on metrics that cannot be or tell of nothing learnt."""
        return notes_of(self.results)

    @cached_property
    def scores(self) -> Mapping[str, Mapping[str, Scores]]:
        """Scores of the examples, [n] each, by split and metric: those that belong to a metric of the results."""
        found: dict[str, dict[str, Scores]] = {}
        for (split, name), metric in self.metrics().items():
            if split not in found:
                found[split] = self._read_scores(split)
            if not belong_to(found[split].get(name), metric):
                found[split].pop(name, None)
        return found

    def _read_scores(self, split: str) -> dict[str, Scores]:
        try:
            return read_scores(self.folder, split) if self.folder else {}
        except RunError:  # errors of differences are then those of unpaired examples
            return {}

    @property
    def sampling(self) -> Metric | None:
        """Samples per second, if timed by a sweep; a malformed entry is ignored."""
        timed = self.results.get("sampling")
        if not isinstance(timed, Mapping):
            return None
        try:
            return Metric.from_json("samples_per_second", {"standard_error": None, **timed})
        except ValueError:
            return None

    @cached_property
    def curve(self) -> str | None:
        """Name of the validation curve: the first logged curve of the catalogue, else a loss, else None."""
        names = {name.removeprefix("valid/") for row in self.rows for name in row if name.startswith("valid/")}
        losses = sorted(name for name in names if name.endswith("loss"))
        return next((name for name in (*self.catalogue.curves(), *losses) if name in names), None)

    def curve_points(self) -> list[CurvePoint]:
        """Return the finite points of the validation curve."""
        name = f"valid/{self.curve}"
        return [
            CurvePoint(row["step"], row.get("epoch", math.nan), row.get("seconds", math.nan), row[name])
            for row in self.rows
            if row.get(name) is not None and math.isfinite(row[name])
        ]


def read_runs(folders: Sequence[Path], catalogue: Catalogue = CATALOGUE) -> list[RunFacts]:
    """Read the facts of runs for a comparison.

    Args:
        folders: of the runs.
        catalogue: of the metrics that tfgen and its plugins know.

    Raises:
        OptionError: for fewer than two, or for one run under two paths.
        RunError: for a folder that is no run, or whose files are damaged.
    """
    if len(folders) < 2:
        there = f"{folders[0]} alone gives nothing to compare" if folders else "no run is named"
        raise OptionError(f"{there}; name two runs or more, for example: tfgen compare runs/A runs/B")
    opened = [RunFolder.open(folder) for folder in folders]
    seen: dict[Path, Path] = {}
    for files in opened:
        true_path = files.path.resolve()
        if true_path in seen:
            same = f"{seen[true_path]} is given twice" if seen[true_path] == files.path else None
            same = same or f"{seen[true_path]} and {files.path} are the same run"
            raise OptionError(f"{same}; name runs that differ.")
        seen[true_path] = files.path
    return [read_run(files, name, catalogue) for files, name in zip(opened, distinct_names(list(seen)), strict=True)]


def read_run(files: RunFolder, name: str, catalogue: Catalogue = CATALOGUE) -> RunFacts:
    """Read the facts of one run.

    Raises:
        RunError: names the damaged file.
    """
    results = files.read_results() if files.finished else {}
    return RunFacts(name, files.path, files.read_config(), results, files.thinned_metrics(), catalogue)


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' names, with as many parent folders as make them distinct.

    >>> distinct_names([Path("/a/runs/x"), Path("/b/runs/x")])
    ['a/runs/x', 'b/runs/x']
    """
    depth = 1
    while len({folder.parts[-depth:] for folder in folders}) < len(folders):
        depth += 1
    return ["/".join(folder.parts[-depth:]) for folder in folders]
