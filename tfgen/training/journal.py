"""Journal of a training: the folder and the rows of metrics that `Trainer.fit` keeps on disk, as a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Journal(Protocol):
    """Where a training keeps what it needs to go on after an interruption; a run's folder is one.

    Checkpoints are written by the trainer itself, under ``path/checkpoints``; see `Checkpoints`.
    """

    @property
    def path(self) -> Path:
        """The folder."""

    def command(self, name: str) -> str:
        """Return the command of that name on this folder as it is typed into a shell, ``resume`` for example."""

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        """Append a row, which has its ``step``, and see it on the disk before the next checkpoint.

        Raises:
            OutputError: when it cannot be written.
        """

    def cut_metrics(self, step: int) -> None:
        """Drop the rows of later steps than `step`: training goes on from there and adds them again."""
