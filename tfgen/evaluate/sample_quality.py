"""Evaluate sample quality (FID, KID, precision, recall, label accuracy) against a split, in one pass."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from tfgen.data.binarisation import Binarisation, binarise
from tfgen.data.conditions import labels_in
from tfgen.data.dataset import Dataset, SplitName
from tfgen.errors import CapabilityError, DataError, UnknownNameError, require_option
from tfgen.evaluate.features import FeatureNetwork
from tfgen.evaluate.measurement import sampling_entries
from tfgen.evaluate.scoring import check_measurement
from tfgen.metrics.catalogue import CATALOGUE
from tfgen.metrics.estimate import Estimate
from tfgen.metrics.frechet import frechet_from_moments
from tfgen.metrics.kernel import kernel_distance
from tfgen.metrics.manifold import DENSITY_NEIGHBOURS, NEIGHBOURS, manifold_metrics
from tfgen.metrics.metric import Basis, Metric
from tfgen.metrics.moments import Moments
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import Samples, capable, uses_context
from tfgen.parallel import blocks_at_work
from tfgen.printed import say
from tfgen.progress import Bar
from tfgen.sample.sampling import SAMPLE_BLOCK, given_of, labels_for, sample_batches

#: Values of ``--metrics``, and the metrics that each of them stands for.
SAMPLE_METRICS = CATALOGUE.asked_as("samples")
_NEEDS_FEATURES = frozenset({"kid", *SAMPLE_METRICS["prdc"]})
#: The least number of samples and of examples of the reference: a covariance takes two, a ball its k neighbours beside itself.
_LEAST = {"fid": (2, 2), "kid": (2, 2)} | dict.fromkeys(
    SAMPLE_METRICS["prdc"], (NEIGHBOURS + 1, max(NEIGHBOURS, DENSITY_NEIGHBOURS) + 1)
)
#: Blocks of the jackknife: each block of samples is left out in turn, for bias and standard error of the Frechet distance.
_BLOCKS = 10
# Examples of the reference that are binarised together, by one seed.
_REFERENCE_BLOCK = 500

#: Reference of sample metrics: the grey levels of a split, or their bits, binarised in one of three ways.
Reference = Literal["grey", "stochastic", "static", "threshold"]


@dataclass(frozen=True)
class SampleMetrics:
    """Request for sample metrics: which metrics, number of samples, reference.

    Attributes:
        metrics: names of metrics, without duplicates.
        samples: number of samples.
        reference: ``grey``, the split as it is, or one of the ways of `tfgen.binarise`, for models of black and white
            images.
    """

    metrics: tuple[str, ...]
    samples: int = 10_000
    reference: Reference = "grey"

    def __post_init__(self) -> None:
        require_option(self.samples >= 2, "samples", self.samples, "at least 2")
        for name in self.metrics:
            least, _ = _LEAST.get(name, (2, 0))
            require_option(self.samples >= least, "samples", self.samples, f"at least {least} for {name}")

    def check_reference(self, data: Dataset, split: SplitName) -> None:
        """Check that a split can be the reference, before anything is drawn.

        Raises:
            DataError: when it has too few examples for a metric, or no grey levels to be made black and white.
        """
        count = len(data.splits[split])
        for name in self.metrics:
            _, least = _LEAST.get(name, (2, 0))
            if count < least:
                raise DataError(
                    f"data set {data.name!r}, split {split!r} has {count} examples, and {name} needs {least} or more; "
                    "take another split, or leave this metric out."
                )
        if self.reference != "grey" and not data.spec.quantised:
            raise DataError(f"data set {data.name!r} has no images to be made black and white; leave --reference out.")


def sample_metrics(metrics: tuple[str, ...], samples: int, reference: str) -> SampleMetrics:
    """Make a `SampleMetrics` after checking the name of the reference.

    Raises:
        UnknownNameError: when there is no such reference.
        OptionError: when there are fewer samples than a metric needs.
    """
    for known in get_args(Reference):
        if reference == known:
            return SampleMetrics(metrics, samples, known)
    raise UnknownNameError("reference", reference, get_args(Reference))


def resolve_metrics(names: Sequence[str], model: GenerativeModel) -> tuple[str, ...]:
    """Resolve values of ``--metrics`` to names of metrics; without names, all that fit the model; see `without_accuracy`.

    Raises:
        UnknownNameError: for a name that is none of `SAMPLE_METRICS`.
        CapabilityError: when the model does not sample, or label accuracy is asked of one that takes no labels.
    """
    capable(model, Samples, "sample quality")
    for name in names:
        if name not in SAMPLE_METRICS:
            raise UnknownNameError("metric of samples", name, SAMPLE_METRICS)
    result = tuple(dict.fromkeys(metric for name in names or SAMPLE_METRICS for metric in SAMPLE_METRICS[name]))
    if (model.conditional and model.data.classes is not None) or "label_accuracy" not in result:
        return result
    if names:
        lacks = "takes no labels" if not model.conditional else "is given a context and no labels"
        raise CapabilityError(
            f"label accuracy needs a conditional model, and {type(model).__name__} {lacks}; "
            "leave it out, or train one that takes labels; `tfgen list` says which"
        )
    return tuple(name for name in result if name != "label_accuracy")


def without_accuracy(plan: SampleMetrics, network: FeatureNetwork, data: Dataset) -> SampleMetrics:
    """Return a plan of default metrics without label accuracy where the network does not classify."""
    if "label_accuracy" not in plan.metrics or network.extract(np.asarray(data.test.x[:1])).classes is not None:
        return plan
    return dataclasses.replace(plan, metrics=tuple(name for name in plan.metrics if name != "label_accuracy"))


def measure_samples(
    model: GenerativeModel,
    data: Dataset,
    network: FeatureNetwork,
    plan: SampleMetrics,
    split: str = "test",
    *,
    seed: int = 0,
    batch_size: int = 500,
    quiet: bool = True,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Metric]:
    """Sample a model and compute FID, KID, precision, recall, density, coverage and label accuracy against a split.

    Images are processed batch by batch. The Frechet distance needs means and covariances alone, so memory does not grow with
    the number of samples; the other metrics keep the features, float32 [samples, dimensions].

    Args:
        model: that samples; the labels of a conditional model cycle through the classes.
        data: of the spec that the model was built for.
        network: see `tfgen.feature_network`.
        plan: metrics, number of samples and reference.
        split: ``train``, ``valid`` or ``test``, all of which is the reference.
        seed: same seed and batch size, same samples.
        batch_size: the most samples at a time, in whole blocks; it changes no sample.
        quiet: show no progress.
        options: of the model's sampler, by name; the basis has those that are not the defaults.

    Returns:
        The metrics by name: ``fid``, the Frechet distance between
        Gaussians; ``kid``, the unbiased kernel distance; ``precision``, ``recall``, ``density``, ``coverage``; and
        ``label_accuracy``, the share of samples that the network takes for their label, with ``per_class``, the share of each
        class. The basis names the network, the number of samples and the size of the reference. Standard errors are over the
        samples, of recall and coverage over the reference.

    Raises:
        CapabilityError: when the model does not sample.
        DataError: when the network does not classify, for label accuracy, or there are too few samples.
        UnknownNameError: when there is no such split.
        OptionError: when the batch size is below 1, or a metric needs more samples.
    """
    name = check_measurement(split, 1, batch_size)
    plan.check_reference(data, name)
    if not quiet:
        for doubt in doubts_about(plan, network):
            say(f"note: {doubt}", error=True)
    truth = data.splits[name].x
    if "label_accuracy" in plan.metrics:  # before anything is drawn
        _require_classes(network.extract(np.asarray(truth[:1])).classes, network)
    labels = labels_for(model, plan.samples, None)
    if uses_context(model):  # as the reference has them, with which the samples are compared
        examples = data.splits[name]
        labels = given_of(model, examples.take(np.arange(plan.samples) % len(examples)))
    wanted = set(plan.metrics)
    keep = bool(wanted & _NEEDS_FEATURES)
    with Bar("sampling", plan.samples, "samples", quiet=quiet) as bar:
        progress = None if quiet else bar.update
        size = min(SAMPLE_BLOCK, plan.samples)
        at_work = blocks_at_work(batch_size, size)
        drawn = sample_batches(model, plan.samples, labels, seed, size, options, progress, at_work)
        samples = _extract(drawn, network, keep)
    metrics: dict[str, Estimate] = {}
    if wanted - {"label_accuracy"}:
        with Bar("reference", len(truth), "examples", quiet=quiet) as bar:
            reference = _extract(bar.counted(_reference(truth, data, plan, seed)), network, keep)
        if "fid" in wanted:
            total = reference.blocks[0]
            for block in reference.blocks[1:]:
                total = total + block
            metrics["fid"] = frechet_from_moments(samples.blocks, total)
        if "kid" in wanted:
            metrics["kid"] = kernel_distance(samples.features, reference.features)
        if wanted & set(SAMPLE_METRICS["prdc"]):
            metrics |= manifold_metrics(reference.features, samples.features)
    judged = Basis(
        data=data.name, samples=plan.samples, seed=seed, features=network.kind, network=network.name,
        other=sampling_entries(model, options),
    )  # fmt: skip
    basis = judged.with_entries(split=name, examples=len(truth), reference=plan.reference)
    result = {
        metric: Metric.of(metric, metrics[metric], CATALOGUE[metric].unit, basis)
        for metric in plan.metrics
        if metric in metrics
    }
    if "label_accuracy" in wanted:
        own = labels_in(labels, data.spec.classes is not None)
        assert own is not None
        result["label_accuracy"] = label_accuracy(samples.classes, own, data.spec.classes or 0, network, judged)
    return result


def label_accuracy(
    predicted: NDArray[np.int64] | None,
    labels: NDArray[np.int32],
    classes: int,
    network: FeatureNetwork,
    basis: Basis,
) -> Metric:
    """Label accuracy: the share of conditional samples that a classifier assigns to their label, in all and for each class.

    Args:
        predicted: classes predicted by the network, [n]; None if it does not classify.
        labels: of the conditional samples, [n].
        classes: number of classes.
        network: the classifier, for the error message.
        basis: of the metric.

    Raises:
        DataError: when the network does not classify.
    """
    right = _require_classes(predicted, network) == labels
    share = float(np.mean(right))
    counts = np.bincount(labels, minlength=classes)
    with np.errstate(invalid="ignore"):
        per_class = np.bincount(labels, right, minlength=classes) / counts
    error = math.sqrt(share * (1 - share) / (len(right) - 1)) if len(right) > 1 else math.nan
    name = "label_accuracy"
    return Metric(name, share, error, CATALOGUE[name].unit, basis, tuple(float(value) for value in per_class))


def _require_classes(predicted: NDArray[np.int64] | None, network: FeatureNetwork) -> NDArray[np.int64]:
    if predicted is None:
        raise DataError(
            f"network {network.name!r} does not classify, so there is no label accuracy; use --features classifier."
        )
    return predicted


def doubts_about(plan: SampleMetrics, network: FeatureNetwork) -> list[str]:
    """Return warnings about metrics that are unreliable with these samples, such as a biased FID, in sentences."""
    if "fid" in plan.metrics and plan.samples <= network.dimensions:
        return [
            f"{plan.samples} samples are no more than the {network.dimensions} features: their covariance is singular, "
            f"and fid is mostly bias; use --samples {10 * network.dimensions} or more, or --metrics kid, which has no bias."
        ]
    return []


class _Extracted(NamedTuple):
    blocks: list[Moments]
    features: NDArray[np.float32]
    classes: NDArray[np.int64] | None


def _extract(batches: Iterator[NDArray[np.generic]], network: FeatureNetwork, keep: bool) -> _Extracted:
    """Extract features batch by batch; keep moments and classes, and the features if needed."""
    blocks = [Moments(network.dimensions) for _ in range(_BLOCKS)]
    dealer = np.random.default_rng(0)
    features: list[NDArray[np.float32]] = []
    classes: list[NDArray[np.int64]] = []
    for batch in batches:
        extracted = network.extract(batch)
        dealt = (
            dealer.permutation(len(batch)) % _BLOCKS
        )  # at random: labels cycle, and a block must not hold one class only
        for number, block in enumerate(blocks):
            block.update(extracted.features[dealt == number])
        if keep:
            features.append(extracted.features)
        if extracted.classes is not None:
            classes.append(extracted.classes)
    kept = np.concatenate(features) if features else np.zeros((0, network.dimensions), np.float32)
    return _Extracted(blocks, kept, np.concatenate(classes) if classes else None)


def _reference(
    truth: NDArray[np.generic], data: Dataset, plan: SampleMetrics, seed: int
) -> Iterator[NDArray[np.generic]]:
    """Yield the reference in blocks, binarised if requested; the bits are functions of the seed and of the block."""
    levels = data.spec.levels
    for begin in range(0, len(truth), _REFERENCE_BLOCK):
        batch = np.asarray(truth[begin : begin + _REFERENCE_BLOCK])
        if plan.reference != "grey":
            how: Binarisation = plan.reference
            bits = binarise(batch, levels, how, (seed, begin))
            batch = (np.asarray(bits) * (levels - 1)).astype(np.uint8)
        yield batch
