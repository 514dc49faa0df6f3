"""Record which tests are long: `make test-durations` runs all but the slow ones, and writes tests/durations.json.

It is a plugin of pytest: ``python -m pytest -n 2 --dist loadgroup -p tools.durations``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

#: Tests that take this many seconds or more are long.
LIMIT = 0.5
LIST = Path(__file__).parent.parent / "tests" / "durations.json"


def pytest_configure(config: pytest.Config) -> None:
    """Listen where the reports of all workers arrive."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Durations(LIST))


class Durations:
    """The seconds of each test, as pytest reports them, and the list of those that are long.

    The tests of one xdist group share their setups evenly: whichever runs first makes the fixture of them all, and if it
    alone were long, another one would make it among the quick tests.

    Args:
        path: the list's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own: dict[str, float] = defaultdict(float)
        self._setups: dict[str, float] = defaultdict(float)
        self._members: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the seconds of a setup, a call or a teardown."""
        test, group = split_group(report.nodeid)
        if group:
            self._members[group].add(test)
        if group and report.when == "setup":
            self._setups[group] += report.duration
        else:
            self._own[test] += report.duration

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the list, unless the tests were stopped before their end."""
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._path.write_text(json.dumps(self.long(), indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def long(self) -> dict[str, float]:
        """Return the seconds of each long test."""
        seconds = dict(self._own)
        for group, members in self._members.items():
            for test in members:
                seconds[test] = seconds.get(test, 0.0) + self._setups[group] / len(members)
        return {test: round(taken, 1) for test, taken in seconds.items() if taken >= LIMIT}


def split_group(node_id: str) -> tuple[str, str]:
    """Return the node id of a test as pytest has it, and the group that pytest-xdist puts behind it, or "".

    An ``@`` before the last bracket is one of the test's parameters.
    """
    if node_id.rfind("@") > node_id.rfind("]"):
        test, _, group = node_id.rpartition("@")
        return test, group
    return node_id, ""
