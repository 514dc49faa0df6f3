"""Evaluate a trained model on a split, by its density or bound or by its samples (FID, ...), and record the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from tfgen.cli.parsing import by_default
from tfgen.cli.sampling_section import parse_with_sampling, spec_of_run
from tfgen.errors import CapabilityError, OptionError, require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.metrics.metric import Metric
    from tfgen.runs.run import Run

_SAMPLES = 10_000


@dataclass(frozen=True)
class Options:
    """Metrics to compute. By default those of the density or bound; of a model without one, those of its samples.

    With the folder of a run, --help also shows the options of its model's sampler, which hold for metrics of samples.
    """

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    split: Literal["train", "valid", "test"] = "test"
    """Split to evaluate on, or to compare samples with."""
    data: str | None = None
    """Other data to evaluate on, a name or a path (all its examples), read as the run's own are; nothing is recorded then."""
    metrics: Annotated[
        tuple[str, ...], by_default("all that the model has", aliases=["--metric"], metavar="NAME[,NAME...]")
    ] = ()
    """Metrics to compute, for example bits_per_dim; of samples fid, kid, prdc (precision, recall, density and coverage) and
    accuracy (of the labels); and those of plugins."""
    samples: int | None = None
    """Compute sample metrics as well, from so many samples; 10000 if --metrics names a sample metric."""
    features: str = "auto"
    """Feature extractor of FID and the like: classifier (trained on the data set, once), inception (of Keras), values (the
    numbers themselves), or one of a plugin; auto takes classifier for images with labels, else values."""
    reference: Literal["grey", "stochastic", "static", "threshold"] = "grey"
    """Compare samples with the split as it is, or binarised, for a model of black and white images."""
    draws: int = 1
    """Samples of the noise (dequantisation, binarisation) for each image, averaged; more draws, a smaller error."""
    particles: int = 1
    """Codes for each example in the importance-weighted (IWAE) bound, of a model with a bound; 1 is the ELBO alone."""
    seed: int = 0
    """Seed of the noise, and of the samples."""
    batch_size: int = 500
    """The most examples at a time, in blocks of 200; limits the memory, and changes no metric."""

    def __post_init__(self) -> None:
        require_option(self.samples is None or self.samples >= 2, "samples", self.samples, "at least 2")

    @property
    def names(self) -> list[str]:
        """Names of metrics, separated by commas or spaces."""
        return [name for part in self.metrics for name in part.split(",") if name]


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Compute the metrics, print and record them."""
    spec = spec_of_run(arguments, context)
    options, sampling = parse_with_sampling(Options, arguments, "evaluate", __doc__ or "", spec)
    run = context.run(options.run)
    from tfgen.cli.next_steps import sample_count
    from tfgen.cli.result_lines import class_lines, metric_lines, note_lines
    from tfgen.cli.tables import fitted
    from tfgen.metrics.plausibility import Note, warnings_about
    from tfgen.model.sampling_options import changed_options

    other = None
    if options.data is not None:
        from tfgen.runs.other_data import other_data, require_other_split

        require_other_split(options.split)
        other = other_data(run, options.data)
    wanted = _wanted(options, run)
    if other is not None and (wanted.samples is not None or wanted.plugins):
        raise OptionError("--data is for metrics of the density or bound; leave --samples and other --metrics out.")
    if wanted.samples is None and not wanted.plugins and (changed := changed_options(run.model, sampling)):
        remedy = "add fid to --metrics" if options.names else f"add --samples {sample_count(run)}"
        raise OptionError(f"--{next(iter(changed)).replace('_', '-')} is of samples, and none are drawn; {remedy}.")
    metrics: dict[str, Metric] = {}
    displayed: dict[str, Metric] = {}
    if wanted.density is not None:
        metrics = run.evaluate(
            options.split, options.draws, options.seed, options.batch_size, quiet=False, particles=options.particles,
            record=False, data=other,
        )  # fmt: skip
        displayed = {name: metric for name, metric in metrics.items() if name in (wanted.density or metrics)}
    if wanted.samples is not None:
        measured = run.measure_samples(
            wanted.samples, options.samples or _SAMPLES, options.split, options.features, options.reference,
            options.seed, options.batch_size, quiet=False, record=False, options=sampling,
        )  # fmt: skip
        metrics, displayed = metrics | measured, displayed | measured
    if wanted.plugins:
        if run.files.finished:
            run.record(options.split, metrics)  # a plugin's function may fail
        computed = run.measure(
            wanted.plugins, options.split, options.seed, options.batch_size, False, record=False, options=sampling
        )
        metrics, displayed = metrics | computed, displayed | computed
    notes = [Note(options.split, text) for text in warnings_about(metrics)]
    say(*fitted([*metric_lines(options.split, displayed), *note_lines(notes)]))
    if "label_accuracy" in metrics:
        say(*class_lines(metrics["label_accuracy"].per_class))
    if run.files.finished and other is None:
        run.record(options.split, metrics)
    missing = [name for name in wanted.density or () if name not in metrics]
    if missing:
        raise CapabilityError(f"{missing[0]} was not computed; the metrics are {', '.join(metrics)}.")


@dataclass(frozen=True)
class _Wanted:
    """Metrics to compute.

    Attributes:
        density: metrics of the density or bound; all of them if empty, none if None.
        samples: metrics of samples; all of them if empty, none if None.
        plugins: metrics of plugins.
    """

    density: list[str] | None
    samples: list[str] | None
    plugins: list[str]


def _wanted(options: Options, run: Run) -> _Wanted:
    """Return which numbers to compute.

    Raises:
        UnknownNameError: for a name that no metric has.
        CapabilityError: for a metric that the model cannot have.
        OptionError: when samples are to be drawn, and every metric that is named does without.
    """
    from tfgen.evaluate.likelihood import check_metrics
    from tfgen.evaluate.requested import requested_metrics
    from tfgen.evaluate.sample_quality import resolve_metrics, sample_metrics
    from tfgen.evaluate.scoring import check_measurement
    from tfgen.model.capabilities import HasElbo, HasLogProb

    named = requested_metrics(options.names, run.registry)
    of_samples, of_functions, of_density = list(named.samples), list(named.functions), list(named.density)
    model, kind = run.model, type(run.model).__name__
    scored = isinstance(model, HasLogProb | HasElbo)
    if options.particles > 1 and not isinstance(model, HasElbo):
        raise CapabilityError(f"model {kind} has no bound, and particles are for bounds (IWAE); leave --particles out.")
    if of_density and not scored:
        raise CapabilityError(
            f"model {kind} has no density or bound (HasLogProb, HasElbo), hence no {of_density[0]}; "
            "its samples can be measured: --metrics fid"
        )
    check_metrics(of_density, model)
    if options.names and not of_samples and options.samples is not None:
        raise OptionError(
            f"--samples {options.samples}: {', '.join(options.names)} needs none; leave it out, or add fid."
        )
    if not options.names and not scored:
        say(f"note: {kind} has no density or bound; the metrics are those of its samples.", error=True)
    density: list[str] | None
    samples: list[str] | None
    if options.names:
        density, samples = of_density or None, of_samples or None
    else:
        density, samples = ([] if scored else None), ([] if options.samples is not None or not scored else None)
    if samples is not None:
        # before anything is computed
        plan = sample_metrics(resolve_metrics(samples, model), options.samples or _SAMPLES, options.reference)
        plan.check_reference(run.data, check_measurement(options.split, options.draws, options.batch_size))
    return _Wanted(density, samples, of_functions)
