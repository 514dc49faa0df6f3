"""Cycles of a run: its first training and those of ``tfgen resume RUN --epochs N``, as ``config.json`` records them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfgen.errors import RunError
from tfgen.runs.run import Run

#: Most cycles of a run; a stranger's file with more is malformed.
_MOST = 1000


@dataclass(frozen=True)
class Cycle:
    """Part of a training with a learning-rate schedule, and a warm-up, of its own.

    Attributes:
        epochs: that were asked for; where the schedule ends.
        trained: that were done, fewer where early stopping ended the cycle; None for the last cycle.
    """

    epochs: int
    trained: int | None = None

    def to_json(self) -> dict[str, int]:
        """Return the entry of ``config.json``."""
        return {"epochs": self.epochs, **({} if self.trained is None else {"trained": self.trained})}


def cycles_of(run: Run) -> tuple[Cycle, ...]:
    """Return the cycles of a run, the last one without `trained`; of a run that was never extended its one.

    Raises:
        RunError: when the entry ``cycles`` of ``config.json`` is malformed.
    """
    if "cycles" not in run.provenance:
        return (Cycle(run.config.training.epochs),)
    found = recorded_cycles(run.provenance)
    if not found or found[-1].trained is not None or any(cycle.trained is None for cycle in found[:-1]):
        raise RunError(
            f"{run.folder / 'config.json'} is damaged (its 'cycles' are malformed); restore it from a copy, or make the run "
            "again."
        )
    return found


def recorded_cycles(config: Mapping[str, Any]) -> tuple[Cycle, ...]:
    """Return the cycles in the content of a ``config.json``; none where there was but one, or the entry is malformed."""
    entries = config.get("cycles")
    if not isinstance(entries, list) or len(entries) > _MOST or not all(isinstance(entry, dict) for entry in entries):
        return ()
    cycles = [Cycle(entry.get("epochs"), entry.get("trained")) for entry in entries]
    numbers = [number for cycle in cycles for number in (cycle.epochs, cycle.trained)]
    sound = all(cycle.epochs is not None for cycle in cycles) and all(
        number is None or (type(number) is int and number >= 1) for number in numbers
    )
    return tuple(cycles) if sound else ()


def earlier_epochs(cycles: tuple[Cycle, ...]) -> int:
    """Return the epochs that were trained before the last cycle."""
    return sum(cycle.trained or 0 for cycle in cycles[:-1])


def begin_cycle(run: Run, cycles: tuple[Cycle, ...]) -> None:
    """Record the cycles of a finished run that is trained further: it is unfinished from here on.

    The results go first, so that a kill in between leaves a run that its resumption evaluates again.

    Raises:
        RunError: when another process holds the run, or has extended it meanwhile.
        OutputError: when the folder cannot be written.
    """
    with run.files.locked():
        if not run.files.finished:
            raise RunError(f"{run.folder} is being trained by another process; wait for it, or stop it.")
        run.files.remove_results()
        run.note(cycles=[cycle.to_json() for cycle in cycles])
