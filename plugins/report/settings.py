"""Options of a run on a report page, beside the defaults of its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfgen import ModelSpec, Registry, TfgenError
from tfgen.plugin.option_types import to_json
from tfgen.plugin.options import flattened, option_types, option_value
from tfgen.runs import config_from_json, default_config, in_words


@dataclass(frozen=True)
class Setting:
    """One option of a run, with its default.

    Attributes:
        name: of the option.
        value: in the run.
        default: of the model; None if unknown.
        differs: True if the value is not the default, or the default is unknown.
        hint: its type; None if unknown.
    """

    name: str
    value: Any
    default: str | None
    differs: bool
    hint: Any = None

    @property
    def text(self) -> str:
        """The value as text."""
        return in_words(self.value)


@dataclass(frozen=True)
class Settings:
    """Every option of a run.

    Attributes:
        model: options of the model.
        training: options of training.
        spec: of the model; None if its plugin is missing or does not accept these options.
        reason: why there is no `spec`, in a sentence.
    """

    model: tuple[Setting, ...]
    training: tuple[Setting, ...]
    spec: ModelSpec | None = None
    reason: str = ""

    @property
    def differing(self) -> list[Setting]:
        """The options that differ from the defaults, or whose default is unknown."""
        return [setting for setting in (*self.model, *self.training) if setting.differs]


def settings_of(config: Mapping[str, Any], registry: Registry) -> Settings:
    """Return the options of a run, compared with the defaults of its model, if known.

    Args:
        config: the content of ``config.json``.
        registry: of the installed plugins.
    """
    try:
        spec = registry.model(config["model"])
        known, defaults = config_from_json(_sound(config), spec), default_config(spec)
    except TfgenError as error:
        model, training = (_recorded(config.get(group, {})) for group in ("options", "training"))
        return Settings(model, training, None, f"The model's plugin is not here, or is another version ({error})")
    return Settings(_compared(known.options, defaults.options), _compared(known.training, defaults.training), spec)


def _sound(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options alone, without other entries of the configuration."""
    return {
        key: config[key]
        for key in ("data", "options", "training", "sources", "device", "init", "evaluate", "pictures")
        if key in config
    }


def _recorded(options: Mapping[str, Any]) -> tuple[Setting, ...]:
    return tuple(Setting(name, value, None, True) for name, value in flattened(options).items())


def _compared(chosen: Any, usual: Any) -> tuple[Setting, ...]:
    return tuple(
        Setting(name, value, in_words(default), to_json(value) != to_json(default), hint)
        for name, hint in option_types(type(chosen)).items()
        for value, default in [(option_value(chosen, name), option_value(usual, name))]
    )
