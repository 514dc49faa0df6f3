"""Run an experiment from its configuration: data, model, training, evaluation, pictures."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import runtime
from tfgen.data.conditions import labels_in
from tfgen.data.dataset import Dataset, SplitName
from tfgen.data.lookup import check_sources, lasting_name, load_dataset
from tfgen.data.notes import data_notes, dequantisation_remark
from tfgen.errors import OutOfMemoryError, RunError, require_option
from tfgen.evaluate.clock import EvaluationClock
from tfgen.evaluate.likelihood import evaluate
from tfgen.figures.curves import draw_curves
from tfgen.figures.examples import draw_examples
from tfgen.files import written_whole
from tfgen.metrics.metric import Metric, metrics_to_json
from tfgen.model.base import GenerativeModel, build_model
from tfgen.model.capabilities import HasElbo, HasLogProb, Samples, uses_context
from tfgen.model.tracing import trace_methods
from tfgen.plugin.registry import PluginRecord, Registry
from tfgen.plugin.specs import DataSources
from tfgen.plugin.train_options import CompileMode
from tfgen.printed import say
from tfgen.runs.config import Evaluated, RunConfig
from tfgen.runs.cycles import Cycle, begin_cycle, cycles_of, earlier_epochs
from tfgen.runs.folder import RunFolder
from tfgen.runs.initial_weights import take_weights
from tfgen.runs.notes import with_notes
from tfgen.runs.pictures import draw_run_pictures
from tfgen.runs.places import check_name
from tfgen.runs.restore import build_for_checkpoint
from tfgen.runs.run import Run
from tfgen.runs.scores import record_scores
from tfgen.sample.sampling import given_of, labels_for, sample_batches
from tfgen.training.data_initialisation import initialise_from_data
from tfgen.training.interruption import InterruptedRunError, signal_of
from tfgen.training.memory import is_out_of_memory
from tfgen.training.selection import training_data
from tfgen.training.trainer import Trainer, steps_per_epoch

_PICTURE_SEED = 7  # of the pictures of a run, so that before, half-way and after show the same codes
_PICTURE_POINTS = 3000
_PICTURE_BATCH = 500  # samples drawn at a time
_EVALUATION_BATCH = 500  # examples evaluated at a time


def start_run(
    config: RunConfig, registry: Registry, runs_dir: Path, name: str | None = None, quiet: bool = False
) -> Run:
    """Train a model in a new run folder, evaluate it and draw its pictures.

    Nothing is written before data, model and first loss are found to be sound, and the folder of a run that fails
    before its first checkpoint is removed: nothing in it could be gone on with.

    Raises:
        TfgenError: for whatever a user can mend; see the errors of `Trainer`, `load_dataset` and `build_model`.
    """
    config.check(registry)
    check_sources(config.sources)  # while messages can say what was typed
    config = _with_full_paths(config)
    if name is not None:
        check_name(runs_dir, name)
    with runtime.device_scope(config.device):
        data = load_dataset(config.data, registry, config.sources, config.data_options)
        model, taken = _first_model(config, registry, data, quiet)
        trainer = Trainer(model, data, config.training, registry)
        trace_methods(model, trainer.objectives)
        stem = f"{config.model}-{data.name.partition('@')[0]}".replace("/", "-").replace(":", "-")
        record = _record(config, registry, data) | taken
        config = dataclasses.replace(config, data=lasting_name(config.data, registry))
        files = RunFolder.create(runs_dir, name, stem, config.to_json() | record)
        try:
            return _train(Run(files, registry), trainer, data, quiet)
        except BaseException:
            files.discard()
            raise


def _with_full_paths(config: RunConfig) -> RunConfig:
    """Return a configuration whose folders, of another run and of data, hold in any working folder."""
    folders = dataclasses.asdict(config.sources).items()
    full = {name: folder and os.path.abspath(os.path.expanduser(folder)) for name, folder in folders}
    init = None if config.init is None else os.path.abspath(config.init)
    return dataclasses.replace(config, init=init, sources=DataSources(**full))


def resume_run(run: Run, quiet: bool = False, epochs: int | None = None) -> Run:
    """Resume a run from its last checkpoint, to the end of its configuration; or train a finished one longer.

    Args:
        run: unfinished, or a finished one with `epochs`.
        quiet: show no progress.
        epochs: further epochs of a finished run: a new cycle of the learning-rate schedule, with its own warm-up, from the
            state in which the last one ended. Its results are replaced when the cycle ends.

    Raises:
        RunError: when there is nothing left to train, when a run that is to be trained longer is not finished, when it is
            being trained elsewhere, or its checkpoint is missing or damaged.
        OptionError: when the cycle is too short for its warm-up.
    """
    if run.files.has_weights_alone:
        raise RunError(
            f"{run.folder} came from a pack, which has weights but no training state to resume; begin a new run with them: "
            f"tfgen run {run.config.model} --init {shlex.quote(str(run.folder))}"
        )
    _check_finished(run, epochs)
    if next(run.files.metric_rows(), None) and run.files.saved_step() is None:
        raise RunError(
            f"{run.folder / 'checkpoints'} holds no checkpoint, though training had begun; make the run again."
        )
    cycles, training = cycles_of(run), run.config.training
    with runtime.device_scope(run.config.device):
        data = run.data
        if run.files.saved_step() is None:  # it was killed before its first checkpoint
            model, _ = _first_model(run.config, run.registry, data, quiet)
        else:
            _set_determinism(run.config)
            spec = run.registry.model(run.config.model)
            model = build_for_checkpoint(run.folder, spec, run.config, run.data_spec)
        if epochs is not None:
            done = (run.files.saved_step() or 0) // steps_per_epoch(data, training) - earlier_epochs(cycles)
            cycles = (*cycles[:-1], dataclasses.replace(cycles[-1], trained=done), Cycle(epochs))
        training = dataclasses.replace(training, epochs=cycles[-1].epochs)
        trainer = Trainer(model, data, training, run.registry, earlier_epochs(cycles))
        if epochs is not None:
            begin_cycle(run, cycles)
        return _train(run, trainer, data, quiet)


def _check_finished(run: Run, epochs: int | None) -> None:
    """Check that a run is unfinished, or finished where it is to be trained for further epochs."""
    if run.files.finished:
        run.files.read_results()  # a damaged file is named here
    if epochs is not None:
        require_option(epochs >= 1, "epochs", epochs, "at least 1")
        if not run.files.finished:
            raise RunError(
                f"{run.folder} is not finished, and further epochs are for a finished run; finish it first: "
                f"{run.files.command('resume')}"
            )
        if run.files.saved_step() is None:
            raise RunError(f"{run.folder / 'checkpoints'} holds no checkpoint; make the run again.")
    elif run.files.finished:
        raise RunError(
            f"{run.folder} is finished; nothing is left to train. To train longer: {run.files.command('resume')} --epochs 10"
        )


def _first_model(
    config: RunConfig, registry: Registry, data: Dataset, quiet: bool
) -> tuple[GenerativeModel, dict[str, Any]]:
    """Return a model as training begins with it, and what ``config.json`` has to say of weights from another run."""
    model = _model(config, registry, data)
    initialise_from_data(model, training_data(data, config.training).train)
    if config.init is None:
        return model, {}
    taken = take_weights(model, Run(RunFolder.open(Path(config.init)), registry))
    if not quiet:
        say(taken, error=True)
    return model, {"initial_weights": dataclasses.asdict(taken)}


def _model(config: RunConfig, registry: Registry, data: Dataset) -> GenerativeModel:
    _set_determinism(config)
    spec = registry.model(config.model)
    return build_model(spec, config.options, data.spec, config.training.seed, config.training.precision)


def _set_determinism(config: RunConfig) -> None:
    if config.training.deterministic:
        tf.config.experimental.enable_op_determinism()


def _train(run: Run, trainer: Trainer, data: Dataset, quiet: bool) -> Run:
    observe, model = run.registry.observe, trainer.model
    scales = model.density is None or "columns" in model.basis()  # what has no density takes no harm
    unbalanced = model.conditional and not run.config.training.balance
    notes = data_notes(data, unbalanced, scales)
    if not quiet:
        remark = dequantisation_remark(data.spec) if scales else None
        say(*(f"note: {text}" for text in [*notes, *([remark] if remark else [])]), error=True)
    with run.files.locked():
        observe("tfgen_run_started", run=run, model=model)
        try:
            _fit(run, trainer, data, quiet)
            results = with_notes(_measured_run(run, trainer, data, quiet), notes)
        except BaseException as error:
            observe("tfgen_run_failed", run=run, error=error)
            raise
        run.files.write_results(results)
    run.model, run.data = model, data
    observe("tfgen_run_finished", run=run, results=results)
    return run


def _fit(run: Run, trainer: Trainer, data: Dataset, quiet: bool) -> None:
    training = run.config.training

    def on_mode(mode: CompileMode, timings: dict[str, float | str]) -> None:
        run.note(compile_mode=mode, compile_timings=timings)

    def on_visit(step: int, metrics: dict[str, float]) -> None:
        moments = {0: "before", trainer.schedule.middle: "half"}
        if step in moments and run.config.pictures:
            run.files.require_place()
            with trainer.state.averaged():
                path = run.files.figures / f"samples_{moments[step]}.png"
                _draw_samples(trainer.model, data, training.picture_samples, path)
        run.registry.observe("tfgen_progress", run=run, step=step, metrics=metrics)

    mode = run.provenance.get("compile_mode") or (None if training.compile == "auto" else training.compile)
    trainer.fit(run.files, mode, on_mode, on_visit, quiet)
    trainer.state.finish()


def _measured_run(run: Run, trainer: Trainer, data: Dataset, quiet: bool) -> dict[str, Any]:
    """Return the results of a run that is trained.

    Raises:
        InterruptedRunError: after Ctrl-C or SIGTERM; the last checkpoint has the trained weights.
        OutOfMemoryError: when memory does not suffice; the last checkpoint has the trained weights.
    """
    try:
        return _results(run, trainer, data, quiet)
    except (MemoryError, tf.errors.OpError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            "out of memory in pictures and evaluation after training; the trained weights are saved, evaluate fewer examples "
            f"at a time: {run.files.command('evaluate', '--batch-size', 50)}"
        ) from error
    except KeyboardInterrupt as stop:
        raise InterruptedRunError(
            f"stopped before the evaluation was complete; the trained weights are saved, go on with: "
            f"{run.files.command('resume')}",
            signal_of(stop),
        ) from stop


def _results(run: Run, trainer: Trainer, data: Dataset, quiet: bool) -> dict[str, Any]:
    model, state = trainer.model, trainer.state
    run.files.require_place()
    if run.config.pictures:
        _draw_samples(model, data, run.config.training.picture_samples, run.files.figures / "samples_after.png")
        with written_whole(run.files.figures / "curves.png") as path:
            draw_curves(run.files.thinned_metrics(), path, run.catalogue, averaged=run.config.training.ema > 0)
        draw_run_pictures(model, data, run.files.figures, run.registry)
    splits: tuple[SplitName, ...] = ("test", "valid") if run.config.training.validation == "split" else ("test",)
    measured = _measured(model, data, run.config.evaluate, float(state.seconds.numpy()), quiet, splits)
    for split, metrics in measured.items():
        record_scores(run.folder, split, metrics)
    return {
        "model": run.config.model,
        "data": data.name,
        **{split: metrics_to_json(metrics) for split, metrics in measured.items()},
        "train_seconds": round(float(state.seconds.numpy()), 3),
        "steps": int(state.step.numpy()),
        "epochs": int(state.step.numpy()) // trainer.schedule.steps_per_epoch,
        "weights": "best validation loss" if state.best else "last",
        "best_epoch": int(state.best_epoch.numpy()),
        **({"cycles": run.provenance["cycles"]} if "cycles" in run.provenance else {}),
        "parameters": int(sum(np.prod(weight.shape) for weight in model.trainable_variables)),
    }


def _measured(
    model: GenerativeModel,
    data: Dataset,
    examples: Evaluated,
    training_seconds: float,
    quiet: bool,
    splits: tuple[SplitName, ...] = ("test", "valid"),
) -> dict[str, dict[str, Metric]]:
    """Return the metrics of the density or bound by split; none of a model without, or where none are wanted."""
    if examples == "none" or not isinstance(model, HasLogProb | HasElbo):
        return {}
    count = sys.maxsize if examples == "all" else examples
    options: dict[str, Any] = {
        "examples": None if examples == "all" else examples,
        "batch_size": min(_EVALUATION_BATCH, count),  # a batch is filled up to this size
        "clock": EvaluationClock(training_seconds, sum(min(count, len(data.splits[split])) for split in splits)),
        "quiet": quiet,
    }
    return {split: evaluate(model, data, split, **options) for split in splits}


def _draw_samples(model: GenerativeModel, data: Dataset, images: int, path: Path) -> None:
    """Draw samples of the model beside test examples, of the same classes for a conditional model."""
    if not isinstance(model, Samples):
        return
    count = images if model.data.layout == "grid" else _PICTURE_POINTS
    labels = labels_for(model, count, None)
    if uses_context(model):  # of examples, since a picture of one context would show little
        shown = data.test.subset(count)
        rows = np.arange(count) % len(shown)
        labels = given_of(model, shown.take(rows))
    with written_whole(path) as temporary:
        batches = sample_batches(model, count, labels, _PICTURE_SEED, min(_PICTURE_BATCH, count))
        x = np.concatenate(list(batches))
        draw_examples(
            x, model.data, temporary, real=data.test.like(count, None if uses_context(model) else labels_in(labels))
        )


def _record(config: RunConfig, registry: Registry, data: Dataset) -> dict[str, Any]:
    origin = registry.model_origin(config.model)
    others = [_plugin(record) for record in _other_plugins(config, registry) if record != origin]
    return {
        "plugin": _plugin(origin),
        **({"other_plugins": others} if others else {}),
        "versions": runtime.versions(),
        "machine": {"device": runtime.device_name(config.device), "cores": os.cpu_count(), "platform": sys.platform},
        "data_spec": data.spec.to_json(),
        "data_source": data.source,
    }


def _plugin(record: PluginRecord) -> dict[str, str | None]:
    return {key: getattr(record, key) for key in ("name", "distribution", "version", "file")}


def _other_plugins(config: RunConfig, registry: Registry) -> list[PluginRecord]:
    """Return the plugins, given by ``-p``, of the run's data set, optimizer and learning-rate schedule."""
    return [
        record
        for record in registry.plugins
        if record.kind in ("file", "module")
        and (
            not {config.data, config.data.partition(":")[0]}.isdisjoint(record.datasets)
            or config.training.optimizer in record.optimizers
            or config.training.schedule in record.schedules
        )
    ]
