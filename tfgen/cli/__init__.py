"""The command line: commands, parsing of options, tables; plugins that bring commands use its `Context`."""

from tfgen.cli.context import Context
from tfgen.cli.main import main

__all__ = ["Context", "main"]
