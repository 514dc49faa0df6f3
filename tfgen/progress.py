"""Progress of long tasks: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tfgen.notebook import NotebookBar, in_notebook
from tfgen.printed import escaped, say

B = TypeVar("B", bound=Sized)

_SECONDS_BETWEEN_LINES = 10.0
_OTHER_COLUMNS = 28  # characters: elapsed time, "left", time left, a slash, and the spaces between
_SECONDS_BETWEEN_MILESTONES = 1.0


def fitting(values: Sequence[str], rate: str, room: int) -> str:
    """Return as many values as there is room for, whole ones, and the rate if it fits behind the first.

    >>> fitting(["loss 2.5", "nll 1.5"], "10 steps/s", 40), fitting(["loss 2.5", "nll 1.5"], "10 steps/s", 20)
    ('loss 2.5  nll 1.5  10 steps/s', 'loss 2.5  10 steps/s')
    >>> fitting(["loss 2.5", "nll 1.5"], "10 steps/s", 9), fitting(["loss 2.5"], "10 steps/s", 4)
    ('loss 2.5', '')
    """
    with_rate = [[*values[:count], rate] for count in range(len(values), 0, -1)] if values else [[rate]]
    for parts in (*with_rate, list(values[:1])):
        text = "  ".join(parts)
        if len(text) <= room:
            return text
    return ""


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
        self._notebook = NotebookBar(self.title, total) if in_notebook() and not quiet else None
        console = Console(stderr=True, force_jupyter=False)
        self._rich: Progress | None = None
        self._room = 0  # characters for text beside the bar
        if console.is_terminal and not quiet and self._notebook is None:
            bar_width = max(8, min(40, console.width // 6))
            self._room = console.width - len(self.title) - bar_width - 2 * len(str(total)) - _OTHER_COLUMNS
            self._rich = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(bar_width), MofNCompleteColumn(),
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
        shown = [escaped(f"{name} {value:.4g}") for name, value in (values or {}).items()]
        rate = f"{self.rate:.3g} {self.unit}/s"
        text = "  ".join([*shown, rate])
        if self._notebook:
            self._notebook.update(done, f"{text}  {self._left():.0f} s left")
        elif self._rich:
            self._rich.update(self._task, completed=done, text=fitting(shown, rate, self._room))
        elif not self.quiet and self._line_is_due(milestone):
            self.last_line = time.monotonic()
            say(f"{self.title}  {done}/{self.total} {self.unit}  {text}  {self._left():.0f} s left", error=True)

    def counted(self, batches: Iterable[B]) -> Iterator[B]:
        """Yield batches, and show after each how many members all of them have had."""
        done = self.done
        for batch in batches:
            yield batch
            done += len(batch)
            self.update(done)

    def _left(self) -> float:
        """Return the seconds that are left at the present rate."""
        return (self.total - self.done) / self.rate if self.rate > 0 else 0.0

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
