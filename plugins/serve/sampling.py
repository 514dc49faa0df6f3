"""Sampling options of a served model: which are inputs of its program, which are built into it, and both in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from tfgen import GenerativeModel, OptionError
from tfgen.export import signatures_of
from tfgen.plugin.option_types import to_json, type_in_words
from tfgen.plugin.options import build, field_names, option_types

#: Options and their values, in the order of their names.
Constants = tuple[tuple[str, Any], ...]


class SamplingOptions:
    """Options that a model's sampler declares, such as ``temperature``; none of a sampler without.

    Args:
        model: trained.
    """

    def __init__(self, model: GenerativeModel) -> None:
        self._model, self._usual = model, model.sampling

    @cached_property
    def types(self) -> dict[str, Any]:
        """Type of each option by its name."""
        if self._usual is None:
            return {}
        known = option_types(type(self._usual))
        return {name: known[name] for name in field_names(type(self._usual)) if name in known}

    @cached_property
    def free(self) -> tuple[str, ...]:
        """Options that are inputs of the program: those with a real number, if the sampler takes them as tensors."""
        names = tuple(name for name, hint in self.types.items() if hint is float)
        if not names:
            return ()
        try:
            signatures_of(self._model, free=names)["sample"].program(2)
        except Exception:  # whatever a sampler raises that looks at their values while it is traced
            return ()
        return names

    def chosen(self, given: Mapping[str, Any]) -> tuple[Constants, dict[str, Any]]:
        """Return the options that are built into a program, unless they are as usual, and those that are its inputs.

        Raises:
            OptionError: for a value of the wrong type or out of range.
        """
        chosen = build(type(self._usual), given, self._usual) if given else self._usual
        differing = tuple(
            (name, getattr(chosen, name))
            for name in self.types
            if name not in self.free and getattr(chosen, name) != getattr(self._usual, name)
        )
        return differing, {name: getattr(chosen, name) for name in self.free}

    def in_words(self) -> dict[str, dict[str, Any]]:
        """Return by name the type and the default of each option, and the range of its values where it says one."""
        return {
            name: {
                "type": type_in_words(hint),
                "default": to_json(getattr(self._usual, name)),
                "range": self._range(name),
            }
            for name, hint in self.types.items()
        }

    def _range(self, name: str) -> str | None:
        """Return the range of an option, in the words with which it refuses a value that is in none."""
        impossible: dict[Any, Any] = {float: float("nan"), int: -(2**62)}
        if (value := impossible.get(self.types[name])) is None:
            return None
        try:
            build(type(self._usual), {name: value}, self._usual)
        except OptionError as error:
            found = re.match(r"--\S+ must be (.*), got ", str(error))
            return found.group(1) if found else None
        except ValueError:
            return None
        return None


def without_dashes(message: str) -> str:
    """Return a message on an option with its name as a request has it.

    >>> without_dashes("--top-k must be at least 1, got 0.")
    'top_k must be at least 1, got 0.'
    """
    return re.sub(r"--([a-z][a-z0-9-]*)", lambda found: found.group(1).replace("-", "_"), message)
