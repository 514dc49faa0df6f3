"""Benchmark of exported models: sampling by a SavedModel, onnxruntime and LiteRT against `tfgen sample`'s loop.

All begin with a seed, or with noise that NumPy draws within the timing where the format takes noise as an input, and end with
images on the host. `tfgen sample` keeps two batches at work; the SavedModel is timed in the same way, and one call after the
other, as the other formats are. Machines are noisy, so all ways take turns within a round, each round starts with another way,
and what counts is the ratio to `tfgen sample` within a round. Weights are as they are before training, which changes no time.

    python benchmarks/exported.py --json out.json
    python benchmarks/exported.py --models pixelcnn --batches 1 --rounds 3
"""

from __future__ import annotations

import functools
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
from tfgen_benchmarks.machine import describe_machine

if TYPE_CHECKING:
    from tfgen.model.base import GenerativeModel

Model = Literal["realnvp", "cvae", "pixelcnn"]
Format = Literal["savedmodel", "onnx", "litert"]
Way = Literal["tfgen sample", "savedmodel, two at work", "savedmodel", "onnx", "litert"]
FORMATS: tuple[Format, ...] = get_args(Format)
WAYS: tuple[Way, ...] = get_args(Way)
OWN, TWO = WAYS[:2]
#: What the SavedModel's share of `tfgen sample`'s rate should at least be.
TARGET = 0.95
_CLASSES = 10


@dataclass(frozen=True)
class Options:
    """Options of the benchmark."""

    models: tuple[Model, ...] = get_args(Model)
    """Models with their default options, one after the other."""
    side: int = 28
    """Height and width of the images; 28 is MNIST's."""
    batch_size: int = 200
    """Samples at a time; 200 is what tfgen sample does by itself."""
    batches: int = 5
    """Batches in each timing."""
    rounds: int = 7
    """Timed rounds of each way; an untimed round before them warms up."""
    json: Path | None = None
    """File for all numbers."""

    def __post_init__(self) -> None:
        for name in ("side", "batch_size", "batches", "rounds"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(
            len(set(self.models)) == len(self.models) > 0, "models", " ".join(self.models), "different models"
        )
        if self.json is not None:
            writable = self.json.parent.is_dir() and not self.json.is_dir()
            require_option(writable, "json", self.json, "a file in a folder that exists")


@dataclass
class Timing:
    """Timings of one way; `dataclasses.asdict` converts it to JSON.

    Attributes:
        model: that samples.
        way: one of `WAYS`.
        left_out: why it has no timings; None if it has.
        seconds: for all samples, in each round.
        shares: of the rate of `tfgen sample` in that round.
    """

    model: Model
    way: Way
    left_out: str | None = None
    seconds: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


def make_model(options: Options, name: Model) -> GenerativeModel:
    """Build a model with its default options and fresh weights."""
    from tfgen.model.base import build_model

    spec = load_registry(()).model(name)
    return build_model(
        spec, spec.config(), DataSpec("image", (options.side, options.side, 1), classes=_CLASSES), seed=0
    )


def exported(model: GenerativeModel, format_name: Format, folder: Path) -> tuple[Callable[..., Any] | None, str | None]:
    """Export a model's sampler; return its function of a batch's number and size, or None and why the format cannot hold it."""
    from tfgen.export.noise import draws_of, with_noise_inputs
    from tfgen.export.signatures import signatures_of
    from tfgen.plugin.specs import ExportFormatSpec
    from tfgen.runtime import captured_stderr

    spec = load_registry(()).find(ExportFormatSpec, format_name)
    signature = signatures_of(model)["sample"]
    try:
        if spec.noise == "inputs":
            signature = with_noise_inputs(signature, draws_of(signature))
        with captured_stderr():
            left_out = spec.function()({"sample": signature}, model, folder)
    except TfgenError as error:
        return None, str(error)
    if left_out:
        return None, left_out["sample"]
    loader: dict[str, Any] = {}
    exec(spec.load, loader)
    sample = loader["load"](folder)["sample"]

    def batch(number: int, size: int) -> Any:
        return sample(**{argument.name: _input(argument, number, size) for argument in signature.inputs})

    return batch, None


def _input(argument: Any, number: int, size: int) -> Any:
    """Return an input of a sampler for a batch, as a user without tfgen makes it."""
    import numpy as np

    shape = tuple(size if side is None else side for side in argument.shape)
    if argument.noise is not None:
        random = np.random.default_rng(number)
        draw = random.random if argument.noise == "uniform" else random.standard_normal
        return draw(shape, argument.dtype)
    known = {
        "count": size,
        "seed": [0, 0],
        "first": number * size,
        "labels": (number * size + np.arange(size)) % _CLASSES,
    }
    return np.asarray(known[argument.name], argument.dtype)


def programs(model: GenerativeModel, options: Options, folder: Path) -> dict[Way, Callable[[], list[Any]] | str]:
    """Return for each way the function that draws all samples, or why there is none."""
    from tfgen.sample.sampling import labels_for, sample_batches

    count, size = options.batches * options.batch_size, options.batch_size
    labels = labels_for(model, count, None)
    result: dict[Way, Callable[[], list[Any]] | str] = {
        OWN: lambda: list(sample_batches(model, count, labels, 0, size))
    }
    for name in FORMATS:
        (folder / name).mkdir()
        batch, why = exported(model, name, folder / name)
        result[name] = functools.partial(drawn, batch, options, 1) if batch else why or ""
        if batch and name == "savedmodel":
            result[TWO] = functools.partial(drawn, batch, options, 2)
    return {way: result[way] for way in WAYS}


def drawn(batch: Callable[..., Any], options: Options, at_work: int) -> list[Any]:
    """Draw all samples, so many batches at a time."""
    from tfgen.parallel import in_order

    return list(
        in_order(batch, ((number, options.batch_size) for number in range(options.batches)), at_work, "exports")
    )


def check_same_samples(model: Model, own: Sequence[Any], others: Sequence[Any]) -> None:
    """Check that a SavedModel draws what `tfgen sample` draws.

    Raises:
        TfgenError: when it does not; the timings would mean nothing.
    """
    import numpy as np

    from tfgen.export.verify import difference

    found = difference("sample", np.concatenate(own), np.concatenate(others))
    if not found.rounding:
        raise TfgenError(
            f"the SavedModel of {model} draws other samples: {found.in_words}; timings cannot be compared."
        )


def measure(options: Options, report: Callable[[str], None]) -> list[Timing]:
    """Time each way in each round, for each model."""
    timings: list[Timing] = []
    for name in options.models:
        with tempfile.TemporaryDirectory() as folder:
            report(f"{name}: exporting")
            runs = programs(make_model(options, name), options, Path(folder))
            result = {way: Timing(name, way, run if isinstance(run, str) else None) for way, run in runs.items()}
            ways = [way for way in WAYS if result[way].left_out is None]
            for turn in range(-1, options.rounds):
                report(f"{name}: {f'round {turn + 1} of {options.rounds}' if turn >= 0 else 'warming up'}")
                begin, samples = turn % len(ways), {}
                for way in ways[begin:] + ways[:begin]:
                    run = runs[way]
                    assert callable(run)
                    started = time.perf_counter()
                    samples[way] = run()
                    if turn >= 0:
                        result[way].seconds.append(time.perf_counter() - started)
                check_same_samples(name, samples[OWN], samples[TWO])
            for way in ways:
                timing = result[way]
                timing.shares = [a / b for a, b in zip(result[OWN].seconds, timing.seconds, strict=True)]
            timings += result.values()
    return timings


def table(timings: Sequence[Timing], samples: int) -> tuple[list[str], list[list[str]]]:
    """Return the headings and rows of the table."""
    headings = ["model", "sampled by", "samples/s", "(range)", "of tfgen sample's rate", "(range)"]
    rows = []
    for timing in timings:
        if timing.left_out is not None:
            rows.append([timing.model, f"{timing.way}: {timing.left_out}", "-", "-", "-", "-"])
            continue
        rates = [samples / seconds for seconds in timing.seconds]
        ends = f"{min(rates):,.0f}-{max(rates):,.0f}"
        shares = [middle(timing.shares), min_to_max(timing.shares)]
        rows.append([timing.model, timing.way, f"{statistics.median(rates):,.0f}", ends, *shares])
    return headings, rows


def verdict_lines(timings: Sequence[Timing]) -> list[str]:
    """Return verdict lines: whether the SavedModel is as fast as tfgen."""
    lines = []
    for timing in timings:
        if timing.way == TWO:
            share = statistics.median(timing.shares)
            reached = "reached" if share >= TARGET else "NOT reached"
            lines.append(f"target: at least {TARGET:g} of tfgen sample's rate; {timing.model}: {share:.2f}, {reached}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON file when asked to; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = tyro.cli(
            Options, args=arguments, prog="exported.py", description=(__doc__ or "").split("\n    python")[0]
        )
        runtime.load_tensorflow(announce=True)
        machine: Mapping[str, Any] = describe_machine("cpu")
        with runtime.device_scope("cpu"):  # where onnxruntime and LiteRT run, too
            timings = measure(options, report=functools.partial(print, file=sys.stderr, flush=True))
        command = shlex.join(["python", "benchmarks/exported.py", *arguments])
        print_table(*table(timings, options.batches * options.batch_size))
        print("\n".join([*verdict_lines(timings), *machine_lines(machine, command)]))
        if options.json is not None:
            chosen = asdict(options) | {"json": None}
            content = {"benchmark": "exported", "command": command, "machine": machine, "options": chosen}
            write_json(options.json, {**content, "timings": [asdict(timing) for timing in timings]})
    except TfgenError as error:
        print(f"exported: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
