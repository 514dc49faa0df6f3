"""MLflow: options, metrics by step, results and pictures of each run, where MLFLOW_TRACKING_URI says where they go."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfgen import InterruptedRunError, hookimpl
from tfgen.metrics import metrics_from_json
from tfgen.reading import read_json

if TYPE_CHECKING:
    from tfgen import Run

_MISSING = "warning: not tracked: MLFLOW_TRACKING_URI is set, and MLflow is not installed: pip install mlflow-skinny"
_DELETE = "delete it, and the run is a new one in MLflow"


class MLflow:
    """Observes runs; does nothing where MLFLOW_TRACKING_URI is not set."""

    def __init__(self) -> None:
        self._open: dict[Any, tuple[Any, str, int]] = {}  # by folder: client, id of the run, its last step

    @hookimpl
    def tfgen_run_started(self, run: Run) -> None:
        """Make the run in MLflow, or go on in the one whose id is in ``mlflow.json`` of the folder."""
        if not (uri := os.environ.get("MLFLOW_TRACKING_URI")):
            return
        try:
            from mlflow import MlflowClient
        except ImportError:
            print(_MISSING, file=sys.stderr)
            return
        client, file, last = MlflowClient(uri), run.folder / "mlflow.json", -1
        known = read_json(file, _DELETE, within=run.folder) if os.path.lexists(file) else {}
        if known.get("uri") == uri and isinstance(known.get("id"), str):
            client.update_run(known["id"], status="RUNNING")
            names = [name for name in client.get_run(known["id"]).data.metrics if name.startswith("train/")]
            last = max((m.step for name in names for m in client.get_metric_history(known["id"], name)), default=-1)
        else:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "tfgen")
            there = client.get_experiment_by_name(name)
            experiment = there.experiment_id if there else client.create_experiment(name)
            known = {"uri": uri, "id": client.create_run(experiment, run_name=run.name).info.run_id}
            file.write_text(json.dumps(known))
        self._open[run.folder] = client, known["id"], last
        _log(client, known["id"], 0, {}, _flat(run.provenance))

    @hookimpl
    def tfgen_progress(self, run: Run, step: int, metrics: dict[str, float]) -> None:
        """Log metrics, unless they are of a step that was logged before the run was resumed."""
        client, tracked, last = self._open.get(run.folder, (None, "", 0))
        if client and step > last:
            _log(client, tracked, step, metrics, {})

    @hookimpl
    def tfgen_run_finished(self, run: Run, results: dict[str, Any]) -> None:
        """Log results and pictures."""
        client, tracked, _ = self._open.pop(run.folder, (None, "", 0))
        if client:
            values = {"results/train_seconds": results["train_seconds"]}
            for split in ("test", "valid"):
                metrics = metrics_from_json(results.get(split, {}))
                values |= {f"results/{split}/{name}": metric.value for name, metric in metrics.items()}
            _log(client, tracked, results["steps"], values, _flat(run.provenance))  # with the compile mode
            for path in [run.folder / "results.json", *(run.folder / "figures").glob("*.png")]:
                client.log_artifact(tracked, str(path), "figures" if path.suffix == ".png" else None)
            client.set_terminated(tracked, "FINISHED")

    @hookimpl
    def tfgen_run_failed(self, run: Run, error: BaseException) -> None:
        """Say how it ended."""
        client, tracked, _ = self._open.pop(run.folder, (None, "", 0))
        if client:
            stopped = isinstance(error, KeyboardInterrupt | InterruptedRunError)
            client.set_terminated(tracked, "KILLED" if stopped else "FAILED")


def _log(client: Any, tracked: str, step: int, values: Mapping[str, float], options: Mapping[str, Any]) -> None:
    from mlflow.entities import Metric, Param

    now = int(1000 * time.time())
    metrics = [Metric(name, value, now, step) for name, value in values.items()]
    params = [Param(name, str(value)) for name, value in options.items()]
    for begin in range(0, max(1, len(params)), 100):  # the most that a server takes
        client.log_batch(tracked, () if begin else metrics, params[begin : begin + 100])


def _flat(content: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(content, Mapping):
        return {name: content}
    return {key: value for part in content for key, value in _flat(content[part], f"{name}.{part}".lstrip(".")).items()}


observer = MLflow()
