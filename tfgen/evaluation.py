"""Numbers that mean something: each metric is computed from a capability and carries its unit and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset, Split
from tfgen.models import GenerativeModel
from tfgen.scoring import (
    Likelihood,
    Metric,
    check_measurement,
    labels_of,
    likelihood_of,
    log_class_frequencies,
    log_sum_over_classes,
    mean_metric,
    scores,
)


def evaluate(
    model: GenerativeModel,
    data: Dataset,
    split: str = "test",
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 500,
    quiet: bool = True,
) -> dict[str, Metric]:
    """Measure a model on a split, a batch at a time.

    Args:
        model: with a density, or with a bound that stands in its place (`HasElbo`, named in the basis).
        data: of the spec that the model was built for.
        split: ``train``, ``valid`` or ``test``.
        draws: how often the density of each example is drawn and averaged, for densities that need noise.
        seed: of that noise.
        batch_size: examples at a time; bounds the memory.
        quiet: show no progress.

    Returns:
        For each metric ``{"value", "unit", "standard_error", "basis"}``: ``nll_nats``, which is -log p(x); for images
        ``bits_per_dim``; for data of known density ``kl_nats``, the Monte Carlo estimate of KL(data || model). A
        conditional model has the marginal there, ``log p(x) = log sum_y p(x|y) p(y)`` with the class frequencies p(y) of
        the training split, so that these compare with an unconditional model's; its score -log p(x|y) with the label
        given is ``nll_nats_given_label`` and ``bits_per_dim_given_label``.

    Raises:
        CapabilityError: when the model has neither density nor bound.
        DataError: when a conditional model was built for other classes, or a label lies outside them.
        UnknownNameError: when there is no such split.
        OptionError: when draws or batch size are below 1.
    """
    name = check_measurement(split, draws, batch_size)
    likelihood = likelihood_of(model, data, "evaluating")
    examples = data.splits[name]
    noisy = data.spec.kind == "image" or likelihood.bound
    draws = draws if noisy else 1  # a vector's density has no noise to average over
    basis = {"split": split, "examples": len(examples), "data": data.name, **model.basis(), **likelihood.basis}
    if noisy:
        basis |= {"draws": draws, "seed": seed}
    options: dict[str, Any] = {"draws": draws, "seed": seed, "batch_size": batch_size, "quiet": quiet}
    if likelihood.classes is None:
        log_probs, _ = log_probabilities(likelihood, examples.x, **options)
        return likelihood_metrics(log_probs, data, examples, basis)
    marginal, given_label = log_probabilities(
        likelihood, examples.x, log_class_frequencies(data), labels_of(data, name), **options
    )
    marginal_basis = basis | {"marginal over": f"{likelihood.classes} classes", "p(y)": "class frequencies of train"}
    metrics = likelihood_metrics(marginal, data, examples, marginal_basis)
    return metrics | _negative_log_likelihood(given_label, data, basis, "_given_label")


def likelihood_metrics(
    log_probs: NDArray[np.float64], data: Dataset, examples: Split, basis: Mapping[str, Any]
) -> dict[str, Metric]:
    """Return the metrics that follow from each example's log-probability [n] in nats."""
    metrics = _negative_log_likelihood(log_probs, data, basis)
    if data.log_prob is not None:
        metrics["kl_nats"] = mean_metric(data.log_prob(examples.x) - log_probs, "nats", basis)
    return metrics


def log_probabilities(
    likelihood: Likelihood,
    x: NDArray[np.generic],
    log_prior: NDArray[np.float64] | None = None,
    labels: NDArray[np.int32] | None = None,
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 500,
    quiet: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each example's ``log p(x)`` and ``log p(x|y)`` for its own label, both [n] in nats, in one pass.

    With noise u_k in draw k of K, these are the means of the logs,

        log p(x) = 1/K sum_k log sum_y p(x + u_k | y) p(y),    log p(x|y) = 1/K sum_k log p(x + u_k | y),

    each a lower bound of the discrete log-likelihood in expectation, for one draw as for many (Theis et al. 2016,
    section 3.1). The classes are summed within a draw, where all have the same noise: that sum is the density which the
    conditional model, as a mixture over its classes, has at x + u_k. A lower bound of log p(x|y) in its place gives a
    lower bound of log p(x).

    Args:
        likelihood: of a model; the two results are the same for an unconditional one.
        x: examples [n, ...].
        log_prior: ``log p(y)``, [classes]; of a conditional model.
        labels: of the examples [n]; of a conditional model.
        draws: K.
        seed: of the noise.
        batch_size: examples at a time.
        quiet: show no progress.
    """
    own = np.zeros(len(x), np.int32) if labels is None else labels
    prior = np.zeros(1) if log_prior is None else log_prior
    marginal, given_label = np.zeros(len(x)), np.zeros(len(x))
    for which, values in scores(likelihood, x, draws=draws, seed=seed, batch_size=batch_size, quiet=quiet):
        marginal[which] += log_sum_over_classes(values + prior)
        given_label[which] += values[np.arange(len(values)), own[which]]
    return marginal / draws, given_label / draws


def log_joint(model: GenerativeModel, data: Dataset, x: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return ``log p(x, y) = log p(x|y) + log p(y)``, [n, classes] in nats; of an unconditional model ``log p(x)``, [n, 1].

    Args:
        model: with a density.
        data: whose training split gives p(y).
        x: examples [n, ...].
    """
    likelihood = likelihood_of(model, data, "a density")
    prior = np.zeros(1) if likelihood.classes is None else log_class_frequencies(data)
    return np.concatenate([values + prior for _, values in scores(likelihood, x, batch_size=5000)])


def _negative_log_likelihood(
    log_probs: NDArray[np.float64], data: Dataset, basis: Mapping[str, Any], suffix: str = ""
) -> dict[str, Metric]:
    metrics = {f"nll_nats{suffix}": mean_metric(-log_probs, "nats", basis)}
    if data.spec.kind == "image":
        bits = -log_probs / (data.spec.dimensions * math.log(2))
        metrics[f"bits_per_dim{suffix}"] = mean_metric(bits, "bits/dim", basis)
    return metrics
