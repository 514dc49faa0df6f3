"""Profile of one program by operation: sampling a batch, or a training step, with TensorFlow's profiler.

TensorFlow's profiler watches some calls. In a graph the table counts operations, in what XLA compiles instructions, which are
mostly fusions named after what they fuse; the sampler of a PixelCNN has both. *Self* is the time of an operation without that
of others inside of it, by the clock of the thread that began it. Operations on two threads run side by side, so that the
shares may add up to more than a whole; the last row is the time in which none ran.

What is not visible: the threads that help with a product or a convolution, whose time is part of the operation's on its own
thread; and on a GPU what the host does meanwhile, since there the table is of the device. Watching costs time by itself, so
calls are timed without it, too.

    python -m benchmarks profile realnvp --mask half --units 1024 --work sample --batch 1024
    python -m benchmarks profile cvae --work train --way xla --json out.json
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import tyro

if not __package__:  # run as a file
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.timings import machine_lines
from benchmarks.traces import Event, covered, events_of, self_times
from tfgen import runtime
from tfgen.cli.tables import markdown_table, print_table
from tfgen.data.spec import DataSpec
from tfgen.errors import OptionError, PluginError, TfgenError, require_option
from tfgen.files import write_json, written_whole
from tfgen.plugin.loading import load_registry
from tfgen.plugin.option_types import to_json
from tfgen.plugin.options import build, field_names
from tfgen.plugin.specs import ModelSpec
from tfgen.plugin.train_options import TrainOptions
from tfgen.runs.config import Device, default_config
from tfgen_benchmarks.machine import describe_machine

_PICOSECONDS = 1e-9  # milliseconds in one
_CLASSES = 10


@dataclass(frozen=True)
class Options:
    """Options of a profile."""

    model: tyro.conf.Positional[str] = "realnvp"
    """Registered name of the model; its own options are listed below."""
    plugins: tuple[str, ...] = ()
    """Files or modules with further plugins."""
    work: Literal["sample", "train"] = "sample"
    """Draw a batch, or make a step of training."""
    way: Literal["graph", "xla"] = "graph"
    """A tf.function, or one that XLA compiles whole."""
    batch: int | None = None
    """Examples in a call; by default 1024 to sample, 128 to train."""
    side: int = 28
    """Height and width of the images; 28 is MNIST's."""
    calls: int = 5
    """Calls that are watched; as many go before them that are only timed."""
    by: Literal["kind", "name"] = "kind"
    """Add up operations of one kind, or show each by its name."""
    rows: int = 15
    """Rows of the table; what takes less is added up in one more."""
    seed: int = 0
    """Of weights, images and samples."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    json: Path | None = None
    """File for all numbers."""
    markdown: Path | None = None
    """File for the table."""

    def __post_init__(self) -> None:
        for name in ("side", "calls", "rows"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(self.batch is None or self.batch >= 1, "batch", self.batch, "at least 1")

    @property
    def examples(self) -> int:
        """In a call."""
        return self.batch or (1024 if self.work == "sample" else 128)


@dataclass
class Share:
    """Share of the time of one operation, or of one kind of operations.

    Attributes:
        what: the kind, or the name.
        calls: of it, in a call of the program.
        milliseconds: its self time in a call of the program, all threads together.
        share: of the program's time.
    """

    what: str
    calls: float
    milliseconds: float
    share: float


@dataclass
class Profile:
    """Profile of one program.

    Attributes:
        milliseconds: of a call, watched.
        unwatched: of a call that is not, median.
        idle: milliseconds of a call in which no operation ran.
        shares: of the operations, the greatest first.
    """

    milliseconds: float
    unwatched: float
    idle: float
    shares: list[Share]


def summarise(events: Sequence[Event], calls: int, seconds: float, by: str) -> tuple[list[Share], float]:
    """Return the shares of the operations, and the milliseconds of a call in which none ran.

    Args:
        events: of all calls.
        calls: how many.
        seconds: they took together.
        by: attribute that is the same for what is added up.
    """
    times: dict[str, list[int]] = defaultdict(list)
    for event, picoseconds in self_times(events):
        times[getattr(event, by)].append(picoseconds)
    wall = 1000 * seconds / calls
    shares = []
    for what, each in times.items():
        milliseconds = sum(each) * _PICOSECONDS / calls
        shares.append(Share(what, len(each) / calls, milliseconds, milliseconds / wall))
    idle = max(0.0, wall - covered(events) * _PICOSECONDS / calls)
    return sorted(shares, key=lambda share: -share.milliseconds), idle


def watch(program: Callable[[int], Any], calls: int, by: str) -> Profile:
    """Return the profile of a program that is compiled already; it gets the number of the call."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    numbers = iter(range(1, 2**31 - 1))
    unwatched = []
    for _ in range(calls):
        begin = time.perf_counter()
        program(next(numbers))
        unwatched.append(1000 * (time.perf_counter() - begin))
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            begin = time.perf_counter()
            for _ in range(calls):
                program(next(numbers))
            seconds = time.perf_counter() - begin
        finally:
            tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace()
        for path in Path(folder).rglob("*.xplane.pb"):
            space.MergeFromString(path.read_bytes())
    shares, idle = summarise(events_of(space), calls, seconds, by)
    return Profile(1000 * seconds / calls, statistics.median(unwatched), idle, shares)


def program_of(options: Options, spec: ModelSpec, config: Any) -> Callable[[int], Any]:
    """Return the program, compiled; its result is on the host when it returns."""
    import numpy as np
    import tensorflow as tf

    from tfgen.model.base import build_model
    from tfgen.model.capabilities import Samples, capable
    from tfgen.model.objective import Batch
    from tfgen.sample.sampling import labels_for
    from tfgen.seeds import fold_in, generator
    from tfgen.training.optimisers import make_optimizer
    from tfgen.training.state import TrainingState
    from tfgen.training.step import Step, stages_of

    n, seed = options.examples, options.seed
    data = DataSpec("image", (options.side, options.side, 1), classes=_CLASSES)
    model = build_model(spec, config, data, seed)
    if options.work == "sample":
        sampler, labels = capable(model, Samples, "a profile of sampling"), labels_for(model, n, None)
        function: Any = lambda number: sampler.sample(n, labels, seed=fold_in(seed, number))  # noqa: E731
    else:
        training = build(TrainOptions, {"batch_size": n, "schedule": "constant"}, default_config(spec).training)
        objectives = model.objectives()
        optimizers = [make_optimizer(training, 2**31 - 1) for _ in objectives]
        for objective, optimizer in zip(objectives, optimizers, strict=True):
            optimizer.build(objective.weights)
        state = TrainingState(model, optimizers, ema=False, keep_best=False)
        step = Step(state, objectives, seed, 0.0, True, 1, stages_of(objectives, 1, 1))
        rng = generator(seed)
        images = tf.constant(rng.integers(0, data.levels, (n, *data.shape), np.uint8))
        batch = Batch(images, tf.constant(rng.integers(0, _CLASSES, n, np.int32)))
        function = lambda number: next(iter(step(batch, number)[0].values()))  # noqa: E731
    compiled = tf.function(function, autograph=False, jit_compile=options.way == "xla")

    def program(number: int) -> Any:
        return compiled(tf.constant(number)).numpy()

    for _ in range(2):  # the second call may compile once more
        program(0)
    return program


def table(profile: Profile, most: int) -> tuple[list[str], list[list[str]]]:
    """Return the headings and rows of the table, with small shares summed."""
    shares, small = profile.shares[:most], profile.shares[most:]
    rows = [[s.what, f"{s.calls:,.0f}", f"{s.milliseconds:.3f}", f"{100 * s.share:.1f} %"] for s in shares]
    if small:
        calls, ms, share = (sum(getattr(s, name) for s in small) for name in ("calls", "milliseconds", "share"))
        rows.append([f"({len(small)} more)", f"{calls:,.0f}", f"{ms:.3f}", f"{100 * share:.1f} %"])
    rows.append(["(none)", "", f"{profile.idle:.3f}", f"{100 * profile.idle / profile.milliseconds:.1f} %"])
    return ["operation", "calls", "self ms", "share"], rows


def parse(arguments: Sequence[str]) -> tuple[Options, ModelSpec, Any]:
    """Return the options, the model's spec and the model's own options.

    Raises:
        TfgenError: for an unknown model, or options that do not fit.
    """
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)  # which model decides which options there are
    early.add_argument("--plugins", nargs="*", default=[])
    known, _ = early.parse_known_args(arguments)
    named = arguments[0] if arguments and not arguments[0].startswith("-") else Options.model
    spec = load_registry(known.plugins).model(named)
    taken = set(field_names(Options)) & set(field_names(spec.config))
    if taken:
        raise PluginError(
            f"model {spec.name!r}: option {sorted(taken)[0]!r} has the name of an option of this benchmark."
        )
    groups = [("benchmark", Options, field(default=Options())), ("config", spec.config, field(default=spec.config()))]
    parsed: Any = tyro.cli(
        dataclasses.make_dataclass("Everything", groups, frozen=True),
        args=list(arguments),
        prog="profile",
        description=(__doc__ or "").split("\n    python")[0],
        config=(tyro.conf.OmitArgPrefixes,),
    )
    if parsed.benchmark.model != spec.name:
        raise OptionError(f"name the model before its options: profile {parsed.benchmark.model} ...")
    return parsed.benchmark, spec, parsed.config


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch, print the table, write files when asked to; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options, spec, config = parse(arguments)
        runtime.load_tensorflow(announce=True)
        machine = describe_machine(options.device)
        with runtime.device_scope(options.device):
            profile = watch(program_of(options, spec, config), options.calls, options.by)
        command = shlex.join(["python", "-m", "benchmarks", "profile", *arguments])
        headings, rows = table(profile, options.rows)
        lines = [
            f"{spec.name}, {options.work}, {options.way}, batch {options.examples}: {profile.milliseconds:.2f} ms a call; "
            f"{profile.unwatched:.2f} ms when nobody watches",
            *machine_lines(machine, command),
        ]
        print_table(headings, rows)
        print("\n".join(lines))
        if options.markdown is not None:
            with written_whole(options.markdown) as temporary:
                listed = "".join(f"- {line}\n" for line in lines)
                temporary.write_text(f"{markdown_table(headings, rows)}\n{listed}")
        if options.json is not None:
            chosen = {name: value for name, value in asdict(options).items() if name not in ("json", "markdown")}
            content = {"benchmark": "profile", "command": command, "machine": machine, "options": chosen}
            write_json(options.json, {**content, "config": to_json(config), "profile": asdict(profile)})
    except TfgenError as error:
        print(f"profile: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
