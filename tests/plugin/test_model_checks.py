"""Registration of models: mistakes in a ModelSpec or its options name the model and the plugin when it loads."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import typing
from dataclasses import dataclass
from pathlib import Path

import pytest

import tfgen
from tfgen import ModelSpec, PluginError, TrainOptions
from tfgen.cli.commands import evaluate, run, sample
from tfgen.cli.main import main
from tfgen.plugin.loading import load_registry
from tfgen.plugin.model_checks import RUN_NAMES, SAMPLE_NAMES
from tfgen.plugin.options import field_names
from tfgen.plugin.registration import Registration

HEAD = """
import enum
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Literal

from tfgen import ModelSpec, hookimpl, require_option
"""
HOOK = """

@hookimpl
def tfgen_register(registry):
    registry.add_model(ModelSpec("mine", {spec}, model="nowhere:Mine", summary="Mine."))
"""
EMPTY = """
@dataclass(frozen=True)
class Config:
    \"\"\"No options.\"\"\"
"""


OUTER = "@dataclass(frozen=True)\nclass Mine:\n    inner: {hint} = {value}\n"
REFUSES = """layers: int = 0
    def __post_init__(self):
        require_option(self.layers > 0, 'layers', self.layers, 'above 0')"""


def config(fields: str, decorator: str = "@dataclass(frozen=True)") -> str:
    return f"{decorator}\nclass Config:\n    {fields}\n"


#: Code of a plugin, arguments of its ModelSpec, expected error message.
MISTAKES = [
    (
        config("layers: int = 4", "@dataclass"),
        "Config",
        "Config could be changed during a run; decorate it with @dataclass(frozen=True)",
    ),
    (config("layers: int"), "Config", "option 'layers' of Config needs a default"),
    (config("sizes: list[int] = []"), "Config", "mutable default <class 'list'> for field sizes is not allowed"),
    (
        config("sizes: list[int] = field(default_factory=list)"),
        "Config",
        "option 'sizes' of Config cannot have the type list[int]: write tuple[int, ...]",
    ),
    (
        config("sizes: tuple[int, ...] = field(default_factory=list)"),
        "Config",
        "option 'sizes' of Config must be a list of values that are each a whole number, and its default is []",
    ),
    (
        config("layers: int = '4'"),
        "Config",
        "option 'layers' of Config must be a whole number, and its default is '4'",
    ),
    (
        config("rate: float = '1'\n    def __post_init__(self):\n        assert self.rate > 0"),
        "Config",
        "option 'rate' of Config must be a number, and its default is '1'",
    ),
    (config("where: Path = 'x'"), "Config", "option 'where' of Config must be a path, and its default is 'x'"),
    (
        config("layers: int = None"),
        "Config",
        "option 'layers' of Config must be a whole number, and its default is None",
    ),
    (config("layers: Layers = 4"), "Config", "NameError: name 'Layers' is not defined"),
    (config("layers: 'Layers' = 4"), "Config", "the types of Config cannot be read: name 'Layers' is not defined"),
    (
        config("layers: [int] = 4"),
        "Config",
        "option 'layers' of Config cannot have the type [<class 'int'>]: an option is",
    ),
    (
        config("table: dict[str, int] = field(default_factory=dict)"),
        "Config",
        "cannot have the type dict[str, int]: write a frozen dataclass, with a field for each key",
    ),
    (
        config("epochs: int = 4"),
        "Config",
        "option 'epochs' of Config has a name that tfgen has for an option of its own; rename it",
    ),
    (config("data: int = 4"), "Config", "option 'data' of Config has a name that tfgen has"),
    (
        config("deep: bool = True\n    no_deep: int = 3"),
        "Config",
        "option 'deep' of Config is turned off by the flag of option 'no_deep'; rename one of them",
    ),
    (config("_layers: int = 4"), "Config", "option '_layers' of Config cannot be given"),
    (config("layers: int = field(default=3, init=False)"), "Config", "option 'layers' of Config cannot be given"),
    (
        config("layers: InitVar[int] = 3"),
        "Config",
        "'layers' of Config is an InitVar, which no run could record; make it a field",
    ),
    (
        config(REFUSES),
        "Config",
        "Config refuses its own defaults: --layers must be above 0, got 0",
    ),
    (
        config("layers: int = 3") + "class Mine(Config):\n    units: int = 3\n",
        "Mine",
        "Mine is no dataclass itself, only what it inherits from; decorate it, too",
    ),
    (
        config("layers: int = 3", "@dataclass") + OUTER.format(hint="Config", value="field(default_factory=Config)"),
        "Mine",
        "Config could be changed during a run",
    ),
    (
        config("sizes: set = field(default_factory=set)") + OUTER.format(hint="Config", value="Config()"),
        "Mine",
        "option 'sizes' of Config cannot have the type set: write tuple[int, ...]",
    ),
    (
        config("layers: int = 3") + OUTER.format(hint="Config | None", value="None"),
        "Mine",
        "option 'inner' of Mine cannot have the type Config | None: a dataclass stands alone",
    ),
    (EMPTY, "int", "config must be a dataclass type, got <class 'int'>"),
    (EMPTY, "Config, training={'epohcs': 3}", "in training: unknown option 'epohcs'; did you mean 'epochs'?"),
    (EMPTY, "Config, training={'epochs': 'x'}", "in training: option 'epochs' must be a whole number, got 'x'"),
    (EMPTY, "Config, earlier={'unit': 1}", "in earlier: unknown option 'unit'"),
    (EMPTY, "Config, training={'epochs': 0}", "in training: --epochs must be at least 1, got 0"),
    (EMPTY, "Config, sampling=3", "sampling must be a dataclass type, got 3"),
    (
        EMPTY + "@dataclass(frozen=True)\nclass Steps:\n    first: int = 3\n",
        "Config, sampling=Steps",
        "sampling option 'first' of Steps has a name that tfgen has",
    ),
    (
        EMPTY + "@dataclass(frozen=True)\nclass Steps:\n    steps: list = field(default_factory=list)\n",
        "Config, sampling=Steps",
        "sampling option 'steps' of Steps cannot have the type list",
    ),
    (EMPTY, "Config, api=2", "model 'mine' is written for contract 2, and this tfgen has 1; install a newer tfgen"),
    (EMPTY, "Config, api='1'", "api is the number of a contract, such as 1; got '1'"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "spec", "says"), MISTAKES, ids=[says for _, _, says in MISTAKES])
def test_a_mistake_is_told_with_the_plugins_name(code, spec, says, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(HEAD + code + HOOK.format(spec=spec))
    with pytest.raises(PluginError) as caught:
        load_registry([str(path)])
    said = str(caught.value)
    assert said.startswith(f"plugin '{path}' does not load: ")
    assert says in said
    assert "\n" not in said


def test_the_table_of_the_docs_says_what_is_said(tmp_path):
    """Each row of the docs' table of mistakes is a message of one of the mistakes above, up to its dots."""
    page = (Path(__file__).parents[2] / "docs/plugins/mistakes.md").read_text()
    rows = page.partition("| mistake in the options or the `ModelSpec` | what is said |\n")[2].partition("\n\n")[0]
    told = [row.strip("| ").rpartition(" | ")[2].strip("`").replace("\\|", "|") for row in rows.splitlines()[1:]]
    assert len(told) > 20
    said = []
    for number, (code, spec, _) in enumerate(MISTAKES):
        path = tmp_path / f"mine{number}.py"
        path.write_text(HEAD + code + HOOK.format(spec=spec))
        with pytest.raises(PluginError) as caught:
            load_registry([str(path)])
        said.append(str(caught.value))
    for message in told:
        pattern = ".*".join(map(re.escape, message.split("...")))
        assert any(re.search(pattern, text) for text in said), message


def test_the_command_tells_it_in_one_line(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(HEAD + config("sizes: list[int] = field(default_factory=list)") + HOOK.format(spec="Config"))
    assert main(["-p", str(path), "run", "mine"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "mine.py' does not load: model 'mine': option 'sizes' of Config cannot have the type list[int]" in said
    assert f"{path}:" in said  # where


def test_names_that_are_taken():
    """Reserved names are those of all options of `tfgen run`, `tfgen.train`, `tfgen sample`, `tfgen evaluate`, `sample`."""
    arguments = set(inspect.signature(tfgen.train).parameters) - {"options"}
    everywhere = {"help", "h", "p", "verbose", "traceback", "version", "plugins"}
    assert not {*field_names(run.Place), *field_names(TrainOptions), *arguments, *everywhere} - RUN_NAMES
    given = {"n", "labels", "seed", "first"}
    assert not {*field_names(sample.Options), *field_names(evaluate.Options), *given, *everywhere} - SAMPLE_NAMES


def test_each_built_in_model_is_sound():
    registry = load_registry()
    assert {record.status for record in registry.plugins} == {"loaded"}
    for spec in registry.models.values():
        Registration().add_model(spec)
        assert spec.api == 1
        json.dumps(dict(spec.training))


def test_a_program_is_told_as_well():
    @dataclass
    class Changeable:
        layers: int = 3

    with pytest.raises(PluginError, match="Changeable could be changed during a run"):
        tfgen.Registry().add_model(ModelSpec("mine", Changeable, "nowhere:Mine", "Mine."))


def test_options_of_a_model_may_have_any_allowed_type():
    @dataclass(frozen=True)
    class Inner:
        layers: int = 3

    fields = [("inner", Inner, Inner(5)), ("where", Path, Path("x")), ("some", typing.Optional[float], None)]  # noqa: UP045
    cls = dataclasses.make_dataclass("Config", [(name, hint, dataclasses.field(default=value)) for name, hint, value in fields],
                                     frozen=True)  # fmt: skip
    Registration().add_model(ModelSpec("mine", cls, "nowhere:Mine", "Mine."))
