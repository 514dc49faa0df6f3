"""Write docs/map.md: the map of the code, a line for each room and file, from the first lines of their docstrings.

``python tools/map_page.py`` writes the page, ``python tools/map_page.py --check`` only exits with 1 if it is stale.
"""

from __future__ import annotations

import ast
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

from generated_page import write_or_check

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "map.md"
COLUMNS = 120

_HEAD = """
# Map of the code

The core is the package `tfgen`. Its packages, called rooms here, are layered: a module imports from its
own room and from rooms below, never from above or beside (`make check`):

    {order}

Models, the report page, sweeps, the server, export formats and trackers (TensorBoard, MLflow, W&B) are plugins in
`plugins/` (installed as `tfgen_plugins`); the benchmark suite in `benchmarks/suite/` (installed as `tfgen_benchmarks`)
is a plugin, too. Models and trackers use [public names](api.md), and never another plugin's modules. Tools, such as the
report page, sweeps and the server, also use a few modules of the ground, and the suite, which measures what lies
inside, imports it. The other folders:

- `tests/`: tests, with a folder for each room and each plugin
- `docs/`: [commands](commands/README.md), [theory](theory/README.md), [results](results/README.md), and a plugin in one
  file, `docs/examples/histogram.py`
- `benchmarks/`: the suite beside other libraries, profiles, and studies ([benchmarks](benchmarks.md))
- `tools/`: programs that write pages of the docs or compare two checkouts
- `.ci/`: what must pass before a change lands

This page is generated from the first lines of the modules' docstrings: after a change run `python tools/map_page.py`.
""".strip()


def page() -> str:
    """Return the text of the page for the files as they are.

    Raises:
        SystemExit: for a room of tfgen/ that has no layer.
    """
    rooms = [room for layer in layers() for room in layer]
    unknown = {path.parent.name for path in ROOT.glob("tfgen/*/__init__.py")} - set(rooms)
    if unknown:
        raise SystemExit(f"give these rooms a layer in pyproject.toml: {', '.join(sorted(unknown))}")
    order = textwrap.fill(" > ".join(" | ".join(layer) for layer in layers()) + " > ground", 110)
    order = textwrap.indent(order, "    ").strip()
    parts = [_HEAD.format(order=order)]
    for room in rooms:
        parts += _folder(f"tfgen/{room}")
    parts += _folder("tfgen", title="tfgen/, the ground: imported by every room, imports none")
    parts += _folder("plugins")
    for folder in sorted(path.parent for path in ROOT.glob("plugins/*/__init__.py")):
        parts += _folder(str(folder.relative_to(ROOT)))
    for name in ("benchmarks/suite", "benchmarks", "benchmarks/peers", "tools"):
        parts += _folder(name)
    return "\n\n".join(parts) + "\n"


def layers() -> list[list[str]]:
    """Return the rooms of tfgen/ layer by layer, from top to bottom, as the import rules in pyproject.toml have them."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    stack = next(rule["layers"] for rule in rules if rule.get("containers") == ["tfgen"])
    rooms = [[name for name in layer.split(" | ") if (ROOT / "tfgen" / name).is_dir()] for layer in stack]
    return [layer for layer in rooms if layer]


def _folder(name: str, title: str = "") -> Iterator[str]:
    """Yield the heading of a folder, what it is, and a list of its files and of the folders below that have no heading."""
    folder = ROOT / name
    yield f"## {title or name + '/'}"
    if (folder / "__init__.py").exists():
        yield "\n".join(textwrap.wrap(first_line(folder / "__init__.py"), COLUMNS))
    deeper = folder.glob("*/*.py") if name.startswith(("tfgen/", "plugins/")) else ()
    files = [*sorted(folder.glob("*.py")), *sorted(deeper)]
    items = [_item(path.relative_to(folder), first_line(path)) for path in files if path != folder / "__init__.py"]
    if items:
        yield "\n".join(items)


def _item(path: Path, text: str) -> str:
    return textwrap.fill(
        f"`{path}`: {text}", COLUMNS, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False
    )  # fmt: skip


def first_line(path: Path) -> str:
    """Return the first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not docstring:
        raise SystemExit(f"{path.relative_to(ROOT)} has no docstring; its first line stands in docs/map.md")
    return docstring.splitlines()[0]


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` compare it, and return the exit code."""
    return write_or_check(PAGE, page, "tools/map_page.py", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
