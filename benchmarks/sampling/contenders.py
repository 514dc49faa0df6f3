"""The other end of the pipe: a contender is started, asked, and ended; one that fails says so in a line."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen.errors import TfgenError

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("nflows", "normflows")
#: Modules that all peers need, by the names of their distributions as well.
NEEDED = ("torch", "numpy")


@dataclass(frozen=True)
class Contender:
    """A name and the command that starts its worker."""

    name: str
    command: Sequence[str]


class WorkerError(TfgenError):
    """A worker answered that something went wrong."""


def tfgen() -> Contender:
    """Return tfgen, in the environment of this process."""
    return Contender("tfgen", [sys.executable, "-m", "benchmarks.sampling.tfgen_worker"])


def peer(name: str, python: Path) -> Contender:
    """Return nflows or normflows, in the environment of that interpreter."""
    return Contender(name, [str(python.absolute()), "-m", "benchmarks.sampling.torch_worker", name])


def pip_command(python: str, names: Sequence[str]) -> str:
    """Return the command that installs what a peer needs."""
    return f"{shlex.quote(python)} -m pip install {' '.join(names)}"


def require_installed(python: Path, names: Sequence[str]) -> None:
    """Check that the environment of an interpreter has these modules.

    Raises:
        TfgenError: when it lacks one, with the command that installs it, or when it is no Python that runs.
    """
    look = (
        f"import importlib.util as u, json; print(json.dumps([n for n in {list(names)!r} if u.find_spec(n) is None]))"
    )
    # As the workers are started, but from a folder that has no modules.
    with tempfile.TemporaryDirectory() as nowhere:
        try:
            found = subprocess.run(
                [python.absolute(), "-c", look], capture_output=True, text=True, cwd=nowhere, check=True
            )
            missing = json.loads(found.stdout)
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            raise TfgenError(f"{python} is no Python that runs; give the python of an environment.") from error
    if missing:
        lacks = f"the environment of {python} lacks {', '.join(missing)}"
        raise TfgenError(f"{lacks}; run: {pip_command(str(python), missing)}")


class Worker:
    """A contender at work; a context manager, at whose end the process is gone.

    Args:
        contender: to start.

    Raises:
        TfgenError: when it cannot be started.
    """

    def __init__(self, contender: Contender) -> None:
        self.name = contender.name
        self._python = contender.command[0]
        # What it writes to standard error, for when it dies; closed at the end of the block.
        self._words = tempfile.TemporaryFile("w+")  # noqa: SIM115
        # Sampling on a CPU is what is compared; PYTHONPATH has this package and nothing of another environment's.
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._words}
        try:
            self._process = subprocess.Popen(contender.command, text=True, env=environment, **pipes)
        except OSError as error:
            self._words.close()
            raise TfgenError(f"cannot start {self._python}: {error.strerror}.") from error

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()  # it holds nothing that could be lost
        self._process.communicate()
        self._words.close()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send one request and wait for the answer; `worker` lists the requests.

        Raises:
            WorkerError: when the worker answers with an error.
            TfgenError: when it has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise TfgenError(self._obituary())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.name} failed: {answer['error']}")
        return answer

    def _obituary(self) -> str:
        code = self._process.wait()
        self._words.seek(0)
        said = [line.strip() for line in self._words if line.strip()]
        cause = f" Its last words: {said[-1]}" if said else ""
        return f"the worker of {self.name} ended with exit code {code}.{cause}"
