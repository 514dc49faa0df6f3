"""Report plugin: one self-contained HTML page about runs; the command `tfgen report`."""

from __future__ import annotations

from tfgen import CommandSpec, Registration, hookimpl


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the command."""
    summary = (
        "Write one self-contained page about runs: results, curves, samples, options, commands to make them again."
    )
    registry.add_command(CommandSpec("report", "tfgen_plugins.report.command:main", summary))
