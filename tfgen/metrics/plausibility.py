"""Warnings about metrics that cannot be: a KL divergence below zero."""

from __future__ import annotations

from collections.abc import Mapping

from tfgen.metrics.metric import Metric

#: So many standard errors below zero make a warning; chance alone goes there once in 740 times.
_ERRORS = 3.0


def warnings_about(metrics: Mapping[str, Metric]) -> list[str]:
    """Return one line for each KL divergence from the data to a model that lies below zero by more than three standard errors.

    >>> kl = Metric("kl_nats", -0.5, 0.1, "nats")
    >>> warnings_about({"kl_nats": kl})[0].partition(",")[0]
    'kl_nats is -0.5000 ± 0.1000'
    >>> warnings_about({"kl_nats": Metric("kl_nats", -0.2, 0.1, "nats")})
    []
    """
    return [
        f"{name} is {metric.value:.4f} ± {metric.standard_error:.4f}, and no KL divergence is below zero: what the model gives "
        "is no density (or its data are not what they are said to be); `tfgen check MODEL` looks for the mistake"
        for name, metric in metrics.items()
        if metric.name == "kl_nats" and metric.value < -_ERRORS * metric.standard_error
    ]
