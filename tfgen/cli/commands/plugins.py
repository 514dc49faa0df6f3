"""List the installed plugins, what each adds, and why one failed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfgen.cli.parsing import parse
from tfgen.cli.tables import print_table
from tfgen.plugin.loading import load_registry
from tfgen.plugin.registration import KINDS
from tfgen.plugin.registry import PluginRecord
from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext


@dataclass(frozen=True)
class Options:
    """Form of the output."""

    json: bool = False
    """Print every detail as JSON, for a program to read."""


def main(arguments: Sequence[str], context: CommandContext) -> None:
    """Print each plugin, with failed and blocked ones."""
    options = parse(Options, arguments, "plugins", __doc__ or "")
    registry = load_registry(context.plugins)
    if options.json:
        say(*json.dumps([dataclasses.asdict(record) for record in registry.plugins], indent=2).splitlines())
        return
    rows = []
    for record in registry.plugins:
        origin = " ".join(filter(None, [record.distribution, record.version])) or record.file or ""
        rows.append((record.name, f"{record.kind}\n{origin}".strip(), record.status, record.cause or _added(record)))
    print_table(("plugin", "from", "status", "adds, or why it failed"), rows)
    say(*registry.conflicts)


def _added(record: PluginRecord) -> str:
    """Return the additions of a plugin, a line for each kind, and the run events that it observes."""
    lines = []
    for kind in KINDS.values():
        names: tuple[str, ...] = getattr(record, kind.many)
        if names:
            lines.append(f"{kind.many.replace('_', ' ')}: {', '.join(names)}")
    observed = [hook for hook in record.hooks if hook != "tfgen_register"]
    return "\n".join([*lines, *([f"observes: {', '.join(observed)}"] if observed else [])])
