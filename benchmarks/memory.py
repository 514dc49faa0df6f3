"""Benchmark of memory in one process: its growth over many trainings, evaluations, or samples drawn.

    python -m benchmarks.memory train --times 30
    python -m benchmarks.memory evaluate sample write --times 200

Resident memory is read after the garbage collector has run; growth is counted from the tenth time, when what is kept once
for all is there.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tfgen
from tfgen.runs.sample_file import write_samples

#: Times after which growth is counted, or half of all if these are fewer than 20.
_SETTLED = 10
_SMALL: dict[str, Any] = {"data": "digits", "epochs": 1, "layers": 2, "units": 16, "compile": "graph", "quiet": True}


def resident() -> float:
    """Return the resident memory of this process in MiB (of Linux)."""
    gc.collect()
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def growth(do: Callable[[int], object], times: int) -> tuple[float, float]:
    """Call a function many times; return the resident memory in MiB once it is settled, and its growth from there on."""
    settled = 0.0
    for number in range(times):
        do(number)
        if number + 1 == min(_SETTLED, times // 2):
            settled = resident()
    return settled, resident() - settled


def tasks(folder: Path) -> dict[str, Callable[[int], object]]:
    """Return what can be repeated, by name, for a small Real NVP on digits."""
    runs: list[tfgen.Run] = []

    def train(number: int) -> tfgen.Run:
        return tfgen.train("realnvp", seed=number, runs_dir=folder, picture_samples=4, **_SMALL)

    def trained() -> tfgen.Run:
        if not runs:
            runs.append(train(0))
        return runs[0]

    return {
        "train": lambda number: train(number) and None,
        "evaluate": lambda number: trained().evaluate(record=False),
        "sample": lambda number: trained().model.sample(16, seed=number),
        "write": lambda number: write_samples(trained().model, folder / "samples.png", 16, seed=number),
    }


def main() -> None:
    """Print one JSON object: for each task MiB when settled, and how many they grew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("tasks", nargs="+", choices=["train", "evaluate", "sample", "write"])
    parser.add_argument("--times", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        known, result = tasks(Path(folder)), {}
        for name in options.tasks:
            settled, grown = growth(known[name], options.times)
            result[name] = {"times": options.times, "settled_mib": round(settled, 1), "growth_mib": round(grown, 1)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
