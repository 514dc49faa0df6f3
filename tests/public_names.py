"""Imports of private names of tfgen in a plugin's files."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from public_packages import PACKAGES


def private_imports(files: Iterable[Path]) -> list[str]:
    """Return the imports from tfgen that are not public, as ``file: module.name``."""
    return [
        f"{file.name}: {module}.{name}"
        for file in files
        for module, name in _imports(file)
        if module not in PACKAGES or (name and name not in importlib.import_module(module).__all__)
    ]


def _imports(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "tfgen")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tfgen":
            yield from ((str(node.module), alias.name) for alias in node.names)
