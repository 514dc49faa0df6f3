"""Application of the server: routes to the models, health, metrics, the OpenAPI description and the page that shows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tfgen import UnknownNameError
from tfgen_plugins.serve.access import Access
from tfgen_plugins.serve.metrics import CONTENT_TYPE
from tfgen_plugins.serve.model import ENDPOINTS
from tfgen_plugins.serve.openapi import description, docs_page
from tfgen_plugins.serve.service import Service, error_response


def build_app(
    service: Service,
    hosts: Collection[str] | None = None,
    token: str | None = None,
    routes: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """Return the ASGI application of a service.

    Args:
        service: with its models.
        hosts: names by which it may be called; None for any.
        token: that requests carry; None for none.
        routes: further ones, of a page for example; they come before those of the models.
    """
    rest = Starlette(
        routes=[*routes, *model_routes(service), *health_routes(service), *docs_routes(service)],
        exception_handlers={HTTPException: _unrouted},
    )
    return Access(_Direct(service, rest), hosts, token)


class _Endpoint:
    """ASGI application that answers requests to an endpoint of the models.

    Args:
        service: with its models.
        endpoint: of them.
        name: of the model; None for the one that the path names, or the first.
    """

    def __init__(self, service: Service, endpoint: str, name: str | None = None) -> None:
        self._service, self._endpoint, self._name = service, endpoint, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        name = self._name or scope.get("path_params", {}).get("name")
        response = await self._service.answer(Request(scope, receive), name, self._endpoint)
        await response(scope, receive, send)


class _Direct:
    """ASGI application in which requests to the models pass by Starlette's routing, which takes as long as all else.

    Args:
        service: with its models.
        rest: for all other requests.
    """

    def __init__(self, service: Service, rest: ASGIApp) -> None:
        self._rest = rest
        self._paths: dict[str, ASGIApp] = {}
        for endpoint in ENDPOINTS:
            self._paths[f"/{endpoint}"] = _Endpoint(service, endpoint)
            for name in service.models:
                self._paths[f"/v1/models/{name}/{endpoint}"] = _Endpoint(service, endpoint, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        known = scope["type"] == "http" and scope["method"] == "POST"
        await (self._paths.get(scope["path"], self._rest) if known else self._rest)(scope, receive, send)


def model_routes(service: Service) -> list[BaseRoute]:
    """Return the routes to the models: ``/v1/models``, ``/v1/models/NAME/ENDPOINT``, and ``/ENDPOINT`` for the first."""

    async def models(request: Request) -> Response:
        return JSONResponse({"models": [model.describe() for model in service.models.values()]})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in service.models:
            return error_response(404, str(UnknownNameError("model", name, service.models)))
        return JSONResponse(service.models[name].describe())

    found: list[BaseRoute] = [Route("/v1/models", models), Route("/v1/models/{name}", model)]
    for endpoint in ENDPOINTS:
        answering = _Endpoint(service, endpoint)
        found += [
            Route(path, answering, methods=["POST"]) for path in (f"/v1/models/{{name}}/{endpoint}", f"/{endpoint}")
        ]
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
