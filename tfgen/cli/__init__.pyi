from .commands.run import Place, config_file, defaults_from, parse_options
from .context import CommandContext
from .main import main
from .outputs import require_new
from .parsing import by_default, parse, required, section
from .tables import markdown_table, print_table

__all__ = [
    "CommandContext",
    "Place",
    "by_default",
    "config_file",
    "defaults_from",
    "main",
    "markdown_table",
    "parse",
    "parse_options",
    "print_table",
    "require_new",
    "required",
    "section",
]
