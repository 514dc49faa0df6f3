"""KL and Jensen-Shannon divergences between two models with densities, estimated by Monte Carlo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.errors import CapabilityError, DataError, require_option
from tfgen.evaluate.scoring import ScoreFunction, density_of, log_class_frequencies, log_probabilities, model_basis
from tfgen.metrics.catalogue import CATALOGUE
from tfgen.metrics.divergences import divergences_of_scores
from tfgen.metrics.estimate import Estimate
from tfgen.metrics.metric import Basis, Metric
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasLogProb, Samples, capable, require_no_context
from tfgen.parallel import blocks_at_work
from tfgen.progress import Bar
from tfgen.sample.sampling import SAMPLE_BLOCK, sample_batches
from tfgen.seeds import fold_in, generator

_WANTED_BY = "a divergence between models"


@dataclass(frozen=True)
class _Side:
    """One of the two models of a divergence.

    Attributes:
        name: p or q.
        model: that samples and has a density.
        log_prior: ``log p(y)`` of a conditional model, [classes]; None for an unconditional one.
        log_prob: ``(x, labels, seed) -> [batch]`` nats.
    """

    name: Literal["p", "q"]
    model: GenerativeModel
    log_prior: NDArray[np.float64] | None
    log_prob: ScoreFunction

    def basis(self, data: Dataset | None) -> dict[str, Any]:
        """Return the basis of the model's density, each entry with the prefix p or q."""
        basis = model_basis(self.model)
        if self.log_prior is not None:
            basis |= {"classes": len(self.log_prior), "class_prior": "uniform" if data is None else "frequencies"}
        return {f"{self.name}: {key}": value for key, value in basis.items()}


def model_divergences(
    model_p: GenerativeModel,
    model_q: GenerativeModel,
    samples: int = 10_000,
    seed: int = 0,
    batch_size: int = 500,
    quiet: bool = True,
    data: Dataset | None = None,
) -> dict[str, Metric]:
    """Estimate KL(p || q), KL(q || p) and JS of two models by Monte Carlo, with the formulas of `divergences_of_scores`.

    Divergences are between distributions of examples x. A conditional model is the mixture ``p(x) = sum_y p(x|y) p(y)`` of its
    classes: it is sampled with labels from p(y), and scored by the sum. So conditional and unconditional models
    compare.

    The density of a model must be that of its samples. This holds for vectors, and for images of a model with exact
    probabilities. It does not hold for a flow of images: its density is that of a dequantised image
    ``v + u``, its samples are grey levels v. With p' the density of v + u for such a draw and uniform noise u, the mean of
    ``log p(v + u) - log q(v + u)`` is ``KL(p' || q) - KL(p' || p)``, with the same u in both terms or not: no divergence of the
    two models, nor a bound of one, and of either sign. Models whose score depends on noise are therefore refused.

    Args:
        model_p: p, with a density, not a bound of one.
        model_q: q, for examples of the same kind.
        samples: draws of each model.
        seed: of the draws, which are independent for p and q.
        batch_size: draws made and scored at a time; changes nothing but the memory and the rounding.
        quiet: show no progress.
        data: its training split gives the class prior p(y) of conditional models; uniform without it.

    Returns:
        The metrics ``kl_p_q_nats``, ``kl_q_p_nats`` and ``js_nats``.

    Raises:
        CapabilityError: when a model does not sample, or has no density of its samples.
        DataError: when the models score different kinds of examples.
        NonFiniteError: when a model has no density at its own draws.
        OptionError: when there are fewer than two samples, or the batch size is below 1.
    """
    require_option(samples >= 2, "samples", samples, "at least 2")
    require_option(batch_size >= 1, "batch_size", batch_size, "at least 1")
    require_option(seed >= 0, "seed", seed, "0 or more")
    sides = (_side("p", model_p, data), _side("q", model_q, data))
    _require_same_examples(model_p, model_q)
    scored: list[NDArray[np.float64]] = []
    for number, drawn in enumerate(sides):
        x = _draws(drawn, number, samples, seed, batch_size, quiet)
        for side in sides:
            title = f"scoring draws of {drawn.name} by {side.name}"
            options: dict[str, Any] = {"batch_size": batch_size, "block": batch_size, "title": title, "quiet": quiet}
            scored.append(log_probabilities(side.log_prob, x, side.log_prior, **options)[0])
    result = divergences_of_scores(*scored)
    both = {**sides[0].basis(data), **sides[1].basis(data)}

    def metric(name: str, estimate: Estimate, drawn: str) -> Metric:
        basis = Basis.of({"density": "exact", "samples": samples, "seed": seed, "draws of": drawn, **both})
        return Metric.of(name, estimate, CATALOGUE[name].unit, basis)

    return {
        "kl_p_q_nats": metric("kl_p_q_nats", result.kl, "p"),
        "kl_q_p_nats": metric("kl_q_p_nats", result.reverse_kl, "q"),
        "js_nats": metric("js_nats", result.js, "p and q"),
    }


def _side(name: Literal["p", "q"], model: GenerativeModel, data: Dataset | None) -> _Side:
    """Check the capabilities of a model; return it with its density and class prior."""
    density = capable(model, HasLogProb, _WANTED_BY).log_prob
    require_no_context(model, _WANTED_BY)
    capable(model, Samples, _WANTED_BY)
    kind, classes = type(model).__name__, model.data.classes
    if model.scored_as == "cross_entropy":
        raise CapabilityError(
            f"model {kind} scores grey levels by a cross-entropy, which is no density, so it has no divergence; "
            "train it on black and white images or with a likelihood of grey levels."
        )
    if density_of(model) != "exact":
        raise CapabilityError(
            f"model {kind} has a density of examples with noise added (dequantised), and examples are drawn "
            "without it, so no divergence follows from its scores; take models with exact probabilities, "
            "or vectors, or compare bits/dim with tfgen compare."
        )
    log_prior = None
    if model.conditional and classes is not None:
        log_prior = np.full(classes, -np.log(classes)) if data is None else log_class_frequencies(data)
        if len(log_prior) != classes:
            raise DataError(f"model {kind} needs labels of {classes} classes; the data set has {len(log_prior)}.")
    return _Side(name, model, log_prior, lambda x, labels, seed: density(x, labels, seed=seed))


def _require_same_examples(p: GenerativeModel, q: GenerativeModel) -> None:
    """Check that both models score the same kind of examples.

    Raises:
        DataError: names both.
    """
    first, second = (_examples(model) for model in (p, q))
    if first != second:
        raise DataError(
            f"no divergence between densities of different examples: that of p ({type(p).__name__}) is of {first}, "
            f"that of q ({type(q).__name__}) of {second}; take two models that score the same."
        )


def _examples(model: GenerativeModel) -> str:
    """Return the kind of examples that a model scores, in words."""
    data = model.data
    if not data.quantised:
        return f"vectors of shape {data.shape}"
    if model.scored_as == "bits":
        return f"black and white images of shape {data.shape}"
    return f"images of shape {data.shape} with {data.levels} grey levels"


def _draws(side: _Side, number: int, samples: int, seed: int, batch_size: int, quiet: bool) -> NDArray[np.generic]:
    """Return samples [samples, ...] of a model."""
    labels = None
    if side.log_prior is not None:
        chances = np.exp(side.log_prior)
        labels = generator(seed, number).choice(len(chances), samples, p=chances / chances.sum()).astype(np.int32)
    drawn: list[NDArray[np.generic]] = []
    block = min(SAMPLE_BLOCK, samples)
    drawing = fold_in(seed, number)
    batches = sample_batches(side.model, samples, labels, drawing, block, at_work=blocks_at_work(batch_size, block))
    done = 0
    with Bar(f"drawing from {side.name}", samples, "samples", quiet=quiet) as bar:
        for batch in batches:
            drawn.append(batch)
            done += len(batch)
            bar.update(done)
    return np.concatenate(drawn)
