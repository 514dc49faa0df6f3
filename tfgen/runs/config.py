"""RunConfig: every option of a run, from the command line, `config.json` or Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tfgen.errors import OptionError, require_option
from tfgen.plugin.data_options import DataOptions, size_text
from tfgen.plugin.option_types import checked, to_json
from tfgen.plugin.options import build, check_names, field_names, option_names
from tfgen.plugin.presets import preset as preset_options
from tfgen.plugin.registry import Registry
from tfgen.plugin.specs import DataSources, ModelSpec
from tfgen.plugin.train_options import CompileMode, TrainOptions
from tfgen.training.catalogue import check_optimizer

Device = Literal["auto", "cpu", "gpu"]
#: How many examples of each split a run ends with evaluating its model on.
Evaluated = int | Literal["all", "none"]


@dataclass(frozen=True)
class RunConfig:
    """Configuration of a run: everything that it depends on, with the seed.

    Attributes:
        model: registered name of the model.
        data: name of the data set, or the path of a file or folder.
        options: the model's own options, an instance of its config dataclass.
        training: how it is trained.
        sources: where data files are looked for.
        data_options: how a file or folder becomes a data set.
        device: where it runs.
        init: folder of a run whose weights training begins with; None for a random start.
        evaluate: the examples of each split that density or bound are evaluated on when training ends.
        pictures: whether pictures are drawn.
    """

    model: str
    data: str
    options: Any
    training: TrainOptions = field(default_factory=TrainOptions)
    sources: DataSources = field(default_factory=DataSources)
    data_options: DataOptions = field(default_factory=DataOptions)
    device: Device = "auto"
    init: str | None = None
    evaluate: Evaluated = "all"
    pictures: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.evaluate, int):
            require_option(self.evaluate >= 1, "evaluate", self.evaluate, "a number from 1, all or none")

    def check(self, registry: Registry) -> None:
        """Check what only the plugins know: the names of optimizer and schedule, and which options they take notice of.

        Raises:
            UnknownNameError: for an optimizer or schedule that no plugin has.
            OptionError: for an option that the optimizer takes no notice of.
        """
        check_optimizer(self.training, registry, default_config(registry.model(self.model)).training)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `config.json`; `config_from_json` reads it."""
        return {
            "model": self.model,
            "data": self.data,
            "options": to_json(self.options),
            "training": to_json(self.training),
            "sources": to_json(self.sources),
            **({} if self.data_options == DataOptions() else {"data_options": to_json(self.data_options)}),
            "device": self.device,
            **({} if self.init is None else {"init": self.init}),
            "evaluate": self.evaluate,
            "pictures": self.pictures,
        }


def default_config(spec: ModelSpec, data: str = "digits", preset: str | None = None) -> RunConfig:
    """Return the default configuration of a model, or that of one of its presets.

    Raises:
        OptionError: when the model has no presets.
        UnknownNameError: when it has none of that name.
    """
    options, training = ({}, {}) if preset is None else preset_options(spec, preset)
    return RunConfig(spec.name, data, build(spec.config, options), build(TrainOptions, {**spec.training, **training}))


def config_from_json(content: Mapping[str, Any], spec: ModelSpec, preset: str | None = None) -> RunConfig:
    """Return the `RunConfig` of a `config.json`; missing keys take the model's defaults, or those of a preset.

    In what a run has recorded, an option of the model that came later stands for what the model did before.

    Raises:
        UnknownNameError: for an option that does not exist.
        OptionError: for a value of the wrong type or out of range.
    """
    defaults = default_config(spec, preset=preset)
    known = {"model", "data", "options", "training", "sources", "data_options", *TOP_OPTIONS}
    check_names("option", set(content) - RUN_RECORD, known)
    earlier = spec.earlier if "format" in content else {}
    if "compile_mode" in content:  # no option, but a resumed run goes by it
        checked("compile_mode", content["compile_mode"], CompileMode)
    return RunConfig(
        model=spec.name,
        data=checked("data", content.get("data", defaults.data), str),
        options=build(spec.config, {**earlier, **_mapping("options", content)}, defaults.options),
        training=build(TrainOptions, _mapping("training", content), defaults.training),
        sources=build(DataSources, _mapping("sources", content), defaults.sources),
        data_options=build(DataOptions, _mapping("data_options", content), defaults.data_options),
        device=checked("device", content.get("device", defaults.device), Device),
        init=checked("init", content.get("init", defaults.init), str | None),
        evaluate=checked("evaluate", content.get("evaluate", defaults.evaluate), Evaluated),
        pictures=checked("pictures", content.get("pictures", defaults.pictures), bool),
    )


#: Options of a run that belong to neither model, training nor data.
TOP_OPTIONS = ("device", "init", "evaluate", "pictures")
#: Keys of `config.json` that record how a run came about and are not options.
RUN_RECORD = frozenset(
    {
        "format",
        "plugin",
        "other_plugins",
        "versions",
        "machine",
        "compile_mode",
        "compile_timings",
        "cycles",
        "data_spec",
        "data_source",
    }
) | {"initial_weights"}


def split_options(values: Mapping[str, Any], spec: ModelSpec) -> RunConfig:
    """Sort flat named options (``epochs=5, layers=3``) into a `RunConfig`; what `tfgen.train` takes.

    Options of a nested dataclass are given together, ``encoder=Encoder(layers=3)`` or ``encoder={"layers": 3}``, or one by
    one, ``**{"encoder.layers": 3}``.

    Raises:
        UnknownNameError: for an option that neither the training nor the model has.
        OptionError: for a value of the wrong type or out of range.
    """
    groups: dict[str, tuple[str, ...]] = {
        "options": tuple(dict.fromkeys([*field_names(spec.config), *option_names(spec.config)])),
        "training": field_names(TrainOptions),
        "sources": field_names(DataSources),
        "data_options": field_names(DataOptions),
    }
    top = ("data", *TOP_OPTIONS)
    check_names("option", values, [*top, "preset", *(name for group in groups.values() for name in group)])
    content: dict[str, Any] = {name: values[name] for name in top if name in values}
    for group, names in groups.items():
        content[group] = {name: values[name] for name in names if name in values}
    if "size" in content["data_options"]:
        content["data_options"]["size"] = size_text(content["data_options"]["size"])
    return config_from_json(content, spec, checked("preset", values.get("preset"), str | None))


def _mapping(key: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    found = content.get(key, {})
    if not isinstance(found, Mapping):
        raise OptionError(f"option {key!r} must be an object of names and values, got {found!r}.")
    return found


def run_plugin_words(record: Mapping[str, Any]) -> list[str]:
    """Return the ``-p`` words that a run needs, from its ``config.json``: of its model, and of what else came by ``-p``.

    >>> run_plugin_words({"plugin": {"name": "maf", "file": "/x/maf.py"}, "other_plugins": [{"name": "d", "file": "/d.py"}]})
    ['-p', '/x/maf.py', '-p', '/d.py']
    """
    others = record.get("other_plugins")
    found = [record.get("plugin"), *(others if isinstance(others, list) else [])]
    words = [plugin_words(plugin) for plugin in found if isinstance(plugin, Mapping)]
    return [word for pair in dict.fromkeys(map(tuple, words)) for word in pair]


def plugin_words(plugin: Mapping[str, Any]) -> list[str]:
    """Return ``-p FILE`` or ``-p MODULE`` for a model's plugin, as ``config.json`` has it, that no distribution installs.

    >>> plugin_words({"name": "maf", "distribution": None, "file": "/x/maf.py"})
    ['-p', '/x/maf.py']
    >>> plugin_words({"name": "mine.flows", "distribution": None, "file": "/x/mine/flows/__init__.py"})
    ['-p', 'mine.flows']
    """
    name, file = plugin.get("name"), plugin.get("file")
    if plugin.get("distribution") or not isinstance(name, str) or not isinstance(file, str):
        return []
    return ["-p", file if Path(file).stem == name else name]
