"""Open a page on which a latent space, a density or completions can be explored by hand."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tfgen import OptionError, require_option
from tfgen.cli import parse, required
from tfgen.printed import say
from tfgen_plugins.serve.command import require_installed, require_names

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from tfgen import Run
    from tfgen.cli import CommandContext
    from tfgen_plugins.serve.batching import Batcher
    from tfgen_plugins.serve.model import ServedModel

_HOST = "127.0.0.1"
#: Rows that are computed together: of images few, since one person asks; of vectors as many as a picture of a density needs.
_IMAGES, _VECTORS = 16, 1024


@dataclass(frozen=True)
class Options:
    """Runs that are explored, and the port of the page, which this machine alone can reach."""

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], required("RUN [RUN ...]")]] = ()
    """Folders of one run or several; the page has a list of them."""
    port: int = 8000
    """Port of the page; 0 takes a free one, and prints it."""
    browser: bool = True
    """Open the page in the browser."""

    def __post_init__(self) -> None:
        require_option(0 <= self.port < 2**16, "port", self.port, "from 0 to 65535")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Load the models, and serve the page until Ctrl-C or SIGTERM."""
    options = parse(Options, arguments, "explore", __doc__ or "")
    if not options.runs:
        raise OptionError("which runs? For example: tfgen explore runs/realnvp-mnist")
    require_installed("explore")
    from tfgen_plugins.serve.address import address_of, bind

    found = bind(_HOST, options.port)  # a port in use is an error before any model is loaded
    try:
        runs = [context.run(folder) for folder in options.runs]
        require_names(runs)
        from tfgen_plugins.serve.explorer.routes import explored, explorer_routes
        from tfgen_plugins.serve.running import serve_models

        def started(models: Sequence[ServedModel]) -> None:
            page = f"{address_of(found)}/"
            say(f"exploring {page}", "stop      Ctrl-C, or SIGTERM")
            if options.browser:
                # In a thread: one that runs in the terminal would wait for the server, which waited for it.
                threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()

        def routes(models: Sequence[ServedModel], batcher: Batcher) -> Sequence[BaseRoute]:
            return explorer_routes({model.name: batcher.call(partial(explored, model)) for model in models})

        serve_models(runs, found, started, hosts=(_HOST, "localhost"), block=_block, routes=routes)
    finally:
        found.close()


def _block(run: Run) -> int:
    return _IMAGES if run.data_spec.kind == "image" else _VECTORS
