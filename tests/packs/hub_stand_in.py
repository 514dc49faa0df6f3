"""A stand-in for the Hugging Face Hub on the loopback: the part of its file API that the real client uses for packs."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

TOKEN = "hf_of_the_test"


class Hub:
    """Repositories and files of the stand-in for the Hub.

    Attributes:
        private: whether each repository is private, by name.
        files: of the newest revision by repository and name.
        requests: that came, as "METHOD PATH".
        status: what every request is answered with; None for what it asks for.
    """

    def __init__(self) -> None:
        self.private: dict[str, bool] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.status: int | None = None

    def commit(self, repository: str) -> str:
        """Return the number of the newest commit."""
        return hashlib.sha1(repr(self.files.get(repository)).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlparse(self.path).path
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.status is not None:
            self._answer({"error": "as the test wants"}, self.hub.status)
            return
        for pattern, handle in _ROUTES:
            match = re.fullmatch(pattern, f"{self.command} {path}")
            if match:
                handle(self, body, *match.groups())
                return
        self._answer({"error": f"no such route: {self.command} {path}"}, 404)

    do_GET = do_HEAD = do_POST = do_PUT = _handle  # noqa: N815

    @property
    def _authorised(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _answer(self, content: Any = None, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _create(self, body: bytes) -> None:
        if not self._authorised:
            self._answer({"error": "Invalid credentials"}, 401)
            return
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        status = 409 if name in self.hub.private else 200
        self.hub.private.setdefault(name, private)
        self.hub.files.setdefault(name, {})
        self._answer({"url": f"http://{self.headers['Host']}/{name}", "name": name}, status)

    def _validate(self, body: bytes) -> None:
        assert json.loads(body)["content"].startswith("---\n")
        self._answer({"errors": [], "warnings": []})

    def _info(self, body: bytes, name: str) -> None:
        if self._missing(name):
            return
        content = {
            "id": name,
            "private": self.hub.private[name],
            "siblings": [],
            "tags": [],
            "sha": self.hub.commit(name),
        }
        self._answer({**content, "downloads": 0, "likes": 0})

    def _missing(self, name: str) -> bool:
        if name in self.hub.private and (self._authorised or not self.hub.private[name]):
            return False
        self._answer({"error": "Repository not found"}, 401, {"X-Error-Code": "RepoNotFound"})
        return True

    def _preupload(self, body: bytes, name: str, revision: str) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "regular" if file["path"] == "README.md" else "lfs",
                "shouldIgnore": False,
            }
            for file in json.loads(body)["files"]
        ]
        self._answer({"files": modes})

    def _batch(self, body: bytes, name: str) -> None:
        host = self.headers["Host"]
        objects = [
            {**each, "actions": {"upload": {"href": f"http://{host}/objects/{each['oid']}"}}}
            for each in json.loads(body)["objects"]
        ]
        self._answer({"transfer": "basic", "objects": objects})

    def _object(self, body: bytes, digest: str) -> None:
        assert hashlib.sha256(body).hexdigest() == digest
        self.hub.objects[digest] = body
        self._answer({})

    def _commit(self, body: bytes, name: str, revision: str) -> None:
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.hub.files[name][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.hub.files[name][value["path"]] = self.hub.objects[value["oid"]]
        url = f"http://{self.headers['Host']}/{name}/commit/{self.hub.commit(name)}"
        self._answer({"success": True, "commitOid": self.hub.commit(name), "commitUrl": url, "hookOutput": ""})

    def _resolve(self, body: bytes, name: str, revision: str, file: str) -> None:
        if self._missing(name):
            return
        if revision not in ("main", self.hub.commit(name)):
            self._answer({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        elif file not in self.hub.files[name]:
            self._answer({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        else:
            content = self.hub.files[name][file]
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            self._answer(content, 200, {"ETag": etag, "X-Repo-Commit": self.hub.commit(name)})


_NAME = r"([\w.-]+/[\w.-]+)"
_ROUTES: list[tuple[str, Any]] = [
    ("POST /api/repos/create", _Handler._create),
    ("POST /api/validate-yaml", _Handler._validate),
    (f"GET /api/models/{_NAME}", _Handler._info),
    (f"POST /api/models/{_NAME}/preupload/(.+)", _Handler._preupload),
    (f"POST /{_NAME}[.]git/info/lfs/objects/batch", _Handler._batch),
    ("PUT /objects/([0-9a-f]+)", _Handler._object),
    (f"POST /api/models/{_NAME}/commit/(.+)", _Handler._commit),
    (f"(?:HEAD|GET) /{_NAME}/resolve/([^/]+)/(.+)", _Handler._resolve),
]


@contextmanager
def serving() -> Iterator[tuple[Hub, str]]:
    """Context manager of a running stand-in: what it holds, and its address."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
