"""Pool of workers for the hostile tests: each case in a worker that is ended and replaced when it hangs or dies."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_START = 240.0  # seconds to import TensorFlow on a busy machine


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    Attributes:
        code: exit code; None when the worker hung or died.
        err: standard error.
        trace: the traceback of an exception that the main program let pass.
        seconds: of the command.
        mb: most memory beyond that before the command.
    """

    code: int | None
    err: str
    trace: str
    seconds: float
    mb: float


class Worker:
    """One worker process, started when it is needed.

    Args:
        environment: of the process.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None
        self.lines: queue.Queue[str] = queue.Queue()

    def run(self, folder: Path, arguments: list[str], patience: float) -> Outcome:
        """Run a command in a folder; a worker that does not answer in `patience` seconds is killed."""
        if self.process is None:
            self._start()
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"folder": str(folder), "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        line = self._answer(patience)
        if line is None:
            code = self.process.poll()
            self.stop()
            return Outcome(None, "", f"no answer (exit code of the worker: {code})", patience, 0.0)
        return Outcome(**json.loads(line))

    def _start(self) -> None:
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.worker"], env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self.process, self.lines), daemon=True).start()
        assert self._answer(_START), "the worker does not start"

    @staticmethod
    def _read(process: "subprocess.Popen[str]", lines: "queue.Queue[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")  # it has ended

    def _answer(self, patience: float) -> str | None:
        try:
            return self.lines.get(timeout=patience) or None
        except queue.Empty:
            return None

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    stream.close()
        self.process = None


class Pool:
    """Several workers; a context manager.

    Args:
        workers: how many.
        home: folder that the commands take for the user's home.
    """

    def __init__(self, workers: int, home: Path) -> None:
        environment = {
            **os.environ, "HOME": str(home), "TFDS_DATA_DIR": str(home / "tensorflow_datasets"), "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }  # fmt: skip
        self.workers: queue.Queue[Worker] = queue.Queue()
        self.count = workers
        for _ in range(workers):
            self.workers.put(Worker(environment))

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        while not self.workers.empty():
            self.workers.get().stop()

    def run(self, folder: Path, arguments: list[str], patience: float) -> Outcome:
        """Run a command in the first worker that is free."""
        worker = self.workers.get()
        try:
            return worker.run(folder, arguments, patience)
        finally:
            self.workers.put(worker)

    def map(self, function, items: Iterable) -> Iterator:
        """Apply a function of (pool, item) to items, as many at a time as there are workers, in order."""
        with ThreadPoolExecutor(self.count) as threads:
            yield from threads.map(lambda item: function(self, item), items)
