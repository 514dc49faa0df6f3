"""Benchmark result as a JSON file: every row, the machine, the options; write and read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

from tfgen.errors import RunError
from tfgen.files import write_json
from tfgen.reading import RESULTS_BYTES, read_json
from tfgen_benchmarks.rows import BenchmarkRow

BENCHMARK = "suite"
#: Goes up when a reader of the old one would misunderstand the new one.
FORMAT = 1
#: Load average above which another program must have been at work.
IDLE = 0.5
_WHAT_TO_DO = "give the --json file of a run of the suite, or run it again"


@dataclass
class Result:
    """Result of one run of the suite: rows, machine, options.

    Attributes:
        command: that made it.
        options: of the suite.
        machine: as `machine.describe_machine` has it.
        load_at_start: load average over a minute before anything ran.
        parts: that were run.
        rows: in the order in which they are shown.
        datasheet: what the makers promise: ``multiply_adds`` and ``bytes`` a second, each where it is known, and what that
            rests on; None where nothing is known.
        peers: of each other library ``versions``, ``threads`` and ``device``.
        calibration: ``slept_ms``, what a call of a model that sleeps takes, ``timed_ms``, what was measured, and
            ``off_percent``; None when that was not tried.
    """

    command: str
    options: dict[str, Any]
    machine: dict[str, Any]
    load_at_start: float
    parts: list[str]
    rows: list[BenchmarkRow]
    datasheet: dict[str, Any] | None = None
    peers: dict[str, dict[str, Any]] = field(default_factory=dict)
    calibration: dict[str, Any] | None = None

    @property
    def idle(self) -> bool:
        """Whether no other program was at work when the measurement began."""
        return self.load_at_start <= IDLE

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON."""
        shallow = {part.name: getattr(self, part.name) for part in dataclasses.fields(self)}
        return {"benchmark": BENCHMARK, "format": FORMAT, **shallow, "rows": [row.to_json() for row in self.rows]}


def write(path: Path, result: Result) -> None:
    """Write a result atomically.

    Raises:
        OutputError: when it cannot be written.
    """
    write_json(path, result.to_json())


def read(path: Path) -> Result:
    """Read a result file of `write`.

    Raises:
        RunError: when the file is missing, damaged, of another program or of a newer format; says which and what to do.
    """
    content = read_json(path, _WHAT_TO_DO, RESULTS_BYTES)
    if content.get("benchmark") != BENCHMARK:
        other = content.get("benchmark")
        whose = f"of the benchmark {other!r}, not of the suite" if isinstance(other, str) else "no result of the suite"
        raise RunError(f"{path} is {whose}; {_WHAT_TO_DO}.")
    version = content.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _damaged(path, f"its format is {version!r}")
    if version > FORMAT:
        raise RunError(f"{path} is of format {version}, and this tfgen reads up to {FORMAT}; update tfgen.")
    try:
        return _result(content)
    except (TypeError, ValueError, TypeCheckError) as error:
        raise _damaged(path, " ".join(str(error).split())) from error


def _damaged(path: Path, what: str) -> RunError:
    return RunError(f"{path} is damaged ({what}); {_WHAT_TO_DO}.")


def _result(content: Mapping[str, Any]) -> Result:
    rows = content.get("rows")
    if not isinstance(rows, list):
        raise TypeError("it has no rows")
    found = [_row(number, row) for number, row in enumerate(rows, 1)]
    known = {name: value for name, value in content.items() if name not in ("benchmark", "format", "rows")}
    missing = sorted({"command", "options", "machine", "load_at_start", "parts"} - set(known))
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    result = Result(rows=found, **known)
    _check_types("it", result)
    return result


def _row(number: int, content: Any) -> BenchmarkRow:
    """Return a row whose numbers can be computed with.

    Raises:
        TypeError, ValueError, TypeCheckError: when it is none.
    """
    if not isinstance(content, Mapping):
        raise TypeError(f"row {number} is no object")
    try:
        row = BenchmarkRow.from_json(content)
    except TypeError as error:
        raise TypeError(f"row {number}: {error}") from error
    _check_types(f"row {number}", row)
    positive = [*row.seconds, *(value for values in row.ceilings.values() for value in values)]
    if row.seconds:
        positive.append(row.examples or 0.0)
    if any(value <= 0 for value in positive):
        raise ValueError(f"row {number}: seconds, examples and ceilings must be positive")
    return row


def _check_types(whose: str, thing: Result | BenchmarkRow) -> None:
    for name, hint in get_type_hints(type(thing)).items():
        try:
            every = CollectionCheckStrategy.ALL_ITEMS
            check_type(getattr(thing, name), hint, collection_check_strategy=every)
        except TypeCheckError as error:
            raise TypeError(f"{whose}: {name}: {error}") from error
