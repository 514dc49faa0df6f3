"""Parameters of tests that `make test-slow` alone tries: variants of others that the fast tests have."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def slow(*values: Any) -> Any:
    """Return the parameters of a slow test."""
    return pytest.param(*values, marks=pytest.mark.slow)


def named(names: Iterable[str], fast: Collection[str]) -> list[Any]:
    """Return a parameter for each name; a test of those that are not in `fast` is slow."""
    return [name if name in fast else slow(name) for name in names]
