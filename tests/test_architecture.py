"""Who may import whom, beyond what import-linter checks (`make check`): built-in plugins are like an outsider's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfgen

ROOT = Path(__file__).parent.parent
PLUGIN_FILES = sorted((ROOT / "plugins").rglob("*.py")) + sorted((ROOT / "docs/examples").glob("*.py"))


#: Plugins that are tools rather than models: they read runs and draw figures, and bring commands.
TOOLS = ("report", "sweep")
#: Rooms that tools use beside the public names; to become public packages with names of their own.
ROOMS_FOR_TOOLS = (
    "cli",
    "data",
    "errors",
    "figures",
    "files",
    "model",
    "plugin",
    "runs",
    "runtime",
    "sample",
    "training",
    "version",
)


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the (module, name) that a file imports, for type checkers alone as well."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_use_public_names_only(path):
    tool = path.parent.name in TOOLS
    for module, name in imports(path):
        if tool and module.startswith("tfgen.") and module.split(".")[1] in ROOMS_FOR_TOOLS:
            continue
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
