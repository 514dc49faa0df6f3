"""Warnings about metrics that cannot be: a KL divergence below zero, log-likelihoods that are not finite."""

from __future__ import annotations

from collections.abc import Mapping

from tfgen.metrics.metric import Metric, NotFinite

#: So many standard errors below zero make a warning; chance alone goes there once in 740 times.
_ERRORS = 3.0


def warnings_about(metrics: Mapping[str, Metric]) -> list[str]:
    """Return one line for each thing that cannot be in the metrics of one split.

    That is a KL divergence from the data to a model that lies below zero by more than three standard errors, and
    log-likelihoods that are not finite (NaN or infinite).

    >>> kl = Metric("kl_nats", -0.5, 0.1, "nats")
    >>> warnings_about({"kl_nats": kl})[0].partition(",")[0]
    'kl_nats is -0.5000 ± 0.1000'
    >>> warnings_about({"kl_nats": Metric("kl_nats", -0.2, 0.1, "nats")})
    []
    >>> nll = Metric("nll_nats", float("nan"), float("nan"), "nats", not_finite=NotFinite(3, 17))
    >>> warnings_about({"nll_nats": nll})[0].partition(" (")[0]
    'log_prob is not finite for 3 examples'
    """
    return [
        f"{name} is {metric.value:.4f} ± {metric.standard_error:.4f}, and no KL divergence is below zero: what the model gives "
        "is no density (or its data are not what they are said to be); `tfgen check MODEL` looks for the mistake"
        for name, metric in metrics.items()
        if metric.name == "kl_nats" and metric.value < -_ERRORS * metric.standard_error
    ] + _not_finite(metrics)


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
