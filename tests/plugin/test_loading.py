"""The three ways in, and each way of failing: a broken plugin is told of, and everything else goes on."""

import dataclasses
import json
import subprocess
import sys
from types import ModuleType

import pytest

import tfgen
from tfgen.errors import PluginError, UnknownNameError
from tfgen.plugin import loading
from tfgen.plugin.loading import load_registry

GOOD = """
from dataclasses import dataclass
from tfgen import ModelSpec, hookimpl

@dataclass(frozen=True)
class Config:
    \"\"\"No options.\"\"\"

@hookimpl
def tfgen_register(registry):
    registry.add_model(ModelSpec({name!r}, Config, f"{{__name__}}:Model", summary="A model."))
"""


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """Give each test core data of its own and no distribution but those that it makes; forget its modules again."""
    builtin = ModuleType(loading.BUILTIN)
    builtin.__file__ = "builtin.py"

    @tfgen.hookimpl
    def tfgen_register(registry):
        registry.add_dataset(tfgen.DatasetSpec("digits", lambda sources: None, summary="Digits."))

    builtin.tfgen_register = tfgen_register
    monkeypatch.setitem(sys.modules, loading.BUILTIN, builtin)
    real = loading.metadata.distributions
    monkeypatch.setattr(
        loading.metadata, "distributions", lambda: (found for found in real() if found.name.startswith("fake"))
    )
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a fake distribution with one plugin module."""

    def install(distribution, code, entry_points=None, plugin=None):
        module = f"{distribution}_module"
        plugin = plugin or distribution
        folder = tmp_path / distribution
        info = folder / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points or f"[tfgen]\n{plugin} = {module}\n")
        path = folder / f"{module}.py"
        path.write_text(code)
        monkeypatch.syspath_prepend(folder)
        return path

    return install


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a plugin file and gives its path."""

    def write(name, code):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
        return path

    return write


def records(registry):
    return {record.name: record for record in registry.plugins}


def failure(code, install):
    """Load a broken plugin between two good ones; return its record, having checked that nothing else suffered."""
    install("fake_a", GOOD.format(name="model-a"))
    path = install("fake_bad", code)
    install("fake_z", GOOD.format(name="model-z"))
    registry = load_registry()
    assert list(registry.models) == ["model-a", "model-z"]
    assert list(registry.datasets) == ["digits"]
    record = records(registry)["fake_bad"]
    assert (record.status, record.distribution, record.version) == ("failed", "fake_bad", "1.0")
    assert record.file == str(path)
    assert "\n" not in record.cause
    with pytest.raises(UnknownNameError, match="plugin 'fake_bad' failed to load: "):
        registry.model("of-the-bad-plugin")
    return record


def test_core_data_is_a_built_in_plugin():
    (record,) = load_registry().plugins
    assert (record.name, record.kind, record.distribution, record.version) == (
        "tfgen",
        "built-in",
        "tfgen-prob",
        tfgen.__version__,
    )
    assert record.datasets == ("digits",)


def test_installed_distribution(install):
    path = install("fake_one", GOOD.format(name="mine"), plugin="one")
    registry = load_registry()
    record = records(registry)["one"]
    assert (record.kind, record.distribution, record.version) == ("installed", "fake_one", "1.0")
    assert (record.status, record.file, record.models) == ("loaded", str(path), ("mine",))
    assert registry.model_origin("mine") is record
    assert json.dumps([dataclasses.asdict(record) for record in registry.plugins])


def test_entry_point_that_is_an_instance(install):
    code = """
import tfgen
class Watcher:
    @tfgen.hookimpl
    def tfgen_progress(self, step): ...
watcher = Watcher()
"""
    path = install("fake_watcher", code, "[tfgen]\nwatch = fake_watcher_module:watcher\n")
    record = records(load_registry())["watch"]
    assert (record.status, record.file, record.hooks) == ("loaded", str(path), ("tfgen_progress",))


def test_failing_import(install):
    record = failure("x = 1\nimport there_is_no_such_module\n", install)
    assert record.cause.startswith("ModuleNotFoundError: No module named 'there_is_no_such_module' (")
    assert record.cause.endswith(f"{record.file}:2)")


def test_syntax_error(install):
    record = failure("x = 1\ny = = 2\n", install)
    assert record.cause == f"SyntaxError: invalid syntax ({record.file}:2)"


def test_import_that_exits(install):
    assert failure("import sys\nsys.exit('bye')\n", install).cause.startswith("SystemExit: bye (")


def test_import_error_of_many_lines_deep_in_the_module(install):
    record = failure("def f():\n    raise ValueError('one\\ntwo')\nf()\n", install)
    assert record.cause == f"ValueError: one two ({record.file}:2)"


def test_register_hook_that_raises(install):
    record = failure(GOOD.format(name="half") + "    raise RuntimeError('half-way')\n", install)
    assert record.cause.startswith("RuntimeError: half-way (")
    assert record.models == ()


def test_register_hook_that_adds_nonsense(install):
    code = "import tfgen\n@tfgen.hookimpl\ndef tfgen_register(registry):\n    registry.add_model('realnvp')\n"
    record = failure(code, install)
    assert record.cause == f"a model is added as a tfgen.ModelSpec, got 'realnvp' ({record.file}:4)"


def test_plugin_that_registers_nothing(install):
    assert failure("answer = 42\n", install).cause.startswith("it has no hooks")


def test_typo_in_a_hook_name(install):
    code = "import tfgen\n@tfgen.hookimpl\ndef tfgen_registr(registry): ...\n"
    assert "did you mean 'tfgen_register'?" in failure(code, install).cause


def test_forgotten_decorator(install):
    assert "not decorated" in failure("def tfgen_register(registry): ...\n", install).cause


def test_marker_of_another_project(install):
    code = "import pluggy\n@pluggy.HookimplMarker('llm')\ndef tfgen_register(registry): ...\n"
    assert "marker of 'llm'" in failure(code, install).cause


def test_interrupt_during_loading_passes_through(install):
    install("fake_bad", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_registry()


def test_entry_point_whose_module_is_missing(install):
    install("fake_bad", "", "[tfgen]\ngone = fake_nowhere\n")
    record = records(load_registry())["gone"]
    assert (record.status, record.file) == ("failed", None)
    assert record.cause == "ModuleNotFoundError: No module named 'fake_nowhere'"


def test_malformed_entry_points_harm_nobody(install):
    install("fake_bad", "", "[tfgen]\nthis line has no equals sign\n")
    install("fake_good", GOOD.format(name="good"))
    registry = load_registry()
    assert list(registry.models) == ["good"]
    assert records(registry)["fake_bad"].cause.startswith("malformed entry_points.txt")


def test_equal_entry_point_names_in_two_distributions(install):
    install("fake_b", GOOD.format(name="b"), plugin="same")
    install("fake_a", GOOD.format(name="a"), plugin="same")
    registry = load_registry()
    assert list(registry.models) == ["a"]
    first, second = (record for record in registry.plugins if record.name == "same")
    assert (first.status, first.distribution) == ("loaded", "fake_a")
    assert (second.status, second.distribution) == ("failed", "fake_b")
    assert "fake_a and fake_b both have a plugin 'same'" in second.cause


def test_built_in_plugins_keep_their_names(install):
    install("fake_a", GOOD.format(name="a"), plugin="tfgen")
    registry = load_registry()
    assert list(registry.datasets) == ["digits"]
    assert [record.status for record in registry.plugins] == ["loaded", "failed"]


def test_two_models_with_one_name(install):
    for name in ("fake_a", "fake_b"):
        install(name, GOOD.format(name="same"))
    with pytest.raises(PluginError, match=r"fake_a_module\.py.*fake_b_module\.py.*-p no:fake_a"):
        load_registry().model("same")
    assert load_registry(["no:fake_a"]).model_origin("same").name == "fake_b"


@pytest.mark.parametrize("name", ["fake_one", "tfgen"])
def test_blocked(install, name):
    install("fake_one", "raise AssertionError('a blocked plugin is not imported')\n")
    registry = load_registry([f"no:{name}"])
    record = records(registry)[name]
    assert (record.status, record.cause, record.models) == ("blocked", None, ())
    assert (name == "tfgen") == (not registry.datasets)


def test_unknown_blocked_name(install):
    install("fake_one", GOOD.format(name="a"))
    with pytest.raises(UnknownNameError, match="unknown plugin 'fake_on'; did you mean 'fake_one'"):
        load_registry(["no:fake_on"])


def test_file(write):
    path = write("my-plugin.py", GOOD.format(name="mine"))
    registry = load_registry([str(path), str(path)])
    record = records(registry)["my-plugin"]
    assert (record.kind, record.file, record.distribution) == ("file", str(path), None)
    spec = registry.model("mine")
    assert sys.modules[spec.config.__module__].Config is spec.config
    assert spec.model == "tfgen_local_my_plugin:Model"


def test_file_in_the_working_folder(write, monkeypatch):
    monkeypatch.chdir(write("mine.py", GOOD.format(name="mine")).parent)
    assert "mine" in load_registry(["mine.py"]).models
    assert "mine" in load_registry(["./mine.py"]).models


def test_file_is_read_anew_and_files_of_one_stem_stay_apart(write):
    one, two = write("one/mine.py", GOOD.format(name="first")), write("two/mine.py", GOOD.format(name="other"))
    first = load_registry([str(one)]).model("first")
    other = load_registry([str(two)]).model("other")
    assert sys.modules[first.config.__module__].Config is first.config
    assert sys.modules[other.config.__module__].Config is other.config
    one.write_text(GOOD.format(name="second-edition"))
    assert list(load_registry([str(one)]).models) == ["second-edition"]
    with pytest.raises(PluginError, match="name 'mine' is taken by plugin 'mine'"):
        load_registry([str(one), str(two)])


def test_file_takes_the_place_of_a_blocked_plugin(install, write):
    install("fake_one", GOOD.format(name="same"))
    path = write("fake_one.py", GOOD.format(name="same"))
    with pytest.raises(PluginError, match="`-p no:fake_one`"):
        load_registry([str(path)])
    assert load_registry(["no:fake_one", str(path)]).model_origin("same").file == str(path)


def test_module(write, monkeypatch):
    path = write("fake_package/inner.py", GOOD.format(name="mine"))
    monkeypatch.syspath_prepend(path.parent.parent)
    registry = load_registry(["fake_package.inner"])
    record = records(registry)["fake_package.inner"]
    assert (record.kind, record.file, record.models) == ("module", str(path), ("mine",))


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("\nimport no_such_module_at_all", r"ModuleNotFoundError: No module named 'no_such_.*' \(.*bad.py:2\)"),
        ("x = = 1", r"SyntaxError: invalid syntax \(.*bad.py:1\)"),
        ("raise SystemExit(3)", r"SystemExit: 3 \(.*bad.py:1\)"),
        ("x = 1", "it has no hooks"),
        ("def tfgen_register(registry): ...", "not decorated"),
        (GOOD.format(name="BAD"), r"lower-case .* \(.*bad.py:\d+\)"),
    ],
)
def test_file_that_fails_is_an_error_of_one_line(write, code, cause):
    path = write("bad.py", code)
    with pytest.raises(PluginError, match=rf"^plugin '{path}' does not load: .*{cause}") as caught:
        load_registry([str(path)])
    assert "\n" not in str(caught.value)


def test_file_that_fails_leaves_no_module_behind(write):
    with pytest.raises(PluginError):
        load_registry([str(write("bad.py", "raise SystemExit"))])
    assert "tfgen_local_bad" not in sys.modules


@pytest.mark.parametrize(
    ("argument", "cause"),
    [
        ("gone.py", "there is no file"),
        ("./gone", "there is no file"),
        ("./", "is a folder; name a .py file"),
        ("no_such_module_at_all", "No module named 'no_such_module_at_all'"),
        ("", "Empty module name"),
        (__file__.removesuffix("tests/plugin/test_loading.py") + "setup.cfg", "ends in .py"),
    ],
)
def test_what_is_no_plugin(argument, cause):
    with pytest.raises(PluginError, match=cause):
        load_registry([argument])


def test_each_call_builds_its_own_registry(install):
    install("fake_one", GOOD.format(name="a"))
    one, two = load_registry(), load_registry()
    one.add_model(dataclasses.replace(one.model("a"), name="b"))
    assert list(two.models) == ["a"]


def test_loading_imports_no_tensorflow():
    code = "import sys; from tfgen.plugin.loading import load_registry; load_registry(); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
