"""The list of long tests: how it is recorded, what it marks, and that it names tests which are there."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from durations import Durations, split_group

from tests.long import DURATIONS, is_long

ROOT = Path(__file__).parent.parent


def reports(test: str, setup: float, call: float, teardown: float = 0.0) -> list[pytest.TestReport]:
    seconds = {"setup": setup, "call": call, "teardown": teardown}
    return [
        pytest.TestReport(test, ("", None, ""), {}, "passed", None, when, duration=duration)
        for when, duration in seconds.items()
    ]


def recorded(path: Path, *tests: list[pytest.TestReport], exitstatus: int = pytest.ExitCode.OK) -> dict[str, float]:
    durations = Durations(path)
    for report in itertools.chain(*tests):
        durations.pytest_runtest_logreport(report)
    durations.pytest_sessionfinish(exitstatus)
    return json.loads(path.read_text()) if path.exists() else {}


def test_a_test_counts_with_its_setup_and_the_quick_ones_are_left_out(tmp_path):
    tests = [reports("b.py::test_b", 1.02, 0.5, 0.25), reports("a.py::test_a", 0, 2), reports("a.py::test_c", 0.2, 0.2)]
    found = recorded(tmp_path / "list.json", *tests)
    assert [*found.items()] == [("a.py::test_a", 2.0), ("b.py::test_b", 1.8)]


def test_tests_of_one_group_share_their_setups(tmp_path):
    """Or the one that made the fixture were long, and the other made it among the quick tests."""
    first, second = (reports(f"a.py::test_{name}@a-run", setup, 0.1) for name, setup in (("a", 3.0), ("b", 0.0)))
    assert recorded(tmp_path / "list.json", first, second) == {"a.py::test_a": 1.6, "a.py::test_b": 1.6}


@pytest.mark.parametrize(
    ("node_id", "expected"),
    [
        ("a.py::test", ("a.py::test", "")),
        ("a.py::test@group", ("a.py::test", "group")),
        ("a.py::test[1@2]", ("a.py::test[1@2]", "")),
        ("a.py::test[[1@2]::]@group-0", ("a.py::test[[1@2]::]", "group-0")),
    ],
)
def test_groups_are_no_part_of_a_node_id(node_id, expected):
    assert split_group(node_id) == expected


@pytest.mark.parametrize("status", [pytest.ExitCode.INTERRUPTED, pytest.ExitCode.NO_TESTS_COLLECTED])
def test_an_unfinished_run_leaves_the_list(tmp_path, status):
    assert recorded(tmp_path / "list.json", reports("a.py::test", 0, 9), exitstatus=status) == {}
    assert recorded(tmp_path / "list.json", reports("a.py::test", 0, 9), exitstatus=1) == {"a.py::test": 9.0}


def test_listed_tests_are_long_unless_they_are_slow(request):
    here = request.node
    assert not is_long(here, ())
    assert is_long(here, {here.nodeid: 1.0})
    here.add_marker(pytest.mark.slow)
    assert not is_long(here, {here.nodeid: 1.0})


def test_a_test_with_a_fixture_that_takes_long_is_long(request):
    here = request.node
    here.fixturenames = [*here.fixturenames, "prepared_data_dir"]
    assert is_long(here, ())


def test_the_list_names_tests_that_are_there():
    text = {}
    for node_id in DURATIONS:
        path, *_, name = node_id.partition("[")[0].split("::")
        text.setdefault(path, (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).exists() else "")
        assert f"def {name}(" in text[path], f"{node_id} is no test; run: make test-durations"
