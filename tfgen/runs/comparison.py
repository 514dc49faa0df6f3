"""Compare runs: differing options, comparable metrics (same basis), and their ranking. No TensorFlow here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfgen.files import finite
from tfgen.metrics.catalogue import Catalogue
from tfgen.metrics.metric import GIVEN_LABEL, Metric, given_label
from tfgen.plugin.options import flattened
from tfgen.runs.facts import SPLITS, RunFacts
from tfgen.runs.label_rows import MARGINAL, label_notes, with_given_label
from tfgen.runs.metric_row import MetricRow as MetricRow
from tfgen.runs.metric_row import in_words
from tfgen.runs.ranking import rank as rank

#: The seed of the noise, and the precision, which is one of rounding, are no part of the basis of a comparison.
_NOISE = frozenset({"seed", "precision"})


@dataclass(frozen=True)
class Comparison:
    """Result of `compare`.

    Attributes:
        runs: in the order given.
        options: the differing ones, ``{option: {run: value}}``; a run whose model lacks the option has no entry.
        metrics: rows of comparable metrics.
        notes: metrics that do not compare, and why, in sentences.
    """

    runs: Sequence[RunFacts]
    options: Mapping[str, Mapping[str, Any]]
    metrics: Sequence[MetricRow]
    notes: Sequence[str]

    def __str__(self) -> str:
        from tfgen.runs.comparison_table import plain_text  # which imports this module

        return plain_text(self)

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        from tfgen.runs.html import html_of_comparison

        return html_of_comparison(self)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON; numbers that are not finite become null."""
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
                        "given_label": list(row.given_label),
                        "improvement": vars(row.improvement) if row.improvement else None,
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
    """Compare runs: differing options, comparable metrics, and their ranking.

    A metric gets a row for each basis on which it was measured (unit, data, split, examples, alpha, draws, ...), so that
    only metrics with the same basis share a row and are ranked. The seed of the noise is no part of the basis here, nor are
    the classes over which a conditional model sums for log p(x).
    """
    options = options_that_differ({run.name: run.config for run in runs})
    rows = metric_rows(runs)
    rows = with_given_label(rows, [run.name for run in runs])
    notes = [*_basis_notes(rows), *label_notes(rows, runs), *_value_notes(rows), *_circumstances(runs)]
    return Comparison(runs, options, rows, notes)


def options_that_differ(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return ``{option: {run: value}}`` for each option on which the runs do not agree, the model's own ones first.

    Args:
        configs: the content of each run's ``config.json``.
    """
    flat = {name: _flat(config) for name, config in configs.items()}
    names = dict.fromkeys(option for values in flat.values() for option in values)
    result = {option: {name: values[option] for name, values in flat.items() if option in values} for option in names}
    return {
        option: values for option, values in result.items() if len(values) < len(flat) or len(_distinct(values)) > 1
    }


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
                    {run.name: run.scores[split][name] for run in members if name in run.scores.get(split, ())},
                )
            )  # fmt: skip
    return rows


@dataclass(frozen=True)
class Curves:
    """A validation curve that several runs share: one logged term.

    Attributes:
        term: name of the logged term, without the ending of its form given the label where other runs have it without.
        runs: two or more.
        differing: recorded entries of the basis that differ (data, alpha, ...); if there are any, the heights of the curves
            do not compare.
        given_label: the runs whose curve is given the label, beside others whose is not.
    """

    term: str
    runs: Sequence[RunFacts]
    differing: Sequence[str]
    given_label: Sequence[str] = ()


def curves(runs: Sequence[RunFacts]) -> list[Curves]:
    """Return the validation curves that two runs or more share, a metric's form given the label beside the metric.

    Losses compare only between runs of one model.
    """
    terms: dict[str, list[RunFacts]] = {}
    for run in runs:
        if run.curve is not None and run.curve_points():
            term = run.curve if run.curve in run.catalogue else f"{run.curve} of {run.config['model']}"
            terms.setdefault(term, []).append(run)
    result = []
    for term in dict.fromkeys(term.removesuffix(GIVEN_LABEL) for term in terms):
        plain, given = terms.get(term, []), terms.get(given_label(term), [])
        if plain and given:
            differing = sorted({*_differing([*plain, *given], term), *_differing([*plain, *given], given_label(term))})
            members = [run for run in runs if run in (*plain, *given)]
            result.append(Curves(term, members, differing, [run.name for run in given]))
        elif len(members := plain or given) > 1:
            name = term if plain else given_label(term)
            result.append(Curves(name, members, _differing(members, name)))
    return result


def _differing(runs: Sequence[RunFacts], term: str) -> list[str]:
    if len({run.config["data"] for run in runs}) > 1:
        return ["data"]
    rows = [row for row in metric_rows(runs) if (row.split, row.name) == ("valid", term)]
    result = {key for row in rows for key in row.differing}
    # An unfinished run has no metrics yet, but its options, which often equal entries of a basis.
    options = options_that_differ({run.name: run.config for run in runs})
    return sorted(result | {key for row in rows for key in row.basis if key in options})


def rate_in_words(value: float) -> str:
    """Return a number of samples per second to three digits, without an exponent.

    >>> rate_in_words(125321.0), rate_in_words(3.14159)
    ('125,000', '3.14')
    """
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def on_one_machine(runs: Iterable[RunFacts]) -> bool:
    """Return whether all runs were trained on one device, so that their seconds compare."""
    return len({in_words((run.config.get("machine") or {}).get("device")) for run in runs}) <= 1


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every option of a run by name, with device and versions, without data folders."""
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
    """Return the union of the catalogues of the runs."""
    result = Catalogue({})
    for run in runs:
        result |= run.catalogue
    return result


def _measured_on(run: RunFacts, name: str, metric: Metric) -> dict[str, Any]:
    of_density = name in run.catalogue and run.catalogue[name].of == "density"
    neutral = _NOISE | (MARGINAL if of_density else frozenset())
    basis = {key: value for key, value in metric.basis.to_json().items() if key not in {*neutral, "split"}}
    basis = {"data": run.config["data"], "unit": metric.unit, **basis}
    source = run.config.get("data_source")  # a version or checksum: the same name may be other examples
    return {**basis, "source of the data": source} if source else basis


def _distinct(values: Mapping[str, Any]) -> set[str]:
    return {json.dumps(value, sort_keys=True, default=str) for value in values.values()}


def _differs(key: str, bases: Sequence[Mapping[str, Any]]) -> bool:
    return len({json.dumps(basis.get(key), default=str) for basis in bases}) > 1


def _basis_notes(rows: Iterable[MetricRow]) -> list[str]:
    """Return notes for metrics with several rows: the differing entries of their bases."""
    groups: dict[tuple[str, ...], list[MetricRow]] = {}
    for row in rows:
        groups.setdefault((row.split, row.name), []).append(row)
    reasons: dict[str, list[str]] = {}
    for (split, name), members in groups.items():
        keys = dict.fromkeys(key for row in members for key in row.differing)
        # A data set of another name has another source and other counts as a matter of course.
        displayed = ["data"] if "data" in keys else list(keys)
        parts = []
        for key in displayed:
            text = [f"{row.described(key)} ({', '.join(row.values)})" for row in members]
            parts.append(f"{key} is {' and '.join(text)}")
        if len(members) > 1:
            reasons.setdefault("; ".join(parts) or "the units differ", []).append(f"{split} {name}")
    return [
        f"not ranked against each other, since their bases differ: {', '.join(names)}: {reason}"
        for reason, names in reasons.items()
    ]


def _value_notes(rows: Iterable[MetricRow]) -> list[str]:
    notes, parts = [], []
    for row in rows:
        if len(row.values) < 2:
            continue
        if not row.known:
            notes.append(
                f"not ranked: {row.split} {row.name}: it is not known whether lower or higher is better; if a plugin's file "
                "has this metric, give -p FILE"
            )
        elif row.given_label:
            continue
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
        notes.append(f"unfinished, shown with the results so far: {', '.join(unfinished)}")
    return notes
