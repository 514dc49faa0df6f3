"""Names of metrics, as ``--metrics`` takes them, resolved to metrics of the density, of samples, and of plugins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfgen.errors import OptionError, UnknownNameError
from tfgen.evaluate.likelihood import DENSITY_METRICS
from tfgen.evaluate.sample_quality import SAMPLE_METRICS
from tfgen.plugin.registry import Registry


@dataclass(frozen=True)
class Requested:
    """Metrics by the way in which they are computed; see `requested_metrics`.

    Attributes:
        density: of the density or bound; of `Run.evaluate`.
        samples: of samples, as `Run.measure_samples` takes their names: ``prdc`` stands for four.
        functions: of functions that plugins or tfgen registered; of `Run.measure`.
    """

    density: tuple[str, ...]
    samples: tuple[str, ...]
    functions: tuple[str, ...]

    @property
    def results(self) -> tuple[str, ...]:
        """Names under which results have them."""
        of_samples = (metric for name in self.samples for metric in SAMPLE_METRICS[name])
        return tuple(dict.fromkeys([*self.density, *of_samples, *self.functions]))


def requested_metrics(names: Sequence[str], registry: Registry) -> Requested:
    """Return the metrics that names and aliases stand for.

    Raises:
        UnknownNameError: for a name that no metric has.
        OptionError: for a term of the training loss, which no evaluation computes.
    """
    functions: dict[str, list[str]] = {}  # each name and alias with the metrics that it stands for
    for name, spec in registry.metrics.items():
        for word in (name, *spec.aliases) if spec.measure is not None else ():
            functions.setdefault(word, []).append(name)
    known = [*DENSITY_METRICS, *SAMPLE_METRICS, *functions]
    for name in names:
        if name in known:
            continue
        if name in registry.metrics and registry.metrics[name].of == "training":
            raise OptionError(
                f"--metrics {name} is a term of training, in metrics.jsonl; there are {', '.join(known)}."
            )
        raise UnknownNameError("metric", name, known, "A metric of a plugin's file needs its -p FILE.")
    return Requested(
        tuple(name for name in names if name in DENSITY_METRICS),
        tuple(name for name in names if name in SAMPLE_METRICS),
        tuple(dict.fromkeys(metric for name in names for metric in functions.get(name, ()))),
    )
