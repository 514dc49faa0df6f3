"""Metrics of plugins: compute one, from a Measurement (model, data, split, seed)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.conditions import Conditions
from tfgen.data.dataset import Dataset, Split, SplitName
from tfgen.errors import PluginError
from tfgen.evaluate.scoring import check_measurement, model_basis
from tfgen.metrics.estimate import Estimate
from tfgen.metrics.metric import Basis, Metric
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import uses_context
from tfgen.model.sampling_options import changed_options
from tfgen.parallel import blocks_at_work
from tfgen.plugin.author_code import author_function
from tfgen.plugin.option_types import to_json
from tfgen.plugin.specs import MetricSpec
from tfgen.sample.sampling import SAMPLE_BLOCK, given_of, labels_for, sample_batches


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
        options: of the model's sampler, by name.
        drawn: how many samples were asked for, so far.
        taken: how many examples `some_examples` has returned, so far.
    """

    model: GenerativeModel
    data: Dataset
    split: SplitName = "test"
    seed: int = 0
    batch_size: int = 500
    quiet: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    drawn: list[int] = field(default_factory=list, init=False, repr=False)
    taken: list[int] = field(default_factory=list, init=False, repr=False)

    @property
    def examples(self) -> Split:
        """The examples of the split."""
        return self.data.splits[self.split]

    def some_examples(self, most: int) -> Split:
        """Return up to `most` examples of the split, the same ones each time; the basis has their number."""
        chosen = self.examples.subset(most)
        self.taken.append(len(chosen))
        return chosen

    def samples(self, count: int) -> NDArray[np.generic]:
        """Sample the model: the first `count` samples of the seed, [count, ...]; labels cycle through the classes.

        A model with a context is given those of the examples of the split in turn.

        Raises:
            CapabilityError: when the model does not sample.
        """
        if uses_context(self.model):
            return self.samples_like(count)
        return self._drawn(count, labels_for(self.model, count, None))

    def samples_like(self, count: int) -> NDArray[np.generic]:
        """Sample the model given the labels and contexts of the examples of the split, in turn: [count, ...].

        So the samples of a conditional model are to be compared with the split as a whole.

        Raises:
            CapabilityError: when the model does not sample.
        """
        rows = np.arange(count) % len(self.examples)
        return self._drawn(count, given_of(self.model, self.examples.take(rows)))

    def _drawn(self, count: int, labels: Conditions | None) -> NDArray[np.generic]:
        self.drawn.append(count)
        block = min(SAMPLE_BLOCK, count)
        at_work = blocks_at_work(self.batch_size, block)
        drawn = sample_batches(self.model, count, labels, self.seed, block, self.options, at_work=at_work)
        return np.concatenate(list(drawn))


def measure(
    spec: MetricSpec,
    model: GenerativeModel,
    data: Dataset,
    split: str = "test",
    *,
    seed: int = 0,
    batch_size: int = 500,
    quiet: bool = True,
    options: Mapping[str, Any] | None = None,
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
        options: of the model's sampler, by name; the basis has those that are not the defaults.

    Raises:
        PluginError: when the metric has no function, or this returns no `tfgen.metrics.Estimate`.
        UnknownNameError: when there is no such split.
        OptionError: when the batch size is below 1.
    """
    name = check_measurement(split, 1, batch_size)
    measurement = Measurement(model, data, name, seed, batch_size, quiet, dict(options or {}))
    with author_function(f"metric {spec.name!r}", "it takes a tfgen.Measurement and returns a tfgen.metrics.Estimate"):
        result = spec.function()(measurement)
    if not isinstance(result, Estimate):
        raise PluginError(
            f"metric {spec.name!r}: its function must return a tfgen.metrics.Estimate(value, standard_error), "
            f"got {type(result).__name__}."
        )
    _require_number(spec.name, result)
    entries = {
        "split": split,
        "data": data.name,
        "examples": max(measurement.taken, default=len(data.splits[name])),
        "seed": seed,
        **model_basis(model),
    }
    if measurement.drawn:
        entries |= {"samples": max(measurement.drawn), **sampling_entries(model, options)}
    return Metric.of(spec.name, result, spec.unit, Basis.of(entries))


def _require_number(name: str, estimate: Estimate) -> None:
    numbers = {"value": estimate.value, "standard_error": estimate.standard_error}
    for what, number in numbers.items():
        if not isinstance(number, int | float | np.number):
            raise PluginError(
                f"metric {name!r}: the {what} of its Estimate must be a number, got {type(number).__name__}."
            )
    if math.isnan(estimate.value):  # which would take the place of a number that was measured before
        raise PluginError(f"metric {name!r}: the value of its Estimate is NaN.")


def sampling_entries(model: GenerativeModel, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the entries of a basis that say how a model was sampled: ``sampling_NAME`` for each option changed."""
    changed = changed_options(model, options).items()
    return {f"sampling_{name}": to_json(value) for name, value in changed}
