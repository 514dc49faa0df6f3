"""Presets of a model: options of model and training under one name, for a kind of data such as larger colour images."""

from __future__ import annotations

from typing import Any

from tfgen.errors import OptionError, PluginError, TfgenError, UnknownNameError
from tfgen.plugin.options import build, field_names
from tfgen.plugin.specs import ModelSpec
from tfgen.plugin.train_options import TrainOptions


def preset(spec: ModelSpec, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the model and of training that a preset sets, by name.

    Raises:
        OptionError: when the model has no presets.
        UnknownNameError: when it has none of that name.
    """
    if not spec.presets:
        raise OptionError(f"model {spec.name!r} has no presets; leave --preset out.")
    if name not in spec.presets:
        raise UnknownNameError("preset", name, spec.presets)
    values = spec.presets[name]
    of_training = field_names(TrainOptions)
    options = {key: value for key, value in values.items() if key not in of_training}
    return options, {key: value for key, value in values.items() if key in of_training}


def check_presets(spec: ModelSpec) -> None:
    """Check that every preset of a model sets options that exist to values that fit.

    Raises:
        PluginError: names the preset.
    """
    for name in spec.presets:
        options, training = preset(spec, name)
        try:
            build(spec.config, options)
            build(TrainOptions, {**spec.training, **training})
        except TfgenError as error:
            raise PluginError(f"model {spec.name!r}, preset {name!r}: {error}") from error
