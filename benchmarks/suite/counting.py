"""Count multiply-adds and bytes of a traced program, operation by operation, in loops as often as they run.

A product ``[m, k] @ [k, n]`` is m k n multiply-adds; a convolution one for each element of its result and each element of the
kernel that it meets, padding counted as if it were image, as layer formulas do. Gradients of a convolution cost what it does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfgen_benchmarks.worker import Cost

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_LOOPS = ("While", "StatelessWhile")
_CHOICES = ("If", "StatelessIf", "Case", "StatelessCase")
#: Operations that move nothing: names, shapes, and tensors that share their memory with another.
_FREE = frozenset(
    [
        "Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "Const", "Placeholder", "Shape", "ShapeN", "Size", "Rank",
        "NoOp", "ReadVariableOp", "VarHandleOp", "StopGradient", "PreventGradient", "BroadcastGradientArgs", "Assert", "Empty",
    ]
)  # fmt: skip
#: Operations that read only as much of their first input as they return.
_READS_A_PART = frozenset(
    ("Slice", "StridedSlice", "GatherV2", "ResourceGather", "GatherNd", "XlaDynamicSlice", "Split")
)
#: Operations that write only as much as one of their inputs holds: its number.
_WRITES_A_PART = {"XlaDynamicUpdateSlice": 1, "TensorScatterUpdate": 2, "ResourceScatterUpdate": 2}


class UncountedError(Exception):
    """The program has a loop whose length, or an operation whose shapes, is unknown before it runs."""


@dataclass(frozen=True)
class Visit:
    """An operation of a program.

    Attributes:
        operation: as traced.
        times: how often the program runs it.
    """

    operation: Any
    times: int


def cost_of(program: Any, once: bool = False) -> Cost | None:
    """Return the cost of a call of a concrete function (multiply-adds, bytes); None when a loop's length is unknown.

    Args:
        program: a concrete function whose shapes are known.
        once: count the body of each loop a single time, as XLA's analysis does where it knows no better.
    """
    multiply_adds, moved = 0, 0
    whole = True  # whether all shapes are known
    try:
        for visit in visits(program, once):
            multiply_adds += visit.times * multiply_adds_of(visit.operation)
            try:
                moved += visit.times * bytes_of(visit.operation)
            except UncountedError:
                whole = False
    except UncountedError:
        return None
    return Cost(multiply_adds, moved if whole else None)


def visits(program: Any, once: bool = False) -> Iterator[Visit]:
    """Yield the operations of a concrete function, those of the functions that it calls in their place.

    Of several branches all are visited where they cost the same, which is counted as one; else the dearest one.

    Raises:
        UncountedError: when a loop's length is unknown.
    """
    yield from _visits(program.graph, 1, {}, once)


def _visits(graph: Any, times: int, known: Mapping[str, Any], once: bool) -> Iterator[Visit]:
    for operation in _needed(graph):
        kind = operation.type
        if kind in _CALLS:
            called = _function(graph, operation.get_attr("f").name)
            given = {to.name: _static(value, known) for to, value in zip(called.inputs, operation.inputs, strict=False)}
            yield from _visits(called, times, given, once)
        elif kind in _LOOPS:
            condition = _function(graph, operation.get_attr("cond").name)
            body = _function(graph, operation.get_attr("body").name)
            # What the body hands on as it is stays as it was at the start.
            values = [_static(value, known) for value in operation.inputs]
            stays = [_origin(out) is to for out, to in zip(body.outputs, body.inputs, strict=True)]
            given = {to.name: value for to, value, same in zip(body.inputs, values, stays, strict=True) if same}
            turns = 1 if once else _turns(condition, body, values)
            yield from _visits(body, times * turns, given, once)
        elif kind in _CHOICES:
            names = operation.get_attr("branches") if "Case" in kind else _both(operation)
            branches = [list(_visits(_function(graph, name.name), times, {}, once)) for name in names]
            yield from max(branches, key=lambda branch: sum(v.times * multiply_adds_of(v.operation) for v in branch))
        else:
            yield Visit(operation, times)


def _needed(graph: Any) -> list[Any]:
    """Return the operations on which results or side effects depend, in order; TensorFlow prunes the others.

    Gradients of a convolution towards its input are always traced, for example, and in a first layer nobody wants them.
    """
    wanted = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    result: set[Any] = set()
    while wanted:
        operation = wanted.pop()
        if operation not in result:
            result.add(operation)
            wanted += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return [operation for operation in graph.get_operations() if operation in result]


def _both(operation: Any) -> list[Any]:
    return [operation.get_attr("then_branch"), operation.get_attr("else_branch")]


def _function(graph: Any, name: str) -> Any:
    while graph is not None:
        if name in graph._functions:
            return graph._functions[name].graph
        graph = graph.outer_graph
    raise UncountedError(f"function {name} is not there")


def _origin(tensor: Any) -> Any:
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor


def _static(tensor: Any, known: Mapping[str, Any]) -> Any:
    """Return the value of a tensor if it is certain, else None."""
    origin = _origin(tensor)
    if origin.op.type == "Placeholder":
        return known.get(origin.name)
    return None if origin.dtype == tf.resource or origin.dtype == tf.variant else tf.get_static_value(origin)


def _turns(condition: Any, body: Any, values: list[Any]) -> int:
    """Return how often a loop runs that counts from a start to a limit by a step, all certain.

    Args:
        condition: its graph: ``count < limit``, or several such joined by "and".
        body: its graph: ``count + step``.
        values: what the loop starts with, None where uncertain.
    """
    place = {tensor.name: number for number, tensor in enumerate(condition.inputs)}
    result: list[int] = []
    tests = [condition.outputs[0]]
    while tests:
        test = _origin(tests.pop())
        if test.op.type == "LogicalAnd":
            tests += list(test.op.inputs)
        elif test.op.type == "Less":
            count, limit = (_origin(tensor) for tensor in test.op.inputs)
            number = place.get(count.name)
            highest = values[place[limit.name]] if limit.name in place else tf.get_static_value(limit)
            if number is None or highest is None or values[number] is None:
                continue
            step = _step(body, number)
            if step:
                result.append(max(0, math.ceil((int(highest) - int(values[number])) / step)))
    if not result:
        raise UncountedError("a loop's length is not known before it runs")
    return min(result)


def _step(body: Any, number: int) -> int | None:
    added = _origin(body.outputs[number]).op
    if added.type not in ("AddV2", "Add"):
        return None
    origins = [_origin(tensor) for tensor in added.inputs]
    steps = [tf.get_static_value(tensor) for tensor in origins if tensor is not body.inputs[number]]
    return int(steps[0]) if len(steps) == 1 and steps[0] is not None else None


def multiply_adds_of(operation: Any) -> int:
    """Return the multiply-adds of a product or a convolution, 0 for anything else.

    Raises:
        UncountedError: when its shapes are not known.
    """
    kind = operation.type
    if kind == "MatMul":
        return _size(operation.outputs[0]) * _inner(operation, "transpose_a")
    if kind.startswith("BatchMatMul"):
        return _size(operation.outputs[0]) * _inner(operation, "adj_x")
    if kind in ("Conv2D", "Conv3D"):  # result x (kernel of one channel of the result)
        kernel = operation.inputs[1]
        return _size(operation.outputs[0]) * _size(kernel) // int(kernel.shape[-1])
    if kind in ("Conv2DBackpropInput", "Conv3DBackpropInputV2"):
        kernel = operation.inputs[1]
        return _size(operation.inputs[2]) * _size(kernel) // int(kernel.shape[-1])
    if kind in ("Conv2DBackpropFilter", "Conv3DBackpropFilterV2"):
        kernel = operation.outputs[0]
        return _size(operation.inputs[2]) * _size(kernel) // int(kernel.shape[-1])
    if kind == "DepthwiseConv2dNative":
        height, width = operation.inputs[1].shape[:2]
        return _size(operation.outputs[0]) * int(height) * int(width)
    if kind.startswith("DepthwiseConv2dNativeBackprop"):
        kernel = operation.inputs[1] if kind.endswith("Input") else operation.outputs[0]
        return _size(operation.inputs[2]) * int(kernel.shape[0]) * int(kernel.shape[1])
    if kind == "Einsum":
        return _einsum(operation)
    return 0


def _inner(operation: Any, transposed: str) -> int:
    left = operation.inputs[0].shape
    length = left[-2 if operation.get_attr(transposed) else -1]
    if length is None:
        raise UncountedError(f"{operation.name}: shape {left}")
    return int(length)


def _einsum(operation: Any) -> int:
    """Return the product of the lengths of all indices, for two factors; a sum over one tensor multiplies nothing."""
    terms = operation.get_attr("equation").decode().split("->")[0].split(",")
    if len(terms) < 2:
        return 0
    lengths: dict[str, int] = {}
    for term, tensor in zip(terms, operation.inputs, strict=True):
        dots = tensor.shape.rank - len(term.replace("...", ""))
        names = [*term.partition("...")[0], *(f".{i}" for i in range(dots)), *term.partition("...")[2]]
        for name, length in zip(names, tensor.shape, strict=True):
            if length is None:
                raise UncountedError(f"{operation.name}: shape {tensor.shape}")
            lengths[name] = max(lengths.get(name, 1), int(length))
    return math.prod(lengths.values())


def bytes_of(operation: Any) -> int:
    """Return what an operation reads and writes when nothing lies in a cache.

    Raises:
        UncountedError: when its shapes are not known.
    """
    kind = operation.type
    if kind in _FREE:
        return 0
    if kind in _READS_A_PART:
        return 2 * sum(_bytes(tensor) for tensor in operation.outputs)
    if kind in _WRITES_A_PART:
        return 2 * _bytes(operation.inputs[_WRITES_A_PART[kind]])
    return sum(_bytes(tensor) for tensor in (*operation.inputs, *operation.outputs))


def _bytes(tensor: Any) -> int:
    if tensor.dtype in (tf.resource, tf.variant, tf.string):
        return 0
    if tensor.dtype.is_integer and tensor.shape.rank == 1 and tensor.shape[0] is None:  # axes of a sum, or a shape
        return 0
    return _size(tensor) * int(tensor.dtype.size)


def _size(tensor: Any) -> int:
    if not tensor.shape.is_fully_defined():
        raise UncountedError(f"{tensor.name}: shape {tensor.shape}")
    return int(tensor.shape.num_elements())
