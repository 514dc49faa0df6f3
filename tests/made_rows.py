"""Rows and results that nobody has measured, with numbers that are easy to check."""

import dataclasses

from tfgen_benchmarks.record import Result
from tfgen_benchmarks.rows import BenchmarkRow

MACHINE = {
    "cpu": "Abacus 9000",
    "cores": 4,
    "cores_usable": 2,
    "device": "CPU (2 cores)",
    "platform": "Linux x86_64",
    "load_average": [0.1, 0.2, 0.3],
    "versions": {"python": "3.11.7", "tensorflow": "2.21.0"},
}


def made_row(rates=(100.0, 110.0, 90.0), products=(1e11,) * 3, memory=(1e10,) * 3, **fields):
    """Return a row with these examples a second in its rounds."""
    batch = fields.get("batch", 16)
    examples = fields.get("examples", float(batch)) or 0.0
    known = {
        "part": "sampling",
        "model": "realnvp",
        "contender": "tfgen",
        "work": "sample",
        "way": "graph",
        "description": "tfgen, tf.function",
        "batch": batch,
        "parameters": 1_234_567,
        "examples": float(batch),
        "multiply_adds": 5e8 * batch,  # half of the products' ceiling at 100 examples a second
        "bytes": 2e7 * batch,  # a fifth of the memory's
        "first_seconds": 1.25,
        "calls": 3,
        "seconds": [examples / rate for rate in rates],
        "cores_busy": [1.9] * len(rates),
        "peak_bytes": 250_000_000,
        "ceilings": {"products": list(products)[: len(rates)], "memory": list(memory)[: len(rates)]},
    }
    return BenchmarkRow(**known | fields)


def without_numbers(reason, **fields):
    """Return a row that says why it has none."""
    nothing = {"reason": reason, "parameters": None, "examples": None, "multiply_adds": None, "bytes": None}
    nothing |= {"first_seconds": None, "calls": 0, "peak_bytes": None}
    return made_row(rates=(), **nothing | fields)


def grown(sizes, seconds, axis="side", **fields):
    """Return rows of growth.

    Args:
        sizes: of the axis.
        seconds: of an example in each round, for each size.
        axis: what varies.
        fields: of the rows; those that are functions are called with the size.
    """
    return [
        made_row(
            rates=[1 / each for each in rounds],
            part="growth",
            sizes={axis: size},
            **{name: value(size) if callable(value) else value for name, value in fields.items()},
        )
        for size, rounds in zip(sizes, seconds, strict=True)
    ]


def made_result(rows=(), **fields):
    known = {"command": "python -m benchmarks --quick", "options": {"seed": 0, "rounds": 3}, "machine": MACHINE}
    known |= {"load_at_start": 0.1, "parts": sorted({row.part for row in rows}), "rows": list(rows)}
    return Result(**known | fields)


def changed(row, **fields):
    return dataclasses.replace(row, **fields)


def times_as_fast(row, clock=1.0, ceilings=1.0, rounds=None):
    """Return the row on a machine whose ceilings are other ones, at other rates."""
    rounds = rounds or len(row.seconds)
    return changed(
        row,
        seconds=[seconds / clock for seconds in row.seconds][:rounds],
        ceilings={name: [ceilings * value for value in values][:rounds] for name, values in row.ceilings.items()},
    )
