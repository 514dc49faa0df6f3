"""Show what a run is, where it stands and what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from tfgen.cli.parsing import parse

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext


@dataclass(frozen=True)
class Options:
    """Which run."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Print the run's record; needs neither its plugin nor TensorFlow."""
    options = parse(Options, arguments, "info", __doc__ or "")
    from tfgen.cli.result_lines import info_lines
    from tfgen.runs.folder import RunFolder

    print("\n".join(info_lines(RunFolder.open(options.run))))
