"""Writing and checking of pages that a program makes: `--check` says whether one is stale."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


def write_or_check(page: Path, make: Callable[[], str], program: str, arguments: list[str]) -> int:
    """Write a page, or with ``--check`` only compare it, and return the exit code.

    Args:
        page: the file.
        make: returns its text.
        program: what writes it, for hints.
        arguments: none, or ``--check``.
    """
    text = make()
    if arguments == ["--check"]:
        stale = not page.exists() or page.read_text(encoding="utf-8") != text
        if stale:
            print(f"docs/{page.name} is stale; run: python {program}", file=sys.stderr)
        return int(stale)
    if arguments:
        print(f"usage: python {program} [--check]", file=sys.stderr)
        return 2
    page.write_text(text, encoding="utf-8")
    return 0
