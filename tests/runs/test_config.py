"""Options are typed and checked the same wherever they come from: command line, JSON or Python."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

import pytest

from tfgen import ModelSpec, require_option
from tfgen.errors import OptionError, TfgenError, UnknownNameError
from tfgen.plugin.options import build
from tfgen.plugin.train_options import TrainOptions
from tfgen.runs.config import config_from_json, default_config, split_options


@dataclass(frozen=True)
class Config:
    units: int = 8
    scale: float = 1.0
    sizes: tuple[int, ...] = (1, 2)
    kind: Literal["a", "b"] = "a"
    deep: bool = False
    title: str | None = None

    def __post_init__(self):
        require_option(self.units >= 1, "units", self.units, "at least 1")


@dataclass(frozen=True)
class Demanding:
    shape: int
    levels: int = 2


SPEC = ModelSpec("toy", Config, "nowhere:Toy", "A toy.", training={"epochs": 3, "learning_rate": 0.5})


def test_a_configuration_survives_json():
    config = split_options(
        {"data": "mnist", "units": 3, "sizes": (4, 5), "seed": 7, "data_dir": "d", "device": "cpu"}, SPEC
    )
    again = config_from_json(json.loads(json.dumps(config.to_json())), SPEC)
    assert again == config
    assert (again.options.sizes, again.training.seed, again.sources.data_dir, again.device) == ((4, 5), 7, "d", "cpu")


def test_a_models_own_training_defaults_hold_until_something_is_said():
    assert default_config(SPEC).training == TrainOptions(epochs=3, learning_rate=0.5)
    assert config_from_json({}, SPEC) == default_config(SPEC)
    config = config_from_json({"training": {"epochs": 4}}, SPEC)
    assert (config.training.epochs, config.training.learning_rate) == (4, 0.5)


def test_what_a_run_records_is_no_option():
    content = default_config(SPEC).to_json() | {"format": 1, "versions": {}, "plugin": {}, "compile_mode": "graph"}
    assert config_from_json(content, SPEC) == default_config(SPEC)


def test_an_option_that_came_later_stands_for_what_runs_did_before():
    spec = dataclasses.replace(SPEC, earlier={"kind": "b"})
    assert config_from_json({}, spec).options.kind == "a"  # typed today
    assert config_from_json({"format": 2}, spec).options.kind == "b"  # recorded before there was the option
    assert config_from_json({"format": 2, "options": {"kind": "a"}}, spec).options.kind == "a"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"unit": 3}, "unknown option 'unit'; did you mean 'units'?"),
        ({"epohcs": 3}, "unknown option 'epohcs'; did you mean 'epochs'?"),
        ({"dat": "x"}, "unknown option 'dat'; did you mean 'data'?"),
    ],
)
def test_unknown_options_get_the_closest(values, says):
    with pytest.raises(UnknownNameError) as caught:
        split_options(values, SPEC)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"units": "3"}, "option 'units' must be a whole number, got '3'"),
        ({"units": 3.0}, "option 'units' must be a whole number, got 3.0"),
        ({"units": True}, "option 'units' must be a whole number, got True"),
        ({"units": None}, "option 'units' must be a whole number, got None"),
        ({"scale": "x"}, "option 'scale' must be a number, got 'x'"),
        ({"scale": False}, "option 'scale' must be a number, got False"),
        ({"kind": "c"}, "option 'kind' must be one of 'a', 'b', got 'c'"),
        ({"deep": 1}, "option 'deep' must be true or false, got 1"),
        ({"title": 3}, "option 'title' must be"),
        ({"sizes": [1, "x"]}, "option 'sizes' must be"),  # every item is checked, not the first alone
        ({"data": 3}, "option 'data' must be a text, got 3"),
        ({"device": "tpu"}, "option 'device' must be one of 'auto', 'cpu', 'gpu'"),
        ({"units": 0}, "--units must be at least 1, got 0"),
    ],
)
def test_values_of_the_wrong_type(values, says):
    with pytest.raises(OptionError) as caught:
        split_options(values, SPEC)
    assert says in str(caught.value)


def test_whole_numbers_and_lists_are_taken_where_they_fit():
    config = split_options({"scale": 2, "sizes": [3], "title": "x"}, SPEC)
    assert (config.options.scale, config.options.sizes, config.options.title) == (2, (3,), "x")


@pytest.mark.parametrize("group", ["options", "training", "sources"])
@pytest.mark.parametrize("value", [[], 3, "x", None])
def test_groups_that_are_no_objects(group, value):
    with pytest.raises(OptionError, match=f"option '{group}' must be an object of names and values"):
        config_from_json({group: value}, SPEC)


def test_a_compile_mode_that_does_not_exist():
    with pytest.raises(OptionError, match="option 'compile_mode' must be one of 'graph', 'xla-step', 'xla-loop'"):
        config_from_json({"compile_mode": "bogus"}, SPEC)


def test_an_option_without_default_must_be_there():
    assert build(Demanding, {"shape": 3}) == Demanding(3)
    with pytest.raises(OptionError, match="option 'shape' is missing"):
        build(Demanding, {"levels": 3})
    assert build(Demanding, {"levels": 3}, Demanding(1)) == Demanding(1, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("epochs", -1), ("batch_size", 0), ("chunk_steps", 0), ("seed", -1), ("seed", 2**31),
        ("warmup_steps", -1), ("weight_decay", -0.1), ("clip_norm", -1.0), ("patience", -1),
        ("checkpoint_seconds", -1.0), ("learning_rate", 0.0), ("learning_rate", float("nan")), ("ema", 1.0),
        ("ema", -0.1), ("ema", float("nan")), ("accumulate", 0), ("limit", -1), ("shift", -1),
    ],
)  # fmt: skip
def test_training_options_out_of_range(name, value):
    with pytest.raises(TfgenError, match=f"--{name.replace('_', '-')} must be .*, got {value}"):
        TrainOptions(**{name: value})


def test_every_training_option_has_a_line_of_help():
    import inspect

    source = inspect.getsource(TrainOptions)
    for field in dataclasses.fields(TrainOptions):
        after = source.split(f"    {field.name}: ", 1)[1].splitlines()[1]
        assert after.strip().startswith('"""'), field.name
