"""Resume a run that was stopped or killed, from its last checkpoint; with --epochs, train a finished one longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from tfgen.cli.parsing import parse
from tfgen.errors import require_option
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext


@dataclass(frozen=True)
class Options:
    """Run to resume."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    epochs: int | None = None
    """Further epochs of a finished run: a new cycle of its learning-rate schedule, with the options of the run."""

    def __post_init__(self) -> None:
        require_option(self.epochs is None or self.epochs >= 1, "epochs", self.epochs, "at least 1")


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Train the run to the end of its configuration, or a finished one for further epochs."""
    options = parse(Options, arguments, "resume", __doc__ or "")
    run = context.run(options.run)
    from tfgen.cli.result_lines import finished_lines
    from tfgen.runs.experiment import resume_run

    say(*finished_lines(resume_run(run, epochs=options.epochs)))
