"""Score examples in batches: the log-likelihood of each under each class, for evaluation and classification."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.conditions import Conditions
from tfgen.data.dataset import SPLITS, Dataset, SplitName
from tfgen.data.labels import require_classes
from tfgen.errors import CapabilityError, DataError, UnknownNameError, require_option
from tfgen.evaluate.clock import EvaluationClock
from tfgen.metrics.catalogue import CATALOGUE
from tfgen.metrics.estimate import mean_estimate
from tfgen.metrics.metric import Basis, Density, Metric, NotFinite
from tfgen.model.base import GenerativeModel
from tfgen.model.boundary import check_density
from tfgen.model.capabilities import HasElbo, HasLogProb, uses_context
from tfgen.model.program import Program, program_of
from tfgen.parallel import blocks_at_work, in_order
from tfgen.progress import Bar
from tfgen.seeds import fold_in

#: Examples in a block: those whose noise is drawn together, by one seed, whatever the batch size.
BLOCK = 200

#: ``(x, labels, seed) -> [batch, ...]``: scores of each example, in nats.
ScoreFunction = Callable[[tf.Tensor, tf.Tensor | None, tf.Tensor], tf.Tensor]
#: The label of each example, [n], its context, [n, k], or none at all.
Labels = Conditions | None


@dataclass(frozen=True)
class Scorer:
    """Scoring function of a model: ``log p(x|y)`` if conditional, else ``log p(x)``, or a lower bound of it (ELBO, IWAE).

    Attributes:
        function: ``(x, labels, seed) -> [batch]`` nats.
        density: ``exact``, ``dequantised`` or ``bound``.
        classes: the classes y of a conditional model, ``0 .. classes - 1``; None for an unconditional one.
        particles: of a bound; None for a density.
        noisy: whether the score of an example depends on noise, so that several draws of it can be averaged.
        cross_entropy: whether it is a cross-entropy of grey levels, which is no likelihood.
    """

    function: ScoreFunction
    density: Density
    classes: int | None = None
    particles: int | None = None
    noisy: bool = True
    cross_entropy: bool = False

    @property
    def basis(self) -> dict[str, Any]:
        """Entries of a `Basis`: kind of density, particles, and whether it is a cross-entropy."""
        scored_as = "cross_entropy" if self.cross_entropy else None
        return {"density": self.density, "particles": self.particles, "scored_as": scored_as}

    def block(self, batch_size: int) -> int:
        """Return how many examples are scored together: without noise a batch, else a block, whatever the batch size."""
        return BLOCK if self.noisy else batch_size

    @property
    def columns(self) -> int:
        """Number of scores of an example: one for each class, or one without classes."""
        return self.classes or 1


def scorer_of(model: GenerativeModel, data: Dataset, wanted_by: str, particles: int = 1) -> Scorer:
    """Return the scoring function of a model: its density or, without one, its bound.

    Args:
        model: with a density or a bound.
        data: the data set of the examples.
        wanted_by: the caller, for the error message.
        particles: of the bound; 1 is the ELBO, more the importance-weighted bound.

    Raises:
        CapabilityError: when the model has neither, or particles are given for a model without a bound.
        PluginError: when the model does not say what kind of density it has.
        DataError: when a conditional model was built for other classes than the data set has.
        OptionError: when particles are below 1.
    """
    require_option(particles >= 1, "particles", particles, "at least 1")
    name = type(model).__name__
    if not isinstance(model, HasLogProb | HasElbo):
        raise CapabilityError(f"model {name} has no density or bound (HasLogProb, HasElbo), which {wanted_by} needs.")
    classes = data.spec.classes if model.conditional else None
    if uses_context(model):
        require_context(model, data)
        classes = None  # p(y|c) is not known, so that there is no sum over the classes
    elif model.conditional and (classes is None or classes != model.data.classes):
        raise DataError(
            f"model {name} needs labels of {model.data.classes} classes; "
            f"data set {data.name!r} has {classes or 'none'}."
        )
    grey = model.scored_as == "cross_entropy"
    if grey and particles > 1:
        raise CapabilityError(
            f"model {name} scores grey levels by a cross-entropy, which is no likelihood: particles have no meaning; "
            "leave --particles out, or train on black and white images or with a likelihood of grey levels."
        )
    if isinstance(model, HasLogProb):
        if particles > 1:
            raise CapabilityError(
                f"model {name} has a density; particles are for bounds (IWAE); leave --particles out."
            )
        log_prob = model.log_prob
        density = density_of(model)
        noisy = density != "exact" or model.scored_as == "bits"  # which may be drawn from grey levels
        scored = program_of(model, "log_prob", lambda x, labels, seed: log_prob(x, labels, seed=seed))
        return Scorer(scored, density, classes, None, noisy, grey)
    elbo = model.elbo
    bound = program_of(
        model, ("elbo", particles), lambda x, labels, seed: elbo(x, labels, seed=seed, particles=particles)
    )
    return Scorer(
        bound, "bound", classes, particles, cross_entropy=grey,
    )  # fmt: skip


def require_context(model: GenerativeModel, data: Dataset) -> None:
    """Check that a data set has the context that a model takes.

    Raises:
        DataError: when it has none, or another.
    """
    wanted, found = ([c.name for c in spec.context or ()] for spec in (model.data, data.spec))
    if wanted != found:
        raise DataError(
            f"model {type(model).__name__} needs the context {', '.join(wanted)}; data set {data.name!r} has "
            f"{', '.join(found) or 'none'}."
        )


def model_basis(model: GenerativeModel) -> dict[str, Any]:
    """Return the entries of a `Basis` that a model has to say, with ``precision`` where its densities are float64."""
    exact = getattr(model, "density_dtype", tf.float32) == tf.float64
    given = {"given": "context"} if uses_context(model) else {}
    return {**model.basis(), **given, **({"precision": "float64"} if exact else {})}


def density_of(model: GenerativeModel) -> Density:
    """Return the kind of a model's density: ``exact``, ``dequantised`` or ``bound``.

    Raises:
        PluginError: when the model does not say it.
    """
    check_density(model)
    assert model.density is not None
    return model.density


def scores(scorer: Scorer, x: NDArray[np.generic], **options: Any) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield which examples were scored and their scores under each class, [k, columns] nats; see `score_batches`.

    Args:
        scorer: of a model.
        x: examples [n, ...].
        options: of `score_batches`.
    """
    block = scorer.block(options.get("batch_size", 500))
    return score_batches(scorer.function, x, every_class(scorer.classes, len(x)), block=block, **options)


def every_class(classes: int | None, n: int) -> list[Labels]:
    """Return for each class n equal labels [n]; without classes, [None]."""
    return [None] if classes is None else [np.broadcast_to(np.int32(y), n) for y in range(classes)]


def score_batches(
    function: ScoreFunction,
    x: NDArray[np.generic],
    columns: Sequence[Labels],
    *,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = 500,
    block: int = BLOCK,
    title: str = "evaluating",
    quiet: bool = True,
    clock: EvaluationClock | None = None,
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield, draw after draw and block after block, which examples were scored and their scores, [k, columns, ...].

    A model draws the noise of its examples from one seed in whatever way it likes, so that the noise of an example depends
    on which others it is scored with. Examples are therefore scored in blocks of one size: the noise is a function of the
    seed and of the place of the example, and the batch size decides only how many blocks are at work at a time.

    The columns take turns, so that memory does not grow with the number of classes. Within a block each column gets the same
    seed, hence the same noise: scores of one example differ by the label alone.

    Args:
        function: ``(x, labels, seed) -> [block, ...]``.
        x: examples [n, ...].
        columns: the labels under which the examples are scored, in turn.
        draws: number of passes, each with other noise.
        seed: of the noise.
        batch_size: the most examples at a time, in whole blocks; one block at least.
        block: examples in a block; for a function without noise any number gives the same scores up to rounding.
        title: of the progress bar.
        quiet: show no progress.
        clock: says beside the bar when this takes long.
    """
    compiled = function if isinstance(function, Program) else Program(function)
    block = min(block, len(x))
    starts = range(0, len(x), block)
    calls = itertools.product(range(draws), range(len(starts)), columns)
    device = tf.identity(tf.zeros([])).device  # where operations go here; another thread would not know

    def score(draw: int, number: int, labels: Labels) -> NDArray[Any]:
        # The last block is filled up with examples from the front, so that one shape is traced.
        chosen = np.arange(starts[number], starts[number] + block) % len(x)
        with tf.device(device):
            label = None if labels is None else tf.constant(labels[chosen])
            noise = fold_in(fold_in(seed, draw), number)
            found: NDArray[Any] = compiled(tf.constant(x[chosen]), label, noise).numpy()
        return found

    done, total = 0, draws * len(starts) * len(columns)
    clock = clock or EvaluationClock(math.inf, len(x))
    clock.begin()
    with Bar(title, total, "batches", quiet=quiet) as bar:
        results = in_order(score, calls, blocks_at_work(batch_size, block))
        for _, begin in itertools.product(range(draws), starts):
            kept = min(block, len(x) - begin)
            values = []
            for _ in columns:
                values.append(next(results)[:kept])
                done += 1
                bar.update(done)
                if line := clock.line(done, total, len(x)):
                    bar.say(line)
            yield slice(begin, begin + kept), np.stack(values, axis=1).astype(np.float64)


def log_probabilities(
    function: ScoreFunction,
    x: NDArray[np.generic],
    log_prior: NDArray[np.float64] | None = None,
    labels: Labels = None,
    *,
    draws: int = 1,
    **options: Any,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``log p(x)`` [n] and the score given the true label [n, ...] of each example, in one pass; in nats.

    With noise u_k in draw k of K, these are the means of the logs,

        log p(x) = 1/K sum_k log sum_y p(x + u_k | y) p(y),    log p(x|y) = 1/K sum_k log p(x + u_k | y),

    each a lower bound of the discrete log-likelihood in expectation, for one draw as for many (Theis et al. 2016,
    section 3.1). The classes are summed within a draw, where all have the same noise: that sum is the density which the
    conditional model, as a mixture over its classes, has at x + u_k. A lower bound of log p(x|y) in its place gives a
    lower bound of log p(x).

    Args:
        function: ``(x, labels, seed) -> [batch]``, the log-likelihood; or ``[batch, m]``, of which it is the first.
        x: examples [n, ...].
        log_prior: ``log p(y)``, [classes]; without it there is no sum, and the first result is that under the own label.
        labels: of the examples [n]; of a conditional model.
        draws: K.
        options: of `score_batches`.
    """
    columns = [labels] if log_prior is None else every_class(len(log_prior), len(x))
    own = np.zeros(len(x), np.int32) if labels is None or log_prior is None else labels
    prior = np.zeros(1) if log_prior is None else log_prior
    marginal = np.zeros(len(x))
    given_label: NDArray[np.float64] = np.zeros(0)
    for which, values in score_batches(function, x, columns, draws=draws, **options):
        if not given_label.size:
            given_label = np.zeros((len(x), *values.shape[2:]))
        marginal[which] += log_sum_over_classes((values if values.ndim == 2 else values[:, :, 0]) + prior)
        given_label[which] += values[np.arange(len(values)), own[which]]
    return marginal / draws, given_label / draws


def log_sum_over_classes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``log sum_y exp(values[:, y])`` of [n, classes], without overflow or underflow."""
    with np.errstate(invalid="ignore"):  # NaN stays NaN
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
    require_classes(labels, classes, f"data set {data.name!r}, split {split!r}: labels")
    return labels


def log_class_frequencies(data: Dataset) -> NDArray[np.float64]:
    """Return ``log p(y)``, [classes]: the relative class frequencies of the training split."""
    counts = np.bincount(labels_of(data, "train"), minlength=data.spec.classes or 0)
    with np.errstate(divide="ignore"):
        frequencies: NDArray[np.float64] = np.log(counts / counts.sum())
    return frequencies


def mean_metric(
    name: str, values: NDArray[np.float64], basis: Basis, scores: NDArray[np.float64] | None = None
) -> Metric:
    """Return the mean over examples [n] as a metric; with the model's scores [n], it says which of these are not finite."""
    lost = np.flatnonzero(~np.isfinite(np.zeros(0) if scores is None else scores))
    metric = replace(Metric.of(name, mean_estimate(values), CATALOGUE[name].unit, basis), scores=values)
    return replace(metric, not_finite=NotFinite(len(lost), int(lost[0]))) if len(lost) else metric


def check_measurement(split: str, draws: int, batch_size: int) -> SplitName:
    """Check split, draws and batch size of a measurement; return the split.

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
