"""Each example's log-likelihood under each class, a batch at a time: what evaluation and classification are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Dataset, SplitName
from tfgen.errors import CapabilityError, DataError, UnknownNameError, require_option
from tfgen.models import GenerativeModel, HasElbo, HasLogProb
from tfgen.progress import Bar
from tfgen.seeds import fold_in

Metric = dict[str, Any]


@dataclass(frozen=True)
class Likelihood:
    """``log p(x|y)`` of a conditional model and ``log p(x)`` of any other, or the lower bound that stands in its place.

    Attributes:
        function: ``(x, labels, seed) -> [batch]`` nats.
        classes: the classes y of a conditional model, ``0 .. classes - 1``; None for an unconditional one.
        bound: whether this is a bound.
        basis: what has to be said of it beside each number.
    """

    function: Callable[[tf.Tensor, tf.Tensor | None, tf.Tensor], tf.Tensor]
    classes: int | None = None
    bound: bool = False
    basis: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> int:
        """How many scores an example has: one for each class, and a single one without classes."""
        return self.classes or 1


def likelihood_of(model: GenerativeModel, data: Dataset, wanted_by: str) -> Likelihood:
    """Return the density of a model or, where it has none, its bound with one particle.

    Args:
        model: with a density or a bound.
        data: whose examples will be scored.
        wanted_by: who asks, for the error message.

    Raises:
        CapabilityError: when the model has neither.
        DataError: when a conditional model was built for other classes than the data set has.
    """
    capability = next((known for known in (HasLogProb, HasElbo) if isinstance(model, known)), None)
    if capability is None:
        raise CapabilityError(
            f"model {type(model).__name__} has no density or bound (HasLogProb, HasElbo), which {wanted_by} needs."
        )
    classes = data.spec.classes if model.conditional else None
    if model.conditional and (classes is None or classes != model.data.classes):
        raise DataError(
            f"model {type(model).__name__} needs labels of {model.data.classes} classes; "
            f"data set {data.name!r} has {classes or 'none'}."
        )
    method: Callable[..., tf.Tensor] = getattr(model, "log_prob" if capability is HasLogProb else "elbo")
    bound = capability is HasElbo
    basis = {"likelihood": "lower bound (ELBO, 1 particle)"} if bound else {}
    return Likelihood(lambda x, labels, seed: method(x, labels, seed=seed), classes, bound, basis)


def scores(
    likelihood: Likelihood,
    x: NDArray[np.generic],
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 500,
    title: str = "evaluating",
    quiet: bool = True,
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield, draw after draw and batch after batch, which examples were scored and their scores in nats, [k, columns].

    The classes take turns, so that no more than `batch_size` examples are at work at a time however many classes there
    are. Within a batch each class gets the same seed, hence the same noise: scores of one example differ by the label
    alone. The noise is a function of seed and batch size.

    Args:
        likelihood: of a model.
        x: examples [n, ...].
        draws: how often each is scored.
        seed: of the noise.
        batch_size: examples at a time.
        title: of the progress bar.
        quiet: show no progress.
    """

    @tf.function(autograph=False)
    def batch_scores(batch: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor) -> tf.Tensor:
        return likelihood.function(batch, None if label is None else tf.fill([batch_size], label), noise)

    batches = range(0, len(x), batch_size)
    columns = [None] if likelihood.classes is None else [tf.constant(y) for y in range(likelihood.classes)]
    done = 0
    with Bar(title, draws * len(batches) * len(columns), "batches", quiet=quiet) as bar:
        for draw in range(draws):
            for number, begin in enumerate(batches):
                # The last batch is filled up with examples from the front, so that one shape is traced.
                batch = tf.constant(x[np.arange(begin, begin + batch_size) % len(x)])
                noise = fold_in(fold_in(seed, draw), number)
                kept = min(batch_size, len(x) - begin)
                values = np.empty((kept, len(columns)))
                for column, label in enumerate(columns):
                    values[:, column] = batch_scores(batch, label, noise).numpy()[:kept]
                    done += 1
                    bar.update(done)
                yield slice(begin, begin + kept), values


def log_sum_over_classes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``log sum_y exp(values[:, y])`` of [n, classes], without overflow or underflow; minus infinity is no mass."""
    with np.errstate(invalid="ignore"):  # what is no number stays so
        total: NDArray[np.float64] = np.logaddexp.reduce(values, axis=1)
    return total


def labels_of(data: Dataset, split: SplitName) -> NDArray[np.int32]:
    """Return the labels of a split.

    Raises:
        DataError: when there are none, or one lies outside the classes.
    """
    labels, classes = data.splits[split].labels, data.spec.classes
    if labels is None or classes is None:
        raise DataError(f"data set {data.name!r} has no labels; take a set that has them, such as digits or mnist.")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"data set {data.name!r}, split {split!r}: labels must lie in 0 .. {classes - 1}; "
            f"got {labels.min()} .. {labels.max()}."
        )
    return labels


def log_class_frequencies(data: Dataset) -> NDArray[np.float64]:
    """Return ``log p(y)``, [classes]: how often each class is among the training examples; minus infinity for never."""
    counts = np.bincount(labels_of(data, "train"), minlength=data.spec.classes or 0)
    with np.errstate(divide="ignore"):
        frequencies: NDArray[np.float64] = np.log(counts / counts.sum())
    return frequencies


def mean_metric(values: NDArray[np.float64], unit: str, basis: Mapping[str, Any]) -> Metric:
    """Return ``{"value", "unit", "standard_error", "basis"}`` of the mean over examples; one example has no error (NaN)."""
    error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return {"value": float(np.mean(values)), "unit": unit, "standard_error": error, "basis": dict(basis)}


def check_measurement(split: str, draws: int, batch_size: int) -> SplitName:
    """Return the split, after refusing what no measurement can be made with.

    Raises:
        UnknownNameError: when there is no such split.
        OptionError: when draws or batch size are below 1.
    """
    require_option(draws >= 1, "draws", draws, "at least 1")
    require_option(batch_size >= 1, "batch_size", batch_size, "at least 1")
    for known in SPLITS:
        if split == known:
            return known
    raise UnknownNameError("split", split, SPLITS)
