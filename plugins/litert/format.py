"""LiteRT (TensorFlow Lite) files of a model's functions, one for each, with LiteRT's own operations alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError

from tfgen import CapabilityError, GenerativeModel
from tfgen.export import Signature, constant_program, write_each


def write(signatures: Mapping[str, Signature], model: GenerativeModel, folder: Path) -> Mapping[str, str]:
    """Write ``NAME.tflite`` for each signature; return those with operations that the format has not, and which these are."""
    return write_each(signatures, folder, ".tflite", _converted)


def _converted(signature: Signature) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([constant_program(signature)])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        content: bytes = converter.convert()
    except ConverterError as error:
        raise CapabilityError(f"LiteRT has not {_missing(str(error))}, which its {signature.name} needs") from error
    return content


def _missing(message: str) -> str:
    """Return what the converter's message misses: operations are named where they fail, and most listed with types below."""
    failed = set(re.findall(r"'tf\.(\w+)' op is neither", message))
    listed = re.findall(r"\ttf\.(\w+)\((.*)", message)
    in_float32 = {name for name, types in listed if "f64" not in types}
    missing = sorted(in_float32 | failed - {name for name, _ in listed})
    found = [f"the operations {', '.join(missing)}"] if missing else []
    found += ["operations on float64"] if any("f64" in types for _, types in listed) else []
    return " and ".join(found) or "an operation"
