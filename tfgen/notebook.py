"""Notebooks: whether the program runs in one, and what is displayed there: a progress bar, a run's page."""

from __future__ import annotations

import html
import importlib
import sys
import time
from typing import Any

_SECONDS_BETWEEN_UPDATES = 0.25


def in_notebook() -> bool:
    """Return whether the program runs in a cell of a notebook (Jupyter, Colab), whose kernel displays HTML."""
    shell = _shell()
    return shell is not None and getattr(shell, "kernel", None) is not None


def cell_number() -> int | None:
    """Return the number of the cell that is running, or None elsewhere."""
    number = getattr(_shell(), "execution_count", None)
    return number if isinstance(number, int) else None


def display_html(text: str) -> Any:
    """Display HTML below the cell; return the handle by which `update` replaces it."""
    display = importlib.import_module("IPython.display")  # a notebook has it
    return display.display(display.HTML(text), display_id=True)


class NotebookBar:
    """Progress bar of a notebook, in HTML that needs no widgets.

    Args:
        title: of the task.
        total: number of units.
    """

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = title, total
        self._handle: Any = None
        self._last = 0.0

    def update(self, done: int, text: str, last: bool = False) -> None:
        """Show the progress and a text beside it; too many updates are left out, but never the last one."""
        now = time.monotonic()
        if self._handle is not None and not last and done < self._total and now - self._last < _SECONDS_BETWEEN_UPDATES:
            return
        self._last = now
        page = (
            f"<div>{html.escape(self._title)} "
            f'<progress value="{done}" max="{self._total}" style="width: 20em"></progress> '
            f"{done} / {self._total} &ensp; {html.escape(text)}</div>"
        )
        if self._handle is None:
            self._handle = display_html(page)
            return
        self._handle.update(importlib.import_module("IPython.display").HTML(page))


def _shell() -> Any:
    module = sys.modules.get("IPython")  # which a notebook has loaded; nobody else needs it
    return None if module is None else module.get_ipython()
