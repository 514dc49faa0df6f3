"""Exceptions in a plugin's code as one line: the model, the method, what went wrong, and the author's file and line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from tfgen.errors import TfgenError
from tfgen.plugin.author_code import failure


@contextlib.contextmanager
def author_errors(model: object, method: str, contract: str) -> Iterator[None]:
    """Tell an exception in a plugin's code as one line: the model, the method, what went wrong and where in the author's file.

    Errors of tfgen pass, and so do interrupts, memory that does not suffice, and what a library has not implemented.

    Raises:
        PluginError: in the place of any other exception, which is its cause.
    """
    try:
        yield
    except (TfgenError, NotImplementedError, MemoryError):
        raise
    except tf.errors.OpError as error:
        if not isinstance(error, tf.errors.InvalidArgumentError):
            raise
        raise failure(_named(model, method), contract, error) from error
    except Exception as error:
        raise failure(_named(model, method), contract, error) from error


def _named(model: object, method: str) -> str:
    return f"model {model if isinstance(model, str) else type(model).__name__}: {method}"
