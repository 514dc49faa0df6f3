"""The command line, and what commands of plugins need of it: options parsed, tables printed."""

from tfgen.cli.context import Context
from tfgen.cli.main import main

__all__ = ["Context", "main"]
