"""Small models behind a server, untrained: what is tested is how they are asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tfgen.data.lookup import load_dataset
from tfgen.model.base import GenerativeModel, build_model
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import build
from tfgen.plugin.specs import DataSources
from tfgen_plugins.serve.batching import Batcher
from tfgen_plugins.serve.metrics import ServerMetrics
from tfgen_plugins.serve.model import ServedModel
from tfgen_plugins.serve.service import Limits, Service

#: Options with which a model is small.
SMALL: dict[str, dict[str, Any]] = {
    "realnvp": {"layers": 2, "units": 16},
    "conditional_realnvp": {"layers": 2, "units": 8},
    "cvae": {"network": "mlp", "units": 16, "latent": 3},
    "gan": {"network": "mlp", "units": 8, "latent": 3},
    "pixelcnn": {"blocks": 1, "filters": 4, "conditional": True},
}
SMALL_DIGITS = str(Path(__file__).parents[2] / "small_digits.py")
REGISTRY = load_registry()


def run_of(model: GenerativeModel, name: str, kind: str = "realnvp", data: str = "digits") -> Any:
    """Return what the server needs of a run."""
    config = SimpleNamespace(model=kind, data=data, device="auto")
    return SimpleNamespace(
        name=name, model=model, data_spec=model.data, registry=REGISTRY, config=config, folder=Path("runs") / name
    )


def served(kind: str, block: int = 8, name: str | None = None, data: str = "digits") -> ServedModel:
    """Return a small model of a kind, ready to be asked."""
    spec = REGISTRY.model(kind)
    found = load_dataset(data, REGISTRY, DataSources())
    model = build_model(spec, build(spec.config, SMALL[kind]), found.spec, 0)
    return ServedModel(run_of(model, name or kind, kind, data), block)


@contextlib.contextmanager
def service_of(models: Sequence[ServedModel], limits: Limits | None = None, **options: Any) -> Iterator[Service]:
    """Serve models, until the end of the block."""
    metrics = ServerMetrics()
    with Batcher(on_block=metrics.block, **options) as batcher:
        yield Service(models, batcher, limits or Limits(), metrics)
