"""A real server on the loopback: many clients, slow ones, ones that go away, tokens, and the graceful stop."""

import contextlib
import json
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from tests.plugins.serve.served import served, service_of
from tfgen.errors import OptionError, OutputError
from tfgen_plugins.serve import server as server_module
from tfgen_plugins.serve.access import host_name
from tfgen_plugins.serve.address import address_of, bind
from tfgen_plugins.serve.app import build_app
from tfgen_plugins.serve.command import allowed_hosts, is_loopback
from tfgen_plugins.serve.server import Server
from tfgen_plugins.serve.service import Limits
from tfgen_plugins.serve.work import Work

TOKEN = "a-token-of-enough-characters"


@pytest.fixture(scope="module")
def flow():
    return served("realnvp", 16)


@contextlib.contextmanager
def running(models, limits=None, token=None, hosts=("localhost", "127.0.0.1"), routes=lambda service: (), **options):
    """Serve models at a free port; yield address, service and server."""
    with service_of(models, limits, **options) as service:
        started, found = threading.Event(), bind("127.0.0.1", 0)
        server = Server(build_app(service, hosts, token, routes(service)), service, 20.0, started.set)
        thread = threading.Thread(target=server_module.serve, args=(server, found))
        thread.start()
        try:
            assert started.wait(30)
            yield address_of(found), service, server
        finally:
            server.stop()
            thread.join(30)
            assert not thread.is_alive()


def until(condition):
    """Wait until something holds."""
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to hold")


@contextlib.contextmanager
def held(service):
    """Keep the thread of the models busy until the end of the block."""
    go_on = threading.Event()
    service.batcher.submit(Work(Future(), lambda: go_on.wait(60)))
    try:
        yield
    finally:
        go_on.set()


def test_64_clients_half_of_them_wrong(flow):
    """Right requests get right answers whatever the others send, and the server stays well."""
    wrong = [{"count": 10**6}, {"seed": -1}, {"nothing": 1}, {"format": "gif"}]

    def right(client, number):
        return client.post("/sample", json={"count": 1 + number % 20, "seed": number}).json()["x"]

    def work(number):
        with httpx.Client(base_url=address, timeout=60) as client:
            if number % 2:
                answers = [client.post("/sample", json=wrong[(number + k) % 4]).status_code for k in range(4)]
                broken = client.post("/sample", content=b"{" * 50, headers={"content-type": "application/json"})
                return [*answers, broken.status_code]
            return [right(client, number) for _ in range(4)]

    with running([flow]) as (address, service, _):
        with ThreadPoolExecutor(64) as pool:
            found = list(pool.map(work, range(64)))
        with httpx.Client(base_url=address, timeout=60) as client:
            for number, answers in enumerate(found):
                expected = [422] * 4 + [400] if number % 2 else [right(client, number)] * 4
                assert answers == expected
            assert client.get("/readyz").status_code == 200
        assert service.batcher.waiting == (0, 0)
        until(lambda: (service.at_work, service.body_bytes) == (0, 0))


def test_full_queues_timeouts_and_the_rest_is_answered(flow):
    limits = Limits(rows=100, seconds=0.5)
    with (
        running([flow], limits, most_requests=2) as (address, service, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        with held(service), ThreadPoolExecutor(4) as pool:
            until(lambda: service.batcher.waiting[0] == 0)
            waiting = [pool.submit(httpx.post, f"{address}/sample", json={"count": 2}) for _ in range(2)]
            until(lambda: service.batcher.waiting[0] == 2)
            refused = client.post("/sample", json={"count": 2})
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            given_up = [entry.result() for entry in waiting]
            assert [answer.status_code for answer in given_up] == [503, 503]
            assert "waited more than 0.5 seconds" in given_up[0].json()["error"]
        assert client.post("/sample", json={"count": 2}).status_code == 200
        with contextlib.ExitStack() as stack:
            go_on = threading.Event()
            stack.callback(go_on.set)
            original = flow.function("decode")
            stack.callback(flow._kept.__setitem__, ("decode", ()), original)
            flow._kept["decode", ()] = _Slow(original, go_on)
            late = client.post("/decode", json={"z": [0.0] * 64})
            assert (late.status_code, "took more than 0.5 seconds" in late.text) == (504, True)


class _Slow:
    """A function that waits before it computes."""

    def __init__(self, function, go_on):
        self._function, self._go_on = function, go_on

    def __getattr__(self, name):
        return getattr(self._function, name)

    def __call__(self, *arguments):
        self._go_on.wait(60)
        return self._function(*arguments)


def test_a_client_that_goes_away_has_its_work_dropped(flow):
    with running([flow]) as (address, service, _):
        host, port = address.removeprefix("http://").split(":")
        with held(service):
            until(lambda: service.batcher.waiting[0] == 0)
            body = json.dumps({"count": 50}).encode()
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(_head(len(body)) + body)
                until(lambda: service.batcher.waiting == (1, 50))
            until(lambda: service.batcher._queue[0].dropped)
        until(lambda: service.batcher.waiting == (0, 0))
        until(lambda: service.at_work == 0)
        assert 'status="499"' in service.metrics.text().decode()
        # One that goes away in the middle of its body.
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(_head(100) + b'{"count"')
            until(lambda: service.at_work == 1)
        until(lambda: (service.at_work, service.body_bytes) == (0, 0))


def _head(length):
    return (
        f"POST /sample HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_slow_clients_are_let_go(flow, monkeypatch):
    """Headers that come byte by byte end the connection; a body that does not come is told so."""
    monkeypatch.setattr(server_module, "HEADER_SECONDS", 0.5)
    with running([flow], Limits(body_seconds=0.5)) as (address, _, _):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for byte in _head(3)[:200]:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.02)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1000) == b""
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(_head(100) + b'{"count"')
            assert connection.recv(1000).startswith(b"HTTP/1.1 408")
        with socket.create_connection((host, int(port)), timeout=30) as connection:  # which asks nothing
            assert connection.recv(1000) == b""


def _send_without_end(connection):
    for _ in range(1000):
        connection.sendall(b"x" * 4096)
        time.sleep(0.001)


def test_headers_without_end_and_answers_that_nobody_reads(flow, monkeypatch):
    monkeypatch.setattr(server_module, "HEADER_SECONDS", 0.3)
    with running([flow]) as (address, service, server):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                _send_without_end(connection)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((host, int(port)))
            body = b'{"count": 10000}'
            connection.sendall(_head(len(body)) + body)
            until(lambda: service.at_work == 0 and connection.recv(1, socket.MSG_PEEK))
            until(lambda: not server.server_state.connections)  # though its answer was not read


def test_a_stop_answers_what_it_has_and_refuses_what_is_new(flow):
    with running([flow]) as (address, service, server), ThreadPoolExecutor(1) as pool:
        with held(service):
            until(lambda: service.batcher.waiting[0] == 0)
            waiting = pool.submit(httpx.post, f"{address}/sample", json={"count": 3}, timeout=60)
            until(lambda: service.batcher.waiting[0] == 1)
            server.stop()
            refused = httpx.post(f"{address}/sample", json={"count": 3})
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert "is stopping" in refused.json()["error"]
            assert httpx.get(f"{address}/healthz").status_code == 200
            assert httpx.get(f"{address}/readyz").status_code == 503
        assert waiting.result().status_code == 200
        until(lambda: server.should_exit)


def test_a_stop_lets_a_request_do_its_second_step(flow):
    """A path between examples encodes them, and then decodes the path."""
    with running([flow]) as (address, service, server), ThreadPoolExecutor(1) as pool:
        x = httpx.post(f"{address}/sample", json={"count": 2}).json()["x"]
        with held(service):
            waiting = pool.submit(httpx.post, f"{address}/interpolate", json={"x": x}, timeout=60)
            until(lambda: service.batcher.waiting[0] == 1)
            server.stop()
        assert waiting.result().status_code == 200


def test_hosts_origins_and_tokens(flow):
    with running([flow]) as (address, _, _), httpx.Client(base_url=address) as client:
        assert client.get("/v1/models", headers={"host": "rebound.example"}).status_code == 403
        assert client.get("/v1/models", headers={"host": "localhost:1"}).status_code == 200
        assert client.post("/sample", json={}, headers={"origin": "http://["}).status_code == 403
        foreign = client.post("/sample", json={}, headers={"origin": "http://elsewhere.example"})
        assert foreign.status_code == 403
        assert "access-control-allow-origin" not in foreign.headers
        assert client.post("/sample", json={"count": 1}, headers={"origin": address}).status_code == 200
    with running([flow], token=TOKEN, hosts=None) as (address, _, _), httpx.Client(base_url=address) as client:
        for wrong in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"authorization": "Basic \xff"}):
            answer = client.get("/v1/models", headers={k: v.encode("latin-1") for k, v in wrong.items()})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        right = {"authorization": f"Bearer {TOKEN}", "host": "models.example"}
        assert client.get("/v1/models", headers=right).status_code == 200
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        assert client.get("/docs").status_code == 401


def test_ports_and_hosts_are_checked():
    with bind("127.0.0.1", 0) as found:
        port = found.getsockname()[1]
        with pytest.raises(OutputError, match=f"port {port} of 127.0.0.1 is in use"):
            bind("127.0.0.1", port)
    with pytest.raises(OptionError, match="no name or address"):
        bind("no such host", 0)
    with pytest.raises(OutputError, match=r"cannot listen at 192\.0\.2\.1"):
        bind("192.0.2.1", 0)


@pytest.mark.parametrize(("host", "own"), [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
    ("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("example.org", False), ("", False),
])  # fmt: skip
def test_addresses_of_the_machine_itself(host, own):
    assert is_loopback(host) == own
    assert "localhost" in allowed_hosts(host)


@pytest.mark.parametrize(("header", "name"), [
    ("localhost", "localhost"), ("LOCALHOST:80", "localhost"), ("[::1]:80", "::1"), ("", None), ("a@localhost", None),
    ("localhost/x", None), ("localhost:x", None), ("[", None),
])  # fmt: skip
def test_names_in_the_header_host(header, name):
    assert host_name(header) == name
