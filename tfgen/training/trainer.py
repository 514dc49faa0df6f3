"""Trainer: the shared training loop for every model, compile mode and feed."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgen.data.dataset import Dataset
from tfgen.data.notes import data_notes
from tfgen.errors import NonFiniteError, OptionError
from tfgen.metrics.metric import GIVEN_LABEL
from tfgen.model.base import GenerativeModel
from tfgen.model.objective import Objective
from tfgen.plugin.registry import Registry
from tfgen.plugin.train_options import CompileMode, TrainOptions
from tfgen.progress import Bar
from tfgen.training.augmentation import augmentation
from tfgen.training.catalogue import check_optimizer
from tfgen.training.checkpoints import Checkpoints
from tfgen.training.compile_mode import ChunkProgram, compile_chunk, fastest_mode
from tfgen.training.feeds import Feed, make_feed
from tfgen.training.interruption import InterruptedRunError, StopRequest, stop_requests
from tfgen.training.journal import Journal
from tfgen.training.memory import memory_explained
from tfgen.training.optimisers import leave_undecayed, make_optimizer
from tfgen.training.saved_steps import latest_step
from tfgen.training.schedule import Chunk, Schedule, block_size, chunk_steps
from tfgen.training.selection import Selection, training_data
from tfgen.training.state import TrainingState
from tfgen.training.step import Step, prefixed, stages_of
from tfgen.training.validation import Validation, batch_of

#: Batches that are validated at a time where memory is short: without gradients, few activations are kept.
_FORWARD_BATCHES = 4
#: Losses that differ by less than this share of them are the same but for rounding in float32.
_SAME_LOSS = 1e-6
#: Sources of sets whose examples stand in random order: prepared ones, by hash. Others may be sorted, by class or time.
_IN_RANDOM_ORDER = ("own:", "tensorflow-datasets")


class Trainer:
    """Trains one model on one data set as the options say.

    Args:
        model: freshly built.
        data: what it is trained and validated on.
        options: how.
        registry: where optimizer and schedule are looked up; only tfgen's own are known where None.
        earlier: epochs of earlier cycles of the run, after which those of the options follow, with a learning-rate schedule
            of their own.

    Attributes:
        model: as given.
        schedule: which steps there will be.
        stages: the steps in which each objective takes its turns.
        state: what training changes.
        step: what is compiled.
        first_losses: the losses before the first step, which were found to be finite.

    Raises:
        OptionError: when batch or warm-up do not fit the data, or the run ends before an objective begins.
        PluginError: when the model's objectives are not sound.
        NonFiniteError: when the first loss is not finite.
    """

    def __init__(
        self,
        model: GenerativeModel,
        data: Dataset,
        options: TrainOptions,
        registry: Registry | None = None,
        earlier: int = 0,
    ) -> None:
        data = training_data(data, options)
        self.model, self.data, self.options = model, data, options
        check_optimizer(options, registry, usual=options)  # options that mean nothing have been told before
        step_size = options.batch_size * options.accumulate
        example_bytes = data.train.x[:1].nbytes
        per_chunk = chunk_steps(options.chunk_steps, step_size, example_bytes)
        selection = Selection(data, options)
        self.schedule = Schedule(
            len(selection),
            options.batch_size,
            options.epochs,
            per_chunk,
            options.seed,
            options.accumulate,
            selection.epoch,
            earlier,
            block_size(len(selection), example_bytes) if data.source.startswith(_IN_RANDOM_ORDER) else 0,
        )
        self.objectives = list(model.objectives())
        _require_ranking_losses(model, options)
        self.stages = stages_of(self.objectives, earlier + options.epochs, self.schedule.steps_per_epoch)
        optimizers = self._optimizers(registry)
        self.state = TrainingState(model, optimizers, ema=options.ema > 0, keep_best=options.keep == "best")
        with memory_explained(options, "with the training data"):
            self.feed: Feed = make_feed(data.train, options.feed)
        check_gradients = options.precision != "mixed_float16"  # whose loss scaling expects some that are not finite
        self.step = Step(
            self.state,
            self.objectives,
            options.seed,
            options.ema,
            check_gradients,
            self.schedule.steps_per_epoch,
            self.stages,
            options.accumulate,
            augmentation(options, data.spec),
        )
        with memory_explained(options, "in the first step"):
            self.first_losses = self.step.check(batch_of(data.train, self.schedule.order(0)[0, : options.batch_size]))

    def _optimizers(self, registry: Registry | None) -> list[keras.optimizers.Optimizer]:
        """Return an optimizer for each objective, whose learning-rate schedule is over its turns in this cycle."""
        optimizers, plan = [], self.schedule
        for objective, stage in zip(self.objectives, self.stages, strict=True):
            before = objective.turns(0, plan.start, stage)
            count = objective.turns(plan.start, plan.total_steps, stage)
            # One that moves no more has no turn that a warm-up could be of.
            options = self.options if count or not before else dataclasses.replace(self.options, warmup_steps=0)
            optimizer = make_optimizer(options, max(1, count), objective.learning_rate, registry, before)
            leave_undecayed(optimizer, objective.undecayed)
            optimizer.build(objective.weights)
            optimizers.append(optimizer)
        return optimizers

    def finished(self) -> bool:
        """Return whether every step is done, or early stopping has ended the run."""
        out_of_patience = 0 < self.options.patience <= int(self.state.stale_epochs.numpy())
        return out_of_patience or int(self.state.step.numpy()) >= self.schedule.total_steps

    def fit(
        self,
        journal: Journal | None,
        mode: CompileMode | None,
        on_mode: Callable[[CompileMode, dict[str, float | str]], None],
        on_visit: Callable[[int, dict[str, float]], None],
        quiet: bool = False,
    ) -> None:
        """Train from the latest checkpoint of the journal, or from the start, to the end.

        Args:
            journal: gets checkpoints and metrics, for example a run's folder; None keeps nothing on disk.
            mode: how steps are compiled; None finds the fastest way first.
            on_mode: told the compile mode once it is known, before the first step.
            on_visit: told the step and the metrics after each chunk, and ``(0, first losses)`` before the first.
            quiet: show no progress.

        Raises:
            NonFiniteError: when a loss or gradient is not finite; the last checkpoint stays.
            InterruptedRunError: after Ctrl-C or SIGTERM, once the run is saved.
            OutputError: when the disk is full; the last checkpoint stays.
        """
        checkpoints = None if journal is None else Checkpoints(journal.path, self.state, journal.command)
        if journal is not None and checkpoints is not None:
            if latest_step(journal.path) is not None:
                checkpoints.restore()
            else:  # from here on there is always a good one to go back to
                checkpoints.save()
            journal.cut_metrics(int(self.state.step.numpy()))
        start = int(self.state.step.numpy())
        if start == self.schedule.start:  # patience begins anew in each cycle
            self.state.stale_epochs.assign(0)
        with (
            Bar("training", self.schedule.total_steps, "steps", done=start, quiet=quiet) as bar,
            stop_requests() as request,
        ):
            program = None
            if mode is None:
                mode, program, timings = self.choose_mode(bar.say)
                on_mode(mode, timings)
            self._loop(
                program or self._program(mode), _Visits(self, journal, checkpoints, request, bar, on_visit), mode
            )
        if checkpoints is not None:
            checkpoints.save()

    def _loop(self, program: ChunkProgram, visits: _Visits, mode: CompileMode) -> None:
        start = int(self.state.step.numpy())
        if start == 0:
            visits.on_visit(0, {f"train/{name}": value for name, value in self.first_losses.items()})
        if self.finished():
            return
        validate = self._validation(self.schedule.total_steps, mode)
        if start == self.schedule.start > 0:
            with memory_explained(self.options, "in a validation"):
                self._judge_best(validate, mode)
        visits.bar.restart_clock()
        for chunk, payload in self.feed.payloads(self.schedule.chunks(start), self.schedule.chunk_steps):
            begin = time.perf_counter()
            metrics = self._run_chunk(program, chunk, payload, visits.journal)
            self.state.seconds.assign_add(time.perf_counter() - begin)
            self.state.step.assign(chunk.last)
            if chunk.ends_epoch and self.options.validation == "split":
                with self.state.averaged(), memory_explained(self.options, "in a validation"):
                    metrics |= {f"valid/{name}": value for name, value in validate().items()}
                    if chunk.last > self.stages[validate.monitored].start:
                        self.state.note_validation(metrics[f"valid/{validate.loss_name}"], chunk.epoch + 1)
            visits.after(chunk, metrics)
            if self.finished():
                return

    def _validation(self, step: int, mode: CompileMode | None) -> Validation:
        return Validation(
            self.objectives,
            self.data.valid,
            self.options.seed,
            step,
            self.schedule.steps_per_epoch,
            jit=mode != "graph",
            most=_FORWARD_BATCHES * self.options.batch_size if self.options.accumulate > 1 else None,
        )

    def _judge_best(self, validate: Validation, mode: CompileMode | None) -> None:
        """Judge the best weights of earlier cycles by the objectives at the end of this one, as its own will be judged.

        What is annealed over epochs, such as the weight of a KL, may have other values there, and a loss at a smaller weight
        would never be reached again. Where no best weights are kept, their value is forgotten if the loss does change from
        here on.
        """
        state = self.state
        if not int(state.best_epoch.numpy()):
            return
        if state.best:
            with state.at_best():
                state.best_value.assign(validate()[validate.loss_name])
            return
        with state.averaged():
            now, then = (one()[validate.loss_name] for one in (self._validation(self.schedule.start, mode), validate))
        if not math.isclose(now, then, rel_tol=_SAME_LOSS):
            state.forget_best()

    def _run_chunk(
        self, program: ChunkProgram, chunk: Chunk, payload: Any, journal: Journal | None
    ) -> dict[str, float]:
        count = chunk.last - chunk.first
        with memory_explained(self.options, f"in epoch {chunk.epoch + 1}"):
            done, finite, sums = program(payload, tf.constant(chunk.first), tf.constant(count))
        if not bool(finite):
            saved = "" if journal is None else f"the checkpoint of step {latest_step(journal.path)} is good; "
            raise NonFiniteError(
                f"loss or gradient is not finite at step {chunk.first + int(done)} (epoch {chunk.epoch + 1}); "
                f"{saved}try a smaller --learning-rate, a --clip-norm such as 1, or --warmup-steps 500."
                f"{''.join(f' The data may be the cause: {note}.' for note in data_notes(self.data, conditional=False)[:1])}"
            )
        metrics: dict[str, float] = {}
        for objective, optimizer, stage in zip(self.objectives, self.state.optimizers, self.stages, strict=True):
            turns = objective.turns(chunk.first, chunk.last, stage)
            names = prefixed(objective, self.objectives, dict.fromkeys(self._term_names(objective)))
            metrics |= {f"train/{name}": float(sums[name]) / turns for name in names if turns}
            rate = float(optimizer.learning_rate)
            metrics |= prefixed(objective, self.objectives, {"learning_rate": rate})
        return metrics

    def _program(self, mode: CompileMode) -> ChunkProgram:
        names = [
            name
            for objective in self.objectives
            for name in prefixed(objective, self.objectives, dict.fromkeys(self._term_names(objective)))
        ]
        return compile_chunk(self.step, self.feed, names, mode)

    def _term_names(self, objective: Objective) -> tuple[str, ...]:
        return (*self.step.terms[objective.name], "gradient_norm")

    def choose_mode(
        self, report: Callable[[str], None], left: int | None = None
    ) -> tuple[CompileMode, ChunkProgram, dict[str, float | str]]:
        """Return what `fastest_mode` finds on the first chunk, which is what ``--compile auto`` takes.

        Args:
            report: told what is being tried, and what is taken.
            left: how many steps the choice is for; by default those of the run that are to be done.
        """
        left = self.schedule.total_steps - int(self.state.step.numpy()) if left is None else left
        chunk, payload = next(iter(self.feed.payloads(self.schedule.chunks(), self.schedule.chunk_steps)))
        steps = chunk.last - chunk.first
        looped = self.options.accumulate > 1
        with memory_explained(self.options, "in the first steps"):
            mode, program, timings = fastest_mode(self.state, self._program, payload, steps, left, report, looped)
        shown = ", ".join(
            f"{name} {f'{ms:.1f} ms' if isinstance(ms, float) else 'fails'}" for name, ms in timings.items()
        )
        report(f"training with --compile {mode}, the fastest way here ({shown} a step)")
        return mode, program, timings


def steps_per_epoch(data: Dataset, options: TrainOptions) -> int:
    """Return the steps of an epoch in a training with these options."""
    return len(Selection(training_data(data, options), options)) // (options.batch_size * options.accumulate)


class _Visits:
    """What the host does between two chunks: record, tell, save, and stop when asked to."""

    def __init__(
        self,
        trainer: Trainer,
        journal: Journal | None,
        checkpoints: Checkpoints | None,
        request: StopRequest,
        bar: Bar,
        on_visit: Callable[[int, dict[str, float]], None],
    ) -> None:
        self.trainer, self.journal, self.checkpoints = trainer, journal, checkpoints
        self.request, self.bar, self.on_visit = request, bar, on_visit
        self._last_save = time.monotonic()

    def after(self, chunk: Chunk, metrics: dict[str, float]) -> None:
        """Act on a finished chunk."""
        state, options = self.trainer.state, self.trainer.options
        row = {
            "step": chunk.last,
            "epoch": chunk.epoch + 1,
            "seconds": round(float(state.seconds.numpy()), 3),
            **metrics,
        }
        if self.journal is not None:
            self.journal.add_metrics(row)
        self.bar.update(chunk.last, _shown(metrics), milestone=chunk.ends_epoch)
        self.on_visit(chunk.last, metrics)
        if self.request.signum is not None:
            self._save()
            kept = "nothing is kept" if self.journal is None else f"go on with: {self.journal.command('resume')}"
            how = "stopped" if self.journal is None else "stopped and saved"
            raise InterruptedRunError(f"{how} at step {chunk.last}; {kept}", self.request.signum)
        if time.monotonic() - self._last_save >= options.checkpoint_seconds:
            self._save()
            self._last_save = time.monotonic()

    def _save(self) -> None:
        if self.checkpoints is not None:
            self.checkpoints.save()


def _require_ranking_losses(model: GenerativeModel, options: TrainOptions) -> None:
    if model.validation_loss_ranks or (options.keep == "last" and not options.patience):
        return
    chosen = "--keep best" if options.keep == "best" else f"--patience {options.patience}"
    raise OptionError(
        f"{chosen} goes by the validation loss, and a lower one does not mean a better {type(model).__name__}; "
        "use --keep last, without --patience."
    )


def _shown(metrics: dict[str, float]) -> dict[str, float]:
    """Return the few numbers that fit beside a progress bar, under short names: ``loss|y`` is the loss given the label."""
    hidden = ("gradient_norm", "learning_rate")
    kept = {name: value for name, value in metrics.items() if not name.endswith(hidden)}
    shown = {name.removeprefix("train/").replace(GIVEN_LABEL, "|y"): value for name, value in kept.items()}
    if not any(name.startswith("valid/") for name in shown):
        return dict(list(shown.items())[:4])
    return {name: value for name, value in shown.items() if name.endswith(("loss", "bits_per_dim", "bits_per_dim|y"))}
