"""Compare runs: differing options, metrics that may be compared, and which is better. No TensorFlow here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Literal

from tfgen.files import finite
from tfgen.metrics.catalogue import Catalogue
from tfgen.metrics.metric import Metric
from tfgen.plugin.options import flattened
from tfgen.runs.facts import SPLITS, RunFacts

#: A difference counts when it is larger than this many of its standard errors.
STANDARD_ERRORS = 2.0

#: Which noise was drawn is no part of what was measured.
_NOISE = frozenset({"seed"})
#: How a conditional model makes log p(x) of its log p(x|y) belongs to the model; what is measured is log p(x) all the same.
_MARGINAL = frozenset({"classes", "class_prior"})
Verdict = Literal["best", "level", "behind"]
Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Standing:
    """Where a run stands in a row of comparable numbers.

    Attributes:
        difference: its value minus that of the leading run.
        error: the standard error of this difference, ``sqrt(a^2 + b^2)`` of the two runs' errors a and b.
        verdict: ``best`` (ahead of all others by more than two such errors), ``level`` (not told apart from the leading
            run, or leading run of several such), or ``behind``.
    """

    difference: float
    error: float
    verdict: Verdict


@dataclass(frozen=True)
class MetricRow:
    """One metric of those runs in which it was measured on the same thing.

    Attributes:
        split: on which it was measured.
        name: of the metric.
        unit: of the values.
        basis: what it was measured on, the data set included: equal for all runs of the row.
        values: by the run's name.
        errors: standard errors over the examples, by the run's name.
        differing: the entries of the basis by which this row differs from other rows of the metric.
        better: which values are the better ones; None where neither are.
        known: whether the metric is in the catalogue.
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

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """Where each run stands; empty when it is not known which way is better, or fewer than two can be ranked."""
        return rank(self.values, self.errors, self.better)

    def described(self, key: str) -> str:
        """Return a differing entry in words."""
        return in_words(self.differing[key])


@dataclass(frozen=True)
class Comparison:
    """What `compare` finds.

    Attributes:
        runs: in the order given.
        options: those that differ, ``{option: {run: value}}``; a run whose model lacks the option has no entry.
        metrics: the rows of comparable numbers.
        notes: what may not be compared, and why, in sentences.
    """

    runs: Sequence[RunFacts]
    options: Mapping[str, Mapping[str, Any]]
    metrics: Sequence[MetricRow]
    notes: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON has it; numbers that are not finite become null."""
        return finite(
            {
                "runs": [
                    {
                        "name": run.name,
                        "folder": str(run.folder),
                        "model": run.config["model"],
                        "data": run.config["data"],
                        "finished": run.finished,
                        "parameters": run.results.get("parameters"),
                        "steps": run.steps,
                        "train_seconds": run.seconds,
                        "sampling": run.results.get("sampling"),
                    }
                    for run in self.runs
                ],
                "options": self.options,
                "metrics": [
                    {
                        "split": row.split,
                        "name": row.name,
                        "unit": row.unit,
                        "basis": row.basis,
                        "ranked": bool(row.standings),
                        "runs": {
                            name: {"value": value, "standard_error": row.errors[name]}
                            | (vars(row.standings[name]) if name in row.standings else {})
                            for name, value in row.values.items()
                        },
                    }
                    for row in self.metrics
                ],
                "notes": self.notes,
            }
        )


def compare(runs: Sequence[RunFacts]) -> Comparison:
    """Find what differs, which numbers may be compared, and which are better.

    A metric gets a row for each basis on which it was measured (unit, data, split, examples, alpha, draws, ...), so that only
    numbers measured on the same thing ever stand in one row, and only these are ranked. The seed of the noise is no part of
    it, nor is over which classes a conditional model sums to get log p(x).
    """
    options = options_that_differ({run.name: run.config for run in runs})
    rows = metric_rows(runs)
    return Comparison(runs, options, rows, [*_basis_notes(rows), *_value_notes(rows), *_circumstances(runs)])


def options_that_differ(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return ``{option: {run: value}}`` for each option on which the runs do not agree, the model's own ones first.

    Args:
        configs: the content of each run's ``config.json``.
    """
    flat = {name: _flat(config) for name, config in configs.items()}
    names = dict.fromkeys(option for values in flat.values() for option in values)
    found = {option: {name: values[option] for name, values in flat.items() if option in values} for option in names}
    return {option: values for option, values in found.items() if len(values) < len(flat) or len(_distinct(values)) > 1}


def metric_rows(runs: Sequence[RunFacts]) -> list[MetricRow]:
    """Return a row for each metric, split and basis; see `compare`."""
    catalogue = _catalogue_of(runs)
    groups: dict[tuple[str, str], dict[str, list[RunFacts]]] = {}
    for run in runs:
        for key, metric in run.metrics().items():
            basis = json.dumps(_measured_on(run, key[1], metric), sort_keys=True, default=str)
            groups.setdefault(key, {}).setdefault(basis, []).append(run)
    rows = []
    for split, name in sorted(groups, key=lambda key: SPLITS.index(key[0])):
        bases = [json.loads(basis) for basis in groups[split, name]]
        differing = [key for key in dict.fromkeys(key for basis in bases for key in basis) if _differs(key, bases)]
        for basis, members in zip(bases, groups[split, name].values(), strict=True):
            metrics = {run.name: run.metrics()[split, name] for run in members}
            unit = basis.pop("unit")
            rows.append(
                MetricRow(
                    split, name, unit, basis,
                    {run: metric.value for run, metric in metrics.items()},
                    {run: metric.standard_error for run, metric in metrics.items()},
                    {key: basis.get(key) for key in differing if key != "unit"},
                    catalogue[name].better if name in catalogue else None,
                    name in catalogue,
                )
            )  # fmt: skip
    return rows


def rank(values: Mapping[str, float], errors: Mapping[str, float], better: Better | None) -> dict[str, Standing]:
    """Rank numbers that were measured on the same thing.

    The error of a difference is ``sqrt(a^2 + b^2)``, as if the runs had been measured on different examples. They share
    them, and what is hard for one model is mostly hard for the other, so that the true error is mostly smaller: a
    difference that counts here is safe, and one that does not is not shown to be nothing. Neither knows how much
    another training seed would have changed.

    Args:
        values: by run.
        errors: standard errors over the examples, by run.
        better: whether lower or higher values are better; None where neither are.

    Returns:
        For each run with a finite value and error where it stands; empty where neither values are better, and for fewer than
        two such runs.

    >>> {run: standing.verdict for run, standing in rank({"a": 1.0, "b": 1.5}, {"a": 0.1, "b": 0.1}, "lower").items()}
    {'a': 'best', 'b': 'behind'}
    """
    sound = [run for run in values if math.isfinite(values[run]) and math.isfinite(errors[run])]
    if len(sound) < 2 or better is None:
        return {}
    leader = (min if better == "lower" else max)(sound, key=lambda run: values[run])
    found: dict[str, Standing] = {}
    for run in sound:
        difference, error = values[run] - values[leader], math.hypot(errors[run], errors[leader])
        level = run == leader or abs(difference) <= STANDARD_ERRORS * error
        found[run] = Standing(difference, 0.0 if run == leader else error, "level" if level else "behind")
    if sum(standing.verdict == "level" for standing in found.values()) == 1:
        found[leader] = Standing(0.0, 0.0, "best")
    return found


@dataclass(frozen=True)
class Curves:
    """One validation term of those runs that have it as their curve.

    Attributes:
        term: what is shown.
        runs: two or more.
        differing: on what they were measured differently (data, alpha, ...), as far as their records tell; where there is
            anything, the heights of the curves do not compare.
    """

    term: str
    runs: Sequence[RunFacts]
    differing: Sequence[str]


def curves(runs: Sequence[RunFacts]) -> list[Curves]:
    """Return the validation terms that two runs or more have as their curve.

    A loss is whatever its model makes of it, so that losses are one term for runs of one model only.
    """
    terms: dict[str, list[RunFacts]] = {}
    for run in runs:
        if run.curve is not None and run.curve_points():
            term = run.curve if run.curve in run.catalogue else f"{run.curve} of {run.config['model']}"
            terms.setdefault(term, []).append(run)
    return [Curves(term, members, _differing(members, term)) for term, members in terms.items() if len(members) > 1]


def _differing(runs: Sequence[RunFacts], term: str) -> list[str]:
    if len({run.config["data"] for run in runs}) > 1:
        return ["data"]
    rows = [row for row in metric_rows(runs) if (row.split, row.name) == ("valid", term)]
    found = {key for row in rows for key in row.differing}
    # An unfinished run has measured nothing yet; what a basis says is often an option, and this it has.
    options = options_that_differ({run.name: run.config for run in runs})
    return sorted(found | {key for row in rows for key in row.basis if key in options})


def in_words(value: Any) -> str:
    """Return an option's value, or an entry of a basis, as a person would write it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value)) or "none"
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def rate_in_words(value: float) -> str:
    """Return a number of samples per second to three digits, without an exponent.

    >>> rate_in_words(125321.0), rate_in_words(3.14159)
    ('125,000', '3.14')
    """
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def on_one_machine(runs: Iterable[RunFacts]) -> bool:
    """Return whether the runs name one device, so that their seconds compare."""
    return len({in_words((run.config.get("machine") or {}).get("device")) for run in runs}) <= 1


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every option by its name, and what it ran with; where the files of the data lie is no option of interest."""
    machine = config.get("machine") or {}
    ran_with = {"compile_mode": config.get("compile_mode"), "machine": machine.get("device")}
    versions = {f"version of {name}": version for name, version in config.get("versions", {}).items()}
    return {
        "model": config["model"],
        "data": config["data"],
        **flattened(config.get("options", {})),
        **config.get("training", {}),
        **{name: value for name, value in {**ran_with, **versions}.items() if value is not None},
    }


def _catalogue_of(runs: Iterable[RunFacts]) -> Catalogue:
    """Return the metrics that any of the runs knows."""
    found = Catalogue({})
    for run in runs:
        found |= run.catalogue
    return found


def _measured_on(run: RunFacts, name: str, metric: Metric) -> dict[str, Any]:
    of_density = name in run.catalogue and run.catalogue[name].of == "density"
    neutral = _NOISE | (_MARGINAL if of_density else frozenset())
    basis = {key: value for key, value in metric.basis.to_json().items() if key not in {*neutral, "split"}}
    basis = {"data": run.config["data"], "unit": metric.unit, **basis}
    source = run.config.get("data_source")  # a version or checksum: the same name may be other examples
    return {**basis, "source of the data": source} if source else basis


def _distinct(values: Mapping[str, Any]) -> set[str]:
    return {json.dumps(value, sort_keys=True, default=str) for value in values.values()}


def _differs(key: str, bases: Sequence[Mapping[str, Any]]) -> bool:
    return len({json.dumps(basis.get(key), default=str) for basis in bases}) > 1


def _basis_notes(rows: Iterable[MetricRow]) -> list[str]:
    """Say of each metric that has several rows by what they differ."""
    groups: dict[tuple[str, ...], list[MetricRow]] = {}
    for row in rows:
        groups.setdefault((row.split, row.name), []).append(row)
    reasons: dict[str, list[str]] = {}
    for (split, name), members in groups.items():
        keys = dict.fromkeys(key for row in members for key in row.differing)
        # A data set of another name has another source and other counts as a matter of course.
        shown = ["data"] if "data" in keys else list(keys)
        parts = []
        for key in shown:
            text = [f"{row.described(key)} ({', '.join(row.values)})" for row in members]
            parts.append(f"{key} is {' and '.join(text)}")
        if len(members) > 1:
            reasons.setdefault("; ".join(parts) or "the units differ", []).append(f"{split} {name}")
    return [
        f"not ranked against each other, since measured on different things: {', '.join(names)}: {reason}"
        for reason, names in reasons.items()
    ]


def _value_notes(rows: Iterable[MetricRow]) -> list[str]:
    notes, parts = [], []
    for row in rows:
        if len(row.values) < 2:
            continue
        if not row.known:
            notes.append(f"not ranked: {row.split} {row.name}: it is not known whether lower or higher is better")
        elif row.better is None:
            parts.append(f"{row.split} {row.name}")
        elif missing := [run for run in row.values if not row.standings.get(run) and not _sound(row, run)]:
            notes.append(f"not ranked: {row.split} {row.name} of {', '.join(missing)}: no finite number with an error")
    if parts:
        notes.append(f"not ranked, since a better model may have more or less of each: {', '.join(parts)}")
    return notes


def _sound(row: MetricRow, run: str) -> bool:
    return math.isfinite(row.values[run]) and math.isfinite(row.errors[run])


def _circumstances(runs: Sequence[RunFacts]) -> list[str]:
    notes = []
    if not on_one_machine(runs):
        notes.append("seconds were taken on different machines and do not compare")
    unfinished = [run.name for run in runs if not run.finished]
    if unfinished:
        notes.append(f"unfinished, shown with what there is: {', '.join(unfinished)}")
    return notes
