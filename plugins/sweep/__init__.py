"""Sweep plugin: train every combination of models, options and seeds; the command `tfgen sweep`."""

from __future__ import annotations

from tfgen import CommandSpec, Registration, hookimpl


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the command."""
    summary = "Train every combination of models, options and seeds, and print one table of results."
    registry.add_command(CommandSpec("sweep", "tfgen_plugins.sweep.command:main", summary))
