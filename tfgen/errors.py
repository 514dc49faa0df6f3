"""Exceptions for mistakes that a user can correct: one line without a traceback, exit code 2."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

#: Most characters of an unknown name that are shown and compared.
_SHOWN = 200
#: Most known names that a message lists where it can point to the help page.
_LISTED = 20


class TfgenError(Exception):
    """Base class: a mistake that the user can correct; its text is one line that says what to do."""

    exit_code = 2


class UnknownNameError(TfgenError):
    """An unknown name; the message offers the closest match, or the known names if they are few or there is no other hint.

    Args:
        kind: what the name should have been, for example ``"model"``.
        name: the name that was asked for.
        known: every name that would have worked.
        hint: a further sentence, for example where names come from.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        close = closest(name, known)
        listed = "" if hint and len(known) > _LISTED else f"; known: {', '.join(known) or 'none'}."
        shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
        advice = f"; did you mean {close!r}?" if close else listed or "."
        super().__init__(" ".join(filter(None, [f"unknown {kind} {shown!r}{advice}", hint])))
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


class OutOfMemoryError(TfgenError):
    """A training step that needs more memory than the machine or its device has."""


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


#: What other programs call things; each stands for a name that is known where the word is not.
_SYNONYMS = {
    "train": "run", "fit": "run", "eval": "evaluate", "test": "evaluate", "generate": "sample", "draw": "sample",
    "continue": "resume", "show": "info", "ls": "list", "models": "list",
    "--lr": "--learning-rate", "--bs": "--batch-size", "--n": "--count", "--num": "--count", "--output": "--out",
    "--o": "--out", "--iterations": "--epochs", "--steps": "--epochs", "--dataset": "--data", "--force": "--overwrite",
    "-f": "--overwrite", "-o": "--out", "-n": "--count",
}  # fmt: skip


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most likely meant: a synonym, the initials, a beginning or a similar spelling; or None.

    >>> closest("--lr", ["--layers", "--learning-rate"]), closest("train", ["run", "plugins"]), closest("maf", ["other"])
    ('--learning-rate', 'run', None)
    """
    if len(name) > _SHOWN:
        return None
    names = list(known)
    if (synonym := _SYNONYMS.get(name.lower())) in names:
        return synonym
    word = name.lower().strip("-")
    same_initials = [each for each in names if len(word) > 1 and _initials(each) == word]
    beginning = [each for each in names if len(word) > 2 and each.lower().strip("-").startswith(word)]
    for found in (same_initials, beginning):
        if len(found) == 1:
            return found[0]
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return matches[0] if matches else None


def _initials(name: str) -> str:
    """Return the initials of a name of several words, ``--learning-rate`` or ``learning_rate``; empty for one word."""
    words = [word for word in re.split(r"[-_.]", name.lower()) if word]
    return "".join(word[0] for word in words) if len(words) > 1 else ""
