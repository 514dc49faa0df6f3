"""Who may import whom, beyond what import-linter checks (`make check`): built-in plugins are like an outsider's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfgen

ROOT = Path(__file__).parent.parent
PLUGIN_FILES = sorted((ROOT / "plugins").rglob("*.py")) + sorted((ROOT / "docs/examples").glob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the (module, name) that a file imports at run time; imports for type checkers alone do not count."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_use_public_names_only(path):
    for module, name in imports(path):
        if module.partition(".")[0] == "tfgen":
            assert module == "tfgen", f"{module} is not public"
            assert name in tfgen.__all__, f"tfgen.{name} is not public"


def test_public_names_are_there_and_described():
    for name in tfgen.__all__:
        assert getattr(tfgen, name).__doc__, name
    assert set(tfgen.__all__) <= set(dir(tfgen))


def test_every_file_is_one_idea():
    for path in [*ROOT.glob("tfgen/**/*.py"), *ROOT.glob("plugins/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]:
        assert len(path.read_text().splitlines()) <= 400, f"{path}: which second idea lives here?"
