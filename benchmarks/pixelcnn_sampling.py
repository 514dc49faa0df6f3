"""Benchmark of PixelCNN sampling: cached sampler against one pass for each pixel, and the processor's product rate.

Three things take turns in each round, at each batch size: tfgen's sampler, a part of the common way to sample, and a large
product of matrices. The common way takes a pass of the network over whole images for each pixel; its time is that of the first
pixels in a loop, or of a pass compiled by XLA, whichever is faster, for as many pixels as there are. A whole run at small batch
sizes checks that this is fair; both samplers get the same random numbers there and must give the same images. Weights are as
they are before training, which changes no time.

    python benchmarks/pixelcnn_sampling.py --json out.json --markdown out.md
    python benchmarks/pixelcnn_sampling.py --peer                 # and TensorFlow Probability's tfd.PixelCNN
    python benchmarks/pixelcnn_sampling.py --network plain --filters 32 --batch-sizes 1 16
"""

from __future__ import annotations

import math
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

if not __package__:  # run as a file, as in the first example
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.timings import machine_lines, middle, min_to_max
from tfgen import runtime
from tfgen.cli.tables import markdown_table, print_table
from tfgen.data.spec import DataSpec
from tfgen.errors import TfgenError, require_option
from tfgen.files import write_json, written_whole
from tfgen.plugin.loading import load_registry
from tfgen.runs.config import Device
from tfgen_benchmarks.machine import describe_machine

if TYPE_CHECKING:
    from tfgen_plugins.pixelcnn.model import PixelCNN

#: Times as fast as the common way, at least, by batch size.
TARGETS: Mapping[int, float] = {1: 180, 16: 300, 64: 350}
#: Of the processor's rate of float32 products, at least, at this batch size.
TARGET_SHARE, TARGET_SHARE_BATCH = 0.40, 256
_MATRIX = 2048
_PEER_BATCH = 16
_PASSES = 28  # of the naive sampler, in each timing


@dataclass(frozen=True)
class Options:
    """Options of the benchmark."""

    network: Literal["gated", "plain"] = "gated"
    """Kind of PixelCNN."""
    blocks: int = 6
    """Its blocks."""
    filters: int = 64
    """Its filters."""
    attention: int = 0
    """Its attention blocks."""
    side: int = 28
    """Height and width of the images; 28 is MNIST's."""
    batch_sizes: tuple[int, ...] = (1, 4, 16, 64, 256)
    """Images drawn at a time."""
    whole: tuple[int, ...] = (1, 4)
    """Of these, the ones at which the naive sampler is run whole."""
    rounds: int = 7
    """How often each is timed; one more round goes before them, which warms up."""
    peer: bool = False
    """Also time TensorFlow Probability's own PixelCNN, a pass of its network, at a batch of 16."""
    seed: int = 0
    """Of weights and samples."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU when there is one."""
    json: Path | None = None
    """File for all numbers."""
    markdown: Path | None = None
    """File for the table."""

    def __post_init__(self) -> None:
        for name in ("blocks", "filters", "side", "rounds"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(self.attention >= 0, "attention", self.attention, "0 or more")
        smallest = min(self.batch_sizes, default=0)
        require_option(smallest >= 1, "batch_sizes", smallest, "at least one, each of at least 1 image")


@dataclass
class Timing:
    """Timings at one batch size; each list has an entry for each round.

    Attributes:
        batch: images drawn at a time.
        multiply_adds: in the products that drawing them needs.
        cached: seconds of tfgen's sampler.
        passes: seconds of one pass of the network over whole images: in a loop in a graph, or compiled by XLA.
        product_rate: multiply-adds a second in a large product, twice that in floating-point operations.
        products: seconds of the sampler's own products, by themselves.
        compile_seconds: of the first call of tfgen's sampler beyond a later one.
        naive: seconds of the naive sampler, run whole, where it was.
        pixels: of an image, hence passes.
    """

    batch: int
    multiply_adds: int
    pixels: int
    compile_seconds: float = math.nan
    cached: list[float] = field(default_factory=list)
    passes: dict[str, list[float]] = field(default_factory=lambda: {"graph": [], "xla": []})
    product_rate: list[float] = field(default_factory=list)
    products: list[float] = field(default_factory=list)
    naive: float | None = None

    @property
    def way(self) -> str:
        """The faster way to compile a pass."""
        return min(self.passes, key=lambda way: statistics.median(self.passes[way]))

    @property
    def ratios(self) -> list[float]:
        """Speed-up over one pass for each pixel, in each round."""
        return [self.pixels * one / all_ for one, all_ in zip(self.passes[self.way], self.cached, strict=True)]

    @property
    def shares(self) -> list[float]:
        """The sampler's multiply-adds a second through those of a large product, in each round."""
        return [self.multiply_adds / t / rate for t, rate in zip(self.cached, self.product_rate, strict=True)]

    @property
    def product_shares(self) -> list[float]:
        """The same of its products by themselves."""
        return [self.multiply_adds / t / rate for t, rate in zip(self.products, self.product_rate, strict=True)]


def make_model(options: Options) -> PixelCNN:
    """Return a PixelCNN for black and white images, untrained."""
    from tfgen.model.base import build_model
    from tfgen.plugin.options import build

    spec = load_registry().model("pixelcnn")
    chosen = {name: getattr(options, name) for name in ("network", "blocks", "filters", "attention")}
    data = DataSpec("image", (options.side, options.side, 1))
    model: Any = build_model(spec, build(spec.config, chosen), data, options.seed)
    return model


def programs(model: PixelCNN, batch: int) -> tuple[dict[str, Callable[[], Any]], int]:
    """Return the timed functions at a batch size, each of which waits for its result, with their multiply-adds.

    These are what an image takes by itself, times the batch: what only fills up a chunk counts for nothing.
    """
    import tensorflow as tf

    from benchmarks.products import alone, products_of
    from tfgen.seeds import fold_in
    from tfgen_plugins.pixelcnn.programs import naive_sampling_program

    loops = model.data.shape[:2]
    calls = iter(range(1, 2**31 - 1))

    @tf.function(autograph=False)
    def cached(number: tf.Tensor) -> tf.Tensor:
        return model.sample(batch, seed=fold_in(0, number))

    images = model.sampler.network_input(tf.zeros([batch, *model.data.shape]))
    first_pixels = naive_sampling_program(model.sampler, min(_PASSES, math.prod(loops)))
    uniforms = tf.fill([batch, *loops, 1], 0.5)
    xla = tf.function(lambda: model.network(images), autograph=False, jit_compile=True)
    one = tf.constant(1.0)
    factor = tf.random.stateless_normal([_MATRIX, _MATRIX], [0, 0])
    large = tf.function(lambda scale: tf.matmul(factor, factor * scale), autograph=False)
    products = products_of(cached.get_concrete_function(tf.constant(0)))
    by_themselves = alone(products, loops)
    found: dict[str, Callable[[], Any]] = {
        "cached": lambda: cached(tf.constant(next(calls))).numpy(),
        "graph": lambda: first_pixels((uniforms, None), 1.0).numpy(),
        "xla": lambda: xla().numpy(),
        "large": lambda: large(one).numpy(),
        "products": lambda: [result.numpy() for result in by_themselves()],
    }
    single = tf.function(lambda: model.sample(1), autograph=False).get_concrete_function()
    return found, batch * sum(product.multiply_adds for product in products_of(single))


def seconds_of(program: Callable[[], Any]) -> float:
    """Return the seconds of a call; the mean of several short calls."""
    begin, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - begin < 0.1:
        program()
        calls += 1
    return (time.perf_counter() - begin) / calls


def measure(model: PixelCNN, options: Options, report: Callable[[str], None]) -> list[Timing]:
    """Time every function in each round, for each batch size."""
    timings = []
    for batch in options.batch_sizes:
        found, multiply_adds = programs(model, batch)
        timing = Timing(batch, multiply_adds, math.prod(model.data.shape[:2]))
        report(f"batch {batch}: warming up")
        begin = time.perf_counter()
        found["cached"]()
        timing.compile_seconds = time.perf_counter() - begin
        names = list(found)
        for turn in range(-1, options.rounds):
            begin_at = turn % len(names)
            seconds = {name: seconds_of(found[name]) for name in names[begin_at:] + names[:begin_at]}
            if turn < 0:
                timing.compile_seconds -= seconds["cached"]
                continue
            timing.cached.append(seconds["cached"])
            timing.products.append(seconds["products"])
            timing.product_rate.append(_MATRIX**3 / seconds["large"])
            timing.passes["graph"].append(seconds["graph"] / min(_PASSES, timing.pixels))
            timing.passes["xla"].append(seconds["xla"])
            report(f"batch {batch}: round {turn + 1} of {options.rounds}, {timing.ratios[-1]:.0f} times")
        timings.append(timing)
    return timings


def verify(model: PixelCNN, timing: Timing, seed: int) -> None:
    """Run the naive sampler whole at the batch size of a timing, and check that it draws the same images.

    Raises:
        TfgenError: when it does not: the two cannot be compared.
    """
    import numpy as np

    model.sample_naively(timing.batch, seed=seed + 1).numpy()
    begin = time.perf_counter()
    naive = model.sample_naively(timing.batch, seed=seed).numpy()
    timing.naive = time.perf_counter() - begin
    different = float(np.mean(naive != model.sample(timing.batch, seed=seed).numpy()))
    if different > 1e-3:  # a uniform number within rounding of a probability may fall to either side
        raise TfgenError(
            f"the two samplers disagree in {100 * different:.2f} % of the pixels: they cannot be compared."
        )


def time_peer(options: Options) -> dict[str, Any]:
    """Return parameters and seconds of one pass of `tfd.PixelCNN`, in the size of its documentation for MNIST."""
    import numpy as np
    import tensorflow as tf
    import tensorflow_probability as tfp

    shape = (options.side, options.side, 1)
    sizes = {"num_resnet": 1, "num_hierarchies": 2, "num_filters": 32, "num_logistic_mix": 5, "dropout_p": 0.3}
    peer = tfp.distributions.PixelCNN(image_shape=shape, **sizes)
    peer.log_prob(np.zeros((1, *shape), np.float32))  # builds the network
    images = tf.zeros([_PEER_BATCH, *shape])
    program = tf.function(lambda: peer.network(images, training=False), autograph=False)
    program()
    seconds = [seconds_of(lambda: program()[0].numpy()) for _ in range(options.rounds)]
    weights = sum(math.prod(weight.shape) for weight in peer.network.trainable_weights)
    return {"batch": _PEER_BATCH, "sizes": sizes, "parameters": weights, "pass_seconds": seconds}


def table(timings: Sequence[Timing]) -> tuple[list[str], list[list[str]]]:
    """Return the headings and rows of the table."""
    headings = [
        "batch", "images/s", "ms a batch", "(range)", "ms a pass", "by", "times a pass for each pixel", "(range)",
        "GFLOP/s", "of a large product's", "its products alone", "compile s",
    ]  # fmt: skip
    rows = []
    for t in timings:
        cached, one = statistics.median(t.cached), statistics.median(t.passes[t.way])
        ms = [1e3 * s for s in t.cached]
        rows.append(
            [
                str(t.batch),
                f"{t.batch / cached:,.0f}",
                middle(ms),
                min_to_max(ms),
                f"{1e3 * one:.2f}",
                t.way,
                f"{statistics.median(t.ratios):.0f}",
                f"{min(t.ratios):.0f}-{max(t.ratios):.0f}",
                f"{2e-9 * t.multiply_adds / cached:.0f}",
                f"{100 * statistics.median(t.shares):.0f} %",
                f"{100 * statistics.median(t.product_shares):.0f} %",
                f"{t.compile_seconds:.1f}",
            ]
        )
    return headings, rows


def verdict_lines(timings: Sequence[Timing], parameters: int, peer: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield verdict lines: results against targets, and the checks."""
    for t in timings:
        if t.batch in TARGETS:
            ratio = statistics.median(t.ratios)
            reached = "reached" if ratio >= TARGETS[t.batch] else "NOT reached"
            yield f"target: {TARGETS[t.batch]:g} times a pass for each pixel at batch {t.batch}; {ratio:.0f}, {reached}"
        if t.batch == TARGET_SHARE_BATCH:
            share = statistics.median(t.shares)
            reached = "reached" if share >= TARGET_SHARE else "NOT reached"
            yield f"target: {TARGET_SHARE:.0%} of a large product's rate at batch {t.batch}; {share:.0%}, {reached}"
        if t.naive is not None:
            predicted = t.pixels * statistics.median(t.passes[t.way])
            yield (
                f"check: the naive sampler, run whole at batch {t.batch}, took {t.naive:.2f} s, "
                f"{t.naive / predicted:.2f} times {t.pixels} passes; it drew the same images"
            )
    rates = [2e-9 * rate for t in timings for rate in t.product_rate]
    yield f"a product of {_MATRIX} x {_MATRIX} matrices: {statistics.median(rates):.0f} GFLOP/s ({min_to_max(rates)})"
    yield f"parameters: {parameters:,}"
    if peer is not None:
        ours = {t.batch: statistics.median(t.cached) for t in timings}.get(peer["batch"])
        theirs = timings[0].pixels * statistics.median(peer["pass_seconds"])
        times = f", {theirs / ours:,.0f} times as long as tfgen's" if ours else ""
        yield (
            f"tfd.PixelCNN, {peer['parameters']:,} parameters, batch {peer['batch']}: {timings[0].pixels} passes take "
            f"{theirs:.0f} s, {peer['batch'] / theirs:.2f} images/s{times}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write files when asked to; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        description = (__doc__ or "").split("\n    python")[0]
        options = tyro.cli(Options, args=arguments, prog="pixelcnn_sampling.py", description=description)
        runtime.load_tensorflow(announce=True)
        machine = describe_machine(options.device)
        with runtime.device_scope(options.device):
            model = make_model(options)
            timings = measure(model, options, report=lambda line: print(line, file=sys.stderr, flush=True))
            for timing in timings:
                if timing.batch in options.whole:
                    verify(model, timing, options.seed)
            peer = time_peer(options) if options.peer else None
        parameters = sum(math.prod(weight.shape) for weight in model.trainable_variables)
        command = shlex.join(["python", "benchmarks/pixelcnn_sampling.py", *arguments])
        headings, rows = table(timings)
        lines = [*verdict_lines(timings, parameters, peer), *machine_lines(machine, command)]
        print_table(headings, rows)
        print("\n".join(lines))
        if options.markdown is not None:
            with written_whole(options.markdown) as temporary:
                listed = "".join(f"- {line}\n" for line in lines)
                temporary.write_text(f"{markdown_table(headings, rows)}\n{listed}")
        if options.json is not None:
            chosen = {name: value for name, value in asdict(options).items() if name not in ("json", "markdown")}
            content: dict[str, Any] = {"benchmark": "pixelcnn_sampling", "command": command, "machine": machine}
            content |= {"options": chosen, "parameters": parameters, "peer": peer}
            content["timings"] = [asdict(timing) for timing in timings]
            write_json(options.json, content)
    except TfgenError as error:
        print(f"pixelcnn_sampling: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
