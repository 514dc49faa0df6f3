"""Facts of a run read from its small files: options, metrics, results, state. No TensorFlow here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tfgen.errors import OptionError
from tfgen.runs.folder import RunFolder

SPLITS = ("test", "valid", "train")
#: The validation curves in the order of preference; the first one that a run logs is its curve, else its loss.
CURVES = (
    "bits_per_dim",
    "bits_per_dim_given_label",
    "nll_nats",
    "nll_nats_given_label",
    "elbo_nats",
    "elbo_nats_given_label",
    "cross_entropy_nats",
    "cross_entropy_nats_given_label",
)
#: Metrics of training that rise as it goes on; all others, and every loss, fall.
RISING = frozenset({"elbo_nats", "elbo_nats_given_label"})


@dataclass(frozen=True)
class RunFacts:
    """What a run's folder says of it, whether it is finished or not.

    Attributes:
        name: as short as tells it from the other runs.
        folder: of the run.
        config: the content of ``config.json``.
        results: the content of ``results.json``; empty for an unfinished run.
        rows: those of ``metrics.jsonl``.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    results: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()

    @property
    def finished(self) -> bool:
        """Whether there are results."""
        return bool(self.results)

    @property
    def steps(self) -> int:
        """Optimisation steps taken."""
        return int(self.results.get("steps") or (self.rows[-1]["step"] if self.rows else 0))

    @property
    def seconds(self) -> float:
        """Seconds of training."""
        return float(self.results.get("train_seconds") or (self.rows[-1].get("seconds", 0.0) if self.rows else 0.0))

    def metrics(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Return every measured metric by split and name, those of classification among them."""
        classified = self.results.get("classification", {})
        return {
            (split, name): metric
            for split in SPLITS
            for measured in (self.results.get(split, {}), classified.get(split, {}).get("metrics", {}))
            for name, metric in measured.items()
        }

    @cached_property
    def curve(self) -> str | None:
        """What the validation curve shows: the first of `CURVES` that was logged, else a loss; None before there is one."""
        names = {name.removeprefix("valid/") for row in self.rows for name in row if name.startswith("valid/")}
        losses = sorted(name for name in names if name.endswith("loss"))
        return next((name for name in (*CURVES, *losses) if name in names), None)

    def curve_points(self) -> list[tuple[int, float, float]]:
        """Return the validation curve as (step, seconds, value), where it is finite."""
        found = [(row["step"], row.get("seconds", math.nan), row.get(f"valid/{self.curve}")) for row in self.rows]
        return [(step, seconds, value) for step, seconds, value in found if value is not None and math.isfinite(value)]


def read_runs(folders: Sequence[Path]) -> list[RunFacts]:
    """Read the small files of runs that are to be compared.

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
    return [read_run(files, name) for files, name in zip(opened, distinct_names(list(seen)), strict=True)]


def read_run(files: RunFolder, name: str) -> RunFacts:
    """Read the small files of one run.

    Raises:
        RunError: names the damaged file.
    """
    results = files.read_results() if files.finished else {}
    return RunFacts(name, files.path, files.read_config(), results, files.read_metrics())


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' names, with as many of the folders above as tell them apart.

    >>> distinct_names([Path("/a/runs/x"), Path("/b/runs/x")])
    ['a/runs/x', 'b/runs/x']
    """
    depth = 1
    while len({folder.parts[-depth:] for folder in folders}) < len(folders):
        depth += 1
    return ["/".join(folder.parts[-depth:]) for folder in folders]
