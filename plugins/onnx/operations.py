"""TensorFlow operations that tf2onnx does not convert, put together from those of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np


def _log1p(ctx: Any, node: Any, name: str, args: Any) -> None:
    """Convert ``log(1 + x)`` without loss near 0: ``x log(u) / (u - 1)`` with ``u = 1 + x`` (Kahan), x where u is 1."""
    x, dtype = node.input[0], ctx.get_dtype(node.input[0])
    build = _Builder(ctx, node, dtype)
    u = build("Add", x, build.one)
    above = build("Sub", u, build.one)
    flat = build("Equal", above, build.zero)
    log = build("Log", u)
    ratio = build("Div", log, build("Where", flat, build.one, above))
    near = build("Where", flat, x, build("Mul", x, ratio))
    build.replace(build("Where", build("IsInf", u), log, near))


def _expm1(ctx: Any, node: Any, name: str, args: Any) -> None:
    """Convert ``exp(x) - 1`` without loss near 0: ``(u - 1) x / log(u)`` with ``u = exp(x)``, x where u is 1 (Kahan)."""
    x, dtype = node.input[0], ctx.get_dtype(node.input[0])
    build = _Builder(ctx, node, dtype)
    u = build("Exp", x)
    above = build("Sub", u, build.one)
    flat = build("Equal", above, build.zero)
    # Far from 0 nothing is lost: there u may be infinite, or u - 1 equal to -1.
    far = build("Greater", build("Abs", x), build.one)
    log = build("Log", build("Where", build("Or", far, flat), build.two, u))
    near = build("Where", flat, x, build("Div", build("Mul", above, x), log))
    build.replace(build("Where", far, above, near))


def _broadcast_args(ctx: Any, node: Any, name: str, args: Any) -> None:
    """Convert the shape to which two shapes are broadcast: that of zeros of the one, expanded to the other."""
    dtype = ctx.get_dtype(node.output[0])
    build = _Builder(ctx, node, dtype)
    first, second = (build("Cast", shape, to=_INT64) for shape in node.input)
    zeros = build("ConstantOfShape", first)
    build.replace(build("Cast", build("Shape", build("Expand", zeros, second)), to=dtype))


_INT64 = 7  # of onnx.TensorProto.DataType


class _Builder:
    """Operations of ONNX in the place of one of TensorFlow."""

    def __init__(self, ctx: Any, node: Any, dtype: int) -> None:
        self.ctx, self.node, self.dtype = ctx, node, dtype
        self.zero, self.one, self.two = (self._constant(value) for value in (0, 1, 2))

    def _constant(self, value: int) -> str:
        from tf2onnx import utils

        number = np.array(value, utils.map_onnx_to_numpy_type(self.dtype))
        name: str = self.ctx.make_const(utils.make_name(self.node.name), number).output[0]
        return name

    def __call__(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation; return the name of its output."""
        name: str = self.ctx.make_node(operation, list(inputs), attr=attributes).output[0]
        return name

    def replace(self, result: str) -> None:
        """Put a result in the place of the converted operation's."""
        old = self.node.output[0]
        self.ctx.replace_all_inputs(old, result)
        for index, output in enumerate(self.ctx.outputs):
            if output == old:
                self.ctx.outputs[index] = result
        self.ctx.remove_node(self.node.name)


HANDLERS: dict[str, tuple[Any, list[str]]] = {
    "Log1p": (_log1p, []),
    "Expm1": (_expm1, []),
    "BroadcastArgs": (_broadcast_args, []),
}
