"""Pool of a model's contender processes, and the work assigned to each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfgen_benchmarks.pipe import Entrant, Worker, WorkerGoneError
from tfgen_benchmarks.rows import BenchmarkRow


class Pool:
    """The processes of one model's contenders, each started when it is first needed, and anew after it has died.

    Args:
        entrants: who there is, by name.
        patience: seconds to wait for an answer.
    """

    def __init__(self, entrants: Mapping[str, Entrant], patience: float) -> None:
        self._entrants, self._patience = entrants, patience
        self._workers: dict[str, Worker] = {}
        self._facts: dict[tuple[str, str], dict[str, Any]] = {}
        self._deaths: Counter[str] = Counter()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers.values():
            worker.__exit__(*exception)
        self._workers.clear()

    def build(self, name: str, key: str, subject: Mapping[str, Any]) -> dict[str, Any]:
        """Have a contender make the subject, once; return its facts."""
        if (name, key) not in self._facts:
            self._facts[name, key] = self.ask(name, "build", key=key, subject=dict(subject))
        return self._facts[name, key]

    def ask(self, name: str, do: str, **arguments: Any) -> dict[str, Any]:
        """Ask a contender's process; see `Worker.ask` for what is raised."""
        if name not in self._workers:
            self._workers[name] = Worker(self._entrants[name])
        try:
            return self._workers[name].ask(do, self._patience, **arguments)
        except WorkerGoneError:
            self._workers.pop(name).__exit__()
            self._deaths[name] += 1
            self._facts = {key: facts for key, facts in self._facts.items() if key[0] != name}
            raise

    def life(self, name: str) -> int:
        """Return how many processes of a contender have died: programs of an earlier life are lost."""
        return self._deaths[name]


@dataclass
class Case:
    """A row to be measured, with its contender and subject.

    Attributes:
        entrant: name of the contender.
        key: under which it keeps the subject.
        subject: what is built.
        row: to be filled.
        life: of the process that holds the program, as `Pool.life` has it.
        each: seconds of a call, as it was found when the program was started.
    """

    entrant: str
    key: str
    subject: Mapping[str, Any]
    row: BenchmarkRow
    life: int = 0
    each: float = 0.0

    @property
    def program(self) -> dict[str, Any]:
        """How the program is called at the other end of the pipe."""
        return {"key": self.key, "work": self.row.work, "way": self.row.way, "batch": self.row.batch}
