"""Row of a comparison: one metric of the runs in which it has the same basis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from tfgen.runs.ranking import Better, Improvement, Standing, change, improvement, rank
from tfgen.runs.scores import Scores


@dataclass(frozen=True)
class MetricRow:
    """One metric of the runs in which it has the same basis.

    Attributes:
        split: on which it was measured.
        name: of the metric.
        unit: of the values.
        basis: of the metric, with the data set; equal for all runs of the row.
        values: by the run's name.
        errors: standard errors over the examples, by the run's name.
        differing: the entries of the basis by which this row differs from other rows of the metric.
        better: whether lower or higher values are better; None if neither.
        known: whether the metric is in the catalogue.
        scores: of the examples, [n], by the run's name, where they are known.
        given_label: runs whose value is that of the metric given the label, beside runs that have no such form. A row of both
            is not ranked.
    """

    split: str
    name: str
    unit: str
    basis: Mapping[str, Any]
    values: Mapping[str, float]
    errors: Mapping[str, float]
    differing: Mapping[str, Any] = field(default_factory=dict)
    better: Better | None = None
    known: bool = True
    scores: Mapping[str, Scores] = field(default_factory=dict, repr=False, compare=False)
    given_label: Sequence[str] = ()

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """Rank of each run; empty if neither direction is better, or fewer than two runs can be ranked."""
        return {} if self.given_label else rank(self.values, self.errors, self.better, self.scores)

    @cached_property
    def improvement(self) -> Improvement | None:
        """How much better the best other run is than the first; None if neither direction is better."""
        return improvement(self.values, self.errors, self.better, self.scores)

    @property
    def change(self) -> tuple[float, float] | None:
        """The second run's value minus the first one's, with the error of this difference; None unless there are two."""
        return change(self.values, self.errors, self.scores)

    def described(self, key: str) -> str:
        """Return a differing entry of the basis as text."""
        return in_words(self.differing[key])


def in_words(value: Any) -> str:
    """Return an option's value, or an entry of a basis, as text."""
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value)) or "none"
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
