"""Processor time of Real NVP in two checkouts of tfgen: a training step and sampling, in graph mode and compiled by XLA.

Each checkout runs in a process of its own, with its own Python. The processes take turns: in each round both run the same
number of calls, and the one that begins changes from round to round. What counts is the ratio of processor times within a
round, which other programs on the machine disturb least. The median of these ratios has a distribution-free interval of at
least 95 %.

    python benchmarks/real_nvp_chain.py OLD/.venv/bin/python NEW/.venv/bin/python --rounds 15

The model has 784 dimensions, 5 affine couplings of two hidden layers, and random masks. ``decode`` is sampling from codes that
are given: without the random numbers, which are no part of the flow.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

WORKS = ("train", "sample", "decode")
MODES = ("graph", "xla")
AIM, BOUND = 1.03, 1.10
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Size:
    """Sizes of the model and of the batches that are timed.

    Attributes:
        side: of the square images.
        layers: couplings.
        units: width of the two hidden layers of each.
        batch: examples of a training step.
        samples: of a call of sampling or decoding.
        seed: of weights, masks and draws.
    """

    side: int = 28
    layers: int = 5
    units: int = 512
    batch: int = 128
    samples: int = 1024
    seed: int = 0


@dataclass
class Timing:
    """One work in one mode.

    Attributes:
        work: ``train``, ``sample`` or ``decode``.
        mode: ``graph`` or ``xla``.
        old: milliseconds of processor time a call in the old checkout, one number a round.
        new: the same in the new one.
    """

    work: str
    mode: str
    old: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """New over old, one number a round."""
        return [new / old for old, new in zip(self.old, self.new, strict=True)]


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return two of the values between which the median lies with a confidence of 95 %, whatever the distribution.

    Each value is below the median with probability 1/2, so that the number of those below is binomial. With fewer than six
    values the whole range is returned, which has less than that confidence.
    """
    ordered, n = sorted(values), len(values)
    tails = [2 * sum(math.comb(n, below) for below in range(left_out + 1)) / 2**n for left_out in range(n // 2)]
    left_out = max((number for number, tail in enumerate(tails) if tail <= 1 - _CONFIDENCE), default=0)
    return ordered[left_out], ordered[n - 1 - left_out]


class Worker:
    """A process with one checkout's Python, which runs calls when it is asked to."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self.process = process
        self.name = name

    def ask(self, **request: Any) -> Any:
        """Send a request and return the answer.

        Raises:
            RuntimeError: when the process has ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the empty answer tells
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} ended early; its own message is above.")
        return json.loads(answer)


@contextmanager
def worker(python: str) -> Iterator[Worker]:
    """Yield a worker process of one Python; it ends with the block.

    Args:
        python: the interpreter of a checkout's environment, or the checkout's folder, which has it in ``.venv/bin``.
    """
    path = Path(python)
    interpreter = path / ".venv/bin/python" if path.is_dir() else path
    command = [str(interpreter), str(Path(__file__).resolve()), "--worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Worker(process, str(interpreter))
        finally:
            process.kill()
            with suppress(BrokenPipeError):  # a request that a dead process did not read is still in the pipe
                process.communicate()


def measure(
    old: str, new: str, size: Size, rounds: int, seconds: float, report: Callable[[str], None]
) -> dict[str, Any]:
    """Return facts of both checkouts and the timings.

    Args:
        old: Python or folder of the old checkout.
        new: the same of the new one.
        size: what is run.
        rounds: in which both take turns.
        seconds: about how long each runs in each round, for each work and mode.
        report: of progress.
    """
    with ExitStack() as stack:
        workers = {"old": stack.enter_context(worker(old)), "new": stack.enter_context(worker(new))}
        facts = {name: one.ask(do="build", size=asdict(size)) for name, one in workers.items()}
        timings = []
        for work in WORKS:
            for mode in MODES:
                timing = Timing(work, mode)
                once = max(one.ask(do="start", work=work, mode=mode)["seconds"] for one in workers.values())
                calls = max(1, round(seconds / once))
                for number in range(rounds):
                    for name in ("old", "new") if number % 2 == 0 else ("new", "old"):
                        getattr(timing, name).append(workers[name].ask(do="time", calls=calls)["ms"])
                timings.append(timing)
                report(
                    f"{work} {mode}: {statistics.median(timing.ratios):.3f}, {calls} calls in each of {rounds} rounds"
                )
    return {"facts": facts, "timings": timings}


def lines(timings: Sequence[Timing]) -> list[str]:
    """Return a Markdown table of processor times and ratios, with targets."""
    rows = ["| what | mode | old, ms | new, ms | new / old | (95 %) |", "|---|---|---|---|---|---|"]
    for timing in timings:
        low, high = median_interval(timing.ratios)
        rows.append(
            f"| {timing.work} | {timing.mode} | {statistics.median(timing.old):.2f} | {statistics.median(timing.new):.2f} | "
            f"**{statistics.median(timing.ratios):.3f}** | {low:.3f}-{high:.3f} |"
        )
    worst = max(timings, key=lambda timing: statistics.median(timing.ratios))
    ratio = statistics.median(worst.ratios)
    verdict = (
        "reached" if ratio <= AIM else "missed, within the bound" if ratio <= BOUND else "missed, and so is the bound"
    )
    return [*rows, "", f"largest: {ratio:.3f}, {worst.work} {worst.mode}; aim {AIM}, bound {BOUND}: {verdict}"]


def serve() -> None:
    """Answer requests on standard input; runs in the checkouts, old ones too, so it takes public names of tfgen only."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    programs: Programs | None = None
    call: Callable[[int], Any] = int
    count = 0
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "build":
            programs = Programs(Size(**request["size"]))
            answer: dict[str, Any] = programs.facts()
        elif request["do"] == "start":
            assert programs is not None
            call = programs.program(request["work"], request["mode"])
            for number in range(3):  # compiles, and lets threads and memory settle
                call(number)
            start = time.perf_counter()
            call(3)
            answer = {"seconds": time.perf_counter() - start}
        else:
            start = time.process_time()
            for _ in range(request["calls"]):
                count += 1
                call(count)
            answer = {"ms": 1e3 * (time.process_time() - start) / request["calls"]}
        print(json.dumps(answer), flush=True)


class Programs:
    """The model in this process's checkout, and the compiled functions that are timed."""

    def __init__(self, size: Size) -> None:
        import keras
        import numpy as np
        import tensorflow as tf

        import tfgen
        from tfgen_plugins.flows import RealNVPConfig
        from tfgen_plugins.flows.model import RealNVP

        keras.utils.set_random_seed(size.seed)
        self.size = size
        config = RealNVPConfig(layers=size.layers, units=size.units, depth=2, mask=("random",))
        data = tfgen.DataSpec("image", (size.side, size.side, 1))
        self.model = RealNVP(config, data, size.seed)
        random = np.random.default_rng(size.seed)
        self.x = tf.constant(random.integers(0, 256, (size.batch, size.side, size.side, 1), dtype=np.uint8))
        self.z = tf.constant(random.normal(size=(size.samples, data.dimensions)).astype(np.float32))

    def facts(self) -> dict[str, Any]:
        """Return versions, the number of parameters, and the loss before training, which has to be the same in both."""
        import tensorflow as tf

        import tfgen

        return {
            "checkout": str(Path(str(tfgen.__file__)).parents[1]),
            "tensorflow": tf.__version__,
            "parameters": sum(math.prod(weight.shape) for weight in self.model.trainable_variables),
            "loss": float(self._loss(tf.constant([0, 1]), tf.constant(0))),
        }

    def _loss(self, seed: Any, step: Any) -> Any:
        import tfgen

        return self.model.objectives()[0].loss(tfgen.Batch(self.x, None), seed, tfgen.Context.at(step))["loss"]

    def program(self, work: str, mode: str) -> Callable[[int], Any]:
        """Return the compiled function of the number of the call, which is its seed; its result is on the host."""
        import keras
        import tensorflow as tf

        if work == "train":
            optimizer = keras.optimizers.Adam(1e-4)
            weights = self.model.trainable_variables
            optimizer.build(weights)

            def run(seed: Any) -> Any:
                with tf.GradientTape() as tape:
                    loss = self._loss(seed, tf.constant(0))
                gradients = tape.gradient(loss, [weight.value for weight in weights])
                optimizer.apply_gradients(zip(gradients, weights, strict=True))
                return loss

        elif work == "sample":

            def run(seed: Any) -> Any:
                return self.model.sample(self.size.samples, seed=seed)

        else:

            def run(seed: Any) -> Any:
                return self.model.decode(self.z + tf.cast(seed[1], tf.float32) * 1e-9)

        compiled = tf.function(run, jit_compile=mode == "xla", autograph=False)
        return lambda number: compiled(tf.constant([0, number])).numpy()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write JSON when asked to; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="Python of the old checkout's environment, or the checkout's folder")
    parser.add_argument("new", help="the same of the new checkout")
    parser.add_argument("--rounds", type=int, default=15, help="in which both take turns")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each checkout in each round, for each row")
    parser.add_argument("--json", type=Path, default=None, help="file for every number")
    for name, default in asdict(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser.parse_args(given)
    size = Size(**{name: getattr(options, name) for name in asdict(Size())})
    if (
        options.rounds < 1
        or options.seconds <= 0
        or min(size.side, size.layers, size.units, size.batch, size.samples) < 1
    ):
        parser.error("--rounds, --seconds and all sizes must be above 0.")
    for python in (options.old, options.new):
        if not Path(python).exists():
            parser.error(
                f"{python} does not exist; give the Python of a checkout's environment, or the checkout's folder."
            )
    load = os.getloadavg()[0]
    try:
        result = measure(
            options.old, options.new, size, options.rounds, options.seconds, lambda line: print(line, file=sys.stderr)
        )
    except RuntimeError as error:
        print(f"real_nvp_chain: {error}", file=sys.stderr)
        return 1
    losses = [facts["loss"] for facts in result["facts"].values()]
    if not math.isclose(*losses, rel_tol=1e-5):
        print(f"real_nvp_chain: the checkouts start from other losses, {losses}: no comparison.", file=sys.stderr)
        return 1
    print("\n".join(lines(result["timings"])))
    print(f"{os.cpu_count()} cores, load {load:.2f} at the start; seed {size.seed}; loss {losses[0]:.6f} in both")
    if options.json is not None:
        content: dict[str, Any] = {
            "benchmark": "real_nvp_chain",
            "command": shlex.join(["python", "benchmarks/real_nvp_chain.py", *given]),
        }
        content |= {
            "size": asdict(size),
            "facts": result["facts"],
            "timings": [asdict(timing) for timing in result["timings"]],
        }
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--worker"]:
        serve()
    else:
        sys.exit(main())
