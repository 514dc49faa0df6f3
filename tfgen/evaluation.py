"""Numbers that mean something: each metric is computed from a capability and carries its unit and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Dataset, Split
from tfgen.errors import CapabilityError, UnknownNameError, require_option
from tfgen.models import GenerativeModel, HasLogProb
from tfgen.progress import Bar
from tfgen.seeds import fold_in

Metric = dict[str, Any]


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
        model: with a density.
        data: of the spec that the model was built for.
        split: ``train``, ``valid`` or ``test``.
        draws: how often the density of each example is drawn and averaged, for densities that need noise.
        seed: of that noise.
        batch_size: examples at a time; bounds the memory.
        quiet: show no progress.

    Returns:
        For each metric ``{"value", "unit", "standard_error", "basis"}``: ``nll_nats``; for images ``bits_per_dim``; for
        data of known density ``kl_nats``, the Monte Carlo estimate of KL(data || model).

    Raises:
        CapabilityError: when the model has no density.
        UnknownNameError: when there is no such split.
        OptionError: when draws or batch size are below 1.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    require_option(draws >= 1, "draws", draws, "at least 1")
    require_option(batch_size >= 1, "batch_size", batch_size, "at least 1")
    if not isinstance(model, HasLogProb):
        raise CapabilityError(
            f"model {type(model).__name__} has no density or bound, so there is no likelihood to report."
        )
    examples = data.splits[split]
    noisy = data.spec.kind == "image"
    draws = draws if noisy else 1  # a vector's density has no noise to average over
    log_probs = log_probabilities(model, examples, draws=draws, seed=seed, batch_size=batch_size, quiet=quiet)
    basis = {"split": split, "examples": len(examples), "data": data.name, **model.basis()}
    if noisy:
        basis |= {"draws": draws, "seed": seed}
    return likelihood_metrics(log_probs, data, examples, basis)


def likelihood_metrics(
    log_probs: NDArray[np.float64], data: Dataset, examples: Split, basis: Mapping[str, Any]
) -> dict[str, Metric]:
    """Return the metrics that follow from each example's log-probability [n] in nats."""
    metrics = {"nll_nats": _mean(-log_probs, "nats", basis)}
    if data.spec.kind == "image":
        metrics["bits_per_dim"] = _mean(-log_probs / (data.spec.dimensions * math.log(2)), "bits/dim", basis)
    if data.log_prob is not None:
        metrics["kl_nats"] = _mean(data.log_prob(examples.x) - log_probs, "nats", basis)
    return metrics


def log_probabilities(
    model: HasLogProb, examples: Split, *, draws: int, seed: int, batch_size: int, quiet: bool = True
) -> NDArray[np.float64]:
    """Return each example's log-probability in nats, [n], averaged over `draws`."""
    labelled = examples.labels is not None and getattr(model, "conditional", False)

    @tf.function(autograph=False)
    def batch_log_prob(x: tf.Tensor, labels: tf.Tensor | None, noise: tf.Tensor) -> tf.Tensor:
        return model.log_prob(x, labels, seed=noise)

    totals = np.zeros(len(examples))
    batches = range(0, len(examples), batch_size)
    with Bar("evaluating", draws * len(batches), "batches", quiet=quiet) as bar:
        for draw in range(draws):
            for number, begin in enumerate(batches):
                # The last batch is filled up with examples from the front, so that one shape is traced.
                which = np.arange(begin, begin + batch_size) % len(examples)
                x = tf.constant(examples.x[which])
                labels = tf.constant(examples.labels[which]) if labelled and examples.labels is not None else None
                values = batch_log_prob(x, labels, fold_in(fold_in(seed, draw), number)).numpy()
                kept = min(batch_size, len(examples) - begin)
                totals[begin : begin + kept] += values[:kept]
                bar.update(draw * len(batches) + number + 1)
    return totals / draws


def _mean(values: NDArray[np.float64], unit: str, basis: Mapping[str, Any]) -> Metric:
    error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return {"value": float(np.mean(values)), "unit": unit, "standard_error": error, "basis": dict(basis)}
