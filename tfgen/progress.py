"""Progress of long tasks: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tfgen.printed import escaped, say

B = TypeVar("B", bound=Sized)

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_MILESTONES = 1.0


class Bar:
    """Progress bar of a long task; use as a context manager.

    Args:
        title: of the task.
        total: number of units.
        unit: name of a unit, in the plural.
        done: units completed before.
        quiet: show nothing.
    """

    def __init__(self, title: str, total: int, unit: str, done: int = 0, quiet: bool = False) -> None:
        self.title, self.total, self.unit, self.quiet = escaped(title), total, unit, quiet
        self.done = self.begun_at = done
        self.began = self.last_line = time.monotonic()
        console = Console(stderr=True)
        self._rich: Progress | None = None
        if console.is_terminal and not quiet:
            self._rich = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[text]}", markup=False),
                TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console, transient=False,
            )  # fmt: skip
            self._task = self._rich.add_task(self.title, total=total, completed=done, text="")

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._rich:
            self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the bar and leave it on the screen."""
        if self._rich:
            self._rich.stop()

    def restart_clock(self) -> None:
        """Measure the rate from now on, without the preparation before."""
        self.began = time.monotonic()
        self.begun_at = self.done

    @property
    def rate(self) -> float:
        """Units per second."""
        return (self.done - self.begun_at) / max(time.monotonic() - self.began, 1e-9)

    def update(self, done: int, values: Mapping[str, float] | None = None, milestone: bool = False) -> None:
        """Set the progress to `done` units.

        Args:
            done: units done so far.
            values: numbers to show beside the bar.
            milestone: worth a line of its own where there is no bar.
        """
        self.done = done
        text = "  ".join(f"{name} {value:.4g}" for name, value in (values or {}).items())
        text = f"{escaped(text)}  {self.rate:.3g} {self.unit}/s"
        if self._rich:
            self._rich.update(self._task, completed=done, text=text)
        elif not self.quiet and self._line_is_due(milestone):
            self.last_line = time.monotonic()
            left = (self.total - done) / self.rate if self.rate > 0 else 0.0
            say(f"{self.title}  {done}/{self.total} {self.unit}  {text}  {left:.0f} s left", error=True)

    def counted(self, batches: Iterable[B]) -> Iterator[B]:
        """Yield batches, and show after each how many members all of them have had."""
        done = self.done
        for batch in batches:
            yield batch
            done += len(batch)
            self.update(done)

    def _line_is_due(self, milestone: bool) -> bool:
        waited = time.monotonic() - self.last_line
        return self.done >= self.total or waited > (
            _SECONDS_BETWEEN_MILESTONES if milestone else _SECONDS_BETWEEN_LINES
        )

    def say(self, text: str) -> None:
        """Show a line of text without disturbing the bar."""
        if self._rich:
            self._rich.console.print(escaped(text), markup=False, emoji=False, highlight=False)
        elif not self.quiet:
            say(text, error=True)
