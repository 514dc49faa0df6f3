"""Warnings about metrics: what cannot be (a KL divergence below zero), and models that have learnt nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tfgen.metrics.metric import GIVEN_LABEL, Metric, NotFinite
from tfgen.metrics.rounding import measured as rounded

#: So many standard errors below zero make a warning; chance alone goes there once in 740 times.
_ERRORS = 3.0
#: Nats; a posterior that is nearer to the prior, of all examples together, tells nothing of them.
_NO_KL = 0.1
#: The order in which splits are looked at; the test split counts most.
_SPLITS = ("test", "valid", "train")


class Note(NamedTuple):
    """A line about what spoils the results of a run.

    Attributes:
        about: the split whose metrics show it, or ``data``.
        text: what is wrong, and what to try.
    """

    about: str
    text: str


def warnings_about(metrics: Mapping[str, Metric]) -> list[str]:
    """Return one line for each thing that is wrong with the metrics of one split: what, and what to try.

    That is a KL divergence from the data to a model below zero by more than three standard errors; log-likelihoods that are
    not finite (NaN or infinite); a likelihood worse than that of a distribution which knows nothing (`Metric.baseline`); and
    posterior collapse, a code without active units.

    >>> kl = Metric("kl_nats", -0.5, 0.1, "nats")
    >>> warnings_about({"kl_nats": kl})[0].partition(",")[0]
    'kl_nats is -0.50 ± 0.10'
    >>> warnings_about({"kl_nats": Metric("kl_nats", -0.2, 0.1, "nats")})
    []
    >>> nll = Metric("nll_nats", float("nan"), float("nan"), "nats", not_finite=NotFinite(3, 17))
    >>> warnings_about({"nll_nats": nll})[0].partition(" (")[0]
    'log_prob is not finite for 3 examples'
    >>> warnings_about({"active_units": Metric("active_units", 0.0, float("nan"), "of 20 units")})[0].partition(":")[0]
    'posterior collapse'
    """
    return [line for check in _CHECKS for line in check(metrics)]


def notes_about(measured: Mapping[str, Mapping[str, Metric]]) -> list[Note]:
    """Return what is wrong with the metrics of several splits, each kind of trouble once, of the test split where it is there.

    Args:
        measured: metrics by name, for each split.
    """
    splits = sorted(measured, key=lambda split: _SPLITS.index(split) if split in _SPLITS else len(_SPLITS))
    notes = []
    for check in _CHECKS:
        found = ((split, check(measured[split])) for split in splits)
        split, lines = next(((split, lines) for split, lines in found if lines), ("", []))
        notes += [Note(split, line) for line in lines]
    return notes


def _below_zero(metrics: Mapping[str, Metric]) -> list[str]:
    return [
        f"{name} is {rounded(metric.value, metric.standard_error)}, and no KL divergence is below zero: what the model gives "
        "is no density (or its data are not what they are said to be); `tfgen check MODEL` looks for the mistake"
        for name, metric in metrics.items()
        if metric.name == "kl_nats" and metric.value < -_ERRORS * metric.standard_error
    ]


def _not_finite(metrics: Mapping[str, Metric]) -> list[str]:
    """Return one line for the metrics that lack a value because of the same examples."""
    groups: dict[NotFinite, list[Metric]] = {}
    for metric in metrics.values():
        if metric.not_finite:
            groups.setdefault(metric.not_finite, []).append(metric)
    lines = []
    for lost, same in groups.items():
        method = "elbo" if any(metric.basis.density == "bound" for metric in same) else "log_prob"
        count = f"{lost.examples} of {same[0].basis.examples}" if same[0].basis.examples else str(lost.examples)
        lines.append(
            f"{method} is not finite for {count} examples (the first: example {lost.first}), and so the mean in "
            f"{', '.join(metric.name for metric in same)}; train with a smaller --learning-rate, and `tfgen check MODEL` "
            "looks for a mistake in the model"
        )
    return lines


def _worse_than_nothing(metrics: Mapping[str, Metric]) -> list[str]:
    """Return a line where a likelihood is worse than that of its baseline; of several, bits/dim tell most."""
    worse = [
        (metric, metric.baseline)
        for metric in metrics.values()
        if metric.baseline and metric.value > metric.baseline.value + _margin(metric) and not metric.not_finite
    ]
    worse.sort(key=lambda pair: (pair[0].unit != "bits/dim", GIVEN_LABEL in pair[0].name))
    return [
        f"{metric.name} is {rounded(metric.value, metric.standard_error)} {metric.unit}, worse than "
        f"{rounded(baseline.value)} of {baseline.of}: the model has learnt nothing, or diverged; train with a smaller "
        "--learning-rate, or for more --epochs"
        for metric, baseline in worse[:1]
    ]


def _margin(metric: Metric) -> float:
    return 0.0 if math.isnan(metric.standard_error) else _ERRORS * metric.standard_error


def _collapsed(metrics: Mapping[str, Metric]) -> list[str]:
    """Return a line about posterior collapse: no active units or, where these are not counted, a KL of about zero."""
    counts = [metric for metric in metrics.values() if metric.name.removesuffix(GIVEN_LABEL) == "active_units"]
    divergences = [metric for metric in metrics.values() if metric.name.removesuffix(GIVEN_LABEL) == "latent_kl_nats"]
    if any(metric.value == 0 for metric in counts):
        found = f"0 {counts[0].unit} are active"
    elif not counts and any(abs(metric.value) < _NO_KL for metric in divergences):
        found = f"KL(q || p) of the codes is {rounded(divergences[0].value, divergences[0].standard_error)} nats"
    else:
        return []
    return [
        f"posterior collapse: {found}, so the codes say nothing of the examples; train for more epochs with a longer warm-up "
        "of the KL, with a weaker decoder, or with a smaller --learning-rate"
    ]


_CHECKS: tuple[Callable[[Mapping[str, Metric]], list[str]], ...] = (
    _below_zero, _not_finite, _worse_than_nothing, _collapsed,
)  # fmt: skip
