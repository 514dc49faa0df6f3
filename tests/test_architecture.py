"""Who may import whom, beyond what import-linter checks (`make check`): built-in plugins are like an outsider's."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import get_origin

import pytest

import tfgen
import tfgen.testing

ROOT = Path(__file__).parent.parent
PLUGIN_FILES = sorted((ROOT / "plugins").rglob("*.py")) + sorted((ROOT / "docs/examples").glob("*.py"))


#: Plugins that are tools rather than models: they read, draw, track or export runs, or bring commands; and their packages.
TOOLS = ("litert", "mlflow", "onnx", "report", "serve", "sweep", "wandb")
PACKAGES = {name: importlib.import_module(name) for name in ("tfgen", "tfgen.layers", "tfgen.metrics")}
PACKAGES_OF_TOOLS = {
    name: importlib.import_module(name)
    for name in ("tfgen.runs", "tfgen.export", "tfgen.figures", "tfgen.sample", "tfgen.cli")
}
#: Ground that tools use as well: files written whole, TensorFlow loaded quietly, options by name, printed lines, the version.
GROUND_OF_TOOLS = {
    "tfgen.files", "tfgen.plugin.option_types", "tfgen.plugin.options", "tfgen.printed", "tfgen.reading", "tfgen.runtime",
    "tfgen.unpacking", "tfgen.version",
}  # fmt: skip


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the (module, name) that a file imports, for type checkers alone as well."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_use_public_names_only(path):
    tool = bool({*path.relative_to(ROOT).parts} & {*TOOLS})
    packages = PACKAGES | PACKAGES_OF_TOOLS if tool else PACKAGES
    for module, name in imports(path):
        if module.partition(".")[0] != "tfgen" or (tool and module in GROUND_OF_TOOLS):
            continue
        assert module in packages, f"{module} is not public"
        assert name in packages[module].__all__, f"{module}.{name} is not public"


#: Plugins that use another plugin, by the names that its package exports.
BUILT_ON = {"vae": "tfgen_plugins.flows", "examples": "tfgen_plugins.flows"}


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_import_no_other_plugins_insides(path):
    below = (
        path.relative_to(ROOT / "plugins")
        if path.is_relative_to(ROOT / "plugins")
        else path.relative_to(path.parents[1])
    )
    plugin = below.parts[0]
    for module, name in imports(path):
        if module.startswith("tfgen_plugins"):
            assert module.split(".")[1:2] == [plugin] or module == BUILT_ON.get(plugin), f"{module}.{name}"


@pytest.mark.parametrize(
    "package", [*(PACKAGES | PACKAGES_OF_TOOLS).values(), tfgen.testing], ids=lambda package: package.__name__
)
def test_public_names_are_there_and_described(package):
    for name in package.__all__:
        value = getattr(package, name)
        assert get_origin(value) or value.__doc__, name  # an alias of a type, or a tuple, has that of its class
    assert set(package.__all__) <= set(dir(package))


def test_every_file_is_one_idea():
    for path in [*ROOT.glob("tfgen/**/*.py"), *ROOT.glob("plugins/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]:
        assert len(path.read_text().splitlines()) <= 400, f"{path}: which second idea lives here?"


@pytest.mark.xdist_group("a-group")
def test_groups_of_tests_stay_in_one_worker(request):
    """Some releases of pytest and pytest-xdist do not work together, and say nothing: what tests share is then made twice."""
    if not hasattr(request.config, "workerinput") or request.config.getoption("loadgroup", False) is not True:
        pytest.skip("pytest runs without --dist loadgroup")
    assert request.node.nodeid.endswith("@a-group")


@pytest.fixture(scope="module")
def shared():
    """What the next test shares with others, as far as pytest knows."""


def test_tests_that_share_a_fixture_are_a_group(request, shared):
    assert request.node.get_closest_marker("xdist_group").args == ("test_architecture-shared",)
