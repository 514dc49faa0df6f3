"""Option types: the types that an option can have, and how its values are written to JSON and read back.

An option is a field of a dataclass: of a model's options, of its sampler's, or of those of training. It is one of

- ``bool``, ``int``, ``float``, ``str``, ``Literal`` of texts or whole numbers, an `enum.Enum`, `pathlib.Path`;
- a tuple of those, ``tuple[int, ...]`` or ``tuple[int, float]``, whose entries may be tuples of a fixed length;
- one of the above or None, ``int | None``; a number or a text of a few, ``int | Literal["auto"]``;
- a frozen dataclass of such fields.

JSON has neither of the richer ones: a member of an enum is written as its name, a path as its text, a tuple as a list, a
dataclass as an object, and the numbers that JSON does not know as ``"inf"``, ``"-inf"`` and ``"nan"``.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import types
import typing
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Literal, Union

from tfgen.errors import OptionError

_PLAIN = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path"}
#: Most characters of an unsuitable value that are shown.
_SHOWN = 200
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
#: What to write in place of types that people reach for and that no option can have.
_INSTEAD: dict[Any, str] = {
    list: "write tuple[int, ...], for example",
    set: "write tuple[int, ...], for example",
    frozenset: "write tuple[int, ...], for example",
    tuple: "say what it holds: tuple[int, ...] or tuple[int, float], for example",
    dict: "write a frozen dataclass, with a field for each key",
}
_OTHERWISE = (
    "an option is a bool, int, float, str, Literal, Enum or Path, a tuple of those, one of them or None, "
    "or a frozen dataclass"
)


class _MismatchError(Exception):
    """A value is not of the type."""


def is_nested(hint: Any) -> bool:
    """Return whether a type is a dataclass, whose fields are options of their own."""
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def is_instance(value: Any, cls: type[Any]) -> bool:
    """Return whether a value is of a class, or of that class as it was before the plugin's file was loaded again."""
    one = type(value)
    return isinstance(value, cls) or (one.__module__, one.__qualname__) == (cls.__module__, cls.__qualname__)


def is_tuple(hint: Any) -> bool:
    """Return whether a type is a tuple, or a tuple or None."""
    return any(typing.get_origin(member) is tuple for member in _members(hint))


def is_bool(hint: Any) -> bool:
    """Return whether a type is bool, or bool or None."""
    return bool in _members(hint)


def why_unsupported(hint: Any) -> str | None:
    """Return why no option can have a type, as the end of a sentence; None for one that it can have."""
    if not isinstance(hint, Hashable):  # as [int] is, which is no type
        return _OTHERWISE
    return None if is_nested(hint) else _why_unsupported(hint, tuples="any")


def _why_unsupported(hint: Any, tuples: Literal["any", "fixed", "none"]) -> str | None:
    """See `why_unsupported`; `tuples` are those that can stand here."""
    if hint in _PLAIN:
        return None
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "a Flag can be several of its members; write a tuple" if issubclass(hint, enum.Flag) else None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if any(not isinstance(choice, str | int) or isinstance(choice, enum.Enum) for choice in arguments):
            return (
                "a Literal has texts and whole numbers here; add `| None` for None, and write an Enum for its members"
            )
        texts = [str(choice) for choice in arguments]
        return None if len(set(texts)) == len(texts) else "two of its choices read alike on a command line"
    if origin in (Union, types.UnionType):
        return _why_unsupported_union(hint, tuples)
    if origin is tuple and arguments:
        if tuples == "none" or (tuples == "fixed" and arguments[-1] is ...):
            return "entries of a tuple are no optional tuples, and no tuples of any length"
        entries = arguments[:1] if arguments[-1] is ... else arguments
        return next(filter(None, (_why_unsupported(entry, "fixed") for entry in entries)), None)
    if is_nested(hint):
        return "a dataclass stands alone, in no tuple and with no `| None`"
    return _INSTEAD.get(origin or hint, _OTHERWISE)


def _why_unsupported_union(hint: Any, tuples: Literal["any", "fixed", "none"]) -> str | None:
    members = _members(hint)
    if len(members) == 1:
        return _why_unsupported(members[0], "any" if tuples == "any" else "none")
    choices = [member for member in members if typing.get_origin(member) is Literal]
    numbers = [member for member in members if member in (int, float)]
    texts = all(isinstance(choice, str) for member in choices for choice in typing.get_args(member))
    if len(choices) + len(numbers) == len(members) and texts:
        return None
    return "of several types only a number and a Literal of texts go together, since others read alike"


def _members(hint: Any) -> list[Any]:
    """Return the types of a union but None; of any other type itself."""
    union = typing.get_origin(hint) in (Union, types.UnionType)
    return [member for member in typing.get_args(hint) if member is not types.NoneType] if union else [hint]


def to_json(value: Any) -> Any:
    """Return a value of an option, or a whole dataclass of options, as JSON has it.

    >>> to_json((1, Path("a/b"), float("inf")))
    [1, 'a/b', 'inf']
    """
    if dataclasses.is_dataclass(value):
        return {entry.name: to_json(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [to_json(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    return value


def checked(name: str, value: Any, hint: Any) -> Any:
    """Return a value as one of the type `hint`, which is no dataclass: as it is, or read from what `to_json` wrote.

    Raises:
        OptionError: names the option, the type and the value.
    """
    try:
        return _read(value, hint)
    except _MismatchError as error:
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        raise OptionError(f"option {name!r} must be {type_in_words(hint)}, got {shown}.") from error


def _read(value: Any, hint: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _read_union(value, hint)
    if origin is Literal:
        # Python counts True as 1 and 1.0 as 1; a user who writes them does not.
        found = [choice for choice in arguments if choice == value and type(choice) is type(_unwrapped(value))]
        return _first(found)
    if origin is tuple:
        if not isinstance(value, list | tuple) or (arguments[-1] is not ... and len(value) != len(arguments)):
            raise _MismatchError
        hints = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        return tuple(_read(entry, entry_hint) for entry, entry_hint in zip(value, hints, strict=True))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        name = value.name if is_instance(value, hint) else value
        return _first([hint[name]] if isinstance(name, str) and name in hint.__members__ else [])
    if hint is Path:
        return _first([Path(value)] if isinstance(value, str | Path) else [])
    return _first([*_read_plain(value, hint)])


def _read_plain(value: Any, hint: Any) -> list[Any]:
    """Return the value as a bool, a number or a text, in a list that is empty where it is none."""
    value = _unwrapped(value)
    if hint is float:
        if isinstance(value, str) and value in _NOT_FINITE:
            return [_NOT_FINITE[value]]
        return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []
    return [value] if type(value) is hint else []


def _unwrapped(value: Any) -> Any:
    """Return the plain number or text of a member of an `enum.IntEnum` and the like."""
    for plain in (int, str) if not isinstance(value, bool) else ():
        if isinstance(value, plain):
            return plain.__str__(value) if plain is str else int(value)
    return value


def _read_union(value: Any, hint: Any) -> Any:
    if value is None and types.NoneType in typing.get_args(hint):
        return None
    for member in sorted(_members(hint), key=lambda member: typing.get_origin(member) is not Literal):
        try:
            return _read(value, member)
        except _MismatchError:
            continue
    raise _MismatchError


def _first(found: list[Any]) -> Any:
    if not found:
        raise _MismatchError
    return found[0]


def type_in_words(hint: Any) -> str:
    """Return what a value of a type is, as a person would say it.

    >>> type_in_words(int | None), type_in_words(tuple[float, ...])
    ('a whole number or none', 'a list of values that are each a number')
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        words = [type_in_words(member) for member in _members(hint)]
        return " or ".join(words + (["none"] if types.NoneType in arguments else []))
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is tuple and arguments and arguments[-1] is ...:
        return f"a list of values that are each {type_in_words(arguments[0])}"
    if origin is tuple and arguments:
        return f"a list of {len(arguments)} values: {', '.join(map(type_in_words, arguments))}"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "one of " + ", ".join(hint.__members__)
    if is_nested(hint):
        return "an object of names and values"
    return _PLAIN.get(hint, getattr(hint, "__name__", None) or str(hint))
