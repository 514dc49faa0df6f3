"""What was measured of the samplers, whether targets are met, and how a person reads it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.timings import machine_lines, middle, spread

#: How many times the images per second of each peer tfgen has to draw.
TARGETS: Mapping[str, float] = {"nflows": 1.3, "normflows": 2.0}
#: How many times as long the slower direction of the flow may take.
DIRECTIONS_TARGET = 1.2
_IDLE = 0.5  # load average above which another program must have been at work


@dataclass
class Timing:
    """What is known of one program; `dataclasses.asdict` makes it fit for JSON.

    Attributes:
        contender: whose it is.
        way: the contender's setting.
        description: of contender and setting.
        work: ``sample``, ``decode``, ``encode`` or ``products``.
        batch: images in one call.
        left_out: why it has no timings, if so.
        first_seconds: of the first call, with all compiling.
        calls: timed in each round.
        mean: of the numbers that the first call returned.
        ms_per_call: in each round.
        cores_busy: seconds of processor time through seconds, in each round; threads that wait in a loop count as busy.
    """

    contender: str
    way: str
    description: str
    work: str
    batch: int
    left_out: str | None = None
    first_seconds: float | None = None
    calls: int = 0
    mean: float | None = None
    ms_per_call: list[float] = field(default_factory=list)
    cores_busy: list[float] = field(default_factory=list)

    @property
    def images_per_second(self) -> list[float]:
        """In each round."""
        return [1000 * self.batch / ms for ms in self.ms_per_call]


def best(timings: Sequence[Timing], contender: str, work: str, batch: int) -> Timing | None:
    """Return the contender's fastest way by the median over the rounds; None when no way works."""
    own = [t for t in timings if (t.contender, t.work, t.batch) == (contender, work, batch) and t.ms_per_call]
    return min(own, key=lambda timing: statistics.median(timing.ms_per_call), default=None)


def ratios(slow: Timing, fast: Timing) -> list[float]:
    """Return the time of the first through that of the second, in each round."""
    return [a / b for a, b in zip(slow.ms_per_call, fast.ms_per_call, strict=True)]


def batches(timings: Sequence[Timing]) -> list[int]:
    """Return the batch sizes, in order."""
    return list(dict.fromkeys(timing.batch for timing in timings))


def samplers_table(timings: Sequence[Timing]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of all samplers: images per second, and how many times as many tfgen's best way draws."""
    headings = [
        "sampler",
        "batch",
        "images/s",
        "(range)",
        "tfgen's best: times as many",
        "(range)",
        "cores busy",
        "first call s",
    ]
    rows = []
    for timing in (t for t in timings if t.work == "sample"):
        if timing.left_out is not None:
            rows.append([f"{timing.description}: left out, {timing.left_out}", str(timing.batch), *["-"] * 6])
            continue
        ours = best(timings, "tfgen", "sample", timing.batch)
        times = ratios(timing, ours) if ours else []
        rates = timing.images_per_second
        rows.append(
            [
                timing.description,
                str(timing.batch),
                f"{statistics.median(rates):,.0f}",
                f"{min(rates):,.0f}-{max(rates):,.0f}",
                middle(times),
                spread(times),
                middle(timing.cores_busy),
                f"{timing.first_seconds:.1f}",
            ]
        )
    return headings, rows


def programs_table(timings: Sequence[Timing]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of all other programs: milliseconds a call, and how many times as long as which one."""
    headings = ["program", "batch", "ms a call", "(range)", "times as long", "(range)", "as"]
    rows = []
    for timing in (t for t in timings if t.work != "sample"):
        if timing.left_out is not None:
            rows.append([f"{_name(timing)}: left out, {timing.left_out}", str(timing.batch), *["-"] * 5])
            continue
        against = {"encode": "decode", "products": "sample"}.get(timing.work, "")
        other = best([t for t in timings if t.way == timing.way], timing.contender, against, timing.batch)
        times = ratios(timing, other) if other else []
        ms = timing.ms_per_call
        cells = [middle(ms), spread(ms), middle(times), spread(times), against or "-"]
        rows.append([_name(timing), str(timing.batch), *cells])
    return headings, rows


def _name(timing: Timing) -> str:
    return f"{timing.work}: {timing.description}"


def verdicts(timings: Sequence[Timing]) -> list[dict[str, Any]]:
    """Return for each target what was asked for, what was measured (median, least, most) and whether it is reached."""
    found = []
    for batch in batches(timings):
        ours = best(timings, "tfgen", "sample", batch)
        for name, target in TARGETS.items():
            theirs = best(timings, name, "sample", batch)
            if ours is None or theirs is None:
                continue
            times = ratios(theirs, ours)
            what = f"batch {batch}: times the images per second of {theirs.description}, by {ours.description}"
            found.append(_verdict(what, target, times, statistics.median(times) >= target, "at least"))
    for batch in batches(timings):
        for way in dict.fromkeys(timing.way for timing in timings if timing.work == "encode"):
            own = [timing for timing in timings if timing.way == way]
            pair = [best(own, "tfgen", work, batch) for work in ("encode", "decode")]
            if pair[0] is None or pair[1] is None:
                continue
            times = ratios(pair[0], pair[1])
            middling = statistics.median(times)
            what = f"batch {batch}: time of encoding through that of decoding, {pair[0].description}"
            reached = max(middling, 1 / middling) <= DIRECTIONS_TARGET
            found.append(_verdict(what, DIRECTIONS_TARGET, times, reached, "within a factor of"))
    return found


def _verdict(what: str, target: float, values: Sequence[float], reached: bool, relation: str) -> dict[str, Any]:
    measured = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {"what": what, "relation": relation, "target": target, **measured, "reached": reached}


def idle(content: Mapping[str, Any]) -> bool:
    """Return whether no other program was at work when the measurement began."""
    return bool(content["load_at_start"] <= _IDLE)


def verdict_lines(content: Mapping[str, Any]) -> list[str]:
    """Return a line for each verdict."""
    doubt = "" if idle(content) else ", but the machine was not idle"
    return [
        f"{v['what']}: {v['median']:.2f} ({v['least']:.2f}-{v['most']:.2f}), target {v['relation']} {v['target']:g}: "
        f"{'reached' if v['reached'] else 'MISSED'}{doubt}"
        for v in content["verdicts"]
    ]


def summary_lines(content: Mapping[str, Any]) -> list[str]:
    """Return what stands around the tables: what was measured, that it is the same, and on what."""
    plan, built = content["plan"], content["contenders"]
    counts = [
        f"{name} {facts['kernels']:,} + {facts['biases']:,}"
        + (f" (and {facts['others']:,} others: ranges of log-scales)" if facts["others"] else "")
        for name, facts in built.items()
    ]
    peers = {name: facts["versions"] for name, facts in built.items() if name != "tfgen"}
    lines = [
        f"Real NVP, {plan['layers']} affine couplings, {plan['depth']} hidden layers of {plan['units']} units, half masks, "
        f"{plan['side']}x{plan['side']} images, seed {plan['seed']}",
        f"weights, kernels + biases: {'; '.join(counts)}",
        f"{content['rounds']} rounds of about {content['seconds']:g} s for each program, in turns",
    ]
    if content["differences"]:
        most = max(entry["share"] for entry in content["differences"].values())
        lines.append(
            f"same codes and weights, same pictures: {100 * most:.4f} % of the grey levels differ, by at most 1; "
            f"all draw {content['result']['dtype']} {content['result']['shape']}"
        )
    if not idle(content):
        lines.append(f"WARNING: the machine was not idle (load {content['load_at_start']:g} at the start)")
    for name, versions in peers.items():
        lines.append(f"{name}: " + ", ".join(f"{part} {version}" for part, version in versions.items()))
    threads = [f"{name} {facts['threads']}" for name, facts in built.items()]
    return [*lines, f"threads: {', '.join(threads)}", *machine_lines(content["machine"], content["command"])]


def markdown(content: Mapping[str, Any], tables: Sequence[tuple[list[str], list[list[str]]]]) -> str:
    """Return everything as Markdown."""
    blocks = [f"# {content['title']}"]
    for headings, rows in tables:
        if rows:
            lines = [headings, ["---"] * len(headings), *rows]
            blocks.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    if content["verdicts"]:
        blocks.append("\n".join(f"- {line}" for line in verdict_lines(content)))
    blocks.append("\n".join(f"- {line}" for line in summary_lines(content)))
    return "\n\n".join(blocks) + "\n"
