"""Exceptions for mistakes that a user can mend: one line, shown without a traceback, exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TfgenError(Exception):
    """A mistake that the user can mend; its text is one line that says what to do."""

    exit_code = 2


class UnknownNameError(TfgenError):
    """A name that is not among the known ones; the message offers the closest match, or else the whole list.

    Args:
        kind: what the name should have been, for example ``"model"``.
        name: the name that was asked for.
        known: every name that would have worked.
        hint: a further sentence, for example where names come from.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        close = closest(name, known)
        advice = f"did you mean {close!r}?" if close else f"known: {', '.join(known) or 'none'}."
        super().__init__(" ".join(filter(None, [f"unknown {kind} {name!r}; {advice}", hint])))
        self.name = name
        self.known = known


class OptionError(TfgenError):
    """An option whose value is of the wrong type or out of range."""


class PluginError(TfgenError):
    """A plugin that cannot be loaded, or that breaks the plugin spec."""


class DataError(TfgenError):
    """A data set that cannot be had, is damaged, or does not fit the model."""


class RunError(TfgenError):
    """A run folder that cannot be made, read or continued."""


class CapabilityError(TfgenError):
    """A model was asked for something that it does not offer."""


class OutputError(TfgenError):
    """A result that cannot be written where it should go."""


class NonFiniteError(TfgenError):
    """Training met a loss or gradient that is not a finite number."""


def require_option(condition: bool, option: str, value: object, rule: str) -> None:
    """Raise `OptionError` in the one form that all options share unless `condition` holds.

    Args:
        condition: what must be true of the value.
        option: the field's name.
        value: as given.
        rule: the words after "must be", for example ``"at least 1"``.
    """
    if not condition:
        raise OptionError(f"--{option.replace('_', '-')} must be {rule}, got {value}.")


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None when nothing is near."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
