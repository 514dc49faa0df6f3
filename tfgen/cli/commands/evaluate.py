"""Measure a trained model on a split of its data, by its density or by its samples, and add the numbers to results.json."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from tfgen.cli.parsing import by_default, parse
from tfgen.errors import CapabilityError, OptionError, UnknownNameError, require_option

if TYPE_CHECKING:
    from tfgen.cli.context import Context
    from tfgen.runs.run import Run

_SAMPLES = 10_000


@dataclass(frozen=True)
class Options:
    """What to measure. Without more words: the density or bound of a model that has one, the samples of any other."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    split: Literal["train", "valid", "test"] = "test"
    """Examples to measure on, or to compare samples with."""
    metrics: Annotated[
        tuple[str, ...], by_default("all that the model has", aliases=["--metric"], metavar="NAME[,NAME...]")
    ] = ()
    """These numbers only, for example bits_per_dim; of samples fid, kid, prdc (precision, recall, density and coverage) and
    accuracy (of the labels)."""
    samples: int | None = None
    """Draw so many samples and measure them, too; 10000 when numbers of samples are asked for by name."""
    features: Literal["auto", "classifier", "inception", "values"] = "auto"
    """The network in whose features samples are compared: a classifier trained on the data set (once), Inception of Keras, or
    the values themselves; auto takes a classifier for images with labels."""
    reference: Literal["grey", "stochastic", "static", "threshold"] = "grey"
    """Compare samples with the split as it is, or with its bits, for a model of black and white images."""
    draws: int = 1
    """How often the density of each image is drawn and averaged; more draws, less noise in the number."""
    particles: int = 1
    """Codes for each example in the importance-weighted bound, of a model with a bound; 1 is the ELBO alone."""
    seed: int = 0
    """Seed of the noise, and of the samples."""
    batch_size: int = 500
    """The most examples at a time; bounds the memory."""

    def __post_init__(self) -> None:
        require_option(self.samples is None or self.samples >= 2, "samples", self.samples, "at least 2")

    @property
    def names(self) -> list[str]:
        """The metrics by name, whether commas or spaces stand between them."""
        return [name for part in self.metrics for name in part.split(",") if name]


def main(arguments: Sequence[str], context: Context) -> None:
    """Measure, print, and record."""
    options = parse(Options, arguments, "evaluate", __doc__ or "")
    run = context.run(options.run)
    from tfgen.cli.result_lines import class_lines, metric_lines

    by_density, by_samples = _asked_for(options, run)
    metrics: dict[str, Any] = {}
    if by_density is not None:
        metrics |= run.evaluate(
            options.split, options.draws, options.seed, options.batch_size, quiet=False, particles=options.particles
        )
    if by_samples is not None:
        metrics |= run.measure_samples(
            by_samples, options.samples or _SAMPLES, options.split, options.features, options.reference,
            options.seed, options.batch_size, quiet=False,
        )  # fmt: skip
    hidden = {
        name for name in metrics if by_density and name not in by_density and "network" not in metrics[name]["basis"]
    }
    print("\n".join(metric_lines(options.split, {name: metrics[name] for name in metrics if name not in hidden})))
    if "label_accuracy" in metrics:
        print("\n".join(class_lines(metrics["label_accuracy"]["per_class"])))
    if run.files.finished:
        results = run.results
        run.files.write_results({**results, options.split: {**results.get(options.split, {}), **metrics}})
    missing = [name for name in by_density or () if name not in metrics]
    if missing:
        raise CapabilityError(f"{missing[0]} is not among what was measured; there are {', '.join(metrics)}.")


def _asked_for(options: Options, run: Run) -> tuple[list[str] | None, list[str] | None]:
    """Return which numbers to take from the density, and which from samples: none at all (None), or all of them ([]).

    Raises:
        UnknownNameError: for a name that no metric has.
        CapabilityError: for a metric that the model cannot have.
        OptionError: when samples are to be drawn, and every metric that is named does without.
    """
    from tfgen.evaluate.likelihood import METRICS, check_metrics
    from tfgen.evaluate.sample_quality import SAMPLE_METRICS, metrics_asked_for
    from tfgen.model.capabilities import HasElbo, HasLogProb

    of_samples = [name for name in options.names if name in SAMPLE_METRICS]
    of_density = [name for name in options.names if name not in SAMPLE_METRICS]
    for name in of_density:
        if name.removesuffix("_given_label") not in METRICS:
            raise UnknownNameError("metric", name, [*METRICS, *SAMPLE_METRICS])
    model, kind = run.model, type(run.model).__name__
    scored = isinstance(model, HasLogProb | HasElbo)
    if of_density and not scored:
        raise CapabilityError(
            f"model {kind} has no density or bound (HasLogProb, HasElbo), hence no {of_density[0]}; "
            "its samples can be measured: --metrics fid"
        )
    check_metrics(of_density, model)
    if of_density and not of_samples and options.samples is not None:
        raise OptionError(f"--samples {options.samples}: {', '.join(of_density)} needs none; leave it out, or add fid.")
    if not options.names and not scored:
        print(
            f"note: {kind} has no density and no bound, so nothing in nats; its samples are measured.", file=sys.stderr
        )
    density: list[str] | None
    samples: list[str] | None
    if options.names:
        density, samples = of_density or None, of_samples or None
    else:
        density, samples = ([] if scored else None), ([] if options.samples is not None or not scored else None)
    if samples is not None:
        metrics_asked_for(samples, model)  # before anything is computed
    return density, samples
