"""Benchmark of training steps: tfgen's loop in each compile mode, `tf.data` with `tf.function`, and Keras's fit.

Machines are noisy, by 2-3x, so the ways take turns: each round times every way once, and starts with another way. What
counts is the ratio to the first way within a round; its median over the rounds is reported with its range. All ways make
the same number of steps in all, so that their losses can be compared: it is checked that they start from the same loss,
and how many updates each has made. When all three compile modes are among the ways, `--compile auto` then chooses one, and
what it took is held against what the rounds say.

    python benchmarks/training_loop.py --manual-dir FOLDER_WITH_THE_MNIST_FILES --json out.json
    python benchmarks/training_loop.py --data digits --units 64 --steps 40 --chunk-steps 20
    python benchmarks/training_loop.py --model cvae --network conv --ways graph xla-step xla-loop
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import math
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import tyro

if not __package__:  # run as a file, as in the first example
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.timings import (
    DESCRIPTIONS,
    DEVICE_MODES,
    AutoChoice,
    Measured,
    WayName,
    agreement,
    check_same_work,
    summary_lines,
    table,
)
from tfgen import runtime
from tfgen.cli.tables import print_table
from tfgen.errors import OptionError, PluginError, TfgenError, require_option
from tfgen.files import write_json
from tfgen.plugin.loading import load_registry
from tfgen.plugin.option_types import to_json
from tfgen.plugin.options import build, field_names
from tfgen.plugin.specs import DataSources, ModelSpec
from tfgen.plugin.train_options import CompileMode, TrainOptions
from tfgen.runs.config import Device, default_config
from tfgen_benchmarks.machine import describe_machine, gpu_bytes, peak_resident_bytes, resident_bytes

if TYPE_CHECKING:
    from tfgen_benchmarks.loops import Loop, Task

#: A compile mode whose single step takes so many times the fastest way's is reported and left out, unless it is bearable.
_HOPELESS = 10.0
_BEARABLE = 0.25  # seconds; a single step is a noisy measure of quicker ones


@dataclass(frozen=True)
class Options:
    """Options of the benchmark."""

    model: str = "realnvp"
    """Registered name of the model; its own options are listed below."""
    plugins: tuple[str, ...] = ()
    """Files or modules with further plugins."""
    data: str = "mnist"
    """Data set; digits needs no files."""
    data_dir: str | None = None
    """Folder of prepared data sets; by default ~/tensorflow_datasets."""
    manual_dir: str | None = None
    """Folder with the files of a data set that were downloaded by hand."""
    batch_size: int = 128
    """Examples in one step."""
    learning_rate: float | None = None
    """Step size of the optimizer, constant; by default the model's own."""
    seed: int = 0
    """Seed of weights, order and noise."""
    chunk_steps: int = 100
    """Steps in one chunk of tfgen's loop, and in one execution of Keras's fit."""
    steps: int = 200
    """Timed steps of each way in each round."""
    epochs_for_fit: int = 2
    """Fit's timed steps are so many epochs; one more goes before them untimed, and as many steps go before any way's."""
    repeats: int = 5
    """Rounds that count; one more goes before them, which warms up."""
    ways: tuple[WayName, ...] = get_args(WayName)
    """Ways to compare; the first one is what the others are measured against."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    json: Path | None = None
    """File for all numbers."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "chunk_steps", "steps", "epochs_for_fit", "repeats"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        per_epoch = self.chunk_steps * self.epochs_for_fit
        rule = f"a multiple of {per_epoch} (--chunk-steps times --epochs-for-fit)"
        require_option(self.steps % per_epoch == 0, "steps", self.steps, rule)
        require_option(len(set(self.ways)) == len(self.ways) > 0, "ways", " ".join(self.ways), "different names")
        if self.json is not None:  # better now than after ten minutes
            writable = self.json.parent.is_dir() and not self.json.is_dir()
            require_option(writable, "json", self.json, "a file in a folder that exists")

    @property
    def lead(self) -> int:
        """Untimed steps before the timed ones of a round: one epoch of fit."""
        return self.steps // self.epochs_for_fit

    @property
    def total_steps(self) -> int:
        """Steps that each way makes in all: a chunk that compiles, a round that warms up, and the rounds that count."""
        return self.chunk_steps + (1 + self.repeats) * (self.lead + self.steps)


def measure(options: Options, task: Task, report: Callable[[str], None]) -> list[Measured]:
    """Run every way; return the timings in the order of ``options.ways``.

    Raises:
        TfgenError: when the ways did not do the same work.
    """
    loops: dict[WayName, Loop] = {}
    result: dict[WayName, Measured] = {}
    for name in sorted(options.ways, key=lambda name: name == "stream"):  # it takes the mode that did best before
        result[name] = _start(name, options, task, loops, result, report)
    names = [name for name in options.ways if name in loops]
    if not names:
        raise TfgenError(f"no way works: {'; '.join(f'{name}: {way.left_out}' for name, way in result.items())}.")
    for turn in range(options.repeats):
        report(f"round {turn + 1} of {options.repeats}")
        begin = turn % len(names)
        for name in names[begin:] + names[:begin]:
            seconds = loops[name].timed(options.lead, options.steps)
            result[name].ms_per_step.append(1000 * seconds / options.steps)
    for name in names:
        result[name].last_loss = loops[name].loss(task)
        result[name].steps = loops[name].steps_done
        first = result[names[0]].ms_per_step
        result[name].times_as_fast = [a / b for a, b in zip(first, result[name].ms_per_step, strict=True)]
    check_same_work([result[name] for name in names], options.total_steps)
    return [result[name] for name in options.ways]


def ask_auto(
    options: Options, task: Task, ways: Sequence[Measured], report: Callable[[str], None]
) -> AutoChoice | None:
    """Return the mode that ``--compile auto`` takes, beside what was measured of each; None unless all three were asked for."""
    from benchmarks.loops import choose_mode

    if not set(DEVICE_MODES) <= set(options.ways):
        return None
    gc.collect()
    choice = choose_mode(task, report)
    choice.judge(ways)
    return choice


def _start(
    name: WayName,
    options: Options,
    task: Task,
    loops: dict[WayName, Loop],
    result: Mapping[WayName, Measured],
    report: Callable[[str], None],
) -> Measured:
    """Build a way, compile it and take it through the round that does not count; put it into `loops` when it works."""
    import tensorflow as tf

    from tfgen_benchmarks.loops import Chunks

    gc.collect()
    gpu = gpu_bytes()
    report(f"warming up: {DESCRIPTIONS[name]}")
    loop, description = _build(name, task, result)
    way = Measured(name, description, first_loss=loop.loss(task))
    try:
        begin = time.perf_counter()
        if isinstance(loop, Chunks):
            way.data = loop.data_bytes
            if way.data and way.data["examples"] != task.data.train.x.nbytes:
                raise TfgenError(
                    f"{name} holds {way.data['examples']} bytes of examples, the set has {task.data.train.x.nbytes}."
                )
            glance = loop.glance()
            fastest = min(
                (other.warm_up_ms / 1000 for other in result.values() if not other.left_out), default=math.inf
            )
            if glance > max(_BEARABLE, _HOPELESS * fastest):
                way.left_out = f"{1000 * glance:.0f} ms a step, more than {_HOPELESS:g} times the fastest so far"
                return way
        loop.run(options.chunk_steps)
        tf.test.experimental.sync_devices()
        first = time.perf_counter() - begin
    except (tf.errors.OpError, NotImplementedError) as error:  # an operation that XLA does not know, for example
        way.left_out = str(error).splitlines()[0]
        return way
    way.warm_up_ms = 1000 * loop.timed(options.lead, options.steps) / options.steps
    way.compile_seconds = max(0.0, first - options.chunk_steps * way.warm_up_ms / 1000)
    way.gpu_growth = None if gpu is None else (gpu_bytes() or 0) - gpu
    loops[name] = loop
    return way


def _build(name: WayName, task: Task, result: Mapping[WayName, Measured]) -> tuple[Loop, str]:
    from benchmarks.loops import Fit, PerStep
    from tfgen_benchmarks.loops import Chunks

    description = DESCRIPTIONS[name]
    if name in ("tf.function", "tf.function-xla"):
        return PerStep(task, jit=name == "tf.function-xla"), description
    if name in ("keras-fit", "keras-fit-xla"):
        fit = Fit(task, jit="auto" if name == "keras-fit" else True)
        return fit, f"{description}{f' (here {fit.jit})' if name == 'keras-fit' else ''}"
    if name == "stream":
        timed = [mode for mode in DEVICE_MODES if mode in result and result[mode].left_out is None]
        best = min(timed, key=lambda mode: result[mode].warm_up_ms, default="graph")
        return Chunks(task, cast(CompileMode, best), stream=True), f"{description} --compile {best}"
    return Chunks(task, cast(CompileMode, name), stream=False), description


def parse(arguments: Sequence[str]) -> tuple[Options, ModelSpec, Any]:
    """Return the options, the model's spec and the model's own options."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)  # which model decides which options there are
    early.add_argument("--model", default=Options.model)
    early.add_argument("--plugins", nargs="*", default=[])
    known, _ = early.parse_known_args(arguments)
    spec = load_registry(known.plugins).model(known.model)
    taken = set(field_names(Options)) & set(field_names(spec.config))
    if taken:
        raise PluginError(
            f"model {spec.name!r}: option {sorted(taken)[0]!r} has the name of an option of this benchmark."
        )
    groups = [("benchmark", Options, field(default=Options())), ("model", spec.config, field(default=spec.config()))]
    parsed: Any = tyro.cli(
        dataclasses.make_dataclass("Everything", groups, frozen=True),
        args=list(arguments),
        prog="training_loop.py",
        description=(__doc__ or "").split("\n    python")[0],
        config=(tyro.conf.OmitArgPrefixes,),
    )
    return parsed.benchmark, spec, parsed.model


def make_task(options: Options, spec: ModelSpec, config: Any) -> Task:
    """Load the data; return the common task of all ways.

    Raises:
        TfgenError: when the data cannot be had or do not fit the options.
    """
    from tfgen.data.lookup import load_dataset
    from tfgen.training.schedule import chunk_steps
    from tfgen_benchmarks.loops import Task

    data = load_dataset(options.data, load_registry(options.plugins), DataSources(options.data_dir, options.manual_dir))
    example_bytes = data.train.x.nbytes // len(data.train)
    most = chunk_steps(options.chunk_steps, options.batch_size, example_bytes)
    require_option(
        most == options.chunk_steps, "chunk_steps", options.chunk_steps, f"at most {most} for examples of this size"
    )
    if options.batch_size > len(data.train):
        raise OptionError(
            f"--batch-size must be at most the {len(data.train)} training examples, got {options.batch_size}."
        )
    defaults = default_config(spec).training
    # The rate is constant, since a schedule has nothing to do with what is timed; all else is as the model is trained.
    changed = {
        "schedule": "constant",
        "warmup_steps": 0,
        "precision": "float32",
        "ema": 0.0,
        "keep": "last",
        "batch_size": options.batch_size,
        "seed": options.seed,
        "chunk_steps": options.chunk_steps,
        "epochs": math.ceil(options.total_steps / (len(data.train) // options.batch_size)) + 1,
        "learning_rate": options.learning_rate or defaults.learning_rate,
    }
    return Task(spec, config, data, build(TrainOptions, changed, defaults), options.total_steps)


def record(
    options: Options,
    task: Task,
    ways: Sequence[Measured],
    machine: Mapping[str, Any],
    peak_growth: int,
    command: str,
    auto: AutoChoice | None = None,
) -> dict[str, Any]:
    """Return all timings with machine and options, for JSON."""
    training = task.training
    chosen = ("optimizer", "learning_rate", "clip_norm", "batch_size", "seed")
    return {
        "benchmark": "training_loop",
        "command": command,
        "machine": dict(machine),
        "model": task.spec.name,
        "options": to_json(task.config),
        "data": {"name": task.data.name, "source": task.data.source, "train_examples": len(task.data.train)},
        "training": {name: getattr(training, name) for name in chosen},
        "plan": {name: getattr(options, name) for name in ("chunk_steps", "lead", "steps", "repeats", "total_steps")},
        "train_bytes": task.data.train.x.nbytes,
        "peak_growth_bytes": peak_growth,
        "agreement": agreement(ways),
        "auto": dataclasses.asdict(auto) if auto else None,
        "ways": [_without_nan(dataclasses.asdict(way)) for way in ways],
    }


def _without_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON file when asked to; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options, spec, config = parse(arguments)
        runtime.load_tensorflow(announce=True)
        machine = describe_machine(options.device)
        with runtime.device_scope(options.device):
            task = make_task(options, spec, config)
            before = resident_bytes()  # TensorFlow and the data set are there; models, copies and programs are not
            ways = measure(options, task, _report)
            peak_growth = peak_resident_bytes() - before
            auto = ask_auto(options, task, ways, _report)
        command = shlex.join(["python", "benchmarks/training_loop.py", *arguments])
        content = record(options, task, ways, machine, peak_growth, command, auto)
        print_table(*table(ways))
        print("\n".join(summary_lines(content)))
        if options.json is not None:
            write_json(options.json, content)
    except TfgenError as error:
        print(f"training_loop: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
