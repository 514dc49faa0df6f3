"""Rows of ``metrics.jsonl``, read one by one, or thinned to a few thousand while they are read. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfgen.errors import RunError
from tfgen.reading import parse_json, rows_of

#: Most rows of training, and most rows with validation, that curves and comparisons take: more than a picture has pixels.
MOST_ROWS = 4000
_VALIDATION = b'"valid/'


def metric_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a run's ``metrics.jsonl`` one by one, without a last row that is incomplete.

    Raises:
        RunError: when another row is damaged, or the file cannot be read.
    """
    for number, line in _lines(path):
        yield _parsed(path, number, line)


def thinned_rows(path: Path, most: int = MOST_ROWS) -> list[dict[str, Any]]:
    """Return evenly spaced rows of ``metrics.jsonl``, the first and the last among them; all rows where they are few.

    Rows with validation are counted apart, so that they do not get lost among those of training. Memory is bounded by `most`,
    and the rows between are skipped without being parsed.

    Args:
        path: of the file.
        most: rows of either sort.

    Raises:
        RunError: when a row is damaged, or the file cannot be read.
    """
    training, validation = _EvenlySpaced(most), _EvenlySpaced(most)
    last: _Line | None = None
    for last in _lines(path):
        (validation if _VALIDATION in last[1] else training).add(last)
    kept = dict(training.kept + validation.kept + ([last] if last else []))
    return [_parsed(path, number, kept[number]) for number in sorted(kept)]


_Line = tuple[int, bytes]


class _EvenlySpaced:
    """Every k-th of the lines that are added; k doubles whenever `most` of them are kept."""

    def __init__(self, most: int) -> None:
        self.kept: list[_Line] = []
        self._most, self._step, self._added = most, 1, 0

    def add(self, line: _Line) -> None:
        if self._added % self._step == 0:
            if len(self.kept) == self._most:
                self.kept, self._step = self.kept[::2], 2 * self._step
            if self._added % self._step == 0:
                self.kept.append(line)
        self._added += 1


def _lines(path: Path) -> Iterator[_Line]:
    """Yield number and content of each complete line."""
    try:
        for number, line in enumerate(rows_of(path, within=path.parent), start=1):
            if not line.endswith(b"\n"):  # the last, which a kill cut off
                return
            if not line.startswith(b"{") or not line.endswith(b"}\n"):  # told of lines that are skipped as well
                raise _damaged(path, number)
            yield number, line
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise RunError(f"cannot read {path}: {why}; remove it to go on without its rows.") from error


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """Return the numbers of a row, with the step; other entries are left out."""
    try:
        row = parse_json(line)
    except ValueError as error:
        raise _damaged(path, number) from error
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        raise _damaged(path, number)
    return {name: value for name, value in row.items() if value is None or type(value) in (int, float)}


def _damaged(path: Path, number: int) -> RunError:
    return RunError(f"{path}, line {number} is damaged; remove that line to go on without it.")
