"""Errors of a user's own data pipeline (`tf.data`, Hugging Face) in one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tfgen.errors import DataError, TfgenError
from tfgen.plugin.author_code import author_place

_LONGEST = 400
#: What TensorFlow puts around the message of an operation: its node, device and iterator, before and behind it.
_AROUND = re.compile(
    r"\{\{function_node .*?\}\}|\[\[\{\{.*?\}\}\]\]|\[Op:\w+\] name:.*|"
    r"Error in user-defined function passed to \S+ transformation with iterator: \S+:\s|\x1b\[\d*m"
)
#: Behind the message of a Python function that an operation has called.
_TRACEBACK = "Traceback (most recent call last):"
_FRAME = re.compile(r'^\s*File "(.+)", line (\d+), in ', re.MULTILINE)
_PYTHON_ERROR = re.compile(r"[A-Za-z_.]*(Error|Exception): ")


def elements_of(
    pipeline: Callable[[], Iterable[Any]], what: str, examples: Callable[[Any], int] = lambda element: 1
) -> Iterator[Any]:
    """Yield the elements of a user's own pipeline.

    Args:
        pipeline: makes an iterable of the elements.
        what: the pipeline is, for the message.
        examples: counts those of an element; 1 by default.

    Raises:
        DataError: in the place of any exception of the pipeline, which is its cause; says after how many examples.
    """
    count = 0
    try:
        for element in pipeline():
            yield element
            count += examples(element)
    except (TfgenError, MemoryError):
        raise
    except Exception as error:  # whatever a user's code, or an operation in it, may raise
        given = f"after {count:,} example{'' if count == 1 else 's'}" if count else "before it gave an example"
        raise DataError(f"your own pipeline ({what}) failed {given}: {_told(error)}") from error


def _told(error: Exception) -> str:
    r"""Return type and message of an error as one sentence, with the place in the user's code where it is known.

    >>> _told(ValueError("a row\nwithout a label"))
    'ValueError: a row without a label.'
    """
    message, _, trace = _AROUND.sub("", str(error)).partition(_TRACEBACK)
    text = " ".join(message.split()) or "no message"
    # An operation that calls a Python function gives the type of its error; that of the operation says less.
    how = text if trace and _PYTHON_ERROR.match(text) else f"{type(error).__name__}: {text}"
    shown = how if len(how) <= _LONGEST else f"{how[:_LONGEST]}..."
    called = [f"{file}:{line}" for file, line in _FRAME.findall(trace) if "tensorflow" not in file]
    place = called[-1] if called else author_place(error)
    return f"{shown.rstrip('.: ')}{f' ({place})' if place else ''}."
