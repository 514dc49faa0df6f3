"""Export to ONNX, for onnxruntime and other runtimes; needs the extra ``onnx``."""

from __future__ import annotations

from tfgen import ExportFormatSpec, Registration, hookimpl

_LOAD = '''\
import pathlib

import onnxruntime


def load(folder):
    """Return the functions of the model by name: of arrays by name, returning an array."""

    def function(path):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda **arrays: session.run(None, arrays)[0]

    return {path.stem: function(path) for path in pathlib.Path(folder).glob("*.onnx")}
'''


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Register the format."""
    registry.add_export_format(
        ExportFormatSpec(
            name="onnx",
            write="tfgen_plugins.onnx.format:write",
            load=_LOAD,
            summary="a file for each function, for onnxruntime and other runtimes; random numbers are inputs",
            noise="inputs",
            extra="onnx",
            imports=("tf2onnx", "onnxruntime"),
        )
    )
