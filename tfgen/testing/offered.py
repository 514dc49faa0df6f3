"""Capabilities that a conformance check needs; without them the check is skipped."""

from __future__ import annotations

from typing import TypeVar
from unittest import SkipTest

from tfgen.model.capabilities import CAPABILITIES

C = TypeVar("C")


def offered(model: object, capability: type[C]) -> C:
    """Return `model` as `capability`; raise `SkipTest` when it does not offer it."""
    if not isinstance(model, capability):
        raise SkipTest(f"{type(model).__name__} has no {CAPABILITIES[capability]}")
    return model
