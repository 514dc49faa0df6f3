"""Run: a run folder with its model and data; evaluate, classify, sample, record metrics."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.data.spec import DataSpec, table_fields
from tfgen.errors import OptionError, RunError, TfgenError, UnknownNameError
from tfgen.metrics.catalogue import Catalogue
from tfgen.metrics.metric import Metric, metrics_to_json
from tfgen.plugin.options import build
from tfgen.runs.config import RunConfig, config_from_json
from tfgen.runs.facts import SPLITS
from tfgen.runs.folder import RunFolder
from tfgen.runs.scores import record_scores
from tfgen.runs.sources import known_sources, readable_sources
from tfgen.runtime import device_scope, load_tensorflow

if TYPE_CHECKING:
    from tfgen.data.dataset import Dataset
    from tfgen.evaluate.classification import Classification
    from tfgen.model.base import GenerativeModel
    from tfgen.plugin.registry import Registry
    from tfgen.plugin.specs import DataSources


class Run:
    """A finished or unfinished run; model, data and results are loaded on first use.

    Args:
        files: the run's folder.
        registry: where its model and data are looked up.
    """

    def __init__(self, files: RunFolder, registry: Registry) -> None:
        self.files = files
        self.registry = registry
        self._displayed_in: int | None = None  # number of a notebook's cell

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def _repr_html_(self) -> str | None:
        """Return what a notebook displays: metrics, notes and pictures; None where `tfgen.train` did so in this cell."""
        from tfgen.notebook import cell_number
        from tfgen.runs.html import short_html_of_run

        if self._displayed_in is not None and self._displayed_in == cell_number():
            return None
        return short_html_of_run(self.files)

    def display(self) -> None:
        """Display the run in a notebook, once for a cell; elsewhere do nothing."""
        from tfgen.notebook import cell_number, display_html, in_notebook

        if in_notebook():
            display_html(self._repr_html_() or "")
            self._displayed_in = cell_number()

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.files.path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.files.name

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """The content of ``config.json``: every option, and the provenance of the run."""
        return self.files.read_config()

    def note(self, **entries: Any) -> None:
        """Add provenance to ``config.json``, on disk and in memory."""
        self.provenance = {**self.provenance, **entries}
        self.files.write_config(self.provenance)

    def record(
        self, split: str, metrics: Mapping[str, Metric], classification: Mapping[str, Any] | None = None
    ) -> None:
        """Record metrics in ``results.json`` of a finished run, under the lock of its folder; other metrics stay.

        Scores of the examples, where a metric has them, go to ``scores_SPLIT.npz``.

        Args:
            split: on which they were measured: ``train``, ``valid`` or ``test``.
            metrics: by name; a number that is there under the same name is replaced.
            classification: of that split, as `Classification.to_json` gives it.

        Raises:
            RunError: when the run is not finished, its results are damaged, or another process holds it.
            OutputError: when they cannot be written.
        """
        if split not in SPLITS:
            raise UnknownNameError("split", split, SPLITS)

        def change(results: dict[str, Any]) -> dict[str, Any]:
            if metrics:
                results[split] = {**results.get(split, {}), **metrics_to_json(metrics)}
            if classification is not None:
                results["classification"] = {**results.get("classification", {}), split: dict(classification)}
            record_scores(self.folder, split, metrics)
            return results

        self.files.update_results(change)

    def record_sampling(self, rate: Metric) -> None:
        """Record the sampling throughput in ``results.json`` of a finished run; see `record`."""
        self.files.update_results(lambda results: {**results, "sampling": rate.to_json()})

    @cached_property
    def catalogue(self) -> Catalogue:
        """The metrics of tfgen and of the plugins."""
        return Catalogue(self.registry.metrics)

    @cached_property
    def config(self) -> RunConfig:
        """The options of the run.

        Raises:
            RunError: when its model belongs to a plugin that is not installed, or an option is not one of the model's.
        """
        try:
            spec = self.registry.model(self.provenance["model"])
        except UnknownNameError as error:
            plugin = self.provenance.get("plugin") or {}
            origin = f"plugin {plugin.get('name')!r}" if plugin.get("name") else "a plugin"
            where = plugin.get("distribution") or plugin.get("file")
            model = self.provenance["model"]
            raise RunError(
                f"run {self.folder} was made by model {model!r} of {origin}{f' ({where})' if where else ''}, "
                "which is not installed, or no longer has it; install it, or name its file with -p FILE."
            ) from error
        try:
            return config_from_json(self.provenance, spec)
        except (OptionError, UnknownNameError) as error:
            raise RunError(f"{self.folder / 'config.json'} does not fit model {spec.name!r}: {error}") from error

    def check(self) -> None:
        """Check the small files of the run, so that a damaged one is reported before any work is done.

        Raises:
            RunError: names the file, with advice.
        """
        _ = self.config
        for _ in self.files.metric_rows():  # one at a time: there may be many
            pass
        if self.files.finished:
            self.files.read_results()

    @cached_property
    def sources(self) -> DataSources:
        """Data folders of the run that tfgen may write into: no others than those that it has made itself."""
        return known_sources(self.config.sources)

    @cached_property
    def data(self) -> Dataset:
        """The data set that the run was trained on.

        Raises:
            RunError: when no plugin has it any more.
        """
        from tfgen.data.lookup import load_dataset
        from tfgen.data.own.prepared import KEPT

        of_plugin = self.registry.has_dataset(self.config.data)
        sources = readable_sources(self.config.sources) if of_plugin else self.sources
        name, recorded = self.config.data, str(self.provenance.get("data_source"))
        own = not of_plugin and recorded.startswith(KEPT)
        if own and not os.path.exists(name):
            name = recorded  # as it was prepared, from files that are no more
        try:
            data = load_dataset(name, self.registry, sources, self.config.data_options)
        except UnknownNameError as error:
            raise RunError(
                f"{self.folder} was trained on data set {self.config.data!r}, which no plugin here has; install its plugin, "
                "or name its file with -p FILE."
            ) from error
        if own and data.source != recorded:
            raise RunError(
                f"{self.config.data} has changed since {self.folder} was trained on it; bring the files of then back, or train "
                "a new run."
            )
        return data

    @cached_property
    def model(self) -> GenerativeModel:
        """The trained model, with the final weights (or the best so far).

        Raises:
            RunError: when there is no checkpoint, or it is damaged.
        """
        load_tensorflow()  # without its log, before these modules import it
        from tfgen.runs.restore import restored_model

        return restored_model(self.folder, self.registry.model(self.config.model), self.config, self.data_spec)

    @cached_property
    def data_spec(self) -> DataSpec:
        """Spec of the data that the run was trained on, so that sampling needs no data set."""
        recorded = self.provenance.get("data_spec")
        try:
            return _spec(recorded) if recorded else self.data.spec
        except (TfgenError, ValueError) as error:
            why = f"in 'data_spec': {str(error).rstrip('.')}"
            raise RunError(f"{self.folder / 'config.json'} is damaged ({why}); make the run again.") from error

    @property
    def results(self) -> dict[str, Any]:
        """The content of ``results.json``."""
        return self.files.read_results()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows of ``metrics.jsonl``, in order."""
        return self.files.read_metrics()

    def evaluate(
        self,
        split: str = "test",
        draws: int = 1,
        seed: int = 0,
        batch_size: int = 500,
        quiet: bool = True,
        particles: int = 1,
        record: bool = True,
        data: Dataset | None = None,
    ) -> dict[str, Metric]:
        """Evaluate the density or bound of the model on a split; return the metrics by name.

        Args:
            split: ``train``, ``valid`` or ``test``.
            draws: samples of the noise of each example, for models whose density needs noise.
            seed: of that noise.
            batch_size: examples at a time, fewer with many particles.
            quiet: show no progress.
            particles: k of the importance-weighted bound, for a model with a bound; 1 is the ELBO alone.
            record: add them to ``results.json`` of a finished run, as `tfgen evaluate` does; not those of other data.
            data: other data, of the spec of the run's own (`Run.data`), which are taken by default.

        Raises:
            CapabilityError: when the model has neither density nor bound, or `particles` above 1 has no meaning for it.
            DataError: for other data of another shape, or with values that the model's columns cannot hold.
        """
        load_tensorflow()  # without its log, before these modules import it
        from tfgen.data.own.ordered import require_spec
        from tfgen.evaluate.likelihood import evaluate
        from tfgen.evaluate.scoring import check_measurement

        if data is not None:
            examples = data.splits[check_measurement(split, draws, batch_size)].x
            require_spec(examples, data.spec, self.data_spec, f"data set {data.name!r}")
        with device_scope(self.config.device):
            result = evaluate(
                self.model, self.data if data is None else data, split,
                draws=draws, seed=seed, batch_size=batch_size, particles=particles, quiet=quiet,
            )  # fmt: skip
        return self._recorded(split, result, record and data is None)

    def measure(
        self,
        metrics: Sequence[str],
        split: str = "test",
        seed: int = 0,
        batch_size: int = 500,
        quiet: bool = True,
        record: bool = True,
        options: Mapping[str, Any] | None = None,
    ) -> dict[str, Metric]:
        """Compute metrics of plugins; return them by name.

        Args:
            metrics: their names.
            split: ``train``, ``valid`` or ``test``.
            seed: of whatever is random in them.
            batch_size: the most examples at a time.
            quiet: show no progress.
            record: add them to ``results.json`` of a finished run, as `tfgen evaluate` does.
            options: of the model's sampler, by name, for metrics of samples.

        Raises:
            UnknownNameError: for a metric or split of another name.
            PluginError: when a metric has no function, or this returns something else.
        """
        load_tensorflow()  # without its log, before these modules import it
        from tfgen.evaluate.measurement import measure

        specs = [self.registry.metric(name) for name in metrics]
        settings: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "quiet": quiet, "options": options}
        with device_scope(self.config.device):
            result = {spec.name: measure(spec, self.model, self.data, split, **settings) for spec in specs}
        return self._recorded(split, result, record)

    def _recorded(self, split: str, metrics: dict[str, Metric], record: bool) -> dict[str, Metric]:
        if record and self.files.finished:
            self.record(split, metrics)
        return metrics

    def measure_samples(
        self,
        metrics: Sequence[str] = (),
        samples: int = 10_000,
        split: str = "test",
        features: str = "auto",
        reference: str = "grey",
        seed: int = 0,
        batch_size: int = 500,
        quiet: bool = True,
        record: bool = True,
        options: Mapping[str, Any] | None = None,
    ) -> dict[str, Metric]:
        """Sample the model and compute FID and other sample metrics against a split; return them by name.

        Args:
            metrics: of ``fid``, ``kid``, ``prdc`` (four) and ``accuracy``; all that model and network can have by default.
            samples: number of samples.
            split: ``train``, ``valid`` or ``test``, all of which they are compared with.
            features: name of the feature network; ``auto`` for a classifier of images with labels, else for the values.
            reference: ``grey`` for the split as it is; ``stochastic``, ``static`` or ``threshold`` for its bits.
            seed: of the samples.
            batch_size: drawn at a time.
            quiet: show no progress and no doubts.
            record: add them to ``results.json`` of a finished run, as `tfgen evaluate` does.
            options: of the model's sampler, by name, for example ``{"temperature": 0.7}``.

        Raises:
            CapabilityError: when the model does not sample, or takes no labels where their accuracy is asked for.
            UnknownNameError: for a metric, split or network of another name.
            OptionError: when a metric needs more samples.
            DataError: when the data do not suit the network, its weights cannot be had, or the split has too few examples.
        """
        load_tensorflow()  # without its log, before these modules import it
        from tfgen.evaluate.features import default_network, feature_network
        from tfgen.evaluate.sample_quality import measure_samples, resolve_metrics, sample_metrics, without_accuracy
        from tfgen.evaluate.scoring import check_measurement

        with device_scope(self.config.device):
            plan = sample_metrics(resolve_metrics(metrics, self.model), samples, reference)
            plan.check_reference(self.data, check_measurement(split, 1, batch_size))  # before a network is trained
            wanted = default_network(self.data) if features == "auto" else features
            network = feature_network(wanted, self.data, self.sources, quiet, self.registry)
            plan = plan if metrics else without_accuracy(plan, network, self.data)
            result = measure_samples(
                self.model, self.data, network, plan, split,
                seed=seed, batch_size=batch_size, quiet=quiet, options=options,
            )  # fmt: skip
        return self._recorded(split, result, record)

    def classify(
        self,
        split: str = "test",
        draws: int = 1,
        seed: int = 0,
        batch_size: int = 500,
        priors: str = "frequencies",
        quiet: bool = True,
        record: bool = True,
    ) -> Classification:
        """Classify a split with a conditional model by Bayes' rule.

        The result has `metrics` as `evaluate` returns them (``accuracy``, ``label_nll_nats``, ``ece``), `confusion`,
        `reliability`, and for each example `predicted`, `confidence` and `log_posteriors` [n, classes].

        Args:
            split: ``train``, ``valid`` or ``test``.
            draws: samples of the noise of each example, for models whose density needs noise.
            seed: of that noise.
            batch_size: examples at a time.
            priors: of the classes: ``frequencies`` in the training split, or ``uniform``.
            quiet: show no progress.
            record: add its metrics and confusion to ``results.json`` of a finished run, as `tfgen classify` does.

        Raises:
            CapabilityError: when the model is unconditional, or has neither density nor bound.
        """
        load_tensorflow()  # without its log, before these modules import it
        from tfgen.evaluate.classification import classify

        with device_scope(self.config.device):
            result = classify(
                self.model, self.data, split,
                draws=draws, seed=seed, batch_size=batch_size, priors=priors, quiet=quiet,
            )  # fmt: skip
        if record and self.files.finished:
            self.record(split, {}, result.to_json())
        return result


def _spec(recorded: Any) -> DataSpec:
    """Return the spec that a ``config.json`` has recorded."""
    tables: dict[str, Any] = table_fields(recorded)
    spec = build(DataSpec, {name: value for name, value in recorded.items() if name not in tables})
    return dataclasses.replace(spec, **tables)
