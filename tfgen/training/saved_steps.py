"""Steps of the complete checkpoints in a run folder, read from file names, without TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

#: File with the weights of a run that was imported from a pack, which has no checkpoints; see `tfgen.training.weights_file`.
WEIGHTS_FILE = "weights.safetensors"


def saved_steps(run_folder: Path) -> list[int]:
    """Return the steps of the complete checkpoints, oldest first: those with an index, which is written last."""
    names = (path.stem.removeprefix("step-") for path in (run_folder / "checkpoints").glob("step-*.index"))
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def latest_step(run_folder: Path) -> int | None:
    """Return the step of the newest complete checkpoint, or None."""
    steps = saved_steps(run_folder)
    return steps[-1] if steps else None


def prefix(run_folder: Path, step: int) -> Path:
    """Return what the files of the checkpoint at `step` begin with."""
    return run_folder / "checkpoints" / f"step-{step}"


def has_weights_alone(run_folder: Path) -> bool:
    """Return whether a run has its weights from a pack, and no state from which training can go on."""
    return latest_step(run_folder) is None and os.path.lexists(run_folder / WEIGHTS_FILE)
