"""Sweeps: every combination of models, options and seeds, trained one after another, and resumable."""

from __future__ import annotations

import gc
import itertools
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen import (
    DataSpec,
    InterruptedRunError,
    ModelSpec,
    OptionError,
    OutputError,
    Registry,
    RunError,
    TfgenError,
    TrainOptions,
    UnknownNameError,
)
from tfgen.plugin.options import field_names, flattened, option_names
from tfgen.printed import say
from tfgen.runs import (
    Run,
    RunConfig,
    RunFacts,
    RunFolder,
    check_name,
    config_from_json,
    in_words,
    read_run,
    record_metrics,
)

RECORD = "sweep.json"
_LONGEST_NAME = 200  # file systems take 255 bytes


@dataclass(frozen=True)
class Planned:
    """One run of a sweep.

    Attributes:
        name: of its folder.
        config: of the run.
        varied: the values of the options that the sweep varies; model and seed stand in the configuration.
    """

    name: str
    config: RunConfig
    varied: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """Outcome of a planned run: finished, failed, or to do.

    Attributes:
        planned: the run.
        facts: read from its folder, once it is finished.
        error: why it failed, or a metric of the finished run, in one line.
    """

    planned: Planned
    facts: RunFacts | None = None
    error: str | None = None

    @property
    def state(self) -> str:
        """``finished``, ``failed``, or ``to do``."""
        return "failed" if self.error else "finished" if self.facts else "to do"


def options_to_vary(spec: ModelSpec) -> tuple[str, ...]:
    """Return the options that a sweep can vary: the model's options, most of those of training, and the data set.

    Seeds are averaged over, and once TensorFlow is deterministic it is so for all runs of the process.
    """
    training = (name for name in field_names(TrainOptions) if name not in ("seed", "deterministic"))
    return ("data", *option_names(spec.config), *training)


def check_varied(names: Iterable[str], spec: ModelSpec) -> None:
    """Check the names of varied options against a model."""
    known = options_to_vary(spec)
    for name in names:
        if name not in known:
            raise UnknownNameError(f"option of {spec.name}", name, known, f"See: tfgen run {spec.name} --help")


def plan(
    bases: Sequence[RunConfig], registry: Registry, vary: Mapping[str, Sequence[Any]], seeds: Sequence[int] = ()
) -> list[Planned]:
    """Plan a sweep: return every run, checked, without creating anything.

    The first seed's combinations come first, so that a sweep that is stopped early has compared all of them once.

    Args:
        bases: for each model what holds where nothing is varied.
        registry: where the models are looked up.
        vary: the values of each varied option, of the option's type.
        seeds: of the runs; by default the one of each base.

    Raises:
        UnknownNameError: for an option that one of the models does not have.
        OptionError: for a value of the wrong type or out of range, or one that is named twice.
    """
    _refuse_twice("model", [base.model for base in bases])
    _refuse_twice("seed", seeds)
    for name, values in vary.items():
        if not values:
            raise OptionError(f"--vary {name} names no values; for example: --vary layers 5 10")
        _refuse_twice(name, values)
    specs = {base.model: registry.model(base.model) for base in bases}
    for spec in specs.values():
        check_varied(vary, spec)
    chosen: list[int | None] = [*seeds] or [None]
    planned = [
        _planned(base, specs[base.model], dict(zip(vary, values, strict=True)), seed)
        for seed in chosen
        for base in bases
        for values in itertools.product(*vary.values())
    ]
    _refuse_twice("run", [run.name for run in planned])
    for run in planned:
        run.config.check(registry)
    return planned


def open_sweep(runs_dir: Path, name: str, planned: Sequence[Planned], registry: Registry) -> Path:
    """Return the folder of a sweep, after checking that its content belongs to this sweep; creates nothing.

    Raises:
        RunError: when the name is no plain name or is that of a run, or a run in it was made with other options.
        OutputError: when the folder holds something else.
    """
    folder = runs_dir / name
    if not folder.is_dir():
        check_name(runs_dir, name)
        return folder
    if (folder / "config.json").exists():
        raise RunError(f"{folder} is a single run; choose another --name for the sweep.")
    if any(child.name[0] != "." for child in folder.iterdir()) and not (folder / RECORD).exists():
        raise OutputError(f"{folder} holds other things than a sweep; choose another --name.")
    for run in planned:
        if (folder / run.name / "config.json").exists():
            before = Run(RunFolder(folder / run.name), registry)
            _refuse_other_options(before, run)
            if before.files.finished:
                before.results  # noqa: B018 - a damaged file is reported before anything is trained
    return folder


def check_models(planned: Sequence[Planned], registry: Registry) -> None:
    """Build each model once on its data, so that errors are reported before the first run starts.

    Raises:
        TfgenError: for data that cannot be had.
        OptionError: for a model that cannot take the data or the precision; names the run.
    """
    from tfgen import build_model, load_dataset
    from tfgen.runtime import device_scope

    specs: dict[tuple[Any, ...], DataSpec] = {}
    seen: list[tuple[Any, ...]] = []
    for run in planned:
        config, place = run.config, (run.config.data, run.config.sources)
        if place not in specs:
            specs[place] = load_dataset(config.data, registry, config.sources, config.data_options).spec
        kind = (config.model, config.data, config.options, config.training.precision)
        if kind in seen:
            continue
        seen.append(kind)
        try:
            with device_scope(config.device):
                build_model(
                    registry.model(config.model), config.options, specs[place],
                    config.training.seed, config.training.precision,
                )  # fmt: skip
        except TfgenError as error:
            raise OptionError(f"{run.name}: {error}") from error


def train_all(
    planned: Sequence[Planned],
    registry: Registry,
    folder: Path,
    sample_batch: int = 1000,
    quiet: bool = False,
    metrics: Sequence[str] = (),
) -> Iterator[list[Outcome]]:
    """Train unfinished runs one after another; yield the outcomes of all runs, at first and after each run.

    Finished runs are left as they are and interrupted ones go on. A run that fails is reported on stderr and the others go on.

    Args:
        planned: the runs.
        registry: where models and data sets are looked up.
        folder: of the sweep.
        sample_batch: samples in a batch when sampling is timed; 0 times nothing.
        quiet: show no progress.
        metrics: names of metrics that are computed after training, where the results lack them.

    Raises:
        InterruptedRunError: when the user stops a run, which is saved.
        RunError: when the sweep goes on in another process.
    """
    outcomes = [Outcome(run) for run in planned]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {folder}: {error.strerror}; choose another --runs-dir.") from error
    from tfgen.runtime import without_retracing_warnings

    with RunFolder(folder).locked(), without_retracing_warnings():
        yield outcomes
        for number, run in enumerate(planned):
            place = f"run {number + 1} of {len(planned)}"
            try:
                outcomes[number] = _outcome(run, registry, folder, sample_batch, "" if quiet else place, metrics)
            except InterruptedRunError as stop:
                done = sum(outcome.facts is not None for outcome in outcomes)
                raise InterruptedRunError(
                    f"stopped in {place}, which is saved ({done} finished); the same command goes on with it.",
                    stop.exit_code - 128,
                ) from stop
            gc.collect()  # models and their graphs refer to each other in circles
            yield outcomes


def _outcome(
    run: Planned, registry: Registry, folder: Path, sample_batch: int, place: str, metrics: Sequence[str]
) -> Outcome:
    """Train one run unless it is finished; `place` is a prefix of its printed name."""
    files = RunFolder(folder / run.name)
    try:
        if files.finished:
            _say(place, f"{run.name} is finished")
            trained = Run(files, registry)
            trained.check()
        else:
            trained = _train(run, registry, files, place)
        timed = read_run(files, run.name).sampling
        if sample_batch and (timed is None or timed.basis.get("batch_size") != sample_batch):
            _time_sampling(trained, sample_batch)
        error = _measure(trained, metrics, quiet=not place)
        return Outcome(run, read_run(files, run.name, trained.catalogue), error)
    except InterruptedRunError:
        raise
    except TfgenError as error:
        _say("failed", f"{run.name}: {error}")
        return Outcome(run, error=str(error))
    except Exception as error:  # a fault in one model, or no memory for it, is no reason to lose the night
        traceback.print_exc()
        _say("failed", f"{run.name}: {type(error).__name__}")
        return Outcome(run, error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def _train(run: Planned, registry: Registry, files: RunFolder, place: str) -> Run:
    from tfgen.runs import resume_run, start_run

    if (files.path / "config.json").exists():
        _say(place, f"{run.name} goes on")
        return resume_run(Run(files, registry), quiet=not place)
    _say(place, run.name)
    return start_run(run.config, registry, files.path.parent, run.name, quiet=not place)


def _measure(run: Run, metrics: Sequence[str], quiet: bool) -> str | None:
    """Compute the metrics that results lack; return why one cannot be had: the run is finished all the same."""
    try:
        record_metrics(run, metrics, quiet=quiet)
    except InterruptedRunError:
        raise
    except TfgenError as error:
        said = f"trained, but not measured: {error}"
        _say("failed", f"{run.name}: {said}")
        return said
    return None


def _time_sampling(run: Run, batch_size: int) -> None:
    from tfgen import Samples, samples_per_second
    from tfgen.runtime import device_scope

    if isinstance(run.model, Samples):
        with device_scope(run.config.device):
            timed = samples_per_second(run.model, batch_size)
        run.record_sampling(timed)


def _planned(base: RunConfig, spec: ModelSpec, varied: Mapping[str, Any], seed: int | None) -> Planned:
    content = base.to_json()
    groups = {"options": option_names(spec.config), "training": field_names(TrainOptions)}
    for option, value in {**varied, **({} if seed is None else {"seed": seed})}.items():
        if option == "data":
            content["data"] = value
        for group, options in groups.items():
            if option in options:
                content[group] = {**flattened(content[group]), option: value}
    config = config_from_json(content, spec)
    parts = [spec.name, *(f"{option}={_spelled(value)}" for option, value in varied.items())]
    name = "-".join([*parts, f"seed={config.training.seed}"])
    if len(name) > _LONGEST_NAME:
        raise OptionError(f"{name[:60]}... is too long a name for a folder; vary fewer options at once.")
    return Planned(name, config, varied)


def _spelled(value: Any) -> str:
    """Format a value as part of a folder name."""
    if isinstance(value, tuple):
        return "+".join(map(_spelled, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return re.sub(r"[^\w.+-]", "-", in_words(value))


def _refuse_twice(kind: str, values: Sequence[Any]) -> None:
    for number, value in enumerate(values):
        if value in values[:number]:
            raise OptionError(f"{kind} {in_words(value)} is named twice; name it once.")


def _refuse_other_options(before: Run, run: Planned) -> None:
    made, wanted = _flat(before.config), _flat(run.config)
    for option, value in wanted.items():
        if made.get(option) != value:
            raise RunError(
                f"{before.folder} was made with {option} {in_words(made.get(option))}, and this sweep has "
                f"{in_words(value)}; choose another --name, or delete that run."
            )


def _flat(config: RunConfig) -> dict[str, Any]:
    """Return every option of a run by name, without data folders."""
    content = config.to_json()
    kept = {name: content.get(name) for name in ("model", "data", "device", "init", "evaluate")}
    return kept | flattened(content["options"]) | content["training"]


def _say(place: str, text: str) -> None:
    if place:
        say(f"{place}: {text}", error=True)
