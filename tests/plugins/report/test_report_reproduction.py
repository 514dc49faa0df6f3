"""The command that makes a run again: the real parser reads from it the configuration that the run had."""

from __future__ import annotations

import dataclasses
import json
import shlex
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.plugins.report.made_runs import REGISTRY, make_run, metric
from tfgen.cli.commands.run import parse_options
from tfgen.errors import OptionError
from tfgen.plugin.specs import DataSources, ModelSpec
from tfgen.plugin.train_options import TrainOptions
from tfgen.runs.config import RunConfig, default_config
from tfgen.runs.facts import RunFacts
from tfgen_plugins.report.reading import cleaned
from tfgen_plugins.report.reproduction import reproduction_of, words_of
from tfgen_plugins.report.settings import settings_of


def values_of(hint: object) -> st.SearchStrategy:
    """Return values of a type, in the range that most options take."""
    if typing.get_origin(hint) is Literal:
        return st.sampled_from(typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return st.one_of([values_of(each) for each in typing.get_args(hint)])
    if typing.get_origin(hint) is tuple:
        return st.lists(values_of(typing.get_args(hint)[0]), min_size=1, max_size=3).map(tuple)
    return {
        type(None): st.none(),
        bool: st.booleans(),
        int: st.integers(0, 2**31 - 1),
        float: st.floats(0, 0.99),
        str: st.text(),
    }[hint]


def options_of(cls: type, draw: st.DrawFn) -> object:
    """Return an instance of a dataclass of options of which some are not the default."""
    hints = typing.get_type_hints(cls)
    names = draw(st.sets(st.sampled_from(sorted(hints)), max_size=4))
    try:
        return cls(**{name: draw(values_of(hints[name])) for name in names})
    except OptionError:  # out of range, or not together
        assume(False)


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    spec = REGISTRY.models[draw(st.sampled_from(sorted(REGISTRY.models)))]
    return RunConfig(
        spec.name, draw(st.sampled_from(["digits", "mnist", "tfds:a/b"])), options_of(spec.config, draw),
        options_of(TrainOptions, draw), device=draw(st.sampled_from(["auto", "cpu"])),
        sources=draw(st.sampled_from([DataSources(), DataSources("DATA_DIR"), DataSources(None, "MANUAL_DIR")])),
        evaluate=draw(st.sampled_from(["all", "none", 100])), pictures=draw(st.booleans()),
    )  # fmt: skip


def written(config: RunConfig, name: str = "a") -> RunFacts:
    """Return a run of this configuration as its folder has it: through JSON."""
    content = json.loads(json.dumps(config.to_json())) | {"plugin": {"name": "flows", "distribution": "tfgen"}}
    return cleaned(RunFacts(name, Path(name), content))


def read_back(command: str, spec: ModelSpec) -> tuple[str | None, RunConfig]:
    tfgen, run, model, *words = shlex.split(command)
    assert (tfgen, run, model) == ("tfgen", "run", spec.name)
    place, config = parse_options(words, spec, default_config(spec))
    return place.name, config


@settings(max_examples=40, deadline=None)
@given(configs())
def test_the_command_gives_the_same_configuration(config):
    spec = REGISTRY.models[config.model]
    run = written(config)
    found = reproduction_of(run, settings_of(run.config, REGISTRY))
    assert read_back(found.commands[0], spec) == ("a", config)


def test_the_command_holds_what_differs_and_nothing_else():
    spec = REGISTRY.models["pixelcnn"]
    usual = default_config(spec)
    run = written(usual, "pixelcnn-digits")
    assert reproduction_of(run, settings_of(run.config, REGISTRY)).commands == [
        "tfgen run pixelcnn --data digits", "tfgen evaluate runs/pixelcnn-digits",
    ]  # fmt: skip
    changed = dataclasses.replace(usual, options=dataclasses.replace(usual.options, conditional=True))
    run = written(dataclasses.replace(changed, training=dataclasses.replace(usual.training, epochs=7)))
    found = reproduction_of(run, settings_of(run.config, REGISTRY)).commands[0]
    assert found == "tfgen run pixelcnn --data digits --name a --conditional --epochs 7"


@dataclass(frozen=True)
class Config:
    """Options of every kind that a plugin may have."""

    text: str = "x y"
    texts: tuple[str, ...] = ("p",)
    some: int | None = 3
    numbers: tuple[float, ...] = (1.0,)
    on: bool = True
    two_words: bool = False
    choice: Literal[1, 2] = 1
    pairs: tuple[tuple[int, int], ...] = ((1, 2),)
    lambda_: float = 1.0


SPEC = ModelSpec("every-kind", Config, "x:y", "")


@pytest.mark.parametrize(
    "options",
    [
        {"text": "a \"b\" 'c' $(rm) <script>\n"}, {"text": ""}, {"text": "-x"}, {"text": "--on"}, {"text": "ä;|&"},
        {"texts": ()}, {"texts": ("",)}, {"texts": ("-x",)}, {"texts": ("a b", "c")}, {"some": None}, {"some": -3},
        {"numbers": (-1.5, 1e-30)}, {"on": False, "two_words": True}, {"choice": 2}, {"pairs": ((1, -2), (3, 4))},
        {"lambda_": -0.1},
    ],
)  # fmt: skip
def test_values_of_every_kind(options):
    config = RunConfig("every-kind", "digits", Config(**options), TrainOptions())
    found = [word for name, value in options.items() for word in words_of(name, value)]
    assert read_back(shlex.join(["tfgen", "run", "every-kind", *found]), SPEC)[1] == config


@pytest.mark.parametrize("value", [{}, [{"a": 1}], ["-x", "y"]])
def test_what_no_command_says_is_taken_from_the_file(value, tmp_path):
    assert words_of("option", value) is None
    content = {"model": "gone", "data": "digits", "options": {"odd": value, "even": 2}, "plugin": {"distribution": "x"}}
    run = RunFacts("a", tmp_path / "a", content)
    found = reproduction_of(run, settings_of(content, REGISTRY))
    assert found.commands[0] == "tfgen run gone --config config.json --data digits --name a --even 2"
    assert any("odd: a command line cannot say this" in note for note in found.notes)


@pytest.mark.parametrize(
    ("plugin", "begins"),
    [
        ({"name": "histogram", "distribution": None, "file": "histogram.py"}, "tfgen -p histogram.py run x "),
        ({"name": "package.module", "file": "module.py"}, "tfgen -p package.module run x "),
        ({"name": "flows", "distribution": "tfgen", "file": "flows.py"}, "tfgen run x "),
        ({"name": "this program", "distribution": None, "file": None}, "tfgen run x "),
        ({}, "tfgen run x "),
    ],
)
def test_plugins_of_the_command_line(plugin, begins, tmp_path):
    content = {"model": "x", "data": "digits", "plugin": plugin}
    found = reproduction_of(RunFacts("a", tmp_path / "a", content), settings_of(content, REGISTRY))
    assert found.commands[0].startswith(begins)
    assert found.commands[1].startswith(begins.replace("run x", "evaluate runs/a").strip())


def test_measuring_is_told_as_it_was_done(tmp_path):
    from tfgen.cli.commands.evaluate import Options
    from tfgen.cli.parsing import parse

    told = {
        "nll_nats": metric(80.0, basis={"draws": 3, "seed": 4}),
        "iwae_nats": metric(-80.0, basis={"particles": 50}),
    }
    folder = make_run(tmp_path / "a", test=told)
    run = RunFacts("a", folder, json.loads((folder / "config.json").read_text()), {"test": told})
    command = reproduction_of(run, settings_of(run.config, REGISTRY)).commands[1]
    parsed = parse(Options, shlex.split(command)[2:], "evaluate", "")
    assert (str(parsed.run), parsed.draws, parsed.particles, parsed.seed) == ("runs/a", 3, 50, 4)
