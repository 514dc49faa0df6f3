"""Parent's side of the pipe: start, ask and stop a contender's process; a failed or dead one gives one line."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfgen.errors import TfgenError


@dataclass(frozen=True)
class Entrant:
    """A contender: name, command that starts the worker, and additional environment variables."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def tfgen() -> Entrant:
    """Return tfgen itself, in the environment of this process."""
    return Entrant("tfgen", [sys.executable, "-m", "tfgen_benchmarks.tfgen_worker"])


class WorkerError(TfgenError):
    """A worker answered that something went wrong."""


class WorkerGoneError(TfgenError):
    """A worker has ended, or had to be ended since it took too long."""


class Worker:
    """A contender's worker process; a context manager that ends it.

    Args:
        entrant: to start.

    Raises:
        TfgenError: when it cannot be started.
    """

    def __init__(self, entrant: Entrant) -> None:
        self.name = entrant.name
        # What it writes to standard error, for when it dies; closed at the end of the block.
        self._words = tempfile.TemporaryFile("w+")  # noqa: SIM115
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._words}
        environment = {**os.environ, **entrant.environment}
        try:
            self._process = subprocess.Popen(entrant.command, text=True, env=environment, **pipes)
        except OSError as error:
            self._words.close()
            raise TfgenError(f"cannot start {entrant.command[0]}: {error.strerror}.") from error

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()  # it holds nothing that could be lost
        self._process.communicate()
        self._words.close()

    def ask(self, do: str, patience: float | None = None, **arguments: Any) -> dict[str, Any]:
        """Send one request and wait for the answer; `worker` lists the requests.

        Args:
            do: the request.
            patience: seconds to wait at most; None waits for ever.
            arguments: of the request.

        Raises:
            WorkerError: when the worker answers with an error.
            WorkerGoneError: when it has ended, or does not answer in time, which ends it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
            if patience is not None and not select.select([self._process.stdout], [], [], patience)[0]:
                self._process.kill()
                raise WorkerGoneError(f"no answer within {patience:.0f} s")
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerGoneError(self._obituary())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def _obituary(self) -> str:
        code = self._process.wait()
        if code == -9:  # that is how the system ends a process when memory is out
            return "the process was killed, most likely since memory ran out"
        self._words.seek(0)
        words = [line.strip() for line in self._words if line.strip()]
        cause = f"; its last words: {words[-1]}" if words else ""
        return f"the process of {self.name} ended with exit code {code}{cause}"
