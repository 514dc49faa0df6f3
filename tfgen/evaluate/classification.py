"""Classification by Bayes' rule with a conditional model: posteriors, accuracy, calibration, confusion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.errors import CapabilityError, NonFiniteError, UnknownNameError
from tfgen.evaluate.scoring import (
    Scorer,
    check_measurement,
    labels_of,
    log_class_frequencies,
    log_sum_over_classes,
    mean_metric,
    model_basis,
    scorer_of,
    scores,
)
from tfgen.metrics.metric import Basis, Metric, metrics_to_json
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import require_no_context

Priors = Literal["frequencies", "uniform"]
#: Bins of the confidence, of equal width, as in Guo et al. 2017.
BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Calibration of a classifier: accuracy and mean confidence in M bins of equal width (Guo et al. 2017).

    Attributes:
        counts: examples in each bin ``((m - 1) / M, m / M]``, [M].
        confidence: their mean confidence, [M]; NaN where a bin is empty.
        accuracy: their share of right answers, [M]; NaN where a bin is empty.
        gaps: ``sign(acc(B) - conf(B)) (right_i - confidence_i)`` of each example i in its bin B, [n]; see `error`.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    gaps: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error, ``ECE = sum_m |B_m| / n |acc(B_m) - conf(B_m)|`` (Guo et al. 2017, equation 3).

        The differences of a bin's examples add up to ``|B| (acc(B) - conf(B))``, so with the sign of their sum they add up
        to its modulus, and the mean of `gaps` over all examples is the ECE.
        """
        return float(np.mean(self.gaps))

    def to_json(self) -> list[dict[str, Any]]:
        """Return a row for each bin that holds examples."""
        return [
            {
                "above": number / len(self.counts),
                "up_to": (number + 1) / len(self.counts),
                "count": int(count),
                "confidence": float(self.confidence[number]),
                "accuracy": float(self.accuracy[number]),
            }
            for number, count in enumerate(self.counts)
            if count
        ]


@dataclass(frozen=True, eq=False)
class Classification:
    """Classes of examples by Bayes' rule: ``p(y|x) = p(x|y) p(y) / sum_y' p(x|y') p(y')``.

    Attributes:
        log_likelihoods: ``log p(x|y)`` in nats, [n, classes], the mean over the draws of noise; or bounds of it.
        log_posteriors: ``log p(y|x)``, [n, classes]; see `posteriors`.
        log_priors: ``log p(y)``, [classes].
        labels: the true classes, [n].
        basis: of all metrics.
    """

    log_likelihoods: NDArray[np.float64]
    log_posteriors: NDArray[np.float64]
    log_priors: NDArray[np.float64]
    labels: NDArray[np.int32]
    basis: Basis

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each example, [n]; of equal ones the first."""
        return np.argmax(self.log_posteriors, axis=1)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """The posterior probability of the predicted class, [n]."""
        confidence: NDArray[np.float64] = np.exp(np.max(self.log_posteriors, axis=1))
        return confidence

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Confusion matrix [classes, classes]: number of examples of class i (row) that are classified as j (column)."""
        counts = np.zeros((len(self.log_priors), len(self.log_priors)), np.int64)
        np.add.at(counts, (self.labels, self.predicted), 1)
        return counts

    @cached_property
    def reliability(self) -> Reliability:
        """Calibration of the confidence, in 15 bins."""
        return reliability_of(self.confidence, self.predicted == self.labels)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics by name.

        ``accuracy``; ``label_nll_nats``, the mean of -log p(y|x) for the true y; ``ece``, the expected calibration error,
        whose standard error takes it as known which bins are overconfident.
        """
        true_class = self.log_posteriors[np.arange(len(self.labels)), self.labels]
        return {
            metric.name: metric
            for metric in (
                mean_metric("accuracy", (self.predicted == self.labels).astype(np.float64), self.basis),
                mean_metric("label_nll_nats", -true_class, self.basis),
                mean_metric(
                    "ece", self.reliability.gaps, self.basis.with_entries(other={**self.basis.other, "bins": BINS})
                ),
            )
        }

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``results.json``: metrics, confusion matrix and calibration bins."""
        return {
            "metrics": metrics_to_json(self.metrics),
            "confusion": self.confusion.tolist(),
            "reliability": self.reliability.to_json(),
        }

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays by name: log_likelihoods, log_posteriors, log_priors, labels."""
        return {
            "log_likelihoods": self.log_likelihoods,
            "log_posteriors": self.log_posteriors,
            "log_priors": self.log_priors,
            "labels": self.labels,
        }


def classify(
    model: GenerativeModel,
    data: Dataset,
    split: str = "test",
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 500,
    priors: str = "frequencies",
    quiet: bool = True,
) -> Classification:
    """Classify a split by Bayes' rule with a conditional model, batch by batch and class by class.

    Args:
        model: conditional, with a density or a bound.
        data: of the spec that the model was built for.
        split: ``train``, ``valid`` or ``test``.
        draws: of the noise of each example, for densities that need noise; see `posteriors`.
        seed: of that noise, which is the same for every class.
        batch_size: examples at a time; bounds the memory whatever the number of classes.
        priors: p(y): ``frequencies`` of the classes in the training split, or ``uniform``.
        quiet: show no progress.

    Raises:
        CapabilityError: when the model is unconditional, or has neither density nor bound.
        DataError: when the data set has no labels, or others than the model was built for.
        NonFiniteError: when an example has no posterior.
        UnknownNameError: when there is no such split or prior.
        OptionError: when draws or batch size are below 1.
    """
    name = check_measurement(split, draws, batch_size)
    if priors not in get_args(Priors):
        raise UnknownNameError("priors", priors, get_args(Priors))
    if not model.conditional:
        raise CapabilityError(
            f"classifying needs a conditional model, and {type(model).__name__} takes no labels; "
            "train one that does; `tfgen list` says which"
        )
    require_no_context(model, "classifying")
    labels = labels_of(data, name)
    scorer = scorer_of(model, data, "classifying")
    log_priors = log_class_frequencies(data)
    if priors == "uniform":
        log_priors = np.full_like(log_priors, -math.log(len(log_priors)))
    draws = draws if scorer.noisy else 1  # without noise there is nothing to average over
    likelihoods, result = posteriors(
        scorer, data.splits[name].x, log_priors, draws=draws, seed=seed, batch_size=batch_size, quiet=quiet
    )
    lost = np.flatnonzero(np.isnan(result).any(axis=1))
    if len(lost):
        raise NonFiniteError(
            f"log p(x|y) is not finite for {len(lost)} of {len(result)} examples of the {split} split, the first being "
            f"example {lost[0]}, so they have no posterior; train the model again with a smaller --learning-rate."
        )
    noise = {"draws": draws, "seed": seed} if scorer.noisy else {}
    basis = Basis.of({"split": split, "examples": len(labels), "data": data.name, **model_basis(model), **noise})
    basis = basis.with_entries(**scorer.basis, class_prior=priors)
    return Classification(likelihoods, result, log_priors, labels, basis)


def posteriors(
    scorer: Scorer,
    x: NDArray[np.generic],
    log_priors: NDArray[np.float64],
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 500,
    quiet: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``log p(x|y)`` and ``log p(y|x)`` of each example and class, both [n, classes].

    With noise u_k in draw k of K, the same for every class, these are

        log p(x|y) = 1/K sum_k log p(x + u_k | y),    p(y|x) = 1/K sum_k p(y | x + u_k).

    Noise within a cell is independent of the class: x follows from x + u, so that p(y|x + u) = p(y|x) for every u, and a
    model's posteriors for several u are estimates of one posterior, which are averaged. Its error falls
    as 1/sqrt(K), and by Jensen's inequality the mean of -log p(y|x) is at most that of one draw. The posterior that would
    follow from ``1/K sum_k p(x + u_k | y)`` is the same mean with weights p(x + u_k), and for images the largest of these
    outweighs all the rest, as if there had been a single draw.

    Bounds are averaged first, which estimates the bound, and the posterior follows from the mean.

    Args:
        scorer: of a conditional model.
        x: examples [n, ...].
        log_priors: ``log p(y)``, [classes].
        draws: K.
        seed: of the noise.
        batch_size: examples at a time.
        quiet: show no progress.
    """
    likelihoods = np.zeros((len(x), scorer.columns))
    result = np.full_like(likelihoods, -np.inf)
    options: dict[str, Any] = {"draws": draws, "seed": seed, "batch_size": batch_size, "quiet": quiet}
    for which, values in scores(scorer, x, title="classifying", **options):
        likelihoods[which] += values
        if scorer.density != "bound":
            with np.errstate(invalid="ignore"):  # NaN stays NaN
                result[which] = np.logaddexp(result[which], log_posteriors(values, log_priors))
    likelihoods /= draws
    return likelihoods, log_posteriors(likelihoods, log_priors) if scorer.density == "bound" else result - math.log(
        draws
    )


def log_posteriors(log_likelihoods: NDArray[np.float64], log_priors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``log p(y|x) = log p(x|y) + log p(y) - log sum_y' p(x|y') p(y')``, [n, classes], all in the log domain.

    An example whose likelihood is no number, or that has no mass under any class, gets a row of NaN.

    Args:
        log_likelihoods: ``log p(x|y)`` in nats, [n, classes].
        log_priors: ``log p(y)``, [classes].
    """
    joint = log_likelihoods + log_priors
    with np.errstate(invalid="ignore"):
        return joint - log_sum_over_classes(joint)[:, None]


def reliability_of(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Compute calibration: mean confidence and accuracy in bins of equal width.

    Args:
        confidence: in the answer given, [n], in (0, 1].
        right: whether the answer was right, [n].
        bins: M; bin m holds confidences in ``((m - 1) / M, m / M]``.
    """
    edges = np.arange(1, bins) / bins
    index = np.searchsorted(edges, confidence, side="left")  # an edge belongs to the bin below it
    counts = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(index, confidence, bins) / counts
        accuracy = np.bincount(index, right, bins) / counts
    gaps = np.sign(accuracy - mean_confidence)[index] * (right - confidence)
    return Reliability(counts, mean_confidence, accuracy, gaps)
