"""Parity of contenders: parameters and multiply-adds of an image, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfgen_benchmarks.rows import BenchmarkRow
from tfgen_benchmarks.words import count, factor

OURS = "tfgen"
#: By how much a number may be off and still count as equal.
TOLERANCE = 0.05


@dataclass(frozen=True)
class Parity:
    """Parameters and multiply-adds of one peer and of tfgen, for one model and work.

    Attributes:
        ours: tfgen's row.
        theirs: the peer's, of the same batch where there is one.
        parameters: theirs through ours; None where either is unknown.
        multiply_adds: the same of the multiply-adds of an image.
    """

    ours: BenchmarkRow
    theirs: BenchmarkRow
    parameters: float | None
    multiply_adds: float | None

    @property
    def differing(self) -> list[str]:
        """The counts that differ by more than the tolerance."""
        return [name for name in ("parameters", "multiply_adds") if not _near(getattr(self, name))]

    @property
    def unknown(self) -> list[str]:
        """The counts that are unknown."""
        return [name for name in ("parameters", "multiply_adds") if getattr(self, name) is None]

    def text(self) -> str:
        """Return the comparison as a line; differences have the peer's notes as reason, or a warning."""
        ours, theirs = self.ours, self.theirs
        pairs = (
            ("parameters", ours.parameters, theirs.parameters, self.parameters),
            ("multiply-adds an image", ours.multiply_adds_each, theirs.multiply_adds_each, self.multiply_adds),
        )
        described = [
            f"{name} {count(a)} and {count(b)}" + ("" if ratio is None else f" ({_off(ratio)})")
            for name, a, b, ratio in pairs
        ]
        line = f"{theirs.model}, {theirs.work}: {ours.contender} and {theirs.contender}: {'; '.join(described)}"
        if self.differing:
            why = "; ".join(theirs.notes) or "WARNING: no note says why"
            return f"{line}; differs by more than {100 * TOLERANCE:.0f} %: {why}"
        return f"{line}; not known on both sides" if self.unknown else line


def parities(rows: Sequence[BenchmarkRow]) -> list[Parity]:
    """Return each peer's counts beside tfgen's, for each model and work, at the largest batch where both are known."""
    result = []
    peers = dict.fromkeys((row.part, row.model, row.work, row.contender) for row in rows if row.contender != OURS)
    for part, model, work, contender in peers:
        alike = [row for row in rows if (row.part, row.model, row.work, row.sizes) == (part, model, work, {})]
        pairs = [
            (a, b)
            for a in alike
            for b in alike
            if (a.contender, b.contender) == (OURS, contender) and _counted(a) and _counted(b)
        ]
        if pairs:
            # Of several ways the first: the way must not change the work.
            ours, theirs = max(pairs, key=lambda pair: (_known(pair), pair[0].batch == pair[1].batch, pair[1].batch))
            parameters = _ratio(ours.parameters, theirs.parameters)
            multiply_adds = _ratio(ours.multiply_adds_each, theirs.multiply_adds_each)
            result.append(Parity(ours, theirs, parameters, multiply_adds))
    return result


def _counted(row: BenchmarkRow) -> bool:
    return row.parameters is not None or row.multiply_adds_each is not None


def _known(pair: tuple[BenchmarkRow, BenchmarkRow]) -> int:
    return sum(row.parameters is not None for row in pair) + sum(row.multiply_adds_each is not None for row in pair)


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return theirs / ours if ours and theirs is not None else None


def _off(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %" if 0.5 < ratio < 2 else f"{factor(ratio)} times"


def _near(ratio: float | None) -> bool:
    return ratio is None or abs(ratio - 1) <= TOLERANCE
