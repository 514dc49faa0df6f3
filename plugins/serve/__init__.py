"""Server plugin: trained models over HTTP; the commands `tfgen serve` and `tfgen explore`, which need the extra ``serve``."""

from __future__ import annotations

from tfgen import CommandSpec, Registration, hookimpl


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Add the command."""
    summary = "Serve trained models over HTTP: samples, densities, codes, interpolations and inpainting."
    registry.add_command(CommandSpec("serve", "tfgen_plugins.serve.command:main", summary))
    page = "Open a page on which a latent space, a density or completions can be explored by hand."
    registry.add_command(CommandSpec("explore", "tfgen_plugins.serve.explore_command:main", page))
