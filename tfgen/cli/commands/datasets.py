"""List the data sets for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfgen.cli.parsing import parse
from tfgen.cli.tables import print_table
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext


@dataclass(frozen=True)
class Options:
    """Takes no options."""


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Print name, summary and reference of each registered data set."""
    parse(Options, arguments, "datasets", __doc__ or "")
    registry = context.registry()
    rows = [
        (f"{name}[:{spec.variants or 'VARIANT'}]" if spec.variant else name, spec.summary, spec.reference)
        for name, spec in registry.datasets.items()
    ]
    print_table(("data set", "what it is", "reference"), rows)
    say(
        *registry.conflicts,
        "any other image set of tensorflow-datasets works by its name:  tfgen run MODEL --data kmnist",
    )
