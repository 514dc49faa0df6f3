"""Application of the server: routes to the models, health, metrics, the OpenAPI description and the page that shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tfgen import UnknownNameError
from tfgen_plugins.serve.access import Access
from tfgen_plugins.serve.metrics import CONTENT_TYPE
from tfgen_plugins.serve.model import ENDPOINTS
from tfgen_plugins.serve.openapi import description, docs_page
from tfgen_plugins.serve.service import Service, error_response

Answering = Callable[[Request], Awaitable[Response]]


def build_app(
    service: Service,
    hosts: Collection[str] | None = None,
    token: str | None = None,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """Return the ASGI application of a service.

    Args:
        service: with its models.
        hosts: names by which it may be called; None for any.
        token: that requests carry; None for none.
        routes: further ones, of a page for example; they come first.
    """
    return Starlette(
        routes=[*routes, *model_routes(service), *health_routes(service), *docs_routes(service)],
        middleware=[Middleware(Access, hosts=hosts, token=token)],
        exception_handlers={HTTPException: _unrouted},
    )


def model_routes(service: Service) -> list[BaseRoute]:
    """Return the routes to the models: ``/v1/models``, ``/v1/models/NAME/ENDPOINT``, and ``/ENDPOINT`` for the first."""

    async def models(request: Request) -> Response:
        return JSONResponse({"models": [model.describe() for model in service.models.values()]})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in service.models:
            return error_response(404, str(UnknownNameError("model", name, service.models)))
        return JSONResponse(service.models[name].describe())

    def answering(endpoint: str) -> Answering:
        async def answer(request: Request) -> Response:
            return await service.answer(request, request.path_params.get("name"), endpoint)

        return answer

    found: list[BaseRoute] = [Route("/v1/models", models), Route("/v1/models/{name}", model)]
    for endpoint in ENDPOINTS:
        handler = answering(endpoint)
        found.append(Route(f"/v1/models/{{name}}/{endpoint}", handler, methods=["POST"]))
        found.append(Route(f"/{endpoint}", handler, methods=["POST"]))
    return found


def health_routes(service: Service) -> list[BaseRoute]:
    """Return ``/healthz`` (the process answers), ``/readyz`` (it takes requests) and ``/metrics``."""

    async def live(request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(request: Request) -> Response:
        is_ready = service.batcher.open
        return JSONResponse({"status": "ready" if is_ready else "stopping"}, 200 if is_ready else 503)

    async def metrics(request: Request) -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return [Route("/healthz", live), Route("/readyz", ready), Route("/metrics", metrics)]


def docs_routes(service: Service) -> list[BaseRoute]:
    """Return ``/openapi.json``, and ``/docs``, a page that shows it and loads nothing else."""
    described: dict[str, Any] = {}

    async def openapi(request: Request) -> Response:
        return JSONResponse(described or described.setdefault("all", description(service)))

    async def docs(request: Request) -> Response:
        return docs_page(service)

    return [Route("/openapi.json", openapi), Route("/docs", docs)]


async def _unrouted(request: Request, error: Exception) -> Response:
    """Answer a request to a path or with a method that there is not."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return error_response(404, "there is nothing at this path; /docs lists what there is.")
    if error.status_code == 405:
        return error_response(405, "this path takes another method; /docs says which.", error.headers)
    return error_response(error.status_code, str(error.detail), error.headers)
