"""Build option dataclasses from named values, with their types checked.

The fields of a nested dataclass are options by themselves: ``encoder.layers`` is the field ``layers`` of the field
``encoder``.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from tfgen.errors import OptionError, UnknownNameError
from tfgen.plugin.option_types import checked, is_instance, is_nested, type_in_words

T = TypeVar("T")


def build(cls: type[T], values: Mapping[str, Any], base: T | None = None, within: str = "") -> T:
    """Make the dataclass `cls` from named values, over `base` or the defaults.

    Args:
        cls: a dataclass.
        values: by the names of its fields, or ``outer.inner`` for a field of a nested dataclass; typed, or as JSON has them.
        base: what holds where `values` say nothing.
        within: what stands before the names in messages.

    Raises:
        UnknownNameError: for a name that is no field, with the closest one.
        OptionError: for a value of the wrong type, or one that the dataclass refuses.
    """
    hints = typing.get_type_hints(cls)
    entries = {entry.name: entry for entry in dataclasses.fields(typing.cast(Any, cls))}
    values = _gathered(cls, values, hints, within)
    if base is None:
        for name, entry in entries.items():
            if name not in values and entry.default is entry.default_factory:
                raise OptionError(f"option {within + name!r} is missing.")
    given = {}
    for name, value in values.items():
        usual = getattr(base, name) if base is not None else _default(entries[name])
        given[name] = _value(within + name, value, hints[name], usual)
    try:
        return dataclasses.replace(typing.cast(Any, base), **given) if base is not None else cls(**given)
    except OptionError as error:  # of a nested dataclass, which does not know where it stands
        raise OptionError(re.sub("^--", f"--{within.replace('_', '-')}", str(error))) from error


def _gathered(cls: Any, values: Mapping[str, Any], hints: Mapping[str, Any], within: str) -> dict[str, Any]:
    """Return the values by field, those of ``outer.inner`` in an object under ``outer``."""
    gathered: dict[str, Any] = {}
    for name, value in values.items():
        outer, dot, inner = name.partition(".")
        if outer not in hints or (dot and not is_nested(hints[outer])):
            known = [*option_names(cls), *(f.name for f in dataclasses.fields(cls) if is_nested(hints[f.name]))]
            raise UnknownNameError("option", within + name, [within + option for option in known])
        if not dot:
            gathered[name] = value
            continue
        before = gathered.setdefault(outer, {})
        if not isinstance(before, Mapping):
            raise OptionError(f"options {within + outer!r} and {within + name!r} are both given; leave one out.")
        gathered[outer] = {**before, inner: value}
    return gathered


def _value(name: str, value: Any, hint: Any, usual: Any) -> Any:
    if not is_nested(hint):
        return checked(name, value, hint)
    if isinstance(value, hint):
        return value
    if is_instance(value, hint):
        value = {entry.name: getattr(value, entry.name) for entry in dataclasses.fields(value)}
    if not isinstance(value, Mapping):
        raise OptionError(f"option {name!r} must be {type_in_words(hint)}, got {value!r}.")
    return build(hint, value, usual, f"{name}.")


def _default(entry: dataclasses.Field[Any]) -> Any:
    """Return the default of a field; None where it has none."""
    if entry.default_factory is not dataclasses.MISSING:
        return entry.default_factory()
    return None if entry.default is dataclasses.MISSING else entry.default


def check_names(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise `UnknownNameError` for the first name that is not known."""
    known = list(known)
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known)


def field_names(cls: type[Any]) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, in order."""
    return tuple(f.name for f in dataclasses.fields(cls))


def option_types(cls: type[Any]) -> dict[str, Any]:
    """Return every option of a dataclass and its type, in order; one of a nested dataclass is called ``outer.inner``."""
    hints = typing.get_type_hints(cls)
    found: dict[str, Any] = {}
    for entry in dataclasses.fields(cls):
        hint = hints[entry.name]
        inner = option_types(hint) if is_nested(hint) else {}
        found |= {f"{entry.name}.{name}": kind for name, kind in inner.items()} if inner else {entry.name: hint}
    return found


def option_names(cls: type[Any]) -> tuple[str, ...]:
    """Return the names of every option of a dataclass, in order; one of a nested dataclass is called ``outer.inner``."""
    return tuple(option_types(cls))


def option_value(options: Any, name: str) -> Any:
    """Return the value of an option by its name, ``outer.inner`` for one of a nested dataclass."""
    for part in name.split("."):
        options = getattr(options, part)
    return options


def negated(flag: str) -> str:
    """Return the flag that says no to the option of a flag.

    >>> negated("--deep"), negated("--encoder.deep")
    ('--no-deep', '--encoder.no-deep')
    """
    before, dot, last = flag.removeprefix("--").rpartition(".")
    return f"--{before}{dot}no-{last}"


def flattened(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options in JSON by name, those of nested objects as ``outer.inner``.

    >>> flattened({"a": 1, "b": {"c": 2}})
    {'a': 1, 'b.c': 2}
    """
    found: dict[str, Any] = {}
    for name, value in content.items():
        inner = flattened(value) if isinstance(value, Mapping) else {}
        found |= {f"{name}.{key}": entry for key, entry in inner.items()} if inner else {name: value}
    return found
