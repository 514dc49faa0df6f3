"""Metric and Basis: a number with standard error and unit, and the conditions of its measurement."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfgen.metrics.estimate import Estimate

#: What kind of number a model's log-probabilities are: ``exact``; a lower ``bound`` of the log-likelihood; or the density of
#: ``dequantised`` images, whose mean over the noise is a bound of the discrete log-likelihood (Theis et al. 2016).
Density = Literal["exact", "bound", "dequantised"]

#: How the names of metrics end that are of a conditional model with the label given, -log p(x|y) for example.
GIVEN_LABEL = "_given_label"


def given_label(name: str) -> str:
    """Return the name of the metric given the label: ``nll_nats`` becomes ``nll_nats_given_label``."""
    return name + GIVEN_LABEL


@dataclass(frozen=True)
class Basis:
    """Basis of a metric: split, data, examples, density, particles, seed, ...; None for what does not apply.

    Attributes:
        split: ``train``, ``valid`` or ``test``.
        data: name of the data set.
        examples: number of examples; for metrics of samples, number of reference examples.
        density: what kind of log-probability it follows from.
        scored_as: ``cross_entropy`` where that is a cross-entropy of grey levels, which is no likelihood.
        particles: k of an importance-weighted bound; 1 is the ELBO.
        draws: samples of the noise of each example, averaged.
        seed: of the noise, or of the samples.
        levels: grey levels of the images.
        alpha: by how much images are squeezed before the logit.
        binarisation: how images became black and white.
        classes: over how many classes log p(x) sums log p(x|y).
        class_prior: p(y): ``frequencies`` of the training split, or ``uniform``.
        samples: number of samples.
        reference: what samples were compared with: ``grey`` for the split as it is, or how it was made black and white.
        features: the registered name of the feature network.
        network: what tells that network from every other one, its training data and weights included.
        other: what only one model or plugin has to say; names differ from all fields above.
    """

    split: str | None = None
    data: str | None = None
    examples: int | None = None
    density: Density | None = None
    scored_as: str | None = None
    particles: int | None = None
    draws: int | None = None
    seed: int | None = None
    levels: int | None = None
    alpha: float | None = None
    binarisation: str | None = None
    classes: int | None = None
    class_prior: str | None = None
    samples: int | None = None
    reference: str | None = None
    features: str | None = None
    network: str | None = None
    other: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Mapping[str, Any]) -> Basis:
        """Return a basis from entries by name; entries that are no field go to `other`.

        Raises:
            ValueError: for an entry of the wrong type; names it.
        """
        fields = {name: value for name, value in entries.items() if name in _TYPES}
        for name, value in fields.items():
            _require_type(name, value)
        return cls(**fields, other={name: value for name, value in entries.items() if name not in _TYPES})

    def with_entries(self, **entries: Any) -> Basis:
        """Return this basis with some fields replaced."""
        return dataclasses.replace(self, **entries)

    def to_json(self) -> dict[str, Any]:
        """Return the entries that are not None by name: fields, then those of `other`."""
        fields = {name: getattr(self, name) for name in _TYPES}
        return {name: value for name, value in fields.items() if value is not None} | dict(self.other)

    def get(self, name: str) -> Any:
        """Return an entry by name, a field or one of `other`; None where there is none."""
        return getattr(self, name) if name in _TYPES else self.other.get(name)


#: The fields of a basis but `other`, and the types of their values.
_TYPES: dict[str, tuple[type, ...]] = {
    "split": (str,), "data": (str,), "examples": (int,), "density": (str,), "scored_as": (str,), "particles": (int,),
    "draws": (int,), "seed": (int,), "levels": (int,), "alpha": (float, int), "binarisation": (str,), "classes": (int,),
    "class_prior": (str,), "samples": (int,), "reference": (str,), "features": (str,), "network": (str,),
}  # fmt: skip


def _require_type(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, _TYPES[name]):
        raise ValueError(f"the basis has {name!r} {value!r}, which is no {_TYPES[name][0].__name__}")
    if name == "density" and value not in get_args(Density):
        raise ValueError(f"the basis has 'density' {value!r}, which is none of {', '.join(get_args(Density))}")


class NotFinite(NamedTuple):
    """Examples of a metric whose own values are not finite (NaN or infinite).

    Attributes:
        examples: how many.
        first: index of the first of them.
    """

    examples: int
    first: int


class Baseline(NamedTuple):
    """Value of a metric for a distribution without structure; a model that is worse than it has learnt nothing.

    Attributes:
        value: of that distribution, in the unit of the metric.
        of: the distribution in words, for example ``"a uniform distribution over 256 grey levels"``.
    """

    value: float
    of: str


@dataclass(frozen=True)
class Metric:
    """A measured number with standard error, unit and basis.

    Attributes:
        name: as the catalogue of metrics has it (`tfgen.metrics.Catalogue`).
        value: the number.
        standard_error: of the value; NaN where there is none, as for a count.
        unit: of the value.
        basis: conditions of the measurement.
        per_class: its value for each class, where that is known.
        not_finite: the examples whose own values are not finite, if any; then the mean is not, either.
        baseline: value of a distribution that knows nothing, where there is one.
        scores: the numbers of which the value is the mean, one for each example of the basis, [n]; None for other metrics,
            and for those that were read from a file.
    """

    name: str
    value: float
    standard_error: float
    unit: str
    basis: Basis = field(default_factory=Basis)
    per_class: tuple[float, ...] = ()
    not_finite: NotFinite | None = None
    baseline: Baseline | None = None
    scores: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, name: str, estimate: Estimate, unit: str, basis: Basis) -> Metric:
        """Return the metric of an estimate."""
        return cls(name, estimate.value, estimate.standard_error, unit, basis)

    def to_json(self) -> dict[str, Any]:
        """Return the metric in the format of ``results.json``; a number that is not finite becomes null."""
        content: dict[str, Any] = {
            "value": _number_to_json(self.value),
            "standard_error": _number_to_json(self.standard_error),
            "unit": self.unit,
            "basis": self.basis.to_json(),
        }
        if self.per_class:
            content["per_class"] = [_number_to_json(value) for value in self.per_class]
        if self.not_finite:
            content["not_finite"] = self.not_finite._asdict()
        if self.baseline and math.isfinite(self.baseline.value):
            content["baseline"] = self.baseline._asdict()
        return content

    @classmethod
    def from_json(cls, name: str, content: Any) -> Metric:
        """Return the metric of a JSON object of `to_json`.

        Raises:
            ValueError: for a malformed entry, which it names.
        """
        if not isinstance(content, Mapping):
            raise ValueError(f"metric {name!r} is no object")
        if not isinstance(content.get("unit"), str) or not isinstance(content.get("basis"), Mapping):
            raise ValueError(f"metric {name!r} lacks its unit or its basis")
        value, error = (_number_from_json(name, content, key) for key in ("value", "standard_error"))
        per_class = content.get("per_class", [])
        if not isinstance(per_class, list):
            raise ValueError(f"metric {name!r} has no list under 'per_class'")
        shares = tuple(_number_from_json(name, {"per_class": value}, "per_class") for value in per_class)
        lost = _not_finite_from_json(name, content.get("not_finite"))
        baseline = _baseline_from_json(name, content.get("baseline"))
        return cls(name, value, error, content["unit"], Basis.of(content["basis"]), shares, lost, baseline)


def _not_finite_from_json(name: str, content: Any) -> NotFinite | None:
    if content is None:
        return None
    entries = [content.get(key) for key in NotFinite._fields] if isinstance(content, Mapping) else [None]
    if not all(type(entry) is int for entry in entries):
        raise ValueError(f"metric {name!r} has no numbers of examples under 'not_finite'")
    return NotFinite(*entries)


def _baseline_from_json(name: str, content: Any) -> Baseline | None:
    if content is None:
        return None
    if not isinstance(content, Mapping) or not isinstance(content.get("of"), str):
        raise ValueError(f"metric {name!r} has no distribution under 'baseline'")
    return Baseline(_number_from_json(name, content, "value"), content["of"])


def _number_to_json(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number_from_json(name: str, content: Mapping[str, Any], key: str) -> float:
    """Return a number; JSON has null for one that is not finite."""
    value = content.get(key, ...)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"metric {name!r} has no number under {key!r}")
    return float(value)


def entry_text(name: str, value: Any) -> str:
    """Return an entry of a basis as text.

    >>> entry_text("classes", 10), entry_text("class_prior", "uniform"), entry_text("batch_size", 5)
    ('marginal over 10 classes', 'p(y) uniform', 'batch size 5')
    """
    if name == "classes":
        return f"marginal over {value} classes"
    return f"{'p(y)' if name == 'class_prior' else name.replace('_', ' ')} {value}"


def metrics_to_json(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """Return metrics by name, in the format of ``results.json``."""
    return {name: metric.to_json() for name, metric in metrics.items()}


def metrics_from_json(content: Any) -> dict[str, Metric]:
    """Return the metrics of a JSON object of `metrics_to_json`.

    Raises:
        ValueError: for a malformed entry, which it names.
    """
    if not isinstance(content, Mapping):
        raise ValueError("its metrics are no object")
    return {name: Metric.from_json(name, metric) for name, metric in content.items()}
