"""Registration of one plugin: the models, data sets and commands that it adds."""

from __future__ import annotations

import re
from typing import TypeVar

from tfgen.errors import PluginError
from tfgen.plugin.specs import CORE_COMMANDS, CommandSpec, DatasetSpec, ModelSpec

S = TypeVar("S", ModelSpec, DatasetSpec, CommandSpec)

#: What each kind of spec is called in messages.
KINDS: dict[type, str] = {ModelSpec: "model", DatasetSpec: "data set", CommandSpec: "command"}
_NAME = re.compile(r"[a-z0-9_-]+")


class Registration:
    """What one plugin adds; `tfgen_register` gets it, and it counts only if the hook returns.

    Attributes:
        models: by name.
        datasets: by name.
        commands: by name.
    """

    def __init__(self) -> None:
        self.models: dict[str, ModelSpec] = {}
        self.datasets: dict[str, DatasetSpec] = {}
        self.commands: dict[str, CommandSpec] = {}

    def add_model(self, spec: ModelSpec) -> None:
        """Add a model.

        Raises:
            PluginError: when `spec` is no `ModelSpec`, its name is malformed, or this plugin has added that name.
        """
        add_checked(self.models, spec, ModelSpec)

    def add_dataset(self, spec: DatasetSpec) -> None:
        """Add a data set.

        Raises:
            PluginError: when `spec` is no `DatasetSpec`, its name is malformed, or this plugin has added that name.
        """
        add_checked(self.datasets, spec, DatasetSpec)

    def add_command(self, spec: CommandSpec) -> None:
        """Add a command of the command line.

        Raises:
            PluginError: when `spec` is no `CommandSpec`, its name is malformed or that of one of tfgen's own commands, or
                this plugin has added that name.
        """
        add_checked(self.commands, spec, CommandSpec)


def add_checked(specs: dict[str, S], spec: S, expected: type[S]) -> None:
    """Add `spec` to `specs` under its name, after checking its type and its name.

    Raises:
        PluginError: when it is no `expected`, or its name is malformed, reserved or taken.
    """
    kind = KINDS[expected]
    if not isinstance(spec, expected):
        raise PluginError(f"a {kind} is added as a tfgen.{expected.__name__}, got {spec!r}.")
    if not (isinstance(spec.name, str) and _NAME.fullmatch(spec.name)):
        raise PluginError(f"{kind} {spec.name!r}: a name has lower-case letters, digits, underscores and hyphens only.")
    if isinstance(spec, CommandSpec) and spec.name in CORE_COMMANDS:
        raise PluginError(f"command {spec.name!r} is one of tfgen's own; choose another name.")
    if spec.name in specs:
        raise PluginError(f"{kind} {spec.name!r} is added twice.")
    specs[spec.name] = spec
