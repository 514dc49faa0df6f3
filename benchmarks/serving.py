"""Load test of `tfgen serve`: requests per second and latencies at 1, 8 and 64 clients, beside calling the model directly.

Two servers of the run are started on the loopback, one with dynamic batching and one without. In each round each number of
clients asks each of them in turn for a few seconds, the other way round in every second round, and so does a loop that calls
the model without a server. A client sends its next request once it has the answer. What counts are medians over the rounds of
ratios within a round, since machines are noisy.

    python benchmarks/serving.py runs/realnvp-digits --rounds 5 --seconds 2
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro
import uvloop

if not __package__:  # run as a file, as in the example
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import tfgen
from tfgen.cli.tables import markdown_table
from tfgen.errors import TfgenError, require_option
from tfgen.export import Signature, signatures_of
from tfgen.files import write_json
from tfgen.plugin.option_types import to_json
from tfgen.printed import say
from tfgen_benchmarks.machine import describe_machine

#: What the numbers should reach.
TIMES, MILLISECONDS = 5.0, 3.0


@dataclass(frozen=True)
class Options:
    """Options of the load test."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    clients: tuple[int, ...] = (1, 8, 64)
    """Numbers of clients, one after the other."""
    rows: int = 1
    """Samples in a request."""
    block: int = 32
    """Rows of a block of the server."""
    rounds: int = 5
    """Rounds; both servers and the direct call are measured once in each."""
    seconds: float = 2.0
    """Seconds of each measurement."""
    json: Path | None = None
    """File for all numbers."""

    def __post_init__(self) -> None:
        require_option(1 <= self.rounds <= 100, "rounds", self.rounds, "from 1 to 100")
        require_option(0.1 <= self.seconds <= 60, "seconds", self.seconds, "from 0.1 to 60")
        require_option(
            bool(self.clients) and all(1 <= n <= 256 for n in self.clients), "clients", self.clients, "from 1 to 256"
        )


@dataclass
class Load:
    """Latencies of the answers in each round, in milliseconds, and the answers in a second."""

    rates: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)

    def add(self, latencies: Sequence[float], seconds: float) -> None:
        """Add a round."""
        self.rates.append(len(latencies) / seconds)
        self.medians.append(1e3 * statistics.median(latencies))
        self.tails.append(1e3 * float(np.quantile(latencies, 0.99)))


class Client(asyncio.Protocol):
    """Client that sends the same request again whenever it has the answer, until a time."""

    def __init__(self, request: bytes, until: float) -> None:
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request, self._until = request, until
        self._answer = bytearray()

    def connection_made(self, transport: Any) -> None:
        """Send the first request."""
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._begin = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count an answer once all of it is there, and send the next request."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(bytes(head)):
            return
        now = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200"):
            self._finish(TfgenError(f"the server answered {bytes(self._answer[:300])!r}"))
            return
        self.latencies.append(now - self._begin)
        self._answer.clear()
        if now < self._until:
            self._send()
        else:
            self._finish(None)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._finish(TfgenError("the server has closed a connection."))

    def _finish(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)
            self._transport.close()


def _length(head: bytes) -> int:
    lower = head.lower()
    place = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[place:].split(b"\r\n", 1)[0])


def ask(port: int, clients: int, content: dict[str, Any], seconds: float) -> list[float]:
    """Return the latencies of all answers to so many clients, in seconds."""
    body = json.dumps(content).encode()
    head = (
        f"POST /sample HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )

    async def all_clients() -> list[float]:
        loop, until = asyncio.get_running_loop(), time.perf_counter() + seconds
        made = [
            await loop.create_connection(lambda: Client(head.encode() + body, until), "127.0.0.1", port)
            for _ in range(clients)
        ]
        protocols = [protocol for _, protocol in made]
        try:
            await asyncio.wait_for(asyncio.gather(*(protocol.done for protocol in protocols)), seconds + 60)
        finally:
            for transport, _ in made:
                transport.abort()
            await asyncio.sleep(0.01)  # in which the loop closes them
        return [latency for protocol in protocols for latency in protocol.latencies]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(all_clients())


@contextlib.contextmanager
def server(run: Path, arguments: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Start a server on a free port; yield its port and its process, and stop it at the end."""
    command = [sys.executable, "-m", "tfgen", "serve", str(run), "--port", "0", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "TFGEN_SERVE_TOKEN"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield _port_of(process), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def _port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()  # its first line has the address; the end of the file, if it has failed
    if not line.startswith("serving"):
        raise TfgenError(f"the server did not start: {line.strip()}")
    return int(line.split()[1].rpartition(":")[2])


def direct_call(run: tfgen.Run, rows: int) -> Any:
    """Return a function of a seed that samples by the model's compiled program for this number of rows."""
    import tensorflow as tf

    signature: Signature = signatures_of(run.model)["sample"]
    program = signature.program(rows)
    labels = np.arange(rows, dtype=np.int32) % (run.data_spec.classes or 1)
    given: dict[str, Any] = {"count": np.int32(rows), "labels": labels, "first": np.int32(0)}
    known = {
        argument.name: tf.constant(given[argument.name]) for argument in signature.inputs if argument.name in given
    }

    def call(seed: int) -> Any:
        (x,) = program(**known, seed=tf.constant([0, seed], tf.int32)).values()
        return x.numpy()

    return call


def time_direct(call: Any, seconds: float) -> list[float]:
    """Return the seconds of each of the calls that fit into a time."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < until:
        call(len(latencies))
        latencies.append(time.perf_counter() - begin)
    return latencies


def measure(options: Options) -> tuple[dict[tuple[str, int], Load], dict[str, float]]:
    """Return the loads by way and number of clients, and the servers' memory in megabytes."""
    run = tfgen.load(options.run)
    call = direct_call(run, options.rows)
    ways = ("batching", "no batching")
    loads = {(way, n): Load() for way in ways for n in options.clients} | {("direct", 1): Load()}
    content = {"count": options.rows, "seed": 1}
    block = ["--block", str(options.block)]
    with server(options.run, block) as with_batching, server(options.run, [*block, "--no-batching"]) as without:
        servers = dict(zip(ways, (with_batching, without), strict=True))
        for way in ways:  # warm up, shapes of every size
            for n in options.clients:
                ask(servers[way][0], n, content, 0.3)
        time_direct(call, 0.3)
        gc.collect()
        gc.freeze()  # as the servers do: no client waits for a collection that looks through all of TensorFlow
        for number in range(options.rounds):
            loads["direct", 1].add(*_timed(lambda: time_direct(call, options.seconds / 2)))
            for n in options.clients:
                for way in ways[:: 1 if number % 2 == 0 else -1]:
                    port = servers[way][0]
                    loads[way, n].add(*_timed(lambda port=port, n=n: ask(port, n, content, options.seconds)))
        memory = {way: _megabytes(pid) for way, (_, pid) in servers.items()}
    return loads, memory


def _timed(measurement: Any) -> tuple[list[float], float]:
    begin = time.perf_counter()
    return measurement(), time.perf_counter() - begin


def _megabytes(pid: int) -> float:
    """Return the memory that a process has taken at most."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float("nan")


def table(loads: dict[tuple[str, int], Load]) -> str:
    """Return the loads as a table in Markdown."""
    rows = []
    for (way, clients), load in loads.items():
        times = ""
        if way == "batching":
            times = f"{ratio(loads, clients):.2f}"
        rows.append([
            way, clients, f"{statistics.median(load.rates):,.0f}", times,
            f"{statistics.median(load.medians):.1f}", f"{statistics.median(load.tails):.1f}",
        ])  # fmt: skip
    heads = ["", "clients", "requests/s", "times", "p50 [ms]", "p99 [ms]"]
    return markdown_table(heads, [[str(cell) for cell in row] for row in rows])


def ratio(loads: dict[tuple[str, int], Load], clients: int) -> float:
    """Return how many times as many requests batching answers: the median over the rounds."""
    pairs = zip(loads["batching", clients].rates, loads["no batching", clients].rates, strict=True)
    return statistics.median(one / other for one, other in pairs)


def verdicts(loads: dict[tuple[str, int], Load]) -> list[str]:
    """Return whether the targets are reached, in words."""
    lines, most = [], max(clients for _, clients in loads)
    reached = {True: "reached", False: "missed"}
    times = ratio(loads, most)
    lines.append(f"batching at {most} clients: {times:.2f} times (target {TIMES:g}: {reached[times >= TIMES]})")
    if ("batching", 1) in loads:
        pairs = zip(loads["batching", 1].medians, loads["direct", 1].medians, strict=True)
        later = statistics.median(one - other for one, other in pairs)
        target = f"target {MILLISECONDS:g}: {reached[later <= MILLISECONDS]}"
        lines.append(f"one client: {later:.2f} ms after a direct call ({target})")
    return lines


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options, description=__doc__)
    loads, memory = measure(options)
    say(*table(loads).splitlines(), "", *verdicts(loads))
    say(*(f"{way}: at most {megabytes:,.0f} MB" for way, megabytes in memory.items()))
    say(
        f"{options.rows} samples in a request, blocks of {options.block}, {options.rounds} rounds of {options.seconds:g} s"
    )
    machine = describe_machine("cpu")
    say(f"{machine['cores']} cores ({machine['cpu']}), load at the end {machine['load_average'][0]:.1f}")
    if options.json is not None:
        ways = [{"way": way, "clients": clients, **asdict(load)} for (way, clients), load in loads.items()]
        content = {"options": to_json(options), "machine": machine, "loads": ways, "megabytes": memory}
        write_json(options.json, content)


if __name__ == "__main__":
    main()
