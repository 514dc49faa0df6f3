"""Long tests, which `make test` leaves out and `make test-long` runs: those of a list that `make test-durations` writes.

Those that ask for a fixture which takes long to make are long as well, or the first of them would make it among the quick
tests. A test that is in no list is quick until the list is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import pytest

#: The seconds of each long test by its node id.
DURATIONS = json.loads((Path(__file__).parent / "durations.json").read_text(encoding="utf-8"))
#: Fixtures of the whole test run that take long to make.
FIXTURES = {"prepared_data_dir", "classifier_dir"}


def is_long(test: pytest.Item, durations: Collection[str] = tuple(DURATIONS)) -> bool:
    """Return whether `make test` leaves a test out; one that is marked as slow is not long."""
    if test.get_closest_marker("slow") is not None:
        return False
    return test.nodeid in durations or not FIXTURES.isdisjoint(getattr(test, "fixturenames", ()))
