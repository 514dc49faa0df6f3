"""Evaluate a model on a split. Every metric carries value, standard error, unit and basis."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset, Split
from tfgen.data.grey_levels import bits_per_dim
from tfgen.errors import CapabilityError, UnknownNameError
from tfgen.evaluate.baseline import baseline_of
from tfgen.evaluate.bounds import ACTIVE_VARIANCE, BoundScores, active_units, score_bound
from tfgen.evaluate.clock import EvaluationClock
from tfgen.evaluate.scoring import (
    Labels,
    check_measurement,
    labels_of,
    log_class_frequencies,
    log_probabilities,
    mean_metric,
    model_basis,
    scorer_of,
    scores,
)
from tfgen.metrics.catalogue import CATALOGUE
from tfgen.metrics.metric import Baseline, Basis, Metric, given_label
from tfgen.model.base import GenerativeModel, ScoredAs
from tfgen.model.capabilities import HasElbo, uses_context
from tfgen.sample.sampling import given_of


def evaluate(
    model: GenerativeModel,
    data: Dataset,
    split: str = "test",
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 500,
    particles: int = 1,
    examples: int | None = None,
    quiet: bool = True,
    clock: EvaluationClock | None = None,
) -> dict[str, Metric]:
    """Evaluate the density or bound of a model on a split: NLL, bits/dim, KL, ELBO, IWAE.

    Args:
        model: with a density, or with a lower bound instead (`HasElbo`; the basis says so).
        data: of the spec that the model was built for.
        split: ``train``, ``valid`` or ``test``.
        draws: samples of the noise (dequantisation, binarisation) for each example, averaged.
        seed: of that noise.
        batch_size: the most examples at a time; it changes no metric but for rounding. What has noise is scored in blocks of
            200 (fewer with many particles), one at least.
        particles: k of the importance-weighted bound, for a model with a bound; 1 is the ELBO alone.
        examples: how many examples of the split, chosen at random, the same ones each time; all by default.
        quiet: show no progress.
        clock: says when this takes long, unless quiet.

    Returns:
        The metrics by name: ``nll_nats``, which is -log p(x); for images
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
        CapabilityError: when the model has neither density nor bound, or `particles` above 1 has no meaning for it.
        PluginError: when the model does not say what kind of density it has.
        DataError: when a conditional model was built for other classes, or a label lies outside them.
        UnknownNameError: when there is no such split.
        OptionError: when draws, batch size or particles are below 1.
    """
    name = check_measurement(split, draws, batch_size)
    scorer = scorer_of(model, data, "evaluating", particles)
    chosen = data.splits[name] if examples is None else data.splits[name].subset(examples)
    draws = draws if scorer.noisy else 1  # without noise there is nothing to average over
    noise = {"draws": draws, "seed": seed} if scorer.noisy else {}
    basis = Basis.of({"split": split, "examples": len(chosen), "data": data.name, **model_basis(model), **noise})
    scored = basis.with_entries(**scorer.basis)
    # A cross-entropy is no log-probability, of which a sum over the classes would mean something.
    summed = scorer.classes is not None and model.scored_as != "cross_entropy"
    log_prior = log_class_frequencies(data) if summed else None
    labels: Labels = None
    if scorer.classes is not None:
        labels_of(data, name)  # which refuses labels that are none of the classes
    if model.conditional:
        labels = given_of(model, chosen)
    options: dict[str, Any] = {"draws": draws, "seed": seed, "batch_size": batch_size, "quiet": quiet, "clock": clock}
    bound: BoundScores | None = None
    if scorer.density == "bound" and isinstance(model, HasElbo):
        bound = score_bound(model, chosen.x, labels, log_prior, particles=particles, **options)
        marginal, own = bound.marginal, bound.tightest
    else:
        block = scorer.block(batch_size)
        marginal, own = log_probabilities(scorer.function, chosen.x, log_prior, labels, block=block, **options)
    result: list[Metric] = []
    baseline = baseline_of(data, chosen, model.scored_as)
    of_context = uses_context(model) and data.spec.classes is None
    if labels is None or of_context:
        result += likelihood_metrics(own, model.scored_as, data, chosen, scored, baseline)
    elif summed:
        over = scored.with_entries(classes=scorer.classes, class_prior="frequencies")
        result += likelihood_metrics(marginal, model.scored_as, data, chosen, over, baseline)
    if labels is not None and not of_context:
        result += negative_log_likelihood(own, model.scored_as, data, scored, given_label, baseline)
    if bound is not None:
        result += bound_metrics(bound, model.scored_as, particles, None if of_context else labels, basis)
    return {metric.name: metric for metric in result}


def check_metrics(names: Sequence[str], model: GenerativeModel) -> None:
    """Check the names of requested metrics against the model, before anything is computed.

    Raises:
        UnknownNameError: for a name that no metric of a density or bound has.
        CapabilityError: for bits/dim of a model that has none, or the parts of a bound of one without a bound.
    """
    for name in names:
        if name not in DENSITY_METRICS:
            raise UnknownNameError("metric", name, DENSITY_METRICS)
        if CATALOGUE[name].of == "bound" and not isinstance(model, HasElbo):
            raise CapabilityError(f"model {type(model).__name__} has no bound, hence no {name}; ask for nll_nats.")
        of_grey_levels = model.scored_as == "grey_levels" and model.data.quantised
        if CATALOGUE[name].unit == "bits/dim" and not of_grey_levels:
            raise CapabilityError(
                f"model {type(model).__name__} has no bits/dim: it scores {_SCORED[model.scored_as]}, not grey "
                "levels; ask for nll_nats, or train a model of grey levels."
                if model.data.quantised
                else f"model {type(model).__name__} was trained on vectors, which have no bits/dim; ask for nll_nats."
            )


#: Every name under which `evaluate` reports a number.
DENSITY_METRICS = tuple(CATALOGUE.of("density", "bound"))
_SCORED: Mapping[ScoredAs, str] = {
    "bits": "black and white images",
    "cross_entropy": "cross-entropies",
    "grey_levels": "grey levels",
}


def likelihood_metrics(
    log_probs: NDArray[np.float64],
    scored_as: ScoredAs,
    data: Dataset,
    examples: Split,
    basis: Basis,
    baseline: Baseline | None = None,
) -> list[Metric]:
    """Return NLL, bits/dim and, if the data density is known, KL, from log-probabilities [n] in nats."""
    metrics = negative_log_likelihood(log_probs, scored_as, data, basis, baseline=baseline)
    if data.log_prob is not None:
        context = () if examples.context is None else (examples.context,)
        metrics.append(mean_metric("kl_nats", data.log_prob(examples.x, *context) - log_probs, basis, log_probs))
    return metrics


def negative_log_likelihood(
    log_probs: NDArray[np.float64],
    scored_as: ScoredAs,
    data: Dataset,
    basis: Basis,
    named: Callable[[str], str] = str,
    baseline: Baseline | None = None,
) -> list[Metric]:
    """Return the negative log-likelihood (or the cross-entropy) in nats, and for grey levels in bits/dim.

    Args:
        log_probs: of each example, [n] nats.
        scored_as: as what images were scored.
        data: the data set of the examples.
        basis: of the numbers.
        named: makes a metric's name of the plain one; `tfgen.metrics.given_label` where the label was given.
        baseline: of the examples, in nats; a model that is worse has learnt nothing.
    """
    nats = "cross_entropy_nats" if scored_as == "cross_entropy" else "nll_nats"
    metrics = [replace(mean_metric(named(nats), -log_probs, basis, log_probs), baseline=baseline)]
    if data.spec.quantised and scored_as == "grey_levels":
        dimensions = data.spec.dimensions
        bits = bits_per_dim(-log_probs, dimensions)
        known = baseline and Baseline(bits_per_dim(baseline.value, dimensions), baseline.of)
        metrics.append(replace(mean_metric(named("bits_per_dim"), bits, basis, log_probs), baseline=known))
    return metrics


def bound_metrics(
    bound: BoundScores, scored_as: ScoredAs, particles: int, labels: Labels, basis: Basis
) -> list[Metric]:
    """Return ELBO and IWAE (not negated), the two terms of the ELBO, and the number of active units.

    Args:
        bound: of each example.
        scored_as: as what images were scored.
        particles: of the tightest bound.
        labels: of the examples [n], where they were given to the model.
        basis: of all numbers.
    """
    named = str if labels is None else given_label
    metrics: list[Metric] = []
    if scored_as != "cross_entropy":
        elbo = basis.with_entries(density="bound", particles=1)
        metrics.append(mean_metric(named("elbo_nats"), bound.elbo, elbo, bound.elbo))
        if particles > 1:
            iwae = elbo.with_entries(particles=particles)
            metrics.append(mean_metric(named("iwae_nats"), bound.tightest, iwae, bound.tightest))
    if bound.reconstruction is not None and bound.divergence is not None:
        metrics.append(mean_metric(named("reconstruction_nats"), -bound.reconstruction, basis))
        metrics.append(mean_metric(named("latent_kl_nats"), bound.divergence, basis))
    if bound.codes is not None:
        variance = f"above {ACTIVE_VARIANCE:g}{'' if labels is None else ' within classes'}"
        counted = basis.with_entries(draws=None, seed=None, other={**basis.other, "variance": variance})
        within = labels if labels is not None and labels.ndim == 1 else None
        count, unit = float(active_units(bound.codes, within)), f"of {bound.codes.shape[1]} units"
        metrics.append(Metric(named("active_units"), count, math.nan, unit, counted))
    return metrics


def log_joint(model: GenerativeModel, data: Dataset, x: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return ``log p(x, y) = log p(x|y) + log p(y)``, [n, classes] in nats; of an unconditional model ``log p(x)``, [n, 1].

    Args:
        model: with a density.
        data: the data set; its training split gives p(y).
        x: examples [n, ...].
    """
    scorer = scorer_of(model, data, "a density")
    prior = np.zeros(1) if scorer.classes is None else log_class_frequencies(data)
    return np.concatenate([values + prior for _, values in scores(scorer, x, batch_size=5000)])
