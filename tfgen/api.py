"""The same in Python as on the command line: `train`, `load`, and what a `Run` can do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfgen.loading import load_registry
from tfgen.options import split_options
from tfgen.run_folder import RunFolder
from tfgen.runs import Run


def train(
    model: str,
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    plugins: Sequence[str] = (),
    quiet: bool = False,
    **options: Any,
) -> Run:
    """Train a model and return its run.

    Args:
        model: registered name.
        name: of the run; by default ``MODEL-DATA``, numbered when taken.
        runs_dir: where the run's folder is made.
        plugins: files or modules with further plugins, as ``-p`` on the command line.
        quiet: show no progress.
        options: any option of training, data or the model itself by name, for example ``data="mnist", layers=8``.

    Raises:
        TfgenError: for unknown names, unsuitable values, data that cannot be had; one line that says what to do.
    """
    registry = load_registry(plugins)
    config = split_options(options, registry.model(model))
    from tfgen.experiment import start_run

    return start_run(config, registry, Path(runs_dir), name, quiet)


def load(run: str | Path, *, plugins: Sequence[str] = ()) -> Run:
    """Return the run in a folder; its model, data and results are loaded when they are first used.

    Args:
        run: the run's folder.
        plugins: files or modules with further plugins, as ``-p`` on the command line.

    Raises:
        RunError: when the folder is no run.
    """
    return Run(RunFolder.open(Path(run)), load_registry(plugins))
