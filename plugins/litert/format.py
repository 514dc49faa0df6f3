"""LiteRT (TensorFlow Lite) files of a model's functions, one for each, with LiteRT's own operations alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tfgen import CapabilityError, GenerativeModel
from tfgen.export import Signature, write_each


def write(signatures: Mapping[str, Signature], model: GenerativeModel, folder: Path) -> Mapping[str, str]:
    """Write ``NAME.tflite`` for each signature; return those with operations that the format has not, and which these are."""
    return write_each(signatures, folder, ".tflite", _converted)


def _converted(signature: Signature) -> bytes:
    program = _without_clips(convert_variables_to_constants_v2(signature.program))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([program])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        content: bytes = converter.convert()
    except ConverterError as error:
        raise CapabilityError(f"LiteRT has not {_missing(str(error))}, which its {signature.name} needs") from error
    return content


def _missing(message: str) -> str:
    """Return what the converter's message misses: operations that are named once at their error, or in a list with types."""
    listed = re.findall(r"\ttf\.(\w+)\((.*)", message)
    in_float32 = {name for name, types in listed if "f64" not in types}
    missing = sorted({*re.findall(r"'tf\.(\w+)' op is neither", message), *in_float32})
    found = [f"the operations {', '.join(missing)}"] if missing else []
    found += ["operations on float64"] if len(in_float32) < len({name for name, _ in listed}) else []
    return " and ".join(found) or "an operation"


def _without_clips(program: Any) -> Any:
    """Return a program with a minimum of a maximum in the place of each ClipByValue, which LiteRT has not."""
    graph = program.graph.as_graph_def()
    for node in list(graph.node):
        if node.op == "ClipByValue":
            value, low, high = node.input
            below = graph.node.add()
            below.name, below.op = f"{node.name}/raised", "Maximum"
            below.input.extend([value, low])
            below.attr["T"].CopyFrom(node.attr["T"])
            node.op = "Minimum"
            del node.input[:]
            node.input.extend([below.name, high])
    inputs = [tensor.name for tensor in program.inputs]
    outputs = [tensor.name for tensor in program.outputs]
    return tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), []).prune(inputs, outputs)
