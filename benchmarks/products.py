"""The matrix products of a traced program: how many multiply-adds they are, and how long they take by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Product:
    """``[rows, inner] @ [inner, columns]``, so many times.

    Attributes:
        rows: of the left factor.
        inner: that are summed over.
        columns: of the right factor.
        times: how often the program forms it.
    """

    rows: int
    inner: int
    columns: int
    times: int

    @property
    def multiply_adds(self) -> int:
        """All of them together."""
        return self.rows * self.inner * self.columns * self.times


def products_of(program: Any, loops: Sequence[int]) -> list[Product]:
    """Return the products of a concrete function, those in nested `tf.while_loop`s as often as the loops run.

    Args:
        program: a concrete function.
        loops: how often the loops run, from the outermost one in.
    """
    found: list[Product] = []
    _collect(program.graph, 1, list(loops), found)
    return found


def _collect(graph: Any, times: int, loops: list[int], found: list[Product]) -> None:
    for operation in graph.get_operations():
        if operation.type == "MatMul":
            left, right = (tensor.shape for tensor in operation.inputs)
            rows, inner = left[::-1] if operation.get_attr("transpose_a") else left
            columns = right[0] if operation.get_attr("transpose_b") else right[1]
            found.append(Product(int(rows), int(inner), int(columns), times))
        elif operation.type in ("BatchMatMulV2", "BatchMatMulV3", "Conv2D"):
            raise NotImplementedError(f"{operation.type} is not counted")
        elif operation.type in ("While", "StatelessWhile"):
            body = _function(graph, operation.get_attr("body").name)
            _collect(body, times * loops[0], loops[1:], found)
        elif "PartitionedCall" in operation.type:
            _collect(_function(graph, operation.get_attr("f").name), times, loops, found)


def _function(graph: Any, name: str) -> Any:
    while graph is not None:
        if name in graph._functions:
            return graph._functions[name].graph
        graph = graph.outer_graph
    raise KeyError(name)


def alone(products: Sequence[Product], loops: Sequence[int]) -> Any:
    """Return a compiled program that forms the products with as little else as can be, in a loop for each nesting.

    Factors are read from where the count of the loop says, so that no product can be formed once for all.

    Args:
        products: of `products_of`.
        loops: as there.
    """
    levels: list[tuple[int, list[Product]]] = []
    times = 1
    for count in (1, *loops):
        times *= count
        levels.append((times, [product for product in products if product.times == times]))

    @tf.function(jit_compile=True, autograph=False)
    def program() -> list[tf.Tensor]:
        results: list[tf.Tensor] = []
        for times, members in levels:
            if not members:
                continue
            lefts = [tf.ones([product.rows + 1, product.inner]) for product in members]
            rights = [tf.ones([product.inner, product.columns]) for product in members]

            def body(i: tf.Tensor, _: Any, lefts: Any = lefts, rights: Any = rights) -> Any:
                slices = [tf.slice(a, [i % 2, 0], [a.shape[0] - 1, -1]) for a in lefts]
                return i + 1, [a @ b for a, b in zip(slices, rights, strict=True)]

            start = [tf.zeros([product.rows, product.columns]) for product in members]
            results += tf.while_loop(lambda i, _, times=times: i < times, body, (0, start))[1]
        return results

    return program
