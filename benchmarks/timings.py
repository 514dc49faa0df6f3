"""Timings of the training loop benchmark: rounds of each way, whether they compare, and their table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tfgen.errors import TfgenError

WayName = Literal[
    "tf.function", "tf.function-xla", "keras-fit", "keras-fit-xla", "graph", "xla-step", "xla-loop", "stream"
]
DESCRIPTIONS: Mapping[WayName, str] = {
    "tf.function": "a tf.function per step, tf.data",
    "tf.function-xla": "the same, jit_compile=True",
    "keras-fit": "keras.Model.fit, tf.data, jit_compile='auto'",
    "keras-fit-xla": "keras.Model.fit, tf.data, jit_compile=True",
    "graph": "tfgen --compile graph",
    "xla-step": "tfgen --compile xla-step",
    "xla-loop": "tfgen --compile xla-loop",
    "stream": "tfgen --feed stream",
}
DEVICE_MODES: tuple[WayName, ...] = ("graph", "xla-step", "xla-loop")
# A short trial tells no modes apart that are nearer than this; a mode that is farther off was wrongly taken.
_NEAR = 1.15
_MB = 1e6


@dataclass
class Measured:
    """Timings of one way; `dataclasses.asdict` converts it to JSON.

    Attributes:
        name: of the way.
        description: what it is, with what Keras or tfgen chose where it had a choice.
        left_out: why it has no timings, if so.
        compile_seconds: what the first chunk took beyond the later ones: tracing, compiling, filling the shuffle buffer.
        warm_up_ms: milliseconds a step in the round that does not count.
        ms_per_step: milliseconds a step in each round.
        times_as_fast: the first way's time through this one's, in each round.
        first_loss: before the first step, on fixed validation examples.
        last_loss: after the last step, on the same.
        steps: updates made.
        gpu_growth: bytes on the GPU that building and warming up has added; None without a GPU.
        data: the training set on the device, for tfgen's modes.
    """

    name: WayName
    description: str
    left_out: str | None = None
    compile_seconds: float = math.nan
    warm_up_ms: float = math.nan
    ms_per_step: list[float] = field(default_factory=list)
    times_as_fast: list[float] = field(default_factory=list)
    first_loss: float = math.nan
    last_loss: float = math.nan
    steps: int = 0
    gpu_growth: int | None = None
    data: dict[str, Any] | None = None


@dataclass
class AutoChoice:
    """Choice of ``--compile auto`` with its timings; `dataclasses.asdict` converts it to JSON.

    Attributes:
        mode: that it takes.
        seconds: that it needed to find it, three compilations included.
        found: milliseconds a step in each mode by its own short trial, or why the mode does not work.
        fastest: the mode that was the fastest in the rounds.
        times_fastest: median time of the mode taken through that of the fastest, in the rounds; None when the mode taken
            had been left out of them.
    """

    mode: WayName
    seconds: float
    found: dict[str, float | str]
    fastest: WayName | None = None
    times_fastest: float | None = None

    def judge(self, ways: Sequence[Measured]) -> None:
        """Compare the mode taken with what the rounds say of each mode."""
        medians = {way.name: statistics.median(way.ms_per_step) for way in ways if way.ms_per_step}
        timed = {name: medians[name] for name in DEVICE_MODES if name in medians}
        if timed:
            fastest = min(timed, key=lambda name: timed[name])
            self.fastest = fastest
            self.times_fastest = timed[self.mode] / timed[fastest] if self.mode in timed else None


def check_same_work(ways: Sequence[Measured], total_steps: int) -> None:
    """Check that all ways began with the same weights and made the same number of updates.

    Raises:
        TfgenError: when not; the timings would mean nothing.
    """
    for way in ways:
        if way.steps != total_steps:
            raise TfgenError(f"{way.name} made {way.steps} updates, not {total_steps}: the timings cannot be compared.")
        if not math.isclose(way.first_loss, ways[0].first_loss, rel_tol=1e-6):
            raise TfgenError(
                f"{way.name} starts from a loss of {way.first_loss}, {ways[0].name} from {ways[0].first_loss}: "
                "the timings cannot be compared."
            )


def agreement(ways: Sequence[Measured]) -> dict[str, float | None]:
    """Return the relative difference of the final losses; None for fewer than two.

    ``same_order`` is of tfgen's ways, which see the same batches with the same noise; the order of the others differs.
    """
    timed = [way for way in ways if way.left_out is None]
    groups = {"same_order": [way for way in timed if way.name in (*DEVICE_MODES, "stream")], "all": timed}
    return {name: _spread([way.last_loss for way in group]) for name, group in groups.items()}


def _spread(losses: Sequence[float]) -> float | None:
    if len(losses) < 2:
        return None
    return (max(losses) - min(losses)) / max(abs(min(losses)), 1e-12)


def table(ways: Sequence[Measured]) -> tuple[list[str], list[list[str]]]:
    """Return the headings and rows of the table."""
    headings = ["way", "ms a step", "(range)", "times as fast", "(range)", "compile s", "loss before", "after"]
    with_gpu = any(way.gpu_growth is not None for way in ways)
    rows = []
    for way in ways:
        if way.left_out is not None:
            cells = ["-"] * (len(headings) - 1) + ["-"] * with_gpu
            rows.append([f"{way.description}: left out, {way.left_out}", *cells])
            continue
        ms, ratio = way.ms_per_step, way.times_as_fast
        cells = [
            way.description,
            middle(ms),
            min_to_max(ms),
            middle(ratio),
            min_to_max(ratio),
            f"{way.compile_seconds:.1f}",
            f"{way.first_loss:.4f}",
            f"{way.last_loss:.4f}",
        ]
        rows.append(cells + [f"{(way.gpu_growth or 0) / _MB:.0f}"] * with_gpu)
    return headings + ["GPU MB"] * with_gpu, rows


def middle(values: Sequence[float]) -> str:
    """Return the median as text; a dash for an empty list."""
    return f"{statistics.median(values):.2f}" if values else "-"


def min_to_max(values: Sequence[float]) -> str:
    """Return the range (minimum to maximum) as text; a dash for an empty list."""
    return f"{min(values):.2f}-{max(values):.2f}" if values else "-"


def machine_lines(machine: Mapping[str, Any], command: str) -> list[str]:
    """Return the machine, versions and command of a measurement, as lines."""
    return [
        f"machine: {machine['cpu']}, {machine['cores_usable']} of {machine['cores']} cores, device {machine['device']}, "
        f"load {machine['load_average'][0]} at the start",
        "versions: " + ", ".join(f"{name} {version}" for name, version in machine["versions"].items()),
        f"command: {command}",
    ]


def auto_lines(auto: Mapping[str, Any] | None) -> list[str]:
    """Return the choice of ``--compile auto`` and its time in the rounds; nothing if it was not run."""
    if auto is None:
        return []
    result = ", ".join(
        f"{name} {f'{ms:.4g} ms' if isinstance(ms, float) else 'fails'}" for name, ms in auto["found"].items()
    )
    lines = [f"tfgen --compile auto takes {auto['mode']}, found in {auto['seconds']:.1f} s ({result} a step)"]
    if auto["times_fastest"] is not None:
        lines[0] += f"; in the rounds {auto['times_fastest']:.2f} times the time of the fastest mode, {auto['fastest']}"
    if auto["fastest"] is not None and (auto["times_fastest"] is None or auto["times_fastest"] > _NEAR):
        lines.append(f"WARNING: auto took {auto['mode']}, and {auto['fastest']} is faster")
    return lines


def summary_lines(content: Mapping[str, Any]) -> list[str]:
    """Return the lines around the table: work, machine, and place of the training set."""
    plan, training = content["plan"], content["training"]
    chosen = " ".join(f"{name}={value}" for name, value in content["options"].items())
    device_data = [way["data"] for way in content["ways"] if way["data"]]
    memory = [f"training set: {content['train_bytes'] / _MB:.1f} MB as stored"]
    if device_data:
        first = device_data[0]
        memory.append(
            f"on the device {first['examples'] / _MB:.1f} MB {first['dtype']}, labels {first['labels'] / _MB:.1f} MB"
        )
    memory.append(f"resident memory grew by {content['peak_growth_bytes'] / _MB:.0f} MB at its peak, all ways together")
    known = {name.replace("_", " "): value for name, value in content["agreement"].items() if value is not None}
    spreads = [f"{name} {100 * value:.2f} %" for name, value in known.items()]
    timed = [way for way in content["ways"] if way["left_out"] is None]
    stuck = [way["name"] for way in timed if way["last_loss"] is None or way["last_loss"] >= way["first_loss"]]
    agree = [f"losses after {plan['total_steps']} steps differ by: {', '.join(spreads)}"] if spreads else []
    agree += [f"WARNING: {', '.join(stuck)} did not reduce the loss"] if stuck else []
    adam = f"{training['optimizer']} {training['learning_rate']:g}, clip norm {training['clip_norm']:g}"
    return [
        f"{content['model']} ({chosen}) on {content['data']['name']}, {content['data']['train_examples']} examples, "
        f"batch {training['batch_size']}, {adam}",
        f"{plan['repeats']} rounds of {plan['steps']} timed steps in chunks of {plan['chunk_steps']}; "
        f"each way made {plan['total_steps']} steps in all",
        *agree,
        *auto_lines(content["auto"]),
        "; ".join(memory),
        *machine_lines(content["machine"], content["command"]),
    ]
