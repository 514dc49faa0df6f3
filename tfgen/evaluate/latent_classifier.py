"""Latent classifiers: classes of examples by the decoder of an unsupervised model and its codes, ``Q(y|x)``.

With codes z_1 .. z_K of prior probabilities P(z_k), Bayes' rule gives ``P(z_k|x)`` from the decoder alone, and a network w
of the code joins labels to codes (`tfgen.evaluate.label_networks`): P_w(y|z) or P_w(z|y).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Dataset, Split, SplitName
from tfgen.data.labels import class_numbers, require_classes
from tfgen.data.spec import DataSpec
from tfgen.errors import CapabilityError, DataError, UnknownNameError
from tfgen.evaluate.classifier import train_briefly
from tfgen.evaluate.label_frequencies import class_shares, few_labels, with_frequencies
from tfgen.evaluate.label_networks import (
    Discriminative,
    Floats,
    Generative,
    LabelNetwork,
    NetworkConfig,
    PlainClassifier,
)
from tfgen.metrics.estimate import Estimate, mean_estimate
from tfgen.model.base import GenerativeModel, build_model
from tfgen.model.capabilities import Decodes, HasDecoderLikelihood, capable
from tfgen.model.program import Program, program_of
from tfgen.plugin.specs import ModelSpec
from tfgen.progress import Bar
from tfgen.seeds import as_seed, fold_in

Kind = Literal["discriminative", "generative", "plain"]
#: Most log-likelihoods of examples under codes that are kept, 4 bytes each.
MOST_SCORES = 500_000_000
#: Examples that are scored at a time; a constant, as the noise of each depends on it.
_BLOCK = 200
#: Examples that are labelled at a time.
_LABELLED_BATCH = 500
_CODES, _NOISE = 0, 1  # purposes of the seed
_WANTED_BY = "a latent classifier"


@dataclass(frozen=True)
class Codes:
    """Codes of a latent classifier.

    Attributes:
        z: [K, latent].
        log_prior: ``log P(z_k)``, [K].
    """

    z: Floats
    log_prior: Floats


@dataclass(frozen=True)
class LabelResult:
    """Accuracy, log-loss and cost of a classifier on a split.

    Attributes:
        kind: of the classifier.
        log_posteriors: ``log P(y|x)``, [n, classes].
        labels: the true classes, [n].
        multiplications: of one example, decoded codes given.
        seconds: for each example.
    """

    kind: Kind
    log_posteriors: NDArray[np.float64]
    labels: NDArray[np.int32]
    multiplications: int
    seconds: float

    @property
    def accuracy(self) -> Estimate:
        """The share of examples whose most probable class is the true one."""
        return mean_estimate((self.log_posteriors.argmax(axis=1) == self.labels).astype(np.float64))

    @property
    def nll_nats(self) -> Estimate:
        """The mean of ``-log P(y|x)`` of the true class, nats."""
        return mean_estimate(-np.take_along_axis(self.log_posteriors, self.labels[:, None], axis=1)[:, 0])


def prior_codes(model: GenerativeModel, count: int, seed: int = 0) -> Codes:
    """Sample codes of the prior, each with the probability ``1 / count``: sums over them estimate expectations over p(z).

    Raises:
        CapabilityError: when the model has no codes.
    """
    prior = capable(model, Decodes, _WANTED_BY).prior()
    z = np.asarray(prior.sample(count, seed=fold_in(as_seed(seed), _CODES)), np.float32)
    return Codes(z, np.full(count, -math.log(count), np.float32))


def code_scores(model: GenerativeModel, x: NDArray[Any], codes: Codes, seed: int = 0, bar: Bar | None = None) -> Floats:
    """Return ``log p(x_i|z_k) - max_j log p(x_i|z_j)``, [n, K] nats: what both classifiers need of an example.

    The largest of each row is taken off, so that float32 holds what is left of hundreds of nats; no posterior depends on it.

    Raises:
        CapabilityError: when the decoder has no likelihood, or the model is conditional.
        DataError: when there are more scores than `MOST_SCORES`.
    """
    require_decoder(model)
    decoder = capable(model, HasDecoderLikelihood, _WANTED_BY)
    if len(x) * len(codes.z) > MOST_SCORES:
        raise DataError(
            f"{len(x):,} examples under {len(codes.z):,} codes are more than {MOST_SCORES:,} likelihoods; take fewer codes."
        )
    found = np.empty((len(x), len(codes.z)), np.float32)
    z, noise = tf.constant(codes.z), fold_in(as_seed(seed), _NOISE)
    score = program_of(model, ("decoder_log_prob", len(codes.z)), decoder.decoder_log_prob)
    for number, begin in enumerate(range(0, len(x), _BLOCK)):
        rows = slice(begin, begin + _BLOCK)
        padded = np.resize(x[rows], (_BLOCK, *x.shape[1:]))  # a last block that is not full is no other program
        log_prob = score(tf.convert_to_tensor(padded), z, None, fold_in(noise, number)).numpy().astype(np.float64)
        log_prob = log_prob[: len(x[rows])]
        found[rows] = log_prob - log_prob.max(axis=1, keepdims=True)
        if bar is not None:
            bar.update(min(begin + _BLOCK, len(x)))
    return found


def train_labels(
    kind: Kind, data: Dataset, codes: Codes | None = None, config: NetworkConfig | None = None, seed: int = 0,
    quiet: bool = True,
) -> LabelNetwork:  # fmt: skip
    """Train a classifier on the labelled examples of a data set; keep the weights of the best validation loss.

    Args:
        kind: discriminative or generative, whose examples are rows of `code_scores`; or plain, whose are examples.
        data: with labels.
        codes: of the first two.
        config: of the network.
        seed: of its initial weights and of the batches.
        quiet: show no progress.

    Raises:
        UnknownNameError: for another kind.
        DataError: for data without classes, or without labelled examples.
    """
    if kind not in get_args(Kind):
        raise UnknownNameError("classifier", kind, get_args(Kind))
    if data.spec.classes is None or data.train.labels is None:
        raise DataError(f"data set {data.name!r} has no labels, which {_WANTED_BY} is trained on.")
    classes = {"discriminative": Discriminative, "generative": Generative}

    def make(config: NetworkConfig, data: DataSpec, seed: int) -> LabelNetwork:
        if kind == "plain":
            return PlainClassifier(config, data, seed)
        assert codes is not None, "these classifiers need codes"
        return classes[kind](config, data, seed, codes.z, codes.log_prior)

    model = build_model(
        ModelSpec("labels", NetworkConfig, make, "A classifier."), config or NetworkConfig(), data.spec, seed
    )
    assert isinstance(model, LabelNetwork)
    if isinstance(model, Generative):
        counts = np.bincount(data.train.labels, minlength=data.spec.classes)
        model.seen = (counts > 0).astype(np.float32)
        model.log_classes = np.log(class_shares(counts)).astype(np.float32)
    train_briefly(model, data, seed, quiet)
    return model


def label(kind: Kind, model: LabelNetwork, split: Split, seconds: float = 0.0, dimensions: int = 0) -> LabelResult:
    """Label the examples of a split.

    Args:
        kind: of the classifier, for the result.
        model: trained.
        split: rows of `code_scores`, or examples of a plain classifier; with labels.
        seconds: that an example has taken before, for its row.
        dimensions: of an example, each of which is multiplied with one number of each code for a row.

    Raises:
        DataError: when the split has no labels.
    """
    if split.labels is None:
        raise DataError(f"{_WANTED_BY} is measured on labels, and there are none.")
    log_joint = Program(model.log_joint)
    shape = (_LABELLED_BATCH, *split.x.shape[1:])  # of every batch, so that there is one program
    batches = [np.resize(split.x[k : k + _LABELLED_BATCH], shape) for k in range(0, len(split), _LABELLED_BATCH)]
    log_joint(tf.convert_to_tensor(batches[0]))  # traced, so that it is no part of the time
    start = time.perf_counter()
    found = [np.asarray(log_joint(tf.convert_to_tensor(batch))) for batch in batches]
    took = (time.perf_counter() - start) / len(split)
    joint = np.concatenate(found).astype(np.float64)[: len(split)]
    log_posteriors = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
    weights = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights if len(weight.shape) > 1)
    by_codes = isinstance(model, Discriminative)
    count = int(split.x.shape[1]) * (dimensions + (model.data.classes or 0)) if by_codes else weights
    return LabelResult(kind, log_posteriors, split.labels, count, seconds + took)


def require_decoder(model: GenerativeModel) -> None:
    """Check that a model can be the base of a latent classifier.

    Raises:
        CapabilityError: when its decoder has no likelihood, or it is conditional.
    """
    capable(model, Decodes, _WANTED_BY)
    capable(model, HasDecoderLikelihood, _WANTED_BY)
    if getattr(model, "scored_as", None) == "cross_entropy":
        raise CapabilityError(
            f"model {type(model).__name__} scores grey levels by a cross-entropy, which is no likelihood, and {_WANTED_BY} is "
            "Bayes' rule with likelihoods; train one that scores bits or grey levels."
        )
    if model.conditional:
        raise CapabilityError(
            f"{_WANTED_BY} finds the labels by codes alone, and model {type(model).__name__} is given labels already."
        )


def compare_classifiers(
    model: GenerativeModel,
    data: Dataset,
    count: int = 1000,
    config: NetworkConfig | None = None,
    *,
    labelled: int | None = None,
    unseen: Sequence[int | str] = (),
    frequencies: Sequence[float] = (),
    seed: int = 0,
    quiet: bool = True,
) -> list[LabelResult]:
    """Train the discriminative and the generative latent classifier and a plain one, and label the test split by each.

    Args:
        model: unconditional, with codes and a likelihood of its decoder.
        data: with labels.
        count: of codes of the prior.
        config: of each network.
        labelled: examples of each class to train on; None for all.
        unseen: classes without labelled examples.
        frequencies: class frequencies P(y) to which the test split is cut down, and with which the generative classifier
            applies Bayes' rule; empty for the whole split and the frequencies of the training labels.
        seed: of codes, networks and noise.
        quiet: show no progress.

    Raises:
        CapabilityError: when the model has no such decoder.
        DataError: for data without labels, too many codes, or frequencies that the test split cannot have.
    """
    require_decoder(model)
    classes = data.spec.classes
    if classes is None or data.train.labels is None:
        raise DataError(f"data set {data.name!r} has no labels, which {_WANTED_BY} is trained on.")
    missing = class_numbers(unseen, data.spec)
    require_classes(missing, classes, "--unseen")
    shifted = len(frequencies) > 0
    test = with_frequencies(data.test, frequencies, classes) if shifted else data.test
    splits: dict[SplitName, Split] = {
        "train": few_labels(data.train, classes, labelled, missing),
        "valid": few_labels(data.valid, classes, labelled, missing),
        "test": test,
    }
    kept = replace(data, splits=splits, log_prob=None)
    codes = prior_codes(model, count, seed)
    scores: dict[SplitName, Floats] = {}
    took = 0.0
    for name, split in splits.items():
        start = time.perf_counter()
        with Bar(f"{name} under {count} codes", len(split), "examples", quiet) as bar:
            scores[name] = code_scores(model, split.x, codes, seed, bar)
        took = (time.perf_counter() - start) / len(split)
    rows, results = rows_of(kept, scores), []
    for kind in get_args(Kind):
        source = kept if kind == "plain" else rows
        trained = train_labels(kind, source, codes, config, seed, quiet)
        if isinstance(trained, Generative) and shifted:
            trained.log_classes = np.log(np.maximum(frequencies, np.finfo(np.float32).tiny)).astype(np.float32)
        results.append(label(kind, trained, source.test, 0.0 if kind == "plain" else took, data.spec.dimensions))
    return results


def rows_of(data: Dataset, scores: Mapping[SplitName, Floats]) -> Dataset:
    """Return a data set of rows of `code_scores` with the labels of the examples, by split."""
    width = next(iter(scores.values())).shape[1]
    spec = DataSpec("vector", (width,), classes=data.spec.classes, class_names=data.spec.class_names)
    splits = {name: Split(scores[name], data.splits[name].labels) for name in SPLITS if name in scores}
    return Dataset(data.name, spec, splits, source="log-likelihoods of codes")
