"""Performance targets of tfgen beside other libraries and the ceilings, and a check of a result against them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfgen_benchmarks.record import Result
from tfgen_benchmarks.rows import BenchmarkRow, best, ratios


@dataclass(frozen=True)
class Target:
    """A performance target: minimal speed-up of tfgen's best way over a peer.

    Attributes:
        model: registered name; every variant of it counts.
        work: ``sample`` or ``train``.
        batch: of both.
        contender: the other library, by its best way.
        way: of the other library; None for its best.
        times: at least.
    """

    model: str
    work: str
    batch: int
    contender: str
    times: float
    way: str | None = None


TARGETS = (
    Target("realnvp", "sample", 1024, "nflows", 1.3),
    Target("realnvp", "train", 128, "nflows", 3.0),
    Target("realnvp", "train", 128, "normflows", 3.0),
    Target("cvae", "sample", 1024, "torch", 1.0, way="compiled"),
    Target("cvae", "train", 128, "torch", 1.0, way="compiled"),
    Target("pixelcnn", "sample", 16, "torch", 100.0),
)
#: Of the rate of a large product: Real NVP at this batch size.
SHARE, SHARE_BATCH = 0.8, 1024


def verdicts(result: Result) -> list[str]:
    """Return a line for each target that the result has the rows of."""
    doubt = "" if result.idle else ", but the machine was not idle"
    return [f"{line}{doubt}" for line in (*_against_libraries(result.rows), *_against_the_machine(result.rows))]


def _against_libraries(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    for target in TARGETS:
        for model in dict.fromkeys(row.model for row in rows if row.model.partition(":")[0] == target.model):
            same = {"model": model, "work": target.work, "batch": target.batch}
            here = [row for row in rows if row.part in ("sampling", "training")]
            of_theirs = {"contender": target.contender} | ({"way": target.way} if target.way else {})
            ours, theirs = best(here, **same, contender="tfgen"), best(here, **same, **of_theirs)
            if ours is None or theirs is None:
                continue
            found = ratios(theirs, ours)
            times = statistics.median(found)
            reached = "reached" if times >= target.times else "MISSED"
            yield (
                f"target: {model}, {target.work} at batch {target.batch}: {target.times:g} times {target.contender} "
                f"({theirs.way}); {times:.3g} times ({min(found):.3g}-{max(found):.3g}) by {ours.way}, {reached}"
            )


def _against_the_machine(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    for model in dict.fromkeys(row.model for row in rows if row.model.partition(":")[0] == "realnvp"):
        row = best(rows, model=model, part="sampling", work="sample", batch=SHARE_BATCH, contender="tfgen")
        if row is None or row.products_share is None:
            continue
        reached = "reached" if row.products_share >= SHARE else "MISSED"
        yield (
            f"target: {model}, sample at batch {SHARE_BATCH}: {SHARE:.0%} of the rate of a large product; "
            f"{row.products_share:.0%} by {row.way}, {reached}"
        )
