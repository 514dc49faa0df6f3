"""Exceptions for mistakes that a user can correct: one line without a traceback, exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: Most characters of an unknown name that are shown and compared.
_SHOWN = 200


class TfgenError(Exception):
    """Base class: a mistake that the user can correct; its text is one line that says what to do."""

    exit_code = 2


class UnknownNameError(TfgenError):
    """An unknown name; the message offers the closest match, or the list of known names.

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
        shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
        super().__init__(" ".join(filter(None, [f"unknown {kind} {shown!r}; {advice}", hint])))
        self.name = name
        self.known = known


class OptionError(TfgenError):
    """An option whose value is of the wrong type or out of range."""


class PluginError(TfgenError):
    """A plugin that cannot be loaded, or that breaks the plugin spec."""


class DataError(TfgenError):
    """A data set that cannot be loaded, is damaged, or does not fit the model."""


class RunError(TfgenError):
    """A run folder that cannot be created, read or resumed."""


class CapabilityError(TfgenError):
    """A model lacks the capability (method) that a task needs."""


class OutputError(TfgenError):
    """A result that cannot be written to its file or folder."""


class NonFiniteError(TfgenError):
    """A loss, gradient or density that is not finite (NaN or infinite)."""


def require_option(condition: bool, option: str, value: object, rule: str) -> None:
    """Raise `OptionError`, in the common form of option errors, unless `condition` holds.

    Args:
        condition: what must be true of the value.
        option: the field's name.
        value: as given.
        rule: the words after "must be", for example ``"at least 1"``.
    """
    if not condition:
        raise OptionError(f"--{option.replace('_', '-')} must be {rule}, got {value}.")


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to `name`, or None; also for one that is far longer than any name."""
    if len(name) > _SHOWN:
        return None
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
