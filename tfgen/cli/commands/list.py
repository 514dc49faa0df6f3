"""List the models for training."""

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


_YES = {True: "yes", False: "no"}


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Print name, summary, reference and plugin of each model, and whether it takes labels."""
    parse(Options, arguments, "list", __doc__ or "")
    registry = context.registry()
    rows = [
        (name, f"{spec.summary}\n{spec.reference}".strip(), _YES[spec.takes_labels], registry.model_origin(name).name)
        for name, spec in registry.models.items()
    ]
    print_table(("model", "what it is", "takes labels", "plugin"), rows)
    say(*registry.conflicts, "train one:  tfgen run NAME     its options:  tfgen run NAME --help")
