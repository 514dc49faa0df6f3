"""Parse command-line arguments into a dataclass of options (with tyro); a mistake becomes one line."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import typing
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import tyro

from tfgen.errors import OptionError, UnknownNameError

T = TypeVar("T")


def required(metavar: str) -> Any:
    """Return the annotation of positional arguments that the command itself requires, with its own hint."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="(required)")


def by_default(what: str, **described: Any) -> Any:
    """Return the annotation of an option with an empty default, for which the help shows `what`."""
    return tyro.conf.arg(help_behavior_hint=f"(default: {what})", **described)


#: Python's messages for a text that is no number, and plainer ones.
_PLAIN = (
    (r"Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)", r"\1 must be a whole number, got \2"),
    (
        r"Error parsing (\S+): no type matching \{None\}\|INT could .* from \[(.*)\]",
        r"\1 must be a whole number, got \2",
    ),
    (r"Error parsing (\S+): could not convert string to float: (.*)", r"\1 must be a number, got \2"),
)


def parse(
    cls: type[T],
    arguments: Sequence[str],
    command: str,
    description: str,
    default: T | None = None,
    program: str = "tfgen",
) -> T:
    """Fill the dataclass `cls` from command-line arguments.

    Args:
        cls: its fields are the options; fields that are dataclasses add their fields as options of their own section.
        arguments: the words after the command.
        command: its name, for help and hints.
        description: shown at the top of the help.
        default: values of options that are not given.
        program: the words before the command.

    Raises:
        UnknownNameError: for an option that does not exist, with the closest one.
        OptionError: for a value that is missing or of the wrong type; names the option or the help page.
        SystemExit: with code 0 after ``--help``.
    """
    captured = io.StringIO()
    options: dict[str, Any] = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(captured):
            parsed, unknown = tyro.cli(
                cls,
                # What stands before --help would be left out of the help.
                args=["--help"] if {"-h", "--help"} & set(arguments) else list(arguments),
                prog=f"{program} {command}",
                description=description,
                config=(tyro.conf.OmitArgPrefixes,),
                return_unknown_args=True,
                **options,
            )
    except SystemExit as stop:
        if stop.code == 0:
            raise
        raise OptionError(f"{_sentence(captured.getvalue())}; see: {program} {command} --help") from stop
    if unknown:
        if unknown[0].startswith("-"):
            name, known = unknown[0].partition("=")[0], ["--help", *_flags(cls)]
            raise UnknownNameError("option", name, known, f"See: {program} {command} --help")
        raise OptionError(f"{unknown[0]!r} is one argument too many; see: {program} {command} --help")
    return cast(T, parsed)


def _sentence(box: str) -> str:
    """Return the message in tyro's box (box drawing or ASCII), between title and rule, as one line."""
    words: list[str] = []
    for line in box.splitlines()[1:]:  # behind the title
        text = line.strip("│ ")
        if not set(text) <= set("─-╰╯"):
            words.append(text)
        elif words:
            break
    sentence = " ".join(words).rstrip(".")
    for pattern, plain in _PLAIN:
        sentence = re.sub(pattern, plain, sentence)
    return sentence


def _flags(cls: type[Any]) -> list[str]:
    """Return the flags of a dataclass, with those of nested dataclasses."""
    hints = typing.get_type_hints(cls, include_extras=False)
    flags: list[str] = []
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            flags += _flags(hint)
        else:
            flags.append(f"--{field.name.rstrip('_').replace('_', '-')}")  # `from_` is --from
    return flags
