"""Run of the server: models prepared in their thread, the application around them, served until a signal says to stop."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Collection, Sequence

from starlette.routing import BaseRoute

from tfgen import Run
from tfgen.printed import say
from tfgen.runtime import device_scope
from tfgen_plugins.serve.app import build_app
from tfgen_plugins.serve.batching import Batcher
from tfgen_plugins.serve.metrics import ServerMetrics
from tfgen_plugins.serve.model import ServedModel
from tfgen_plugins.serve.server import Server, serve
from tfgen_plugins.serve.service import Limits, Service

Routes = Callable[[Sequence[ServedModel], Batcher], Sequence[BaseRoute]]


def serve_models(
    runs: Sequence[Run],
    found: socket.socket,
    started: Callable[[Sequence[ServedModel]], None],
    hosts: Collection[str] | None = None,
    token: str | None = None,
    block: Callable[[Run], int] = lambda run: 64,
    batching: bool = True,
    queue: int = 256,
    limits: Limits | None = None,
    routes: Routes = lambda models, batcher: (),
) -> None:
    """Serve runs at a socket until Ctrl-C or SIGTERM.

    Args:
        runs: with names that differ.
        found: bound, and not yet listening.
        started: called with the models once requests are taken.
        hosts: names by which the server may be called; None for any.
        token: that requests carry; None for none.
        block: rows that are computed together, of a run.
        batching: put rows of several requests into one block.
        queue: requests that may wait.
        limits: of a request.
        routes: further ones, of the prepared models; they come first.
    """
    models = [ServedModel(run, block(run)) for run in runs]
    limits = limits or Limits()
    metrics = ServerMetrics()
    device = runs[0].config.device
    with Batcher(queue, 4 * limits.rows, batching, metrics.block, lambda: device_scope(device)) as batcher:
        for model in models:
            say(f"preparing {model.name} ...", error=True)
            batcher.call(model.prepare)
        service = Service(models, batcher, limits, metrics)
        app = build_app(service, hosts, token, routes(models, batcher))
        gc.collect()
        gc.freeze()  # a collection that looks through all of TensorFlow would stop every answer for a third of a second
        serve(Server(app, service, limits.seconds, lambda: started(models)), found)
    say("stopped", error=True)
