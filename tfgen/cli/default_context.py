"""The note on which categories of a context stand in where a command is given none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfgen.printed import say

if TYPE_CHECKING:
    from tfgen.model.base import GenerativeModel


def say_default_categories(model: GenerativeModel, advice: str = "", of: str = "") -> None:
    """Print at which categories a model samples that is given no context; nothing where none stands in.

    Args:
        model: that samples.
        advice: the end of the line, on how to choose others.
        of: the name of the run, where a command samples several.
    """
    from tfgen.data.conditions import default_categories_note

    note = default_categories_note(model.data.context or ()) if model.uses_context else None
    if note:
        say(f"note: {of}{': ' if of else ''}{note}{advice}", error=True)
