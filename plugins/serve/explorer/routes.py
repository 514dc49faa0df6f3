"""Routes of the explorer: the page with its scripts, and what it draws of each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tfgen import UnknownNameError
from tfgen_plugins.serve.explorer.examples import examples_of, split_of
from tfgen_plugins.serve.explorer.latents import latent_plane
from tfgen_plugins.serve.model import ServedModel
from tfgen_plugins.serve.service import error_response

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def explored(model: ServedModel) -> dict[str, Any]:
    """Return all that the page draws of a model, as JSON; in the thread of the models."""
    split, why = split_of(model)
    plane = latent_plane(model, split)
    return {
        **model.describe(),
        "folder": str(model.run.folder),
        "plane": None if plane is None else plane.to_json(),
        "examples": examples_of(model, split, why),
        "class_of_score": "log p(x)" if model.model.density != "bound" else "bound of log p(x)",
    }


def explorer_routes(found: Mapping[str, Mapping[str, Any]]) -> Sequence[BaseRoute]:
    """Return the routes of the page.

    Args:
        found: what `explored` returned of each model, by name.
    """
    files = page_files()

    async def home(request: Request) -> Response:
        return RedirectResponse("/explore/")

    async def page(request: Request) -> Response:
        name = request.path_params.get("file") or "index.html"
        if name not in files:
            return error_response(404, "the page has no such file.")
        return Response(files[name], media_type=_TYPES[name[name.rindex(".") :]])

    async def models(request: Request) -> Response:
        return JSONResponse([{"name": name, "model": entry["model"]} for name, entry in found.items()])

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in found:
            return error_response(404, str(UnknownNameError("model", name, found)))
        return JSONResponse(found[name])

    return [
        Route("/", home),
        Route("/explore", home),
        Route("/explore/models", models),
        Route("/explore/models/{name}", model),
        Route("/explore/", page),
        Route("/explore/{file}", page),
    ]


def page_files() -> dict[str, bytes]:
    """Return the files of the page by name; no other can be asked for."""
    folder = resources.files(__package__).joinpath("page")
    return {
        entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name[entry.name.rfind(".") :] in _TYPES
    }
