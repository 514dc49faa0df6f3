"""Worker's side of the pipe: a contender in a process of its own, which answers requests and idles in between.

Requests come on standard input and answers leave on standard output, one JSON object a line. NumPy is all that this module
needs, since it also runs in environments without TensorFlow. Requests (``do``):

- ``build`` (key, subject): make what is timed, under a name; the answer has `Contender.facts`.
- ``start`` (key, work, way, batch): make a program, which compiles it, and say what it returns, costs and holds.
- ``time`` (key, work, way, batch, lead, calls): make `lead` calls, then `calls` more; the answer has the seconds of the latter,
  by the clock and of the processor.
- ``stop`` (key, work, way, batch): let the program go, and the memory that it holds.
- ``forget`` (key): the same for everything under that name.
- ``save_data`` (key, folder): write what is trained on, for others to train on the same.
- ``probe`` (key, folder): write weights and what the contender makes of fixed inputs, for others to compare with.
- ``compare`` (key, folder): take those weights, make the same of the same inputs, and say how far apart the results are.
"""

from __future__ import annotations

import abc
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import TfgenError
from tfgen_benchmarks.machine import Peak

#: What errors of TensorFlow, PyTorch and Python are called when memory is out.
_MEMORY = ("ResourceExhausted", "OutOfMemory", "MemoryError")
#: About how many seconds a call of training may take.
_CALL = 1.0


class UnsuitableError(Exception):
    """A contender cannot do a work in that way, at that size; the text says why, for the row that has no numbers."""


@dataclass(frozen=True)
class Cost:
    """Counted cost of a call of a program: multiply-adds and bytes.

    Attributes:
        multiply_adds: in matrix products and convolutions; half of their floating-point operations.
        bytes: read and written when each operation reads its inputs from memory and writes its result there; None where that
            is not known. Caches and fused operations make it less.
    """

    multiply_adds: float
    bytes: float | None = None


@dataclass(frozen=True)
class Program:
    """A timed program.

    Attributes:
        run: given the number of the call, which seeds whatever is random, does the work and returns its result as an array of
            the host, so that the device has finished and nothing can be left out.
        examples: that a call makes; a fraction where a call is a part of one.
        cost: counts the cost of a call; None where it is not known.
        notes: what a reader of the numbers should know.
    """

    run: Callable[[int], NDArray[Any]]
    examples: float
    cost: Callable[[], Cost | None] = lambda: None
    notes: tuple[str, ...] = ()


class Contender(abc.ABC):
    """Base class of contenders: one model of one library."""

    @abc.abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return ``parameters``, ``versions``, ``threads``, ``device`` and whatever else those at the other end need."""

    @abc.abstractmethod
    def ways(self, work: str) -> Mapping[str, str]:
        """Return the settings in which the contender does a work, with a description each; empty where it does not.

        Args:
            work: ``sample``, ``train``, ``decode``, ``encode``, or ``ceiling``.
        """

    @abc.abstractmethod
    def program(self, work: str, way: str, batch: int) -> Program:
        """Return the program that does `work` on a batch in one of the ways.

        Raises:
            UnsuitableError: when it cannot be done, or would take unbearably long.
        """

    def memory(self) -> Callable[[], int | None]:
        """Begin to watch; return the function that tells the most bytes that were held since, of device or process."""
        return Peak().bytes

    def save_data(self, folder: Path) -> None:
        """Write ``data.npz`` with the training examples ``x`` and, where there are any, ``labels``."""
        raise UnsuitableError(f"{type(self).__name__} has no data")

    def probe(self, folder: Path) -> None:
        """Write ``weights.npz`` and inputs and outputs as ``.npy`` files, for `compare` of another contender."""
        raise UnsuitableError(f"{type(self).__name__} has nothing to compare")

    def compare(self, folder: Path) -> dict[str, float]:
        """Take the weights in a folder, and return how far from the outputs there its own are, by name."""
        raise UnsuitableError(f"{type(self).__name__} takes no weights")


def serve(make: Callable[[dict[str, Any]], Contender]) -> None:
    """Answer requests until standard input ends.

    Args:
        make: builds the contender from a subject; imports its library only now.
    """
    answers = _own_stdout()
    desk = _Desk(make)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = desk.answer(request)
        except (UnsuitableError, TfgenError) as reason:
            answer = {"error": str(reason)}
        except Exception as error:  # whatever goes wrong in a library belongs into the report
            answer = {"error": error_text(error)}
        print(json.dumps(answer), file=answers, flush=True)


def error_text(error: BaseException) -> str:
    """Return an error as one line; out of memory is named first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    kind = type(error).__name__
    first_line = next((line for line in lines if "OOM" in line), lines[0])
    words = f"{kind}: {first_line}".rstrip(": ")
    return f"out of memory ({words})" if any(name in kind for name in _MEMORY) or "bad_alloc" in first_line else words


def _own_stdout() -> TextIO:
    """Return standard output for answers alone; what libraries print there goes to standard error instead."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


class _Desk:
    """Answers requests."""

    def __init__(self, make: Callable[[dict[str, Any]], Contender]) -> None:
        self._make = make
        self._built: dict[str, Contender] = {}
        self._programs: dict[tuple[str, str, str, int], Program] = {}
        self._calls = 0

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one request."""
        do: Callable[..., dict[str, Any]] = getattr(self, f"do_{request['do']}")
        return do(**{name: value for name, value in request.items() if name != "do"})

    def do_build(self, key: str, subject: dict[str, Any]) -> dict[str, Any]:
        contender = self._built[key] = self._make(subject)
        works = ("sample", "train", "decode", "encode", "ceiling")
        return {"ways": {work: dict(contender.ways(work)) for work in works}, **contender.facts()}

    def do_start(self, key: str, work: str, way: str, batch: int) -> dict[str, Any]:
        contender = self._built[key]
        gc.collect()
        peak = contender.memory()
        begin = time.perf_counter()
        program = contender.program(work, way, batch)
        first = program.run(self._next())
        middle = time.perf_counter()
        second, seconds = self._settled(program, middle - begin)
        cost = program.cost()
        self._programs[key, work, way, batch] = program
        return {
            "first_seconds": middle - begin,
            "seconds": seconds,
            "peak_bytes": peak(),
            "examples": program.examples,
            "multiply_adds": cost and cost.multiply_adds,
            "bytes": cost and cost.bytes,
            "shape": list(first.shape),
            "dtype": first.dtype.name,
            "mean": float(first.mean(dtype=np.float64)),
            "finite": bool(np.isfinite(first).all()),
            "repeats_itself": bool(np.array_equal(first, second)),
            "notes": list(program.notes),
        }

    def _settled(self, program: Program, first: float) -> tuple[NDArray[Any], float]:
        """Call again, since a compiler may look twice, and return the second result and the seconds of the last call."""
        for left in (1, 0):
            begin = time.perf_counter()
            second = program.run(self._next())
            seconds = time.perf_counter() - begin
            if left and seconds > 5:  # nothing was left to compile in a call this long, or it does not matter
                break
        return second, seconds

    def do_time(self, key: str, work: str, way: str, batch: int, lead: int, calls: int) -> dict[str, Any]:
        program = self._programs[key, work, way, batch]
        for _ in range(lead):
            program.run(self._next())
        begin, processor = time.perf_counter(), time.process_time()
        for _ in range(calls):
            program.run(self._next())
        return {"seconds": time.perf_counter() - begin, "processor_seconds": time.process_time() - processor}

    def do_stop(self, key: str, work: str, way: str, batch: int) -> dict[str, Any]:
        self._programs.pop((key, work, way, batch), None)
        gc.collect()
        return {}

    def do_forget(self, key: str) -> dict[str, Any]:
        for name in [name for name in self._programs if name[0] == key]:
            del self._programs[name]
        self._built.pop(key, None)
        gc.collect()
        return {}

    def do_save_data(self, key: str, folder: str) -> dict[str, Any]:
        self._built[key].save_data(Path(folder))
        return {}

    def do_probe(self, key: str, folder: str) -> dict[str, Any]:
        self._built[key].probe(Path(folder))
        return {}

    def do_compare(self, key: str, folder: str) -> dict[str, Any]:
        return {"distances": self._built[key].compare(Path(folder))}

    def _next(self) -> int:
        self._calls += 1
        return self._calls


def steps_in_a_call(wanted: int, seconds_each: float) -> int:
    """Return how many steps of training a timed call makes: as many as wanted, or fewer so that it takes about a second."""
    return max(1, min(wanted, round(_CALL / max(seconds_each, 1e-9))))


def installed(*names: str) -> dict[str, str]:
    """Return the versions of Python and of the named distributions."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, **{name: metadata.version(name) for name in names}}
