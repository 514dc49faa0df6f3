"""ONNX files of a model's functions, one for each, converted by tf2onnx."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf2onnx
from onnx import checker

from tfgen import CapabilityError, GenerativeModel
from tfgen.export import Signature, constant_program, write_each
from tfgen_plugins.onnx.operations import HANDLERS

#: Version of ONNX's operations: the newest that tf2onnx writes and runtimes of the last years read.
_OPSET = 18


def write(signatures: Mapping[str, Signature], model: GenerativeModel, folder: Path) -> Mapping[str, str]:
    """Write ``NAME.onnx`` for each signature; return those with operations that the format has not, and which these are."""
    return write_each(signatures, folder, ".onnx", _converted)


def _converted(signature: Signature) -> bytes:
    specs = [argument.tensor_spec() for argument in signature.inputs]
    names = {argument.name for argument in signature.inputs}
    program = constant_program(signature)
    # Names are unique in a graph of ONNX, where an image may be both given and returned (`inpaint`).
    result = signature.output.name + ("_out" if signature.output.name in names else "")

    def function(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return {result: program(*tensors)[0]}

    log = _Unsupported()
    logging.getLogger("tf2onnx").addHandler(log)
    try:
        proto, _ = tf2onnx.convert.from_function(
            tf.function(function, autograph=False), specs, opset=_OPSET, custom_op_handlers=HANDLERS
        )
    finally:
        logging.getLogger("tf2onnx").removeHandler(log)
    if log.operations:
        missing = ", ".join(sorted(log.operations))
        raise CapabilityError(f"ONNX has not the operations {missing}, which its {signature.name} needs")
    checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content


class _Unsupported(logging.Handler):
    """Names of the operations that tf2onnx could not convert, which it only logs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.operations: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the name of an operation."""
        found: Any = record.getMessage()
        if "is not supported" in found:
            self.operations.add(found.partition("[")[2].partition("]")[0].rpartition(": ")[2])
