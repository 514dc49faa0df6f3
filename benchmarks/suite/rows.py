"""Rows of a benchmark result: one for each timed program, with its cost, times and share of the ceilings."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Part = Literal["sampling", "training", "directions", "growth"]
#: Which of the machine's limits is the nearer one; ``calls`` where neither is near: time goes into making the calls.
Bound = Literal["products", "memory", "calls"]
#: Of a limit; with less than this of either, it is not the limits that take the time.
_NEAR = 0.15


@dataclass
class BenchmarkRow:
    """One row of a benchmark result: measurements of one program; `to_json` and `from_json` convert it.

    Attributes:
        part: of the suite.
        model: registered name, or the folder's name of a trained run.
        contender: ``tfgen``, or the name of another library.
        work: ``sample``, ``train``, ``decode`` or ``encode``.
        way: the contender's setting, for example ``graph``.
        description: of contender and way, for people.
        batch: examples in a batch.
        sizes: what was varied, for rows of growth: for example ``{"side": 14}``.
        reason: why there are no timings, if so; None for a row with numbers.
        parameters: trainable numbers.
        examples: that a call makes.
        multiply_adds: of a call; None where unknown.
        bytes: of a call, as `worker.Cost` has it; None where unknown.
        first_seconds: of the first call, tracing and compiling included.
        calls: timed in each round.
        seconds: of a call, in each round.
        cores_busy: processor time through time, in each round.
        peak_bytes: most memory while the program was made and first called: of the GPU where it runs there, else the process.
        ceilings: what the machine can do, in each round: ``products`` in multiply-adds a second, ``memory`` in bytes a second.
        notes: what a reader should know.
    """

    part: Part
    model: str
    contender: str
    work: str
    way: str
    description: str
    batch: int
    sizes: dict[str, int] = field(default_factory=dict)
    reason: str | None = None
    parameters: int | None = None
    examples: float | None = None
    multiply_adds: float | None = None
    bytes: float | None = None
    first_seconds: float | None = None
    calls: int = 0
    seconds: list[float] = field(default_factory=list)
    cores_busy: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    ceilings: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> tuple[Any, ...]:
        """Name that identifies a row in two results."""
        sizes = tuple(sorted(self.sizes.items()))
        return (self.part, self.model, self.contender, self.work, self.way, self.batch, sizes)

    @property
    def rates(self) -> list[float]:
        """Examples a second, in each round."""
        return [(self.examples or 0.0) / seconds for seconds in self.seconds]

    @property
    def rate(self) -> float | None:
        """Examples a second: the median over the rounds; None without timings."""
        return statistics.median(self.rates) if self.seconds else None

    @property
    def multiply_adds_each(self) -> float | None:
        """Of one example; None where unknown."""
        return self.multiply_adds / self.examples if self.multiply_adds is not None and self.examples else None

    @property
    def products_share(self) -> float | None:
        """Multiply-adds a second through those of a large product in the same round, median; None where unknown."""
        return self._share("products", self.multiply_adds)

    @property
    def memory_share(self) -> float | None:
        """Bytes a second, counted as if nothing lay in a cache, through those of a large copy; above 1 it does."""
        return self._share("memory", self.bytes)

    def _share(self, ceiling: str, amount: float | None) -> float | None:
        measured = self.ceilings.get(ceiling, [])
        if amount is None or not self.seconds or len(measured) != len(self.seconds):
            return None
        return statistics.median(amount / s / most for s, most in zip(self.seconds, measured, strict=True))

    @property
    def bound(self) -> Bound | None:
        """Return the nearer limit (roofline model: Williams, Waterman, Patterson 2009); None where a share is unknown."""
        products, memory = self.products_share, self.memory_share
        if products is None or memory is None:
            return None
        if max(products, memory) < _NEAR:
            return "calls"
        return "products" if products >= memory else "memory"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON, with derived values, which `from_json` ignores."""
        derived = ("rate", "multiply_adds_each", "products_share", "memory_share", "bound")
        return dataclasses.asdict(self) | {"derived": {name: getattr(self, name) for name in derived}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> BenchmarkRow:
        """Return the row of a JSON object of `to_json`.

        Raises:
            TypeError: for fields that no row has, or that are missing.
        """
        return cls(**{name: value for name, value in content.items() if name != "derived"})


def ratios(slow: BenchmarkRow, fast: BenchmarkRow) -> list[float]:
    """Return how many times as many examples a second the second row makes, in each round."""
    return [b / a for a, b in zip(slow.rates, fast.rates, strict=True)]


def best(rows: Sequence[BenchmarkRow], **wanted: Any) -> BenchmarkRow | None:
    """Return the fastest of the rows with these attributes, by the median over the rounds; None when there is none."""
    result = [
        row
        for row in rows
        if row.seconds and row.reason is None and all(getattr(row, name) == value for name, value in wanted.items())
    ]
    return max(result, key=lambda row: row.rate or 0.0, default=None)
