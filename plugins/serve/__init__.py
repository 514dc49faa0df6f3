"""Server plugin: trained models over HTTP; the command `tfgen serve`, which needs the extra ``serve``."""

from __future__ import annotations

from tfgen import CommandSpec, Registration, hookimpl


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the command."""
    summary = "Serve trained models over HTTP: samples, densities, codes, interpolations and inpainting."
    registry.add_command(CommandSpec("serve", "tfgen_plugins.serve.command:main", summary))
