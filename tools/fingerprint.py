"""Fingerprint of every model's numbers, to hold one tree of tfgen against another on the same machine.

``python tools/fingerprint.py take FILE`` trains each model shortly in the modes ``graph`` and ``xla-step`` and writes losses,
samples, log-probabilities and results as arrays. ``python tools/fingerprint.py compare BEFORE AFTER`` lists what differs and
by how much, and exits with 1 if anything does by more than ``--tolerance``.

Only public names are used, so that the same file runs in an old checkout and in a new one::

    (cd OLD && .venv/bin/python NEW/tools/fingerprint.py take before.npz)
    (cd NEW && .venv/bin/python tools/fingerprint.py take after.npz)
    .venv/bin/python tools/fingerprint.py compare before.npz after.npz
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

#: Each model with options that keep its run to seconds; the options' names are those of `tfgen.train`.
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "realnvp": ("realnvp", {"units": 32}),
    "realnvp-spline-conv": (
        "realnvp",
        {"network": "conv", "channels": 8, "coupling": "spline", "mask": ("checkerboard",)},
    ),
    "realnvp-masks": ("realnvp", {"units": 32, "mask": ("half", "channel", "random"), "layers": 6}),
    "conditional_realnvp": ("conditional_realnvp", {"units": 32}),
    "nice": ("nice", {"units": 32, "mask": ("half",)}),
    "spline_flow": ("spline_flow", {"units": 32}),
    "vae": ("vae", {}),
    "vae-flow-prior": ("vae", {"prior": "flow", "network": "mlp"}),
    "cvae": ("cvae", {}),
    "pixelcnn": ("pixelcnn", {"blocks": 2, "filters": 8}),
    "gan": ("gan", {}),
    "cgan": ("cgan", {}),
    "realnvp-plane": ("realnvp", {"units": 32, "data": "two_gaussians"}),
}
MODES = ("graph", "xla-step")


def take(path: Path, only: list[str]) -> None:
    """Train every model and write what it gives."""
    import tfgen

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (model, options) in RUNS.items():
            for mode in MODES:
                if only and name not in only:
                    continue
                given = {"data": "digits", "epochs": 2, "picture_samples": 4, "batch_size": 128, **options}
                run = tfgen.train(model, name=f"{name}-{mode}", runs_dir=folder, compile=mode, quiet=True, **given)
                found |= {f"{name}/{mode}/{key}": value for key, value in _numbers(run)}
                print(f"{name} {mode}", file=sys.stderr, flush=True)
    with path.open("wb") as file:  # np.savez would add .npz to a name without it
        np.savez(file, allow_pickle=False, **found)


def _numbers(run: Any) -> Iterator[tuple[str, Any]]:
    model, x, labels = run.model, run.data.test.x[:64], None
    if model.conditional:
        labels = run.data.test.labels[:64]
    for row in run.metrics:
        for key, value in row.items():
            if key not in ("seconds", "step", "epoch"):
                yield f"metrics/{row['step']}/{key}", value
    yield "samples", np.asarray(model.sample(64, labels, seed=3))
    for name in ("log_prob", "elbo", "encode"):
        if hasattr(model, name):
            yield name, np.asarray(getattr(model, name)(x, labels, seed=5))
    for split in ("test", "valid"):
        for name, metric in run.results.get(split, {}).items():
            for key, value in (("", metric["value"]), ("/standard_error", metric["standard_error"])):
                yield f"results/{split}/{name}{key}", np.nan if value is None else value


def compare(before: Path, after: Path, tolerance: float) -> int:
    """Print what differs; return 1 if something does by more than `tolerance`, relatively."""
    with np.load(before) as old, np.load(after) as new:
        names = sorted({*old.files, *new.files})
        alone = [name for name in names if name not in old.files or name not in new.files]
        both = [name for name in names if name not in alone]
        worst = {name: _difference(old[name], new[name]) for name in both}
    differing = {name: size for name, size in worst.items() if size > 0}
    for name in alone:
        print(f"only in one: {name}")
    for name, size in differing.items():
        print(f"{size:10.3g}  {name}")
    print(f"{len(both) - len(differing)} of {len(both)} equal to the bit; {len(alone)} in one file only")
    return int(bool(alone) or any(not size <= tolerance for size in differing.values()))


def _difference(old: Any, new: Any) -> float:
    """Return the largest difference over the largest size; 0 for arrays that are equal to the bit."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return float("inf")
    if np.array_equal(old, new, equal_nan=old.dtype.kind == "f"):
        return 0.0
    size = max(float(np.abs(old.astype(np.float64)).max()), 1e-30)
    return float(np.abs(old.astype(np.float64) - new.astype(np.float64)).max()) / size


def main() -> int:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    taking = commands.add_parser("take", help="train every model and write what it gives")
    taking.add_argument("file", type=Path)
    taking.add_argument("--only", nargs="*", default=[], choices=sorted(RUNS), metavar="RUN")
    comparing = commands.add_parser("compare", help="list what differs between two files")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--tolerance", type=float, default=0.0, help="relative difference that is allowed")
    options = parser.parse_args()
    if options.command == "take":
        take(options.file, options.only)
        return 0
    return compare(options.before, options.after, options.tolerance)


if __name__ == "__main__":
    sys.exit(main())
