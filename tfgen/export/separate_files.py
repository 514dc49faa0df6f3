"""File for each signature of an exported model, for formats that hold one function in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tfgen.errors import CapabilityError
from tfgen.export.signatures import Signature


def write_each(
    signatures: Mapping[str, Signature], folder: Path, suffix: str, convert: Callable[[Signature], bytes]
) -> dict[str, str]:
    """Write ``NAME`` + ``suffix`` for each signature; return the names of those that could not be converted, and why.

    Args:
        signatures: of the model, by name.
        folder: there already.
        suffix: of the files, ``".onnx"``.
        convert: returns the content of a file, or raises `CapabilityError`, which says what the format lacks.
    """
    left_out = {}
    for name, signature in signatures.items():
        try:
            content = convert(signature)
        except CapabilityError as error:
            left_out[name] = str(error)
        else:
            (folder / f"{name}{suffix}").write_bytes(content)
    return left_out
