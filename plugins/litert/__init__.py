"""Export to LiteRT (TensorFlow Lite), for phones and small devices; needs the extra ``litert``."""

from __future__ import annotations

from tfgen import ExportFormatSpec, Registration, hookimpl

_LOAD = '''\
import pathlib

from ai_edge_litert.interpreter import Interpreter


def load(folder):
    """Return the functions of the model by name: of arrays by name, returning an array."""

    def function(path):
        interpreter = Interpreter(model_path=str(path))
        inputs = {entry["name"].partition(":")[0]: entry["index"] for entry in interpreter.get_input_details()}
        (output,) = interpreter.get_output_details()

        def call(**arrays):
            for name, array in arrays.items():
                interpreter.resize_tensor_input(inputs[name], array.shape)
            interpreter.allocate_tensors()
            for name, array in arrays.items():
                interpreter.set_tensor(inputs[name], array)
            interpreter.invoke()
            return interpreter.get_tensor(output["index"])

        return call

    return {path.stem: function(path) for path in pathlib.Path(folder).glob("*.tflite")}
'''


@hookimpl
def tfgen_register(registry: Registration) -> None:
    """Register the format."""
    registry.add_export_format(
        ExportFormatSpec(
            name="litert",
            write="tfgen_plugins.litert.format:write",
            load=_LOAD,
            summary="a file for each function, for phones and small devices; random numbers are inputs",
            noise="inputs",
            extra="litert",
            imports=("ai_edge_litert",),
        )
    )
