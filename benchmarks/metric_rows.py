"""Benchmark of reading metrics.jsonl: rows thinned while they are read, beside all rows, in time and memory.

python -m benchmarks.metric_rows --rows 300000
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfgen.runs.metrics_file import metric_rows, thinned_rows


def write_rows(path: Path, count: int) -> None:
    """Write rows like those of a VAE's training, every tenth with validation."""
    with path.open("w") as file:
        for step in range(1, count + 1):
            loss = 100 + 50 / step
            row = {
                "step": step,
                "epoch": step / 390,
                "seconds": 0.01 * step,
                "train/loss": loss,
                "train/elbo_nats": -loss,
            }
            if step % 10 == 0:
                row |= {"valid/loss": loss + 1, "valid/elbo_nats": -loss - 1}
            file.write(json.dumps(row) + "\n")


def measured(read: Callable[[], Any]) -> dict[str, float]:
    """Return the seconds of a function, and in a second call the most MB that it held."""
    began = time.perf_counter()
    read()
    seconds = time.perf_counter() - began
    tracemalloc.start()
    read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"seconds": round(seconds, 2), "peak_mb": round(peak / 1e6, 1)}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=300_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.jsonl"
        write_rows(path, options.rows)
        found = {
            "thinned": measured(lambda: thinned_rows(path)),
            "all": measured(lambda: list(metric_rows(path))),
        }
        print(json.dumps({"rows": options.rows, "file_mb": round(path.stat().st_size / 1e6, 1), **found}))


if __name__ == "__main__":
    main()
