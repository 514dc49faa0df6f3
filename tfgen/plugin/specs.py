"""Specifications that a plugin registers: `ModelSpec`, `DatasetSpec`, `CommandSpec`. No TensorFlow here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any, Literal

from tfgen.errors import PluginError

#: The commands of the core, in the order of `tfgen --help`; plugins add others.
CORE_COMMANDS = (
    "run", "resume", "evaluate", "sample", "compare", "interpolate", "inpaint", "latent", "number", "classify", "neighbours",
    "divergence", "info", "list", "datasets", "plugins", "doctor",
)  # fmt: skip

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclass(frozen=True)
class ModelSpec:
    """A model as a plugin registers it.

    Attributes:
        name: the name users type.
        config: a frozen dataclass; its fields, defaults and docstrings become the model's command-line options.
        model: the `GenerativeModel` class, a function ``(config, data, seed) -> GenerativeModel``, or a dotted path
            ``"package.module:Class"``, which keeps TensorFlow out of the plugin's import.
        summary: one line for `tfgen list`.
        reference: the paper, one line.
        training: defaults of training options that suit this model, for example ``{"learning_rate": 1e-4}``.
        precisions: the precisions in which the model is known to work.
    """

    name: str
    config: type[Any]
    model: str | Callable[..., Any]
    summary: str
    reference: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    precisions: tuple[Precision, ...] = ("float32",)

    def __post_init__(self) -> None:
        if not (isinstance(self.config, type) and is_dataclass(self.config)):
            raise PluginError(f"model {self.name!r}: config must be a dataclass type, got {self.config!r}.")
        _check_path("model", self.name, self.model)

    def factory(self) -> Callable[..., Any]:
        """Return the callable that builds the model, importing it (and with it TensorFlow) only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("model", self.name, self.model)


@dataclass(frozen=True)
class DataSources:
    """Where data sets may look for files.

    Attributes:
        data_dir: the folder that holds prepared data sets; None means the usual one of tensorflow-datasets.
        manual_dir: a folder with files that were downloaded by hand, for machines without a network.
    """

    data_dir: str | None = None
    manual_dir: str | None = None


@dataclass(frozen=True)
class DatasetSpec:
    """A data set as a plugin registers it.

    Attributes:
        name: the name users type.
        load: returns the `tfgen.Dataset`; called once per command.
        summary: one line for `tfgen datasets`.
        reference: the source, one line.
    """

    name: str
    load: Callable[[DataSources], Any]
    summary: str
    reference: str = ""


@dataclass(frozen=True)
class CommandSpec:
    """A command of the command line as a plugin registers it.

    Attributes:
        name: the word users type behind ``tfgen``; none of `CORE_COMMANDS`.
        main: the function ``(arguments, context) -> None`` that runs it, or its dotted path ``"package.module:function"``,
            which keeps its imports out of the plugin's. `arguments` is what stands behind the command, `context` a
            `tfgen.cli.Context`; a `TfgenError` ends the command with one line and exit code 2.
        summary: one line for `tfgen --help`.
    """

    name: str
    main: str | Callable[..., None]
    summary: str

    def __post_init__(self) -> None:
        _check_path("command", self.name, self.main)

    def function(self) -> Callable[..., None]:
        """Return the function that runs the command, importing it only now.

        Raises:
            PluginError: when it cannot be imported.
        """
        return _imported("command", self.name, self.main)


def _check_path(kind: str, name: str, target: str | Callable[..., Any]) -> None:
    if isinstance(target, str) and target.count(":") != 1:
        raise PluginError(f"{kind} {name!r}: the path {target!r} must read 'package.module:Name'.")


def _imported(kind: str, name: str, target: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return a callable, or the one at a dotted path ``"package.module:name"``."""
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{kind} {name!r}: cannot import {target!r}: {error}.") from error
    return found
