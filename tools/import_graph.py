"""Import graph of a checkout in numbers: modules, rooms, layers, imports upward, circles, longest chain.

``python tools/import_graph.py [CHECKOUT ...]`` prints a table with a row for each number and a column for each checkout.
Imports for type checkers alone count as well. Layers are those of the checkout's own import-linter contract; an import is
upward when it leads from a lower layer of that contract to a higher one, or to a sibling.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

PACKAGE = "tfgen"


def numbers(checkout: Path) -> dict[str, int]:
    """Return the numbers of one checkout, by name."""
    sys.path.insert(0, str(checkout))
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    pairs = [(module, other) for module, others in imports.items() for other in others]
    rooms: dict[str, set[str]] = {_room(module): set() for module in imports}
    for module, other in pairs:
        if _room(module) != _room(other):
            rooms[_room(module)].add(_room(other))
    layers = list(_layers(checkout))
    places = {module: _place(module, layers) for module in imports}
    return {
        "modules": len(imports),
        "modules at the root": sum(path.name != "__init__.py" for path in (checkout / PACKAGE).glob("*.py")),
        "packages below the root": sum(1 for path in (checkout / PACKAGE).rglob("__init__.py")) - 1,
        "imports": len(pairs),
        "arrows between packages or root modules": sum(map(len, rooms.values())),
        "layers of the contract": len(layers),
        "modules in no layer": sum(place is None for module, place in places.items() if module != PACKAGE),
        "imports upward": sum(_is_upward(places[a], places[b]) for a, b in pairs),
        "circles of modules": _circles(imports)[0],
        "circles of packages or root modules": _circles(rooms)[0],
        "longest chain of imports": _circles(imports)[1],
    }


def _layers(checkout: Path) -> Iterator[list[str]]:
    """Yield the layers of the contract from top to bottom, each the names of its packages and modules."""
    contracts = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    contract = next(contract for contract in contracts if contract["type"] == "layers")
    [prefix] = [f"{container}." for container in contract.get("containers", [])] or [""]
    for layer in contract["layers"]:
        yield [prefix + name.strip() for name in layer.split("|")]


def _place(module: str, layers: list[list[str]]) -> tuple[int, str] | None:
    """Return the layer of a module, 0 at the top, and the member of it that holds the module; None outside all."""
    held = ((row, name) for row, names in enumerate(layers) for name in names if f"{module}.".startswith(f"{name}."))
    return max(held, key=lambda found: len(found[1]), default=None)


def _is_upward(a: tuple[int, str] | None, b: tuple[int, str] | None) -> bool:
    return a is not None and b is not None and (a[0] > b[0] or (a[0] == b[0] and a[1] != b[1]))


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _circles(graph: dict[str, set[str]]) -> tuple[int, int]:
    """Return how many circles a graph has (strongly connected components), and its longest chain, a circle as one member."""
    number = {name: place for place, name in enumerate(graph)}
    edges = [(number[a], number[b]) for a, others in graph.items() for b in others]
    rows, columns = zip(*edges, strict=True)
    matrix = sparse.coo_matrix((np.ones(len(edges)), (rows, columns)), shape=(len(graph), len(graph)))
    count, component = csgraph.connected_components(matrix, directed=True, connection="strong")
    below: dict[int, set[int]] = {place: set() for place in range(count)}
    for a, b in edges:
        if component[a] != component[b]:
            below[component[a]].add(component[b])
    length: dict[int, int] = {}
    for place in TopologicalSorter(below).static_order():
        length[place] = 1 + max((length[other] for other in below[place]), default=0)
    return int(np.sum(np.bincount(component) > 1)), max(length.values())


def main(checkouts: list[str]) -> int:
    """Print the table; each checkout is read by a process of its own, since a name is imported once."""
    if checkouts[:1] == ["--json"]:
        print(json.dumps(numbers(Path(checkouts[1]).resolve())))
        return 0
    columns = []
    for checkout in checkouts or ["."]:
        command = [sys.executable, "-P", __file__, "--json", checkout]
        columns.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    for name in columns[0]:
        print(f"{name:<40}" + "".join(f"{column[name]:>8}" for column in columns))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
