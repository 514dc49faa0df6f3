"""Metrics of plugins: compute one, from a Measurement (model, data, split, seed)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset, Split, SplitName
from tfgen.errors import PluginError
from tfgen.evaluate.scoring import check_measurement
from tfgen.metrics.estimate import Estimate
from tfgen.metrics.metric import Basis, Metric
from tfgen.model.base import GenerativeModel
from tfgen.plugin.specs import MetricSpec
from tfgen.sample.sampling import labels_for, sample_batches


@dataclass(frozen=True)
class Measurement:
    """Argument of a plugin's metric function (`tfgen.MetricSpec`): trained model, data, split, seed.

    Attributes:
        model: trained.
        data: the data set that it was trained on.
        split: ``train``, ``valid`` or ``test``.
        seed: of all random numbers.
        batch_size: the most examples at a time.
        quiet: show no progress.
    """

    model: GenerativeModel
    data: Dataset
    split: SplitName = "test"
    seed: int = 0
    batch_size: int = 500
    quiet: bool = True

    @property
    def examples(self) -> Split:
        """The examples of the split."""
        return self.data.splits[self.split]

    def samples(self, count: int) -> NDArray[np.generic]:
        """Sample the model: the first `count` samples of the seed, [count, ...]; labels cycle through the classes.

        Raises:
            CapabilityError: when the model does not sample.
        """
        labels = labels_for(self.model, count, None)
        return np.concatenate(list(sample_batches(self.model, count, labels, self.seed, min(self.batch_size, count))))


def measure(
    spec: MetricSpec,
    model: GenerativeModel,
    data: Dataset,
    split: str = "test",
    *,
    seed: int = 0,
    batch_size: int = 500,
    quiet: bool = True,
) -> Metric:
    """Compute a metric of a plugin.

    Args:
        spec: as registered.
        model: trained.
        data: of the spec that the model was built for.
        split: ``train``, ``valid`` or ``test``.
        seed: of all random numbers.
        batch_size: the most examples at a time.
        quiet: show no progress.

    Raises:
        PluginError: when the metric has no function, or this returns no `tfgen.metrics.Estimate`.
        UnknownNameError: when there is no such split.
        OptionError: when the batch size is below 1.
    """
    name = check_measurement(split, 1, batch_size)
    result = spec.function()(Measurement(model, data, name, seed, batch_size, quiet))
    if not isinstance(result, Estimate):
        raise PluginError(
            f"metric {spec.name!r}: its function must return a tfgen.metrics.Estimate(value, standard_error), "
            f"got {type(result).__name__}."
        )
    entries = {"split": split, "data": data.name, "examples": len(data.splits[name]), "seed": seed, **model.basis()}
    return Metric.of(spec.name, result, spec.unit, Basis.of(entries))
