"""Printed lines: control characters and terminal escapes in names and texts are shown escaped; commands are quoted."""

from __future__ import annotations

import shlex
import sys
import unicodedata
from typing import IO

from tfgen.notebook import in_notebook

#: Unicode categories of characters that move the cursor, change the terminal or cannot be seen: controls, formats (among them
#: those that turn the direction of writing), halves of surrogate pairs, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def say(*lines: object, error: bool = False) -> None:
    r"""Print lines, each escaped by `escaped`: the one way in which tfgen prints.

    A name that holds a newline or an escape sequence of a terminal cannot forge a line, colour or move anything. What the
    encoding of the stream lacks is shown as ``\x..``.

    Args:
        lines: each a line of its own; without any, nothing is printed.
        error: print to stderr instead of stdout; in a notebook, which shows that in red, to stdout all the same.
    """
    # A notebook shows stderr in red, and what is no error of the user goes there too.
    stream: IO[str] = sys.stderr if error and not in_notebook() else sys.stdout
    text = "".join(f"{escaped(str(line))}\n" for line in lines)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def escaped(text: str, keep: str = "") -> str:
    r"""Return a text with control characters and other unseen ones written as ``\n``, ``\x1b`` or ``\u202e``.

    Args:
        text: of a user, a plugin or a stranger.
        keep: characters that stay as they are.

    >>> print(escaped("a\x1b[31m\nb"), escaped("b\nc", keep="\n") == "b\nc", escaped("± é 数"))
    a\x1b[31m\nb True ± é 数
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in keep or unicodedata.category(character) not in _UNSEEN
        else character.encode("unicode_escape", "backslashreplace").decode("ascii")
        for character in text
    )


def command_text(*words: object) -> str:
    """Return a command of tfgen as it is typed into a shell, its words quoted.

    >>> command_text("resume", "runs/my run")
    "tfgen resume 'runs/my run'"
    """
    return shlex.join(["tfgen", *map(str, words)])
