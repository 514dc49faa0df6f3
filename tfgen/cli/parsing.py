"""Parse command-line arguments into a dataclass of options (with tyro); a mistake becomes one line."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import keyword
import re
import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import tyro

from tfgen.errors import OptionError, UnknownNameError
from tfgen.plugin.option_types import is_nested
from tfgen.printed import escaped

if TYPE_CHECKING:
    from tfgen.plugin.specs import ModelSpec

T = TypeVar("T")


def required(metavar: str) -> Any:
    """Return the annotation of positional arguments that the command itself requires, with its own hint."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="(required)")


def by_default(what: str, **described: Any) -> Any:
    """Return the annotation of an option with an empty default, for which the help shows `what`."""
    return tyro.conf.arg(help_behavior_hint=f"(default: {what})", **described)


def section(cls: type[Any]) -> Any:
    """Return the annotation of a field whose own fields are options without a prefix, ``--layers``.

    Options that are nested deeper have the names of what is between: ``--encoder.layers``.
    """
    hints = typing.get_type_hints(cls)
    # tyro leaves out all prefixes or those of the section; with the latter the section has no heading in the help.
    nested = any(is_nested(hints[entry.name]) for entry in dataclasses.fields(cls))
    if not nested:
        return cast(Any, tyro.conf.OmitArgPrefixes)[cls]
    return cast(Any, Annotated)[cls, tyro.conf.arg(name="")]


def section_name(spec: ModelSpec, taken: Sequence[str]) -> str:
    """Return the name of the section of a model's options: the model's, where that is a name in Python and free."""
    name = spec.name.replace("-", "_")
    return name if name.isidentifier() and not keyword.iskeyword(name) and name not in taken else f"model_{name}"


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
        cls: its fields are the options. Those of a field that is a dataclass are called ``--field.option``, or just
            ``--option`` where its annotation is a `section`.
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
                description=escaped(description, keep="\n"),
                return_unknown_args=True,
                **options,
            )
    except SystemExit as stop:
        if stop.code == 0:
            raise
        raise OptionError(f"{_sentence(captured.getvalue())}; see: {program} {command} --help") from stop
    except OptionError as error:  # of a dataclass that refuses a value
        raise OptionError(_with_whole_flag(str(error), _flags(cls))) from error
    if unknown:
        if unknown[0].startswith("-"):
            name, known = unknown[0].partition("=")[0], ["--help", *_flags(cls)]
            raise UnknownNameError("option", name, known, f"See: {program} {command} --help")
        raise OptionError(f"{unknown[0]!r} is one argument too many; see: {program} {command} --help")
    return cast(T, parsed)


def _with_whole_flag(message: str, flags: Sequence[str]) -> str:
    """Return a message on ``--layers`` with the flag as it is typed, ``--encoder.layers``, where that is the only one."""
    flag, _, rest = message.partition(" ")
    whole = [known for known in flags if known.endswith(f".{flag.removeprefix('--')}")]
    return f"{whole[0]} {rest}" if flag.startswith("--") and flag not in flags and len(whole) == 1 else message


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
    hints, annotated = typing.get_type_hints(cls), typing.get_type_hints(cls, include_extras=True)
    flags: list[str] = []
    for field in dataclasses.fields(cls):
        name = field.name.rstrip("_").replace("_", "-")  # `from_` is --from
        if is_nested(hints[field.name]):
            within = "" if typing.get_origin(annotated[field.name]) is Annotated else f"{name}."  # of a section nothing
            flags += [f"--{within}{flag.removeprefix('--')}" for flag in _flags(hints[field.name])]
        else:
            flags.append(f"--{name}")
    return flags
