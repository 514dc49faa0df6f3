"""Context of a command: plugins, run folders and TensorFlow, set up by the global options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.plugin.registry import Registry
    from tfgen.runs.run import Run


@dataclass(frozen=True)
class CommandContext:
    """Context of a command: global options, plugins, run folders.

    Attributes:
        plugins: the values of ``-p``.
        verbose: show the output of libraries.
    """

    plugins: tuple[str, ...]
    verbose: bool

    def registry(self) -> Registry:
        """Load the plugins; failed ones are reported on stderr."""
        from tfgen.plugin.loading import load_registry

        registry = load_registry(self.plugins)
        for record in registry.plugins:
            if record.status == "failed":
                say(f"warning: plugin {record.name!r} is left out: {record.cause}", error=True)
        return registry

    def run(self, folder: Path) -> Run:
        """Return the run in a folder, whose files are checked before TensorFlow loads."""
        from tfgen.runs.folder import RunFolder
        from tfgen.runs.run import Run

        run = Run(RunFolder.open(folder), self.registry())
        run.check()
        self.tensorflow()
        return run

    def tensorflow(self) -> None:
        """Load TensorFlow, with a message, since it takes seconds."""
        from tfgen.runtime import load_tensorflow

        load_tensorflow(self.verbose, announce=True)
