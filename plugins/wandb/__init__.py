"""Weights & Biases: options, metrics by step, results and pictures of each run, where WANDB_MODE is set.

``WANDB_MODE=offline`` writes files into ``wandb/`` of the run's folder, ``online`` sends them. The id of the W&B run is kept
in ``wandb.json`` beside it, so that a resumed run goes on in it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen import hookimpl
from tfgen.metrics import metrics_from_json
from tfgen.reading import read_json

if TYPE_CHECKING:
    from tfgen import Run

_MISSING = "warning: not tracked: WANDB_MODE is set, and Weights & Biases is not installed: pip install wandb"
_DELETE = "delete it, and the run is a new one in W&B"
_SPLITS = ("test", "valid")


class WeightsAndBiases:
    """Observes runs; does nothing where WANDB_MODE is not set, or is ``disabled``."""

    def __init__(self) -> None:
        self._tracked: dict[Path, Any] = {}

    @hookimpl
    def tfgen_run_started(self, run: Run) -> None:
        """Make the run in W&B, or go on in it."""
        if os.environ.get("WANDB_MODE", "disabled") == "disabled":
            return
        try:
            import wandb
        except ImportError:
            print(_MISSING, file=sys.stderr)
            return
        file = run.folder / "wandb.json"
        known = read_json(file, _DELETE, within=run.folder).get("id") if os.path.lexists(file) else None
        tracked = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "tfgen"),
            name=run.name,
            id=known if isinstance(known, str) else None,
            resume="allow",
            dir=str(run.folder),
            config=run.provenance,
            reinit="create_new",  # a run that the program itself has begun goes on
            settings=wandb.Settings(console="off"),
        )
        file.write_text(json.dumps({"id": tracked.id}))
        self._tracked[run.folder] = tracked

    @hookimpl
    def tfgen_progress(self, run: Run, step: int, metrics: dict[str, float]) -> None:
        """Log metrics; W&B leaves out the steps that it has, which a resumed run may take again."""
        if run.folder in self._tracked:
            self._tracked[run.folder].log(metrics, step=step)

    @hookimpl
    def tfgen_run_finished(self, run: Run, results: dict[str, Any]) -> None:
        """Log results and pictures."""
        tracked = self._tracked.pop(run.folder, None)
        if tracked is None:
            return
        import wandb

        tracked.config.update(run.provenance, allow_val_change=True)  # with the compile mode
        for split in _SPLITS:
            for name, metric in metrics_from_json(results.get(split, {})).items():
                tracked.summary[f"results/{split}/{name}"] = metric.value
        tracked.summary["results/train_seconds"] = results["train_seconds"]
        files = wandb.Artifact(f"run-{tracked.id}", type="run")
        files.add_file(str(run.folder / "results.json"))
        for path in sorted((run.folder / "figures").glob("*.png")):
            files.add_file(str(path), f"figures/{path.name}")
        tracked.log_artifact(files)
        tracked.finish()

    @hookimpl
    def tfgen_run_failed(self, run: Run, error: BaseException) -> None:
        """Say how it ended."""
        tracked = self._tracked.pop(run.folder, None)
        if tracked is not None:
            tracked.finish(exit_code=getattr(error, "exit_code", 1))


observer = WeightsAndBiases()
