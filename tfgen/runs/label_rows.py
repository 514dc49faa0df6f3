"""Rows of a comparison with a metric of unconditional runs beside its form given the label of conditional ones."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tfgen.metrics.metric import GIVEN_LABEL, given_label
from tfgen.runs.facts import RunFacts

if TYPE_CHECKING:
    from tfgen.runs.metric_row import MetricRow

#: The class prior of a conditional model belongs to the model: its log p(x) compares with that of any other model.
MARGINAL = frozenset({"classes", "class_prior"})


def with_given_label(rows: Sequence[MetricRow], names: Sequence[str]) -> list[MetricRow]:
    """Return the rows with a metric of some runs beside its form given the label of others, on an equal basis.

    Such a row stands in the place of rows with one run each. It holds runs that have only the one form: where a conditional
    run has the marginal as well, that is what compares with an unconditional one, and has a row already.

    Args:
        rows: of a comparison.
        names: of the runs, in their order.
    """
    given = {(row.split, row.name): row for row in rows if row.name.endswith(GIVEN_LABEL)}
    forms: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        forms.setdefault((row.split, row.name), set()).update(row.values)
    result: list[MetricRow] = []
    merged: list[MetricRow] = []
    for row in rows:
        result.append(row)
        other = given.get((row.split, given_label(row.name)))
        if other is None or row.unit != other.unit or not _same_basis(row, other):
            continue
        marginal, conditional = forms[row.split, row.name], forms[other.split, other.name]
        left, right = (
            [name for name in form.values if name not in others]
            for form, others in ((row, conditional), (other, marginal))
        )
        if not left or not right:
            continue
        picked = sorted(
            [(name, row) for name in left] + [(name, other) for name in right], key=lambda pair: names.index(pair[0])
        )
        result.append(
            dataclasses.replace(
                row,
                values={name: form.values[name] for name, form in picked},
                errors={name: form.errors[name] for name, form in picked},
                scores={name: form.scores[name] for name, form in picked if name in form.scores},
                given_label=tuple(right),
                differing={},
            )
        )
        merged += [form for form in (row, other) if len(form.values) == 1]
    return [row for row in result if not any(row is old for old in merged)]


def _same_basis(row: MetricRow, other: MetricRow) -> bool:
    return {key: value for key, value in row.basis.items() if key not in MARGINAL} == {
        key: value for key, value in other.basis.items() if key not in MARGINAL
    }


def label_notes(rows: Iterable[MetricRow], runs: Sequence[RunFacts]) -> list[str]:
    """Return notes on what a difference means between a metric and its form given the label."""
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for row in rows:
        if row.given_label:
            rest = tuple(name for name in row.values if name not in row.given_label)
            groups.setdefault((tuple(row.given_label), rest), []).append(f"{row.split} {row.name}")
    notes = []
    for (given, rest), names in groups.items():
        spec = next(run.config.get("data_spec") or {} for run in runs if run.name == given[0])
        classes = spec.get("classes")
        known = (
            f", at most log {classes} = {math.log(classes):.2f} nats"
            if isinstance(classes, int) and classes > 1
            else ""
        )
        notes.append(
            f"{', '.join(names)}: of {', '.join(given)} given the label, log p(x|y), of {', '.join(rest)} without, log p(x). "
            f"Part of a difference is what the label tells about x{known}, so these are not ranked; nll_nats is "
            "log p(x) of all of them"
        )
    return notes
