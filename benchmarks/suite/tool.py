"""Benchmark models on this machine (sampling, training, growth) against its limits; compare results."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Measure or compare; exit with code 1 when a comparison found something slower."""
    from tfgen_benchmarks import command

    code = command.main(arguments, context.registry(), context.plugins)
    if code:
        sys.exit(code)
