"""Evaluate a model on a split. Every metric carries value, standard error, unit and basis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset, Split
from tfgen.data.grey_levels import bits_per_dim
from tfgen.errors import CapabilityError, UnknownNameError
from tfgen.evaluate.bounds import ACTIVE_VARIANCE, BoundScores, active_units, score_bound
from tfgen.evaluate.scoring import (
    Labels,
    Metric,
    check_measurement,
    labels_of,
    likelihood_of,
    log_class_frequencies,
    log_probabilities,
    mean_metric,
    scores,
)
from tfgen.model.base import GenerativeModel, Measure
from tfgen.model.capabilities import HasElbo


def evaluate(
    model: GenerativeModel,
    data: Dataset,
    split: str = "test",
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 500,
    particles: int = 1,
    quiet: bool = True,
) -> dict[str, Metric]:
    """Measure a model on a split, a batch at a time.

    Args:
        model: with a density, or with a bound that stands in its place (`HasElbo`, named in the basis).
        data: of the spec that the model was built for.
        split: ``train``, ``valid`` or ``test``.
        draws: how often the density of each example is drawn and averaged, for densities that need noise.
        seed: of that noise.
        batch_size: examples at a time; bounds the memory. With many particles fewer are taken.
        particles: k of the importance-weighted bound, for a model with a bound; 1 is the ELBO alone.
        quiet: show no progress.

    Returns:
        For each metric ``{"value", "unit", "standard_error", "basis"}``: ``nll_nats``, which is -log p(x); for images
        ``bits_per_dim``; for data of known density ``kl_nats``, the Monte Carlo estimate of KL(data || model). A
        conditional model has the marginal there, ``log p(x) = log sum_y p(x|y) p(y)`` with the class frequencies p(y) of
        the training split, so that these compare with an unconditional model's; its score -log p(x|y) with the label
        given is ``nll_nats_given_label`` and ``bits_per_dim_given_label``.

        A model with a bound has upper bounds there, and beside them, of a conditional model with ``_given_label``:
        ``elbo_nats``; ``iwae_nats`` for more than one particle; and if it has a posterior q(z|x), ``reconstruction_nats``,
        which is -E_q[log p(x|z)], ``latent_kl_nats``, which is KL(q(z|x) || p(z)), and ``active_units``, a count without
        an error (NaN).

        Of black and white images that the model made of the examples there are no bits/dim. Where it scores grey levels
        by a cross-entropy, which is no likelihood, ``cross_entropy_nats`` takes the place of all but the last three.

    Raises:
        CapabilityError: when the model has neither density nor bound, or particles mean nothing to it.
        DataError: when a conditional model was built for other classes, or a label lies outside them.
        UnknownNameError: when there is no such split.
        OptionError: when draws, batch size or particles are below 1.
    """
    name = check_measurement(split, draws, batch_size)
    likelihood = likelihood_of(model, data, "evaluating", particles)
    examples = data.splits[name]
    noisy = data.spec.kind == "image" or likelihood.bound
    draws = draws if noisy else 1  # a vector's density has no noise to average over
    noise = {"draws": draws, "seed": seed} if noisy else {}
    said = {"split": split, "examples": len(examples), "data": data.name, **model.basis()}
    basis = {**said, **likelihood.basis, **noise}
    # A cross-entropy is no log-probability, of which a sum over the classes would mean something.
    summed = likelihood.classes is not None and model.measure != "cross-entropy"
    log_prior = log_class_frequencies(data) if summed else None
    labels = None if likelihood.classes is None else labels_of(data, name)
    options: dict[str, Any] = {"draws": draws, "seed": seed, "batch_size": batch_size, "quiet": quiet}
    bound: BoundScores | None = None
    if likelihood.bound and isinstance(model, HasElbo):
        bound = score_bound(model, examples.x, labels, log_prior, particles=particles, **options)
        marginal, own = bound.marginal, bound.tightest
    else:
        marginal, own = log_probabilities(likelihood.function, examples.x, log_prior, labels, **options)
    metrics: dict[str, Metric] = {}
    if labels is None:
        metrics |= likelihood_metrics(own, model.measure, data, examples, basis)
    elif summed:
        over = {"marginal over": f"{likelihood.classes} classes", "p(y)": "class frequencies of train"}
        metrics |= likelihood_metrics(marginal, model.measure, data, examples, basis | over)
    if labels is not None:
        metrics |= negative_log_likelihood(own, model.measure, data, basis, "_given_label")
    if bound is not None:
        metrics |= bound_metrics(bound, model.measure, particles, labels, said, noise)
    return metrics


#: Every name under which `evaluate` reports a number; those of a density or bound also end in ``_given_label``.
METRICS = (
    "nll_nats", "bits_per_dim", "kl_nats", "cross_entropy_nats", "elbo_nats", "iwae_nats", "reconstruction_nats",
    "latent_kl_nats", "active_units",
)  # fmt: skip


def check_metrics(names: Sequence[str], model: GenerativeModel) -> None:
    """Check that numbers which somebody asks for by name exist, before anything is computed.

    Raises:
        UnknownNameError: for a name that no metric has.
        CapabilityError: for bits/dim of a model that has none, or the parts of a bound of one without a bound.
    """
    for name in names:
        plain = name.removesuffix("_given_label")
        if plain not in METRICS:
            raise UnknownNameError("metric", name, METRICS)
        if plain in _OF_A_BOUND and not isinstance(model, HasElbo):
            raise CapabilityError(f"model {type(model).__name__} has no bound, hence no {name}; ask for nll_nats.")
        if plain == "bits_per_dim" and (model.measure != "examples" or model.data.kind != "image"):
            raise CapabilityError(
                f"model {type(model).__name__} has no bits/dim: what it scores are {_SCORED[model.measure]}, not grey levels; "
                "ask for nll_nats, or train a model of grey levels (pixelcnn --output discretized_logistic, realnvp)."
                if model.data.kind == "image"
                else f"model {type(model).__name__} was trained on vectors, which have no bits/dim; ask for nll_nats."
            )


_OF_A_BOUND = ("elbo_nats", "iwae_nats", "reconstruction_nats", "latent_kl_nats", "active_units")
_SCORED: Mapping[Measure, str] = {
    "binary images": "black and white images",
    "cross-entropy": "cross-entropies",
    "examples": "examples",
}


def likelihood_metrics(
    log_probs: NDArray[np.float64], measure: Measure, data: Dataset, examples: Split, basis: Mapping[str, Any]
) -> dict[str, Metric]:
    """Return the metrics that follow from each example's log-probability [n] in nats."""
    metrics = negative_log_likelihood(log_probs, measure, data, basis)
    if data.log_prob is not None:
        metrics["kl_nats"] = mean_metric(data.log_prob(examples.x) - log_probs, "nats", basis)
    return metrics


def negative_log_likelihood(
    log_probs: NDArray[np.float64], measure: Measure, data: Dataset, basis: Mapping[str, Any], suffix: str = ""
) -> dict[str, Metric]:
    """Return ``-log p``, under a name that says of what, and for images as they are given the same in bits/dim."""
    if measure == "cross-entropy":
        return {f"cross_entropy_nats{suffix}": mean_metric(-log_probs, "nats", basis)}
    metrics = {f"nll_nats{suffix}": mean_metric(-log_probs, "nats", basis)}
    if data.spec.kind == "image" and measure == "examples":
        bits = bits_per_dim(-log_probs, data.spec.dimensions)
        metrics[f"bits_per_dim{suffix}"] = mean_metric(bits, "bits/dim", basis)
    return metrics


def bound_metrics(
    bound: BoundScores,
    measure: Measure,
    particles: int,
    labels: Labels,
    said: Mapping[str, Any],
    noise: Mapping[str, Any],
) -> dict[str, Metric]:
    """Return the bounds in their own sign, the two terms of the ELBO, and the number of active units.

    Args:
        bound: of each example.
        measure: what the model's densities are of.
        particles: of the tightest bound.
        labels: of the examples [n], where they were given to the model.
        said: what all numbers rest on.
        noise: how often and with which seed it was drawn.
    """
    given = "" if labels is None else "_given_label"
    basis = {**said, **noise}
    metrics: dict[str, Metric] = {}
    if measure != "cross-entropy":
        metrics[f"elbo_nats{given}"] = mean_metric(bound.elbo, "nats", {**said, "particles": 1, **noise})
        if particles > 1:
            tightest = {**said, "particles": particles, **noise}
            metrics[f"iwae_nats{given}"] = mean_metric(bound.tightest, "nats", tightest)
    if bound.reconstruction is not None and bound.divergence is not None:
        metrics[f"reconstruction_nats{given}"] = mean_metric(-bound.reconstruction, "nats", basis)
        metrics[f"latent_kl_nats{given}"] = mean_metric(bound.divergence, "nats", basis)
    if bound.codes is not None:
        rests_on = {**said, "variance": f"above {ACTIVE_VARIANCE:g}{'' if labels is None else ' within classes'}"}
        metrics[f"active_units{given}"] = {
            "value": float(active_units(bound.codes, labels)),
            "unit": f"of {bound.codes.shape[1]} units",
            "standard_error": math.nan,
            "basis": rests_on,
        }
    return metrics


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
