"""Show a run: its options, state and results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from tfgen.cli.parsing import parse
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext


@dataclass(frozen=True)
class Options:
    """Run to show."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Print options, state and results of the run; needs neither its plugin nor TensorFlow."""
    options = parse(Options, arguments, "info", __doc__ or "")
    from tfgen.cli.result_lines import info_lines
    from tfgen.runs.folder import RunFolder

    say(*info_lines(RunFolder.open(options.run)))
