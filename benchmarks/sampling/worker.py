"""A contender's side of the pipe: a sampler in a process of its own, which does what it is told and idles in between.

Requests come on standard input and answers leave on standard output, one JSON object a line. NumPy is all that this module
needs, since it also runs in the environment of the peers. Requests (``do``):

- ``build`` (plan, weights): make the flow; the answer has `Sampler.facts`.
- ``decode`` (codes, images): map the codes [n, D] of one ``.npy`` file to images in another.
- ``start`` (way, work, batch): make a program, which compiles it, and describe what it returns.
- ``time`` (way, work, batch, lead, calls): make `lead` calls, then `calls` more; the answer has the seconds of the latter,
  by the clock and of the processor.
"""

from __future__ import annotations

import abc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

#: One call: given its number, which seeds whatever is random, it computes one batch and returns it as an array of the host.
Program = Callable[[int], NDArray[Any]]


@dataclass(frozen=True)
class Plan:
    """The flow that every contender builds: affine couplings whose halves take turns, and the map from codes to grey levels.

    Sampling draws z ~ N(0, I), runs the couplings from the last to the first, and reads grey levels off the result::

        z_b <- z_b * exp(tanh(raw(z_a))) + shift(z_a)        layer l keeps the first half if l is even, else the second
        v = floor(levels * (sigmoid(spread * z) - alpha) / (1 - 2 alpha))      within 0 .. levels - 1

    Attributes:
        side: height and width of the images, which have one channel; D = side^2 dimensions.
        layers: couplings.
        units: width of each hidden layer.
        depth: hidden layers in each network, with relu between them.
        seed: of weights and samples.
        threads: that each contender may use; 0 for one on each core.
        alpha: distance from 0 and 1 that is kept before the logit.
        levels: grey levels.
        spread: what logits are divided by before the couplings see them; that of tfgen's flows.
    """

    side: int
    layers: int
    units: int
    depth: int
    seed: int
    threads: int = 0
    alpha: float = 1e-6
    levels: int = 256
    spread: float = 4.0

    @property
    def dimensions(self) -> int:
        """D."""
        return self.side**2

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image."""
        return (self.side, self.side, 1)


Layer = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def save_weights(path: str, networks: list[Layer]) -> None:
    """Write kernels [in, out] and biases [out] of every coupling's network, from that next to the data on."""
    named = {
        f"{kind}_{number}_{place}": value
        for number, network in enumerate(networks)
        for place, dense in enumerate(network)
        for kind, value in zip(("kernel", "bias"), dense, strict=True)
    }
    np.savez(path, allow_pickle=False, **named)


def load_weights(path: str, plan: Plan) -> list[Layer]:
    """Return what `save_weights` wrote. The head's columns are shift and raw log-scale of each dimension, in turns."""
    with np.load(path, allow_pickle=False) as file:
        return [
            [(file[f"kernel_{number}_{place}"], file[f"bias_{number}_{place}"]) for place in range(plan.depth + 1)]
            for number in range(plan.layers)
        ]


class Sampler(abc.ABC):
    """One contender.

    Attributes:
        ways: its settings, by name, with a description each; each samples.
        works: what else is timed, by the name of the way.
    """

    ways: Mapping[str, str]
    works: Mapping[str, Sequence[str]]

    @abc.abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return ``kernels``, ``biases`` and ``others``, each a number of weights, ``threads`` and ``versions``."""

    @abc.abstractmethod
    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the images [n, side, side, 1] of codes [n, D]."""

    @abc.abstractmethod
    def program(self, way: str, work: str, batch: int) -> Program:
        """Return the program that does `work` on a batch in one of the ways.

        Args:
            way: a name in `ways`.
            work: ``sample``, or ``products``, the networks' layers without anything else; tfgen also has ``decode``
                and ``encode``.
            batch: images in one call.
        """


def installed(*names: str) -> dict[str, str]:
    """Return the versions of Python and of the named distributions."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, **{name: metadata.version(name) for name in names}}


def usable_cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def serve(make: Callable[[Plan, str], Sampler]) -> None:
    """Answer requests until standard input ends.

    Args:
        make: builds the contender from the plan and the path of the weights; imports its library only now.
    """
    answers = _own_stdout()
    desk = _Desk(make)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = desk.answer(request)
        except Exception as error:  # whatever goes wrong in a library belongs into the report
            words = str(error).strip().splitlines() or [""]
            answer = {"error": f"{type(error).__name__}: {words[0]}".rstrip(": ")}
        print(json.dumps(answer), file=answers, flush=True)


def _own_stdout() -> TextIO:
    """Return standard output for answers alone; what libraries print there goes to standard error instead."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


class _Desk:
    """Does what requests ask."""

    def __init__(self, make: Callable[[Plan, str], Sampler]) -> None:
        self._make = make
        self._programs: dict[tuple[str, str, int], Program] = {}
        self._calls = 0

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one request."""
        do: Callable[..., dict[str, Any]] = getattr(self, f"do_{request['do']}")
        return do(**{name: value for name, value in request.items() if name != "do"})

    def do_build(self, plan: dict[str, Any], weights: str) -> dict[str, Any]:
        self._sampler = self._make(Plan(**plan), weights)
        sampler = self._sampler
        return {"ways": dict(sampler.ways), "works": dict(sampler.works), **sampler.facts()}

    def do_decode(self, codes: str, images: str) -> dict[str, Any]:
        np.save(images, self._sampler.decode(np.load(codes)))
        return {}

    def do_start(self, way: str, work: str, batch: int) -> dict[str, Any]:
        begin = time.perf_counter()
        program = self._sampler.program(way, work, batch)
        first = program(self._next())
        middle = time.perf_counter()
        for _ in range(2):  # a compiler may look twice
            second = program(self._next())
        begin_again = time.perf_counter()
        program(self._next())
        self._programs[way, work, batch] = program
        return {
            "first_seconds": middle - begin,
            "seconds": time.perf_counter() - begin_again,
            "shape": list(first.shape),
            "dtype": first.dtype.name,
            "mean": float(first.mean(dtype=np.float64)),
            "repeats_itself": bool(np.array_equal(first, second)),
        }

    def do_time(self, way: str, work: str, batch: int, lead: int, calls: int) -> dict[str, Any]:
        program = self._programs[way, work, batch]
        for _ in range(lead):
            program(self._next())
        begin, processor = time.perf_counter(), time.process_time()
        for _ in range(calls):
            program(self._next())
        return {"seconds": time.perf_counter() - begin, "processor_seconds": time.process_time() - processor}

    def _next(self) -> int:
        self._calls += 1
        return self._calls
