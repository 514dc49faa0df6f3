"""Metrics of the server for Prometheus: requests, their seconds, blocks and their rows, the queue."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class ServerMetrics:
    """Counters and histograms of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        labels = ("model", "endpoint")
        self.requests = Counter(
            "tfgen_requests", "Answered requests, by status.", (*labels, "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "tfgen_request_seconds", "Seconds from a request's body to its answer.", labels,
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._blocks = Histogram(
            "tfgen_block_rows", "Rows of each computed block, without those that fill it up.",
            buckets=_ROWS, registry=self._registry,
        )  # fmt: skip
        self._block_seconds = Histogram(
            "tfgen_block_seconds", "Seconds that each block took.", buckets=_SECONDS, registry=self._registry
        )

    def watch_queue(self, waiting: Callable[[], tuple[int, int]]) -> None:
        """Show how many requests and rows wait, as `waiting` returns them."""
        requests = Gauge("tfgen_queue_requests", "Waiting requests.", registry=self._registry)
        requests.set_function(lambda: waiting()[0])
        rows = Gauge("tfgen_queue_rows", "Their rows.", registry=self._registry)
        rows.set_function(lambda: waiting()[1])

    def block(self, rows: int, seconds: float) -> None:
        """Count a computed block."""
        self._blocks.observe(rows)
        self._block_seconds.observe(seconds)

    def answered(self, model: str, endpoint: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        key = (model, endpoint, status)
        if key not in self._counters:  # kept, since each look-up by labels takes a lock
            self._counters[key] = self.requests.labels(*key), self.seconds.labels(model, endpoint)
        count, times = self._counters[key]
        count.inc()
        times.observe(seconds)

    def text(self) -> bytes:
        """Return all of them in the text format of Prometheus."""
        return generate_latest(self._registry)
