"""Build option dataclasses from named values, with their types checked."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from tfgen.errors import OptionError, UnknownNameError

T = TypeVar("T")


def build(cls: type[T], values: Mapping[str, Any], base: T | None = None) -> T:
    """Make the dataclass `cls` from named values, over `base` or the defaults.

    Raises:
        UnknownNameError: for a name that is no field, with the closest one.
        OptionError: for a value of the wrong type, or one that the dataclass refuses.
    """
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(typing.cast(Any, cls))]
    check_names("option", values, names)
    needed = [f.name for f in dataclasses.fields(typing.cast(Any, cls)) if f.default is f.default_factory]
    if base is None and (missing := [name for name in needed if name not in values]):
        raise OptionError(f"option {missing[0]!r} is missing.")
    given = {name: checked(name, value, hints[name]) for name, value in values.items()}
    return dataclasses.replace(typing.cast(Any, base), **given) if base is not None else cls(**given)


def check_names(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise `UnknownNameError` for the first name that is not known."""
    known = list(known)
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known)


def field_names(cls: type[Any]) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, in order."""
    return tuple(f.name for f in dataclasses.fields(cls))


def checked(name: str, value: Any, hint: Any) -> Any:
    """Return a value if it is of the type `hint`; a list passes for a tuple, since JSON has none.

    Raises:
        OptionError: names the option, the type and the value.
    """
    # A tenth of a second that --help does not need.
    from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

    if isinstance(value, list) and typing.get_origin(hint) is tuple:  # JSON has no tuples
        value = tuple(value)
    if isinstance(value, bool) and hint in (int, float):  # Python counts True as 1; a user who writes it does not
        raise OptionError(f"option {name!r} must be {_type_name(hint)}, got {value!r}.")
    try:
        return check_type(value, hint, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as error:
        raise OptionError(f"option {name!r} must be {_type_name(hint)}, got {value!r}.") from error


def _type_name(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    names = {
        int: "a whole number",
        float: "a number",
        str: "a text",
        bool: "true or false",
        Mapping[str, Any]: "an object of names and values",
    }
    return names.get(hint, getattr(hint, "__name__", None) or str(hint))
