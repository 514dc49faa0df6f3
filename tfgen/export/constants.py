"""Programs with their weights as constants, of operations that other formats than TensorFlow's have (ONNX, LiteRT)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.ops.op_selector import UnliftableError

from tfgen.export.signatures import Signature


def constant_program(signature: Signature) -> Any:
    """Return the program of a signature with weights as constants, for a converter to another format.

    Operations that ONNX or LiteRT lack are replaced: clipping to bounds, the search in sorted numbers, and triangular systems
    whose matrix follows from weights alone. So are two that converters misread. Parts of the program that are compiled for
    themselves, such as the bodies of loops, stay as they are.

    Args:
        signature: of `tfgen.export.signatures_of`, or as an export format is given it.

    Returns:
        A `tf.ConcreteFunction` of the inputs in their order, which returns the output in a list.
    """
    frozen = convert_variables_to_constants_v2(signature.program())

    def replaced() -> None:
        tf.compat.v1.import_graph_def(frozen.graph.as_graph_def(), name="")
        graph = tf.compat.v1.get_default_graph()
        for op in graph.get_operations():
            result = _REPLACEMENTS[op.type](op, frozen) if op.type in _REPLACEMENTS else None
            if result is not None:
                _replace(op, result)

    inputs = [f"{argument.name}:0" for argument in signature.inputs]  # tracing sorts them by name
    return tf.compat.v1.wrap_function(replaced, []).prune(inputs, [tensor.name for tensor in frozen.outputs])


def _replace(op: Any, result: tf.Tensor) -> None:
    """Give those who read an operation's output another tensor."""
    (output,) = op.outputs
    for reader in output.consumers():
        for place, tensor in enumerate(reader.inputs):
            if tensor is output:
                reader._update_input(place, result)


def _clipped(op: Any, program: Any) -> tf.Tensor:
    value, low, high = op.inputs
    return tf.minimum(tf.maximum(value, low), high)


def _found_below(op: Any, program: Any) -> tf.Tensor:
    """Return how many of the sorted numbers [b, k] are below each of the values [b, m]."""
    return _counted(op, tf.less)


def _found_up_to(op: Any, program: Any) -> tf.Tensor:
    """Return how many of the sorted numbers [b, k] are below each of the values [b, m], or equal to it."""
    return _counted(op, tf.less_equal)


def _counted(op: Any, before: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> tf.Tensor:
    numbers, values = op.inputs
    return tf.reduce_sum(tf.cast(before(numbers[:, None, :], values[:, :, None]), op.get_attr("out_type")), axis=-1)


def _solved(op: Any, program: Any) -> tf.Tensor | None:
    """Return the product with the inverse of a triangular system's matrix; None where that depends on the inputs."""
    matrix, right = op.inputs
    with tf.init_scope():
        try:
            value = program.prune([], matrix.name)()
        except UnliftableError:
            return None
        one = tf.eye(value.shape[-1], dtype=tf.float64)
        lower, adjoint = op.get_attr("lower"), op.get_attr("adjoint")
        inverse = tf.linalg.triangular_solve(tf.cast(value, tf.float64), one, lower=lower, adjoint=adjoint).numpy()
    return tf.constant(inverse, matrix.dtype) @ right


def _gathered(op: Any, program: Any) -> tf.Tensor | None:
    """Return what is gathered along an axis, counted from the first one: tf2onnx misreads one counted from the last."""
    numbers, places, axis = op.inputs
    counted, batch_dims = tf.get_static_value(axis), op.get_attr("batch_dims")
    if not batch_dims or counted is None:
        return None
    return tf.gather(numbers, places, axis=int(counted) % numbers.shape.rank, batch_dims=batch_dims)


def _side(op: Any, program: Any) -> tf.Tensor | None:
    """Return some sides of a tensor as a constant, where they are known: of ones of unknown shape, LiteRT forms wrong sums."""
    shape, begin, size = op.inputs
    first, count = tf.get_static_value(begin), tf.get_static_value(size)
    if shape.op.type != "Shape" or first is None or count is None:
        return None
    sides = shape.op.inputs[0].shape[int(first[0]) :][: int(count[0])]
    return tf.constant(sides.as_list(), shape.dtype) if sides.is_fully_defined() else None


_REPLACEMENTS: Mapping[str, Callable[[Any, Any], tf.Tensor | None]] = {
    "ClipByValue": _clipped,
    "GatherV2": _gathered,
    "LowerBound": _found_below,
    "MatrixTriangularSolve": _solved,
    "Slice": _side,
    "UpperBound": _found_up_to,
}
