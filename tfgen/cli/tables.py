"""Text tables, as wide as the terminal, or of full width in a file or pipe; Markdown tables."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tfgen.printed import escaped

_WIDTH_ELSEWHERE = 160


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text under headings to stdout."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(escaped(heading, keep="\n"), overflow="fold")
    for row in rows:
        table.add_row(*(escaped(cell, keep="\n") for cell in row))
    width = None if sys.stdout.isatty() else _WIDTH_ELSEWHERE
    Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False).print(table)


def bytes_text(count: int) -> str:
    """Return a size in words.

    >>> bytes_text(999), bytes_text(20_800), bytes_text(1_200_000), bytes_text(3_400_000_000)
    ('999 bytes', '20.8 kB', '1.2 MB', '3.4 GB')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 1000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def counted(count: int, name: str) -> str:
    """Return a number with a noun, in the plural unless it is 1.

    >>> counted(1, "epoch"), counted(20_000, "step")
    ('1 epoch', '20000 steps')
    """
    return f"{count} {name}{'' if count == 1 else 's'}"


def fitted(lines: Iterable[str], indent: int = 10) -> list[str]:
    """Return lines wrapped between words to the width of the terminal; as they are in a file or pipe.

    Args:
        lines: of text.
        indent: of what goes on in the next line.
    """
    if not sys.stdout.isatty():
        return list(lines)
    width = max(40, shutil.get_terminal_size().columns)
    options: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": " " * indent}
    return [part for line in lines for part in (textwrap.wrap(line, width, **options) or [""])]


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
