"""docs/map.md names every module of the core, of the plugins and of the suite, and nothing that is missing."""

from __future__ import annotations

import re
from pathlib import Path

import map_page
import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/map.md").read_text(encoding="utf-8")


def named() -> dict[str, str]:
    """Return the map's description of each file, by the file's path from the top of the repository."""
    found = {}
    for section in TEXT.split("\n## ")[1:]:
        folder = section.split("/,")[0].splitlines()[0].rstrip("/")
        for name, text in re.findall(r"^- `([^`]+\.py)`: ((?:.|\n  )*)", section, re.MULTILINE):
            found[f"{folder}/{name}"] = " ".join(text.split())
    return found


def test_every_module_is_named():
    folders = ("tfgen", "plugins", "benchmarks/suite")
    modules = {str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / folder).rglob("*.py")}
    assert {path for path in modules if not path.endswith("/__init__.py")} <= set(named())


def test_every_room_and_plugin_has_a_section():
    packages = [
        *ROOT.glob("tfgen/*/__init__.py"),
        *ROOT.glob("plugins/*/__init__.py"),
        ROOT / "benchmarks/suite/__init__.py",
    ]
    for package in packages:
        assert f"\n## {package.parent.relative_to(ROOT)}/\n" in TEXT


def test_nothing_named_is_missing():
    assert [path for path in named() if not (ROOT / path).is_file()] == []
    for heading in re.findall(r"^## (\S+)/", TEXT, re.MULTILINE):
        assert (ROOT / heading).is_dir(), heading


def test_lines_are_those_of_the_docstrings():
    assert map_page.page() == TEXT, "docs/map.md is stale; run: python tools/map_page.py"


def test_a_room_without_a_layer_is_refused(monkeypatch):
    below = map_page.layers()[1:]
    monkeypatch.setattr(map_page, "layers", lambda: below)
    with pytest.raises(SystemExit, match=r"give these rooms a layer in pyproject\.toml: cli"):
        map_page.page()
