"""Checks of a model's spec at registration: types and defaults of its options, their names, and its contract."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from tfgen.errors import PluginError, TfgenError
from tfgen.plugin.data_options import DataOptions
from tfgen.plugin.option_types import checked, is_bool, is_nested, type_in_words, why_unsupported
from tfgen.plugin.options import build, field_names
from tfgen.plugin.presets import check_presets
from tfgen.plugin.specs import API, ModelSpec
from tfgen.plugin.train_options import TrainOptions

#: Names that `tfgen run`, every command or `tfgen.train` has for itself, so that no option of a model has them.
RUN_NAMES = frozenset({
    *field_names(TrainOptions), *field_names(DataOptions), "data", "data_dir", "manual_dir", "name", "runs_dir", "device",
    "config", "model", "plugins", "quiet", "help", "verbose", "traceback", "version", "h", "p", "evaluate", "pictures",
    "no_pictures", "init", "observers", "only", "preset",
})  # fmt: skip
#: Names that `sample`, `tfgen sample` or `tfgen evaluate` has for itself, so that no option of a sampler has them.
SAMPLE_NAMES = frozenset({
    "n", "first", "run", "count", "labels", "seed", "batch_size", "out", "plugins", "help", "verbose", "traceback", "version",
    "h", "p", "split", "metrics", "metric", "samples", "features", "reference", "draws", "particles", "overwrite",
    "context", "context_file", "contexts", "data",
})  # fmt: skip


def check_model(spec: ModelSpec) -> None:
    """Check what a model declares, so that a mistake is told when its plugin is loaded.

    Raises:
        PluginError: names the model and the option.
    """
    owner = f"model {spec.name!r}"
    _check_api(owner, spec.api)
    _check_options(owner, "option", spec.config, RUN_NAMES)
    if spec.sampling is not None:
        _check_options(owner, "sampling option", spec.sampling, SAMPLE_NAMES)
    try:
        build(TrainOptions, dict(spec.training))
    except TfgenError as error:
        raise PluginError(f"{owner}: in training: {error}") from error
    check_presets(spec)
    try:
        build(spec.config, dict(spec.earlier))
    except TfgenError as error:
        raise PluginError(f"{owner}: in earlier: {error}") from error


def _check_api(owner: str, api: object) -> None:
    if not isinstance(api, int) or isinstance(api, bool) or api < 1:
        raise PluginError(f"{owner}: api is the number of a contract, such as {API}; got {api!r}.")
    if api > API:
        raise PluginError(f"{owner} is written for contract {api}, and this tfgen has {API}; install a newer tfgen.")


def _check_options(owner: str, kind: str, cls: type[Any], taken: Iterable[str] = ()) -> None:
    """Check the dataclass of some options and those that are nested in it.

    Args:
        owner: what declares them, for messages.
        kind: what one of them is called in messages.
        cls: the dataclass.
        taken: names that no option has.

    Raises:
        PluginError: names the option.
    """
    _check_class(owner, cls)
    try:
        hints = typing.get_type_hints(cls)
    except Exception as error:  # whatever the evaluation of a stranger's annotation raises
        raise PluginError(f"{owner}: the types of {cls.__name__} cannot be read: {error}.") from error
    for entry in dataclasses.fields(cls):
        option = f"{kind} {entry.name!r} of {cls.__name__}"
        if entry.name in taken:
            raise PluginError(f"{owner}: {option} has a name that tfgen has for an option of its own; rename it.")
        if entry.name.startswith("_") or not entry.init:
            raise PluginError(
                f"{owner}: {option} cannot be given; an option has no leading underscore and no init=False."
            )
        if entry.default is entry.default_factory:  # both are missing
            raise PluginError(f"{owner}: {option} needs a default.")
        hint = hints[entry.name]
        if reason := why_unsupported(hint):
            raise PluginError(f"{owner}: {option} cannot have the type {_spelled(hint)}: {reason}.")
        if is_bool(hint) and f"no_{entry.name}" in hints:
            raise PluginError(
                f"{owner}: {option} is turned off by the flag of option 'no_{entry.name}'; rename one of them."
            )
        if is_nested(hint):
            _check_options(owner, kind, hint)
    _check_defaults(owner, kind, cls, hints)


def _check_class(owner: str, cls: type[Any]) -> None:
    """Refuse a class that is no frozen dataclass, or that has annotations or arguments which are no fields."""
    name, parameters = cls.__name__, cls.__dict__.get("__dataclass_params__")
    if parameters is None:
        raise PluginError(f"{owner}: {name} is no dataclass itself, only what it inherits from; decorate it, too.")
    if not parameters.frozen:
        raise PluginError(f"{owner}: {name} could be changed during a run; decorate it with @dataclass(frozen=True).")
    fields = field_names(cls)
    for attribute, hint in getattr(cls, "__annotations__", {}).items():
        if attribute not in fields and "InitVar" in str(hint):
            raise PluginError(
                f"{owner}: {attribute!r} of {name} is an InitVar, which no run could record; make it a field."
            )


def _check_defaults(owner: str, kind: str, cls: type[Any], hints: dict[str, Any]) -> None:
    """Refuse defaults of another type than the options', and those that the dataclass itself refuses."""
    for entry in dataclasses.fields(cls):
        if entry.default is not dataclasses.MISSING:  # before __post_init__, which may stumble over its type
            _check_default(owner, f"{kind} {entry.name!r} of {cls.__name__}", entry.name, entry.default, hints)
    try:
        options = cls()
    except Exception as error:  # whatever a stranger's __post_init__ raises
        raise PluginError(f"{owner}: {cls.__name__} refuses its own defaults: {error}") from error
    for entry in dataclasses.fields(cls):
        value = getattr(options, entry.name)
        _check_default(owner, f"{kind} {entry.name!r} of {cls.__name__}", entry.name, value, hints)


def _check_default(owner: str, option: str, name: str, value: Any, hints: Mapping[str, Any]) -> None:
    hint = hints[name]
    try:
        sound = isinstance(value, hint) if is_nested(hint) else checked(name, value, hint) == value
    except TfgenError:
        sound = False
    if not sound and value == value:  # NaN is no other value
        raise PluginError(f"{owner}: {option} must be {type_in_words(hint)}, and its default is {value!r}.")


def _spelled(hint: Any) -> str:
    """Return a type as it is written in a program."""
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return re.sub(r"\b([A-Za-z_]\w*\.)+", "", str(hint))  # without the modules
