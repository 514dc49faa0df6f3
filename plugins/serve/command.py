"""Serve trained models over HTTP: samples, densities, codes, interpolations and inpainting, in batches."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tfgen import OptionError, require_option
from tfgen.cli import by_default, parse, required
from tfgen.printed import say
from tfgen.version import DISTRIBUTION

if TYPE_CHECKING:
    from tfgen import Run
    from tfgen.cli import CommandContext
    from tfgen_plugins.serve.model import ServedModel

#: Variable of the environment that holds the token.
TOKEN_VARIABLE = "TFGEN_SERVE_TOKEN"
_SHORTEST_TOKEN = 16
_NEEDS = ("starlette", "uvicorn", "httptools", "pydantic", "prometheus_client")


@dataclass(frozen=True)
class Options:
    """Runs that are served, the address, and limits."""

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], required("RUN [RUN ...]")]] = ()
    """Folders of one run or several; the paths without a name, such as /sample, ask the first."""
    host: str = "127.0.0.1"
    """Address to listen at. Any other than this machine's own (127.0.0.1, ::1, localhost) needs a token."""
    port: int = 8000
    """Port to listen at; 0 takes a free one, and prints it."""
    token: Annotated[str | None, by_default("none")] = None
    """Token that requests carry as `Authorization: Bearer TOKEN`. Other users of the machine see it in the list of
    processes: rather set the variable TFGEN_SERVE_TOKEN, or name a file."""
    token_file: Annotated[Path | None, by_default("none")] = None
    """File with the token."""
    block: int = 32
    """Rows that are computed together, always as many: a smaller number answers a lone request sooner, a larger one serves
    more clients."""
    batching: bool = True
    """Put rows of several requests into one block; without it each request is computed by itself."""
    queue: int = 256
    """Requests that may wait; more are refused by 429."""
    max_rows: int = 10_000
    """Most samples, or other rows, of one request."""
    max_body: int = 8
    """Most megabytes of a request's body."""
    timeout: float = 30.0
    """Seconds after which a request is given up."""

    def __post_init__(self) -> None:
        require_option(0 <= self.port < 2**16, "port", self.port, "from 0 to 65535")
        require_option(2 <= self.block <= 4096, "block", self.block, "from 2 to 4096")
        require_option(1 <= self.queue <= 100_000, "queue", self.queue, "from 1 to 100000")
        require_option(1 <= self.max_rows <= 1_000_000, "max_rows", self.max_rows, "from 1 to 1000000")
        require_option(1 <= self.max_body <= 1024, "max_body", self.max_body, "from 1 to 1024")
        require_option(0.1 <= self.timeout <= 3600, "timeout", self.timeout, "from 0.1 to 3600")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Load the models, and serve them until Ctrl-C or SIGTERM."""
    options = parse(Options, arguments, "serve", __doc__ or "")
    if not options.runs:
        raise OptionError("which runs? For example: tfgen serve runs/realnvp-mnist")
    require_installed("serve")
    from tfgen_plugins.serve.address import bind

    token = _token(options)
    if token is None and not is_loopback(options.host):
        raise OptionError(
            f"--host {options.host} can be reached from other machines, and needs a token: set {TOKEN_VARIABLE}, or name a "
            f"file by --token-file; it has at least {_SHORTEST_TOKEN} characters."
        )
    found = bind(options.host, options.port)  # a port in use is an error before any model is loaded
    try:
        _serve(options, context, token, found)
    finally:
        found.close()


def _serve(options: Options, context: CommandContext, token: str | None, found: socket.socket) -> None:
    runs = [context.run(folder) for folder in options.runs]  # which loads TensorFlow, without its log
    require_names(runs)
    from tfgen_plugins.serve.address import address_of
    from tfgen_plugins.serve.running import serve_models
    from tfgen_plugins.serve.service import Limits

    serve_models(
        runs, found, lambda models: say(*_lines(models, address_of(found), token is not None)),
        hosts=allowed_hosts(options.host) if token is None else None, token=token, block=lambda run: options.block,
        batching=options.batching, queue=options.queue,
        limits=Limits(options.max_rows, options.max_body * 2**20, options.timeout),
    )  # fmt: skip


def require_names(runs: Sequence[Run]) -> None:
    """Check that the names of runs differ, and can be in a URL.

    Raises:
        OptionError: names two runs of one name, or one whose name cannot.
    """
    by_name: dict[str, Run] = {}
    for run in runs:
        if not run.name.isprintable():  # half a character, for example, which is in no URL
            raise OptionError(f"run {run.folder} has a name that no URL can hold; give its folder another one.")
        if run.name in by_name:
            raise OptionError(
                f"two runs are called {run.name!r}: {by_name[run.name].folder} and {run.folder}; give one of the folders "
                "another name."
            )
        by_name[run.name] = run


def _lines(models: Sequence[ServedModel], address: str, with_token: bool) -> list[str]:
    """Return what the command prints once it serves."""
    named = [f"model     {model.name}: {', '.join(model.endpoints)}" for model in models]
    for model in models:
        alone = model.describe()["not_batched"]
        named += [
            f"note: {model.name} computes {name} for one request at a time ({why})" for name, why in alone.items()
        ]
    carried = f" -H 'Authorization: Bearer '\"${TOKEN_VARIABLE}\"" if with_token else ""
    body = '{"count": 16, "format": "png"}'
    ask = f"curl --json '{body}'{carried} {address}/{models[0].endpoints[0]}"
    example = [f"try       {ask} --output samples.png"] if models[0].endpoints[0] == "sample" else []
    return [f"serving   {address} (docs: {address}/docs)", *named, *example, "stop      Ctrl-C, or SIGTERM"]


def _token(options: Options) -> str | None:
    """Return the token: of the option, of the file, or of the environment.

    Raises:
        OptionError: when two are given, or it is short, or holds spaces or other than ASCII characters.
    """
    given = {
        "--token": options.token,
        "--token-file": None if options.token_file is None else _read_token(options.token_file),
        TOKEN_VARIABLE: os.environ.get(TOKEN_VARIABLE) or None,
    }
    found = {name: value for name, value in given.items() if value is not None}
    if len(found) > 1:
        raise OptionError(f"{' and '.join(found)} both give a token; leave one of them out.")
    for name, value in found.items():
        if len(value) < _SHORTEST_TOKEN or not value.isascii() or not value.isprintable() or " " in value:
            raise OptionError(
                f"{name}: a token has at least {_SHORTEST_TOKEN} ASCII characters and no spaces; "
                "make one by: python -c 'import secrets; print(secrets.token_urlsafe())'"
            )
    return next(iter(found.values()), None)


def _read_token(path: Path) -> str:
    from tfgen.reading import open_regular

    try:
        with open_regular(path) as file:
            content: Any = file.read(10_000)
        return content.decode("ascii").strip() if isinstance(content, bytes) else str(content).strip()
    except (OSError, ValueError) as error:
        raise OptionError(f"--token-file: cannot read {path}; name a text file with the token alone.") from error


def is_loopback(host: str) -> bool:
    """Return whether an address is one of this machine for itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def allowed_hosts(host: str) -> tuple[str, ...]:
    """Return the names by which a server at a loopback address may be called."""
    from tfgen_plugins.serve.access import LOOPBACK

    return tuple(dict.fromkeys([*LOOPBACK, host]))


def require_installed(command: str) -> None:
    """Check that what the server needs is installed.

    Raises:
        OptionError: says how to install it.
    """
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise OptionError(
            f"{command} needs {', '.join(missing)}, which is not installed; pip install '{DISTRIBUTION}[serve]'"
        )
