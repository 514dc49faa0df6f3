"""Sampling options on the command line: those of the run's model, beside the command's own."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tfgen.cli.parsing import parse, section, section_name
from tfgen.plugin.options import field_names

if TYPE_CHECKING:
    from tfgen.cli.context import CommandContext
    from tfgen.plugin.specs import ModelSpec

T = TypeVar("T")


def parse_with_sampling(
    cls: type[T], arguments: Sequence[str], command: str, description: str, spec: ModelSpec | None
) -> tuple[T, dict[str, Any]]:
    """Return a command's options, and by name those of the model's sampler.

    Args:
        cls: frozen dataclass of the command's options.
        arguments: what stands behind the command.
        command: its name.
        description: of the help.
        spec: of the run's model (`spec_of_run`); None where that is not known, which leaves its options out.

    Raises:
        OptionError: for an option or a value that does not fit.
    """
    if spec is None or spec.sampling is None:
        return parse(cls, arguments, command, description), {}
    key = section_name(spec, taken=field_names(cls))
    group: Any = (key, section(spec.sampling), field(default=spec.sampling()))
    both: Any = dataclasses.make_dataclass(cls.__name__, [group], bases=(cls,), frozen=True)
    parsed: Any = parse(both, arguments, command, description)
    sampling = getattr(parsed, key)
    return parsed, {entry.name: getattr(sampling, entry.name) for entry in dataclasses.fields(sampling)}


def spec_of_run(arguments: Sequence[str], context: CommandContext) -> ModelSpec | None:
    """Return the spec of the model of the run that the arguments name; None without a run, which `parse` complains about.

    Raises:
        RunError: when the first argument is no option, and no folder of a run.
    """
    from tfgen.errors import TfgenError
    from tfgen.runs.folder import RunFolder, located
    from tfgen.runs.run import Run

    for argument in arguments:
        if not argument.startswith("-") and os.path.isfile(located(Path(argument)) / "config.json"):  # of any text
            try:
                run = Run(RunFolder.open(Path(argument)), context.registry())
                return run.registry.model(run.config.model)
            except TfgenError:  # a damaged folder is told once the options are read
                return None
    if arguments and not arguments[0].startswith("-"):
        # It says what is wrong with the folder, before the options of its sampler are taken for mistakes.
        RunFolder.open(Path(arguments[0]))
    return None
