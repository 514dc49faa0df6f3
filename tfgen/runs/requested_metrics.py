"""Metrics of a run by name, whichever way they are computed: those that its results lack are computed and recorded."""

from __future__ import annotations

from collections.abc import Sequence

from tfgen.errors import CapabilityError
from tfgen.plugin.registry import Registry
from tfgen.runs.run import Run


def check_metric_names(names: Sequence[str], registry: Registry) -> None:
    """Check names of metrics before anything is computed.

    Raises:
        UnknownNameError: for a name that no metric has.
        OptionError: for a term of the training loss.
    """
    from tfgen.evaluate.requested import requested_metrics

    requested_metrics(names, registry)


def record_metrics(
    run: Run, names: Sequence[str], split: str = "test", samples: int = 10_000, quiet: bool = True
) -> None:
    """Compute metrics that the results of a finished run lack on a split, and record them.

    Args:
        run: finished.
        names: as ``--metrics`` of `tfgen evaluate` takes them: ``mig``, ``dci`` (three metrics), ``fid``, ...
        split: ``train``, ``valid`` or ``test``.
        samples: for metrics of samples.
        quiet: show no progress.

    Raises:
        UnknownNameError: for a name that no metric has.
        CapabilityError: for a metric that the model cannot have.
        DataError: for one that the data cannot have, such as a metric of factors without factors.
    """
    from tfgen.evaluate.likelihood import check_metrics
    from tfgen.evaluate.requested import requested_metrics
    from tfgen.evaluate.sample_quality import SAMPLE_METRICS

    wanted, there = requested_metrics(names, run.registry), run.results.get(split, {})
    if of_density := [name for name in wanted.density if name not in there]:
        check_metrics(of_density, run.model)
        found = run.evaluate(split, quiet=quiet, record=False)
        if missing := [name for name in of_density if name not in found]:
            raise CapabilityError(f"{missing[0]} was not computed; the metrics are {', '.join(found)}.")
        run.record(
            split, {name: found[name] for name in of_density}
        )  # others may be there with more particles or draws
    of_samples = [name for name in wanted.samples if any(metric not in there for metric in SAMPLE_METRICS[name])]
    if of_samples:
        run.measure_samples(of_samples, samples, split, quiet=quiet)
    if functions := [name for name in wanted.functions if name not in there]:
        run.measure(functions, split, quiet=quiet)
