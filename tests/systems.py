"""Marks of tests that need what not every system has."""

from __future__ import annotations

import signal

import pytest

needs_sigkill = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="kills a process by SIGKILL, which this system does not have"
)
