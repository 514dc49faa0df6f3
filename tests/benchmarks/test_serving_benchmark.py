"""The load test's structure and bookkeeping; never how long anything took."""

import contextlib
import importlib
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.plugins.serve.served import served
from tests.plugins.serve.test_serve_process import running
from tfgen.errors import TfgenError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.serving")


def test_every_way_is_measured_in_every_round(bench, monkeypatch):
    model = served("cvae", 8)

    @contextlib.contextmanager
    def server(run, arguments):
        with running([model], batching="--no-batching" not in arguments) as (address, _, _):
            yield int(address.rpartition(":")[2]), os.getpid()

    monkeypatch.setattr(bench, "server", server)
    monkeypatch.setattr(bench.gc, "freeze", lambda: None)
    monkeypatch.setattr(bench.tfgen, "load", lambda folder: SimpleNamespace(model=model.model, data_spec=model.data))
    options = bench.Options(Path("a run"), clients=(1, 3), rounds=2, seconds=0.1)
    loads, memory = bench.measure(options)
    assert {*loads} == {(way, n) for way in ("batching", "no batching") for n in (1, 3)} | {("direct", 1)}
    for load in loads.values():
        assert len(load.rates) == len(load.medians) == len(load.tails) == 2
        assert min(load.rates) > 0
    assert {*memory} == {"batching", "no batching"}
    assert "| batching | 3 |" in bench.table(loads)
    assert [line.split(":")[0] for line in bench.verdicts(loads)] == ["batching at 3 clients", "one client"]


def test_ratios_are_taken_within_a_round(bench):
    loads = {
        ("batching", 8): bench.Load([10.0, 40.0, 9.0], [1.0] * 3),
        ("no batching", 8): bench.Load([2.0, 5.0, 3.0], [2.0] * 3),
    }
    assert bench.ratio(loads, 8) == 5
    assert bench.verdicts(loads) == ["batching at 8 clients: 5.00 times (target 5: reached)"]


def test_an_error_of_the_server_ends_it(bench):
    with running([served("gan", 8)]) as (address, _, _), pytest.raises(TfgenError, match="422"):
        bench.ask(int(address.rpartition(":")[2]), 2, {"count": 0}, 0.5)
