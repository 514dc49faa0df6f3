"""Service: models, queue and limits behind all routes; answers a request to an endpoint of a model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from tfgen import CapabilityError, DataError, OptionError, TfgenError, UnknownNameError
from tfgen.printed import say
from tfgen_plugins.serve.answers import MEDIA_TYPES, Answer, Format, format_for
from tfgen_plugins.serve.batching import Batcher, BusyError, ClosingError
from tfgen_plugins.serve.bodies import Body, MalformedError, bodies_of, parse
from tfgen_plugins.serve.endpoints import HANDLERS, Call, Rows
from tfgen_plugins.serve.metrics import ServerMetrics
from tfgen_plugins.serve.model import ServedModel
from tfgen_plugins.serve.work import Work

#: Longest bodies that may be held at a time.
_BODIES = 8
#: Answers of more numbers are written in a thread, so that other requests go on.
_MANY_NUMBERS = 20_000


@dataclass(frozen=True)
class Limits:
    """Limits of a request.

    Attributes:
        rows: most rows, such as samples, of one request.
        body: most bytes of its body; eight times as many of all bodies that are being read.
        seconds: after which it is given up, in the queue or in computing.
        body_seconds: in which its body has to arrive.
    """

    rows: int = 10_000
    body: int = 8 * 2**20
    seconds: float = 30.0
    body_seconds: float = 10.0


class StatusError(Exception):
    """A request that is answered by an error.

    Args:
        status: of HTTP.
        text: one line that says what to do.
        headers: of the answer.
    """

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.headers = status, headers


class Service:
    """Everything that the routes need.

    Args:
        models: that are served, the first one also without its name.
        batcher: that computes.
        limits: of a request.
        metrics: that count.
    """

    def __init__(
        self, models: Sequence[ServedModel], batcher: Batcher, limits: Limits, metrics: ServerMetrics | None = None
    ) -> None:
        self.models = {model.name: model for model in models}
        self.first = models[0]
        self.batcher, self.limits = batcher, limits
        self.metrics = metrics or ServerMetrics()
        self.metrics.watch_queue(lambda: batcher.waiting)
        self.bodies: dict[str, dict[str, type[Body]]] = {model.name: bodies_of(model, limits.rows) for model in models}
        self.at_work = self.body_bytes = 0

    async def answer(self, request: Request, name: str | None, endpoint: str) -> Response:
        """Answer a request to an endpoint of a model, with an error in one line where it cannot be.

        Args:
            request: whose body has the fields.
            name: of the model; None for the first.
            endpoint: of it.
        """
        begin, known = time.perf_counter(), name is None or name in self.models
        self.at_work += 1
        try:
            response = await self._answer(request, name, endpoint)
        except StatusError as error:
            response = error_response(error.status, str(error), error.headers)
        except Exception as error:
            response = _error_of(error)
        finally:
            self.at_work -= 1
        counted = (name or self.first.name) if known else "unknown"
        self.metrics.answered(counted, endpoint, response.status_code, time.perf_counter() - begin)
        return response

    async def _answer(self, request: Request, name: str | None, endpoint: str) -> Response:
        if name is not None and name not in self.models:
            raise StatusError(404, str(UnknownNameError("model", name, self.models)))
        if not self.batcher.open:
            raise ClosingError("the server is stopping; send the request to another one, or later.")
        model = self.first if name is None else self.models[name]
        model.require(endpoint)
        body = parse(self.bodies[model.name][endpoint], await self._body(request))
        form = format_for(body.format, request.headers.get("accept", ""))
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            answer = await HANDLERS[endpoint](
                model, body, lambda wanted: self._computed(wanted, gone), self.limits.rows
            )
        finally:
            gone.cancel()
        return Response(await _content(answer, form, model), media_type=MEDIA_TYPES[form])

    async def _body(self, request: Request) -> bytes:
        """Return the body of a request, unless so many are being read that memory would grow without end."""
        size = 0

        def count(more: int) -> None:
            nonlocal size
            size += more
            self.body_bytes += more
            if self.body_bytes > _BODIES * self.limits.body:
                raise BusyError("too many long requests at a time; send it again in a second.")

        try:
            return await read_body(request, self.limits, count)
        finally:
            self.body_bytes -= size

    async def _computed(self, wanted: Rows | Call, gone: asyncio.Future[None]) -> Any:
        """Return the result of some work, unless the client goes away or it takes too long: then it is dropped."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if isinstance(wanted, Call):
            work = Work(future, wanted.function)
        else:
            work = Work(future, wanted.function, wanted.count, wanted.key, wanted.request)
        self.batcher.submit(work)
        try:
            await asyncio.wait({future, gone}, timeout=self.limits.seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not future.done():
                work.dropped = True
                future.cancel()
        if not future.cancelled():
            return future.result()
        if gone.done():
            raise StatusError(499, "the client has gone.")
        if work.started:
            raise StatusError(504, f"the model took more than {self.limits.seconds:g} seconds; ask for fewer rows.")
        raise StatusError(
            503,
            f"the request waited more than {self.limits.seconds:g} seconds; send it again later.",
            {"Retry-After": "5"},
        )


async def read_body(request: Request, limits: Limits, count: Callable[[int], None]) -> bytes:
    """Return the body of a request.

    Args:
        request: of which nothing has been read.
        limits: of it.
        count: called with the bytes of each part.

    Raises:
        StatusError: when it is no JSON by its header, too long, or arrives too slowly.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise StatusError(415, "the body must be JSON: send the header Content-Type: application/json (curl --json).")
    too_long = StatusError(
        413, f"the body must have at most {limits.body} bytes; send fewer rows at a time.", {"Connection": "close"}
    )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.body:
        raise too_long
    content = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for part in request.stream():
                content += part
                count(len(part))
                if len(content) > limits.body:
                    raise too_long
    except TimeoutError as error:
        raise StatusError(
            408, f"the body did not arrive within {limits.body_seconds:g} seconds.", {"Connection": "close"}
        ) from error
    return bytes(content)


async def _disconnected(request: Request) -> None:
    """Return once the client has gone; its request has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _content(answer: Answer, form: Format, model: ServedModel) -> bytes:
    if answer.numbers <= _MANY_NUMBERS and form != "png":
        return answer.content(form, model.data)
    return await asyncio.to_thread(answer.content, form, model.data)


def error_response(status: int, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an answer with one line that says what is wrong."""
    return JSONResponse({"error": " ".join(text.split())}, status, dict(headers or {}))


def _error_of(error: Exception) -> Response:
    if isinstance(error, BusyError):
        return error_response(429, str(error), {"Retry-After": "1"})
    if isinstance(error, ClosingError):
        return error_response(503, str(error), {"Retry-After": "5", "Connection": "close"})
    if isinstance(error, ClientDisconnect):
        return error_response(499, "the client has gone.")
    if isinstance(error, MalformedError):
        return error_response(400, str(error))
    if isinstance(error, CapabilityError):
        return error_response(409, str(error))
    if isinstance(error, OptionError | DataError | UnknownNameError):
        return error_response(422, str(error))
    text = str(error) if isinstance(error, TfgenError) else f"{type(error).__name__}: {error}"
    say(f"error: {' '.join(text.split())[:500]}", error=True)
    return error_response(500, "the model failed on this request; the log of the server has the reason.")
