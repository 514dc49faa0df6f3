"""OpenAPI description of the server, made of the fields that each endpoint takes, and a page that shows it."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment
from starlette.responses import HTMLResponse, Response

from tfgen.version import VERSION
from tfgen_plugins.serve.answers import MEDIA_TYPES
from tfgen_plugins.serve.endpoints import HANDLERS
from tfgen_plugins.serve.service import Service

#: What an error says, by its status.
ERRORS = {
    400: "the body is no JSON object",
    404: "there is no such model",
    409: "the model cannot do this",
    413: "the body is too long",
    422: "a field does not fit; the text says what is allowed",
    429: "too many requests are waiting; Retry-After says when to come again",
    503: "the server is stopping, or the request waited too long",
    504: "the model took too long",
}

_POLICY = "default-src 'self'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


def description(service: Service) -> dict[str, Any]:
    """Return the description in OpenAPI 3.1."""
    schemas: dict[str, Any] = {"Error": {"type": "object", "properties": {"error": {"type": "string"}}}}
    paths: dict[str, Any] = {
        path: {"get": {"summary": what, "responses": {"200": {"description": "as JSON or text"}}}}
        for path, what in (
            ("/v1/models", "What each model is, and what it can do"),
            ("/v1/models/{name}", "The same of one model"),
            ("/healthz", "Whether the process answers"),
            ("/readyz", "Whether it takes requests"),
            ("/metrics", "Counters for Prometheus"),
        )
    }
    paths["/v1/models/{name}"]["get"]["parameters"] = [
        {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "enum": [*service.models]}}
    ]
    for name, bodies in service.bodies.items():
        for endpoint, body in bodies.items():
            key = f"{name}.{endpoint}"
            schemas[key] = body.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schemas[key].pop("$defs", {})
            operation = _operation(endpoint, f"#/components/schemas/{key}")
            paths[f"/v1/models/{name}/{endpoint}"] = {"post": {**operation, "operationId": key}}
            if name == service.first.name:
                paths[f"/{endpoint}"] = {"post": {**operation, "operationId": endpoint}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "tfgen", "version": VERSION, "description": "Trained generative models."},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(endpoint: str, schema: str) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    answers: dict[str, Any] = {str(status): {"description": what, "content": error} for status, what in ERRORS.items()}
    answers["200"] = {"description": "the result", "content": {media_type: {} for media_type in MEDIA_TYPES.values()}}
    return {
        "summary": (HANDLERS[endpoint].__doc__ or "").strip().replace("``", ""),
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": schema}}}},
        "responses": answers,
    }


def docs_page(service: Service) -> Response:
    """Return a page with every path, its fields and a command to try it; it loads nothing but itself."""
    described = description(service)
    operations = []
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            name = operation.get("operationId")
            fields = described["components"]["schemas"].get(name, {}) if name else {}
            operations.append((method.upper(), path, operation["summary"], _fields(fields)))
    text = _template().render(operations=operations, errors=ERRORS, models=list(service.models))
    # Its styles stand in the page itself, which the header for all answers would forbid.
    return HTMLResponse(text, headers={"content-security-policy": _POLICY})


def _fields(schema: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return name, type, default and meaning of each field."""
    required = schema.get("required", ())
    return [
        (name, _type(field), "required" if name in required else _default(field), _meaning(field))
        for name, field in schema.get("properties", {}).items()
    ]


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return "" if default is None else str(default)


def _meaning(field: dict[str, Any]) -> str:
    own = field.get("description") or next(
        (entry["description"] for entry in field.get("anyOf", ()) if "description" in entry), ""
    )
    low, high = field.get("minimum"), field.get("maximum")
    span = f"{low} .. {high}" if None not in (low, high) else f"at least {low}" if low is not None else ""
    return "; ".join(filter(None, [str(own), span]))


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(entry) for entry in field["anyOf"] if entry.get("type") != "null"))
    if field.get("type") == "array":
        inner = _type(field.get("items", {}))
        return f"list of {inner}" if inner else "list"
    return str(field.get("type", ""))


@cache
def _template() -> Any:
    text = resources.files(__package__).joinpath("templates/docs.html").read_text("utf-8")
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)
