"""Benchmark of making seeds: `tfgen.fold_in` against `tf.random.fold_in`, which makes the same bits.

Every loss, batch and layer folds a seed, so what counts is the time to trace it into a graph and to run it eagerly. Both take
turns within a round, and the ratio within a round is reported.

    python benchmarks/seeds.py --rounds 15
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

if not __package__:  # run as a file, as in the example
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.timings import machine_lines, middle, min_to_max
from tfgen import runtime
from tfgen.cli.tables import print_table
from tfgen.errors import TfgenError, require_option
from tfgen.files import write_json
from tfgen_benchmarks.machine import describe_machine

MODES = ("tracing", "eager")


@dataclass(frozen=True)
class Options:
    """Options of the benchmark."""

    rounds: int = 15
    """How often each way is timed; one more round goes before them, which warms up."""
    calls: int = 100
    """Seeds made in each timing."""
    json: Path | None = None
    """File for all numbers."""

    def __post_init__(self) -> None:
        for name in ("rounds", "calls"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        if self.json is not None:
            writable = self.json.parent.is_dir() and not self.json.is_dir()
            require_option(writable, "json", self.json, "a file in a folder that exists")


def measure(options: Options) -> dict[str, tuple[list[float], list[float]]]:
    """Return processor milliseconds for each seed by TensorFlow and by tfgen, in each round, for each mode."""
    import tensorflow as tf

    from tfgen.seeds import as_seed, fold_in

    def theirs(seed: Any, index: int) -> tf.Tensor:
        return tf.random.fold_in(as_seed(seed), tf.cast(index, tf.int32), alg="philox")

    def folded(fold: Callable[..., tf.Tensor], mode: str) -> float:
        program = tf.function(lambda seed: [fold(seed, index) for index in range(options.calls)], autograph=False)
        begin = time.process_time()
        if mode == "tracing":
            program.get_concrete_function(tf.TensorSpec([2], tf.int32))
        else:
            for index in range(options.calls):
                fold(0, index)
        return 1e3 * (time.process_time() - begin) / options.calls

    result: dict[str, tuple[list[float], list[float]]] = {mode: ([], []) for mode in MODES}
    for turn in range(-1, options.rounds):
        for mode, timings in result.items():
            pair = list(zip(timings, (theirs, fold_in), strict=True))
            for milliseconds, fold in pair if turn % 2 else reversed(pair):
                value = folded(fold, mode)
                if turn >= 0:
                    milliseconds.append(value)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        description = (__doc__ or "").split("\n    python")[0]
        options = tyro.cli(Options, args=arguments, prog="seeds.py", description=description)
        runtime.load_tensorflow(announce=True)
        machine = describe_machine("cpu")
        rows = []
        timings = measure(options)
        for mode, (theirs, ours) in timings.items():
            ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
            rows.append([mode, middle(theirs), middle(ours), middle(ratios), min_to_max(ratios)])
        command = shlex.join(["python", "benchmarks/seeds.py", *arguments])
        if options.json is not None:
            milliseconds = {mode: {"tf.random": theirs, "tfgen": ours} for mode, (theirs, ours) in timings.items()}
            write_json(options.json, {"benchmark": "seeds", "command": command, "machine": machine} | milliseconds)
    except TfgenError as error:
        print(f"seeds: {error}", file=sys.stderr)
        return error.exit_code
    print_table(("fold_in", "tf.random, ms", "tfgen, ms", "ratio", "(range)"), rows)
    print("\n".join(machine_lines(machine, command)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
