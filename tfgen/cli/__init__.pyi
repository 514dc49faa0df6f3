from .commands.run import Place, config_file, defaults_from, parse_options
from .comparison_table import ComparisonRow, comparison_rows, text_table
from .context import CommandContext
from .main import main
from .outputs import require_new
from .parsing import by_default, parse, required, section
from .tables import markdown_table, print_table

__all__ = [
    "CommandContext",
    "ComparisonRow",
    "Place",
    "by_default",
    "comparison_rows",
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
    "text_table",
]
