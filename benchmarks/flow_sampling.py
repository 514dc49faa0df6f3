"""How fast Real NVP samples: tfgen beside the flow libraries nflows and normflows (PyTorch), on the same weights, on a CPU.

Each contender is a process of its own, which idles while another one is timed; the peers run in an environment of their own.
From the same codes all must make the same images before anything is timed. Each round then times every program once, in
turns, and what counts is the ratio within a round. tfgen's two directions, decoding and encoding, are compared as well.

    python benchmarks/flow_sampling.py --peer-python PEERS/bin/python --json out.json
    python benchmarks/flow_sampling.py --units 64 --rounds 3 --seconds 0.1
"""

from __future__ import annotations

import dataclasses
import math
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

if not __package__:  # run as a file, as in the first example
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.sampling.contenders import (
    NEEDED,
    PEERS,
    Contender,
    Worker,
    WorkerError,
    peer,
    pip_command,
    require_installed,
    tfgen,
)
from benchmarks.sampling.report import (
    Timing,
    markdown,
    programs_table,
    samplers_table,
    summary_lines,
    verdict_lines,
    verdicts,
)
from benchmarks.sampling.worker import Plan
from tfgen.errors import TfgenError, require_option
from tfgen.files import write_json, written_whole
from tfgen.tables import print_table

#: Images whose pictures are compared, and how many of their grey levels may differ, by 1: sums are rounded in another order.
_COMPARED = 64
_MOST_DIFFERENT = 1e-3
#: How far the mean grey levels of two samplers' images may lie apart, in grey levels, where none is wrong: 6 standard errors.
_ERRORS = 6.0


@dataclass(frozen=True)
class Options:
    """What is measured, and how often."""

    peer_python: Path | None = None
    """Python of an environment with torch, nflows and normflows; without it, tfgen is measured alone."""
    peers: tuple[str, ...] = PEERS
    """Libraries to compare with."""
    units: int = 1024
    """Width of each hidden layer."""
    layers: int = 5
    """Couplings."""
    depth: int = 2
    """Hidden layers in each network."""
    side: int = 28
    """Height and width of the images; 28 is MNIST's."""
    batches: tuple[int, ...] = (64, 1024)
    """Images drawn in one call."""
    rounds: int = 7
    """Rounds that count; each times every program once."""
    seconds: float = 0.5
    """About how long a program is timed in a round; a quarter of it goes before, untimed."""
    threads: int = 0
    """Threads of every contender; 0 takes one for each core."""
    seed: int = 0
    """Seed of weights and samples."""
    json: Path | None = None
    """File for all numbers."""
    markdown: Path | None = None
    """File for the tables and what stands under them."""

    def __post_init__(self) -> None:
        for name in ("units", "layers", "depth", "rounds"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(self.seconds > 0, "seconds", self.seconds, "above 0")
        require_option(self.threads >= 0, "threads", self.threads, "0 (one for each core) or more")
        require_option(0 <= self.seed < 2**31, "seed", self.seed, "in 0 .. 2^31 - 1")
        # Peers halve an odd number of dimensions in another place.
        require_option(self.side >= 2 and self.side % 2 == 0, "side", self.side, "even, at least 2")
        different = len(set(self.batches)) == len(self.batches) > 0
        shown = " ".join(map(str, self.batches)) or "none"
        require_option(different and min(self.batches) >= 1, "batches", shown, "different numbers of at least 1")
        known = len(set(self.peers)) == len(self.peers) > 0 and set(self.peers) <= set(PEERS)
        require_option(known, "peers", " ".join(self.peers) or "none", f"different names out of {', '.join(PEERS)}")
        if self.peer_python is not None:
            runs = self.peer_python.is_file() and os.access(self.peer_python, os.X_OK)
            require_option(
                runs, "peer_python", self.peer_python, "the python of an environment with torch, nflows and normflows"
            )
        for name in ("json", "markdown"):  # better now than after minutes
            path = getattr(self, name)
            require_option(
                path is None or (path.parent.is_dir() and not path.is_dir()),
                name,
                path,
                "a file in a folder that exists",
            )

    @property
    def plan(self) -> Plan:
        """The flow that every contender builds."""
        return Plan(self.side, self.layers, self.units, self.depth, self.seed, self.threads)

    @property
    def contenders(self) -> list[Contender]:
        """Who takes part; tfgen comes first, since it makes the weights."""
        others = [] if self.peer_python is None else [peer(name, self.peer_python) for name in self.peers]
        return [tfgen(), *others]


def parse(arguments: Sequence[str]) -> Options:
    """Return the options."""
    description = (__doc__ or "").split("\n    python")[0]
    options: Options = tyro.cli(Options, args=list(arguments), prog="flow_sampling.py", description=description)
    return options


def measure(options: Options, contenders: Sequence[Contender], report: Callable[[str], None]) -> dict[str, Any]:
    """Run everything and return what was measured, fit for JSON, but for the command.

    Args:
        options: what to measure.
        contenders: who takes part; the first one makes the weights that the others take.
        report: is told what happens.

    Raises:
        TfgenError: when a worker cannot work, or the contenders do not compute the same.
    """
    load = round(os.getloadavg()[0], 2)  # before this program itself makes any
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        workers: dict[str, Worker] = {}
        built: dict[str, dict[str, Any]] = {}
        for contender in contenders:
            report(f"building: {contender.name}")
            worker = workers[contender.name] = stack.enter_context(Worker(contender))
            plan = dataclasses.asdict(options.plan)
            built[worker.name] = worker.ask("build", plan=plan, weights=str(folder / "weights.npz"))
        check_equal_counts(built)
        differences = compare_pictures(workers, options.plan, folder)
        timings = [_start(workers[t.contender], t, options, report) for t in programs(options, built)]
        check_samples(timings, options)
        _time(workers, timings, options, report)
    first = built[contenders[0].name]
    return {
        "benchmark": "flow_sampling",
        "title": "Sampling",
        "plan": dataclasses.asdict(options.plan),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "machine": first.pop("machine"),
        "load_at_start": load,
        "contenders": built,
        "differences": differences,
        "result": {"dtype": "uint8", "shape": ["n", *options.plan.shape]},
        "timings": [dataclasses.asdict(timing) for timing in timings],
        "verdicts": verdicts(timings),
    }


def programs(options: Options, built: Mapping[str, Mapping[str, Any]]) -> list[Timing]:
    """Return everything that is timed, a batch size after the other."""
    found = []
    for batch in options.batches:
        for name, facts in built.items():
            for way, description in facts["ways"].items():
                works = ["sample", *facts["works"].get(way, [])]
                found += [Timing(name, way, description, work, batch) for work in works]
    return found


def check_equal_counts(built: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that all have the same numbers of weights in kernels and in biases.

    Raises:
        TfgenError: when not; images per second would mean nothing.
    """
    first, *others = built
    for kind in ("kernels", "biases"):
        for name in others:
            if built[name][kind] != built[first][kind]:
                raise TfgenError(
                    f"{name} has {built[name][kind]} weights in {kind}, {first} {built[first][kind]}: "
                    "they cannot be compared."
                )


def compare_pictures(workers: Mapping[str, Worker], plan: Plan, folder: Path) -> dict[str, dict[str, float]]:
    """Have all contenders decode the same codes and return how far each one's images differ from those of the first.

    Returns:
        For each of the others the ``share`` of grey levels that differ and by how much at ``most``.

    Raises:
        TfgenError: when they are not the same images, within rounding.
    """
    codes = np.random.default_rng(plan.seed).standard_normal((_COMPARED, plan.dimensions), np.float32)
    np.save(folder / "codes.npy", codes)
    images = {}
    for name, worker in workers.items():
        path = folder / f"{name}.npy"
        worker.ask("decode", codes=str(folder / "codes.npy"), images=str(path))
        images[name] = np.load(path)
        if images[name].dtype != np.uint8 or images[name].shape != (_COMPARED, *plan.shape):
            raise TfgenError(
                f"{name} makes {images[name].dtype} {list(images[name].shape)} of codes, not uint8 images."
            )
    first, *others = images
    found = {}
    for name in others:
        distance = np.abs(images[name].astype(int) - images[first])
        found[name] = {"share": float((distance > 0).mean()), "most": float(distance.max())}
        if found[name]["share"] > _MOST_DIFFERENT or found[name]["most"] > 1:
            raise TfgenError(
                f"{name} and {first} make different images of the same codes ({100 * found[name]['share']:.3g} % of the "
                f"grey levels, by up to {found[name]['most']:g}): they cannot be compared."
            )
    return found


def check_samples(timings: Sequence[Timing], options: Options) -> None:
    """Check that the images that were drawn agree in their mean grey level.

    Raises:
        TfgenError: when one lies further from the first than chance explains.
    """
    for batch in options.batches:
        drawn = [t for t in timings if (t.work, t.batch) == ("sample", batch) and t.mean is not None]
        for timing in drawn:
            # Grey levels deviate by at most levels / 2; those of one image hang together somewhat, which the margin covers.
            error = options.plan.levels / 2 * math.sqrt(2 / (batch * options.plan.dimensions))
            distance = abs((timing.mean or 0.0) - (drawn[0].mean or 0.0))
            if distance > _ERRORS * error:
                raise TfgenError(
                    f"images drawn by {timing.description} are {distance:.3g} grey levels off those by "
                    f"{drawn[0].description}: they cannot be compared."
                )


def _start(worker: Worker, timing: Timing, options: Options, report: Callable[[str], None]) -> Timing:
    """Have a program made and compiled, and settle how many calls of it are timed in a round."""
    report(f"warming up: {timing.work}, batch {timing.batch}: {timing.description}")
    try:
        answer = worker.ask("start", way=timing.way, work=timing.work, batch=timing.batch)
    except WorkerError as failure:  # a compiler that does not know an operation, for example
        timing.left_out = str(failure).removeprefix(f"{worker.name} failed: ")
        return timing
    if timing.work == "sample":
        expected = [timing.batch, *options.plan.shape]
        if answer["dtype"] != "uint8" or answer["shape"] != expected:
            raise TfgenError(f"{timing.description} draws {answer['dtype']} {answer['shape']}, not uint8 {expected}.")
        if answer["repeats_itself"]:
            raise TfgenError(f"{timing.description} draws the same images in each call: that is not sampling.")
    timing.first_seconds, timing.mean = answer["first_seconds"], answer["mean"]
    timing.calls = max(2, round(options.seconds / answer["seconds"]))
    return timing


def _time(
    workers: Mapping[str, Worker], timings: Sequence[Timing], options: Options, report: Callable[[str], None]
) -> None:
    """Time every program once in each round; within a batch size each round starts with another program."""
    for turn in range(options.rounds):
        report(f"round {turn + 1} of {options.rounds}")
        for batch in options.batches:
            group = [timing for timing in timings if timing.batch == batch and timing.left_out is None]
            begin = turn % max(1, len(group))
            for timing in group[begin:] + group[:begin]:
                counts = {"lead": max(1, timing.calls // 4), "calls": timing.calls}
                what = {"way": timing.way, "work": timing.work, "batch": batch}
                answer = workers[timing.contender].ask("time", **what, **counts)
                timing.ms_per_call.append(1000 * answer["seconds"] / timing.calls)
                timing.cores_busy.append(answer["processor_seconds"] / answer["seconds"])


def shown_command(arguments: Sequence[str]) -> str:
    """Return the command for the record, with names in place of this machine's paths."""
    stands_for = {"--peer-python": "PEERS/bin/python", "--json": None, "--markdown": None}
    shown: list[str] = []
    before = ""
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if _flag(option) in stands_for and equals:
            argument = f"{option}={stands_for[_flag(option)] or Path(value).name}"
        elif before in stands_for:
            argument = stands_for[before] or Path(argument).name
        before = "" if equals else _flag(argument)
        shown.append(argument)
    return shlex.join(["python", "benchmarks/flow_sampling.py", *shown])


def _flag(option: str) -> str:
    """Return the option as it is documented; underscores are taken for hyphens."""
    return option.replace("_", "-")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the files that are asked for; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = parse(arguments)
        if options.peer_python is not None:
            require_installed(options.peer_python, [*NEEDED, *options.peers])
        content = measure(options, options.contenders, report=lambda line: print(line, file=sys.stderr, flush=True))
        content["command"] = shown_command(arguments)
        timings = [Timing(**timing) for timing in content["timings"]]
        tables = [samplers_table(timings), programs_table(timings)]
        for table in tables:
            print_table(*table)
        print("\n".join([*verdict_lines(content), "", *summary_lines(content)]))
        if options.peer_python is None:
            python = "PEERS/bin/python"
            print(
                f"\ntfgen alone. To add the peers: python -m venv PEERS; {pip_command(python, [*NEEDED, *PEERS])}; "
                f"then --peer-python {python}"
            )
        if options.json is not None:
            write_json(options.json, content)
        if options.markdown is not None:
            with written_whole(options.markdown) as path:
                path.write_text(markdown(content, tables))
    except TfgenError as error:
        print(f"flow_sampling: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
