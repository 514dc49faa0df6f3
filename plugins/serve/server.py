"""Server process: connections that are too slow, and the graceful stop, around uvicorn."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tfgen_plugins.serve.service import Service

#: Seconds in which the headers of a request have to arrive, and for which a connection without one is kept.
HEADER_SECONDS = 10.0
#: Most connections at a time; those beyond are answered by 503.
MOST_CONNECTIONS = 1_000
#: Most bytes of the headers of a request.
MOST_HEADER_BYTES = 2**16


class Protocol(HttpToolsProtocol):
    """HTTP connection that is closed when the headers of a request do not arrive in time, byte by byte for example."""

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes: int | None = 0  # of the request that is being read; None behind its headers
    _unsent = 0  # bytes of answers, when the deadline was set

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers."""
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read some bytes; a client whose headers have no end is cut off."""
        if self._header_bytes is not None:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._header_bytes is not None and self._header_bytes > MOST_HEADER_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin to count the bytes of headers."""
        self._header_bytes = self._header_bytes or 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Wait no longer: the body has a time of its own."""
        self._header_bytes = None
        self._cancel_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the headers of another request."""
        self._header_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Begin to wait for the headers of the next request, unless it is there already."""
        waits = not self.pipeline
        super().on_response_complete()
        if waits and not self.transport.is_closing():
            self._wait_for_headers()

    def timeout_keep_alive_handler(self) -> None:
        """Leave it to the deadline of the next headers to close a connection."""

    def _wait_for_headers(self) -> None:
        self._cancel_deadline()
        self._unsent = self.transport.get_write_buffer_size()
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        """Close the connection, unless its client is still reading an answer; one that reads nothing is cut off."""
        left = self.transport.get_write_buffer_size()
        if 0 < left < self._unsent:
            self._wait_for_headers()
        elif left:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """Server that stops gracefully: requests that it has are answered, new ones get 503 until these are done.

    Args:
        app: the application.
        service: behind it.
        patience: seconds after which it stops anyway.
        on_start: called once it takes requests.
    """

    def __init__(
        self, app: ASGIApp, service: Service, patience: float = 30.0, on_start: Callable[[], None] = lambda: None
    ) -> None:
        config = uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=int(HEADER_SECONDS),
            timeout_graceful_shutdown=5,
            backlog=MOST_CONNECTIONS,
        )
        super().__init__(config)
        self._service, self._patience, self._on_start = service, patience, on_start
        self._stop_at: float | None = None

    def stop(self) -> None:
        """Stop gracefully; a second time at once."""
        if self._stop_at is not None:
            self.should_exit = self.force_exit = True
            return
        self._stop_at = time.monotonic() + self._patience
        self._service.batcher.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop on SIGTERM or Ctrl-C."""
        self.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._on_start()

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop now."""
        if self._stop_at is not None and (not self._service.at_work or time.monotonic() > self._stop_at):
            self.should_exit = True
        return await super().on_tick(counter)


def serve(server: Server, found: socket.socket) -> None:
    """Serve at a socket until a signal says to stop, or `Server.stop` does."""
    try:
        server.run(sockets=[found])
    finally:
        found.close()
