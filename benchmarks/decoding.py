"""Benchmark of sampling an autoencoder: `tfgen sample`'s loop against the decoder network alone.

The decoder is called on codes that are there already, and its numbers stay on the device; `tfgen sample` draws codes, decodes
them, makes grey levels of the pixels' means, and brings the images to the host, or into a file. Machines are noisy, so all ways
take turns within a round, each round starts with another way, and what counts is the ratio to the decoder within a round.
Weights are as they are before training, which changes no time.

    python benchmarks/decoding.py --json out.json
    python benchmarks/decoding.py --model cvae --latent 2 --batch-size 100
"""

from __future__ import annotations

import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import tyro

if not __package__:  # run as a file, as in the first example
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.timings import machine_lines, middle, min_to_max
from tfgen import runtime
from tfgen.cli.tables import print_table
from tfgen.data.spec import DataSpec
from tfgen.errors import TfgenError, require_option
from tfgen.files import write_json
from tfgen.plugin.loading import load_registry
from tfgen.runs.config import Device
from tfgen_benchmarks.machine import describe_machine

if TYPE_CHECKING:
    from tfgen.model.base import GenerativeModel

Network = Literal["conv", "mlp"]
DECODER, DECODE, BATCHES, FILE = WAYS = ("decoder", "decode", "sample_batches", "write_npz")
DESCRIPTIONS: Mapping[str, str] = {
    DECODER: "the decoder alone, codes given",
    DECODE: "model.decode, codes given: and grey levels of it",
    BATCHES: "tfgen sample's loop, images on the host",
    FILE: "the same into an .npz",
}
#: What the ratio of the loop should not exceed.
TARGET = 1.15
_CLASSES = 10


@dataclass(frozen=True)
class Options:
    """Options of the benchmark."""

    model: Literal["vae", "cvae"] = "vae"
    """Autoencoder."""
    networks: tuple[Network, ...] = get_args(Network)
    """Kinds of decoder, one after the other."""
    latent: int = 20
    """Size of a code."""
    units: int = 512
    """mlp: width of each hidden layer."""
    side: int = 28
    """Height and width of the images; 28 is MNIST's."""
    samples: int = 10_000
    """Samples in each timing."""
    batch_size: int = 200
    """Samples at a time; 200 is what tfgen sample does by itself."""
    rounds: int = 7
    """Timed rounds of each way; an untimed round before them warms up."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    json: Path | None = None
    """File for all numbers."""

    def __post_init__(self) -> None:
        for name in ("latent", "units", "side", "samples", "batch_size", "rounds"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(
            self.samples % self.batch_size == 0,
            "samples",
            self.samples,
            f"a multiple of {self.batch_size} (--batch-size)",
        )
        require_option(
            len(set(self.networks)) == len(self.networks) > 0, "networks", " ".join(self.networks), "different kinds"
        )
        if self.json is not None:
            writable = self.json.parent.is_dir() and not self.json.is_dir()
            require_option(writable, "json", self.json, "a file in a folder that exists")


@dataclass
class Timing:
    """Timings of one way; `dataclasses.asdict` converts it to JSON.

    Attributes:
        network: kind of the decoder.
        way: one of `WAYS`.
        seconds: for all samples, in each round.
        ratios: the same through the decoder's seconds in that round.
    """

    network: Network
    way: str
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)


def make_model(options: Options, network: Network) -> GenerativeModel:
    """Build an autoencoder with a convolutional or dense decoder."""
    from tfgen.model.base import build_model

    spec = load_registry(()).model(options.model)
    config = spec.config(network=network, latent=options.latent, units=options.units)
    return build_model(spec, config, DataSpec("image", (options.side, options.side, 1), classes=_CLASSES), seed=0)


def programs(model: Any, options: Options) -> dict[str, Callable[[], float]]:
    """Return for each way the function that decodes all samples and returns the seconds it took, compiling apart.

    Args:
        model: an autoencoder, with its network in `decoder`.
        options: how many, and how many at a time.
    """
    import tensorflow as tf

    from tfgen.sample.archive import write_npz
    from tfgen.sample.sampling import labels_for, sample_batches
    from tfgen.seeds import normal

    count, batch = options.samples, options.batch_size
    codes = normal([batch, options.latent], 1)
    labels = labels_for(model, batch, None)
    one_hot = model.one_hot(labels)
    decoder = tf.function(lambda: model.decoder(codes, one_hot), autograph=False)
    decode = tf.function(lambda: model.decode(codes, labels), autograph=False)

    def called(function: Callable[[], tf.Tensor]) -> float:
        function()
        tf.test.experimental.sync_devices()
        begin = time.perf_counter()
        for _ in range(count // batch):
            function()
        tf.test.experimental.sync_devices()
        return time.perf_counter() - begin

    def streamed(consume: Callable[[Any], None]) -> float:
        batches = sample_batches(model, count + batch, labels_for(model, count + batch, None), 0, batch)
        next(batches)  # each loop compiles its own program with its first batch
        begin = time.perf_counter()
        consume(batches)
        return time.perf_counter() - begin

    def counted(batches: Any) -> None:
        if sum(len(images) for images in batches) != count:
            raise TfgenError(f"the loop did not give {count} samples: the timings cannot be compared.")

    def written(batches: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_npz(Path(folder) / "x.npz", batches, model.data, count, labels_for(model, count, None))

    return {
        DECODER: lambda: called(decoder),
        DECODE: lambda: called(decode),
        BATCHES: lambda: streamed(counted),
        FILE: lambda: streamed(written),
    }


def measure(options: Options, report: Callable[[str], None]) -> list[Timing]:
    """Time each way in each round, for each kind of decoder."""
    timings: list[Timing] = []
    for network in options.networks:
        runs = programs(make_model(options, network), options)
        result = {way: Timing(network, way) for way in WAYS}
        for turn in range(-1, options.rounds):
            report(f"{network}: {f'round {turn + 1} of {options.rounds}' if turn >= 0 else 'warming up'}")
            begin = turn % len(WAYS)
            for way in WAYS[begin:] + WAYS[:begin]:
                seconds = runs[way]()
                if turn >= 0:
                    result[way].seconds.append(seconds)
        for timing in result.values():
            timing.ratios = [a / b for a, b in zip(timing.seconds, result[DECODER].seconds, strict=True)]
        timings += result.values()
    return timings


def table(timings: Sequence[Timing], samples: int) -> tuple[list[str], list[list[str]]]:
    """Return the headings and rows of the table."""
    headings = ["decoder", "way", "ms per 1000", "(range)", "samples/s", "times the decoder", "(range)"]
    rows = []
    for timing in timings:
        ms = [1e6 * seconds / samples for seconds in timing.seconds]
        rate = f"{1e6 / statistics.median(ms):,.0f}"
        ratios = [middle(timing.ratios), min_to_max(timing.ratios)]
        rows.append([timing.network, DESCRIPTIONS[timing.way], middle(ms), min_to_max(ms), rate, *ratios])
    return headings, rows


def verdict_lines(timings: Sequence[Timing]) -> list[str]:
    """Return verdict lines: whether the loop is as fast as the decoder alone."""
    lines = []
    for timing in timings:
        if timing.way in (BATCHES, FILE):
            ratio = statistics.median(timing.ratios)
            reached = "reached" if ratio <= TARGET else "NOT reached"
            lines.append(
                f"target: within {TARGET:g} times the decoder's time; {timing.network}, {timing.way}: {ratio:.2f}, {reached}"
            )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON file when asked to; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = tyro.cli(
            Options, args=arguments, prog="decoding.py", description=(__doc__ or "").split("\n    python")[0]
        )
        runtime.load_tensorflow(announce=True)
        machine = describe_machine(options.device)
        with runtime.device_scope(options.device):
            timings = measure(options, report=lambda line: print(line, file=sys.stderr, flush=True))
        command = shlex.join(["python", "benchmarks/decoding.py", *arguments])
        print_table(*table(timings, options.samples))
        print("\n".join([*verdict_lines(timings), *machine_lines(machine, command)]))
        if options.json is not None:
            chosen = asdict(options) | {"json": None}
            content = {"benchmark": "decoding", "command": command, "machine": machine, "options": chosen}
            write_json(options.json, {**content, "timings": [asdict(timing) for timing in timings]})
    except TfgenError as error:
        print(f"decoding: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
