"""Access control of the server: checks the headers Host and Origin, and the token, before a request is answered."""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Paths that need no token: whether the server lives, and whether it is ready.
OPEN_PATHS = ("/healthz", "/readyz")
#: Names of a machine for itself.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: Headers of every answer: a page of the server loads nothing from elsewhere, and no other page shows it.
_HEADERS = [
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


class Access:
    """ASGI middleware that refuses requests of other sites, of other names of this machine, and without the token.

    A page of another site that a browser shows could reach a server on this machine: by its address, which the header
    ``Origin`` shows, or by a name of its own that it makes point here (DNS rebinding), which ``Host`` shows.

    Args:
        app: that is guarded.
        hosts: names by which the server may be called; None for any, where the token protects it.
        token: that requests carry as ``Authorization: Bearer TOKEN``; None for none.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None, token: str | None) -> None:
        self._app, self._hosts = app, None if hosts is None else frozenset(hosts)
        self._expected = None if token is None else f"bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refused = self._refused(scope["path"], headers)
        if refused is None:

            async def send_with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    own = message["headers"]
                    names = {name for name, _ in own}
                    message["headers"] = [*own, *(header for header in _HEADERS if header[0] not in names)]
                await send(message)

            await self._app(scope, receive, send_with_headers)
            return
        status, error = refused
        content = json.dumps({"error": error}).encode()
        found = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()), *_HEADERS]
        found += [(b"www-authenticate", b"Bearer")] if status == 401 else []
        found += [(b"connection", b"close")]  # its body has not been read
        await send({"type": "http.response.start", "status": status, "headers": found})
        await send({"type": "http.response.body", "body": content})

    def _refused(self, path: str, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if self._hosts is not None and host_name(host) not in self._hosts:
            return 403, f"this server answers to {', '.join(sorted(self._hosts))} only; the header Host names another."
        origin = headers.get(b"origin")
        if origin is not None and _place(origin.decode("latin-1")) != host.lower():
            return 403, "requests from pages of other sites are refused."
        if self._expected is None or path in OPEN_PATHS:
            return None
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if not hmac.compare_digest(scheme.lower() + b" " + token.strip(), self._expected):
            return 401, "a token is needed: send the header Authorization: Bearer TOKEN."
        return None


def _place(origin: str) -> str | None:
    """Return host and port of a header ``Origin``; None for what is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


@lru_cache(1000)
def host_name(host: str) -> str | None:
    """Return the name or address in a header ``Host``, without its port; None for what is no host.

    >>> host_name("localhost:8000"), host_name("[::1]:8000"), host_name("a:b")
    ('localhost', '::1', None)
    """
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # which is checked only here
    except ValueError:
        return None
    return parts.hostname if parts.username is None and not parts.path else None
