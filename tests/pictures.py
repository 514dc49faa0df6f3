"""Runs that are trained without pictures, where pictures are not the point: a third of the time of so small a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

#: What a run draws with. That runs do draw is tested in tests/cli/test_cli.py, tests/sample and tests/plugins.
DRAWING = ("_draw_samples", "draw_curves", "draw_run_pictures")


@contextmanager
def without_pictures() -> Iterator[None]:
    """Leave the drawing of samples, completions, curves, densities and codes out of the runs trained in the block."""
    with ExitStack() as stack:
        for name in DRAWING:
            stack.enter_context(mock.patch(f"tfgen.runs.experiment.{name}", return_value=()))
        yield
