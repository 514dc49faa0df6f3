"""Code of plugins' authors: where it is, and its exceptions as one line. Loads no TensorFlow."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tfgen.errors import PluginError, TfgenError


@contextlib.contextmanager
def author_function(what: str, contract: str) -> Iterator[None]:
    """Tell an exception in a function that a plugin registered as one line; errors of tfgen and of the system pass.

    Args:
        what: the function belongs to, for example ``"data set 'rings'"``.
        contract: what it takes and returns, in words.

    Raises:
        PluginError: in the place of any other exception, which is its cause.
    """
    try:
        yield
    except (TfgenError, OSError, MemoryError, NotImplementedError):
        raise
    except Exception as error:  # whatever an author's code may raise
        raise failure(f"{what}: its function", contract, error) from error


def failure(what: str, contract: str, error: Exception) -> PluginError:
    """Return an exception of an author's code as one line: what failed and how, where, and what it had to do."""
    # Keras puts a line of its own before the message of a layer, and TensorFlow the name of its operation.
    text = re.sub(r"\x1b\[\d*m|^Exception encountered when calling .*|\{\{function_node .*?\}\}", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    how = f"{type(error).__name__}: {lines[0]}".rstrip(".: ")
    place = author_place(error)
    symbolic = "SymbolicTensor" in how or "AutoGraph" in str(error)
    advice = (
        "; it is compiled without AutoGraph, where tensors have no values: take tf.cond and the like"
        if symbolic
        else ""
    )
    return PluginError(
        f"{what} failed: {how}{f' ({place})' if place else ''}; {contract}{advice}. With --traceback all of it is shown."
    )


def author_place(error: BaseException) -> str | None:
    """Return file and line of the last frame that is neither tfgen's own nor a library's."""
    own = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not _is_library(str(frame.f_globals.get("__name__")).partition(".")[0])
    ]
    return own[-1] if own else None


def raised_by_library(error: BaseException) -> bool:
    """Return whether an exception comes from within a library, or Python's own, and not from code that meant to raise it."""
    frames = list(traceback.walk_tb(error.__traceback__))
    package = str(frames[-1][0].f_globals.get("__name__")).partition(".")[0] if frames else "tfgen"
    return package != "tfgen" and _is_library(package)


_LIBRARIES = frozenset({
    "tfgen", "tensorflow", "tensorflow_probability", "keras", "tf_keras", "numpy", "wrapt", "tree", "matplotlib", "scipy",
    "sklearn", "pandas", "PIL", "tensorflow_datasets", "pyarrow", "etils",
})  # fmt: skip


def _is_library(package: str) -> bool:
    return package in _LIBRARIES or package in sys.stdlib_module_names


def author_file(path: str) -> bool:
    """Return whether a source file is neither tfgen's own, nor a library's that tfgen stands on, nor Python's."""
    file, python = Path(path), Path(contextlib.__file__).parent
    if file.is_relative_to(python) and "site-packages" not in file.parts:
        return False
    return file.exists() and not any(file.is_relative_to(folder) for folder in _library_folders())


@functools.cache
def _library_folders() -> tuple[Path, ...]:
    files = [getattr(sys.modules.get(name), "__file__", None) for name in _LIBRARIES]
    return tuple(Path(file).parent for file in files if file)


def place_of(method: Callable[..., Any]) -> str:
    """Return file and line of a function's definition."""
    function = inspect.unwrap(method)
    code = getattr(function, "__code__", None)
    module = sys.modules.get(getattr(function, "__module__", ""), None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else str(getattr(module, "__file__", "unknown file"))
