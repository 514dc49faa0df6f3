"""A contender that computes nothing: the suite is tested on what it does with one, never on how long anything takes.

Run as a program it is a worker; `python fake_contender.py`.
"""

import os

import numpy as np

from tfgen_benchmarks.worker import Contender, Cost, Program, UnsuitableError, serve

FACTS = {
    "parameters": 100,
    "versions": {"fake": "1.0"},
    "threads": 1,
    "device": "CPU",
    "config": {"layers": 2, "units": 16, "flag": True},
    "shape": [4, 4, 1],
    "classes": None,
    "levels": 256,
    "training": {},
    "machine": {"cpu": "Abacus", "device": "CPU (2 cores)", "cores": 2, "cores_usable": 2, "versions": {}},
}


class Fake(Contender):
    """Does as the options of its subject say: it fails, dies, hangs, repeats itself, is infinite, refuses, or differs."""

    def __init__(self, subject, clock=None):
        self.subject, self.clock = subject, clock
        self.options = subject.get("options") or {}
        if "refuses" in self.options:
            raise UnsuitableError(self.options["refuses"])

    def facts(self):
        return FACTS | {"parameters": self.options.get("parameters", 100)}

    def ways(self, work):
        known = {"sample": {"graph": "fake graph", "xla": "fake xla"}, "train": {"graph": "fake step"}}
        known |= {"decode": {"graph": "fake"}, "encode": {"graph": "fake"}}
        known["ceiling"] = {"products": "product", "memory": "copy", "clock": "sleep"}
        return {} if work == "sample" and self.options.get("mute") else known[work]

    def program(self, work, way, batch):
        options = self.options
        if batch >= options.get("fails_at", 10**9):
            raise MemoryError("cannot allocate")
        if batch >= options.get("dies_at", 10**9):
            os._exit(3)

        def run(number):
            while options.get("hangs"):
                pass
            if self.clock is not None:
                self.clock.sleep(self.seconds(work, way, batch))
            result = np.full([2], 0.0 if options.get("repeats") else float(number))
            return result / 0.0 if options.get("infinite") else result

        each = options.get("layers", 2) * options.get("units", 16) * self.subject.get("side", 4) ** 2
        return Program(run, batch or 1e6, lambda: Cost(each * batch, 4 * each * batch), notes=("of no use",))

    def seconds(self, work, way, batch):
        """Of one call: a known time an example, half of it by XLA."""
        if work == "ceiling":
            return 1e-3 * batch if way == "clock" else 1e-3
        slow = self.options.get("slow", 1.0)
        return slow * batch * self.options.get("layers", 2) * 1e-4 * (0.5 if way == "xla" else 1.0)

    def save_data(self, folder):
        (folder / "data.npz").write_bytes(b"")

    def probe(self, folder):
        np.save(folder / "decoded.npy", np.zeros(3))

    def compare(self, folder):
        assert (folder / "decoded.npy").exists()
        return {"decoded": 1.0 if self.options.get("differs") else 1e-6}


class Clock:
    """Stands in for the module `time`: time passes only when somebody sleeps, and a little whenever somebody looks."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        self.now += 1e-6
        return self.now

    process_time = perf_counter

    def sleep(self, seconds):
        self.now += seconds


if __name__ == "__main__":
    serve(Fake)
