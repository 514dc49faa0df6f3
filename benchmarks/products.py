"""Matrix products of a traced program: their multiply-adds, and their time alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfgen_benchmarks.counting import multiply_adds_of, visits


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


def products_of(program: Any) -> list[Product]:
    """Return the products of a concrete function, those in loops as often as the loops run.

    Raises:
        NotImplementedError: for a convolution, or a product of batches of matrices.
    """
    result = []
    for visit in visits(program):
        operation = visit.operation
        if operation.type == "MatMul":
            left, right = (tensor.shape for tensor in operation.inputs)
            rows, inner = left[::-1] if operation.get_attr("transpose_a") else left
            columns = right[0] if operation.get_attr("transpose_b") else right[1]
            result.append(Product(int(rows), int(inner), int(columns), visit.times))
        elif multiply_adds_of(operation):
            raise NotImplementedError(f"{operation.type} is not counted")
    return result


def alone(products: Sequence[Product], loops: Sequence[int]) -> Any:
    """Return a compiled program with these matrix products alone, in the same loops.

    Factors are read from where the count of the loop says, so that no product can be formed once for all.

    Args:
        products: of `products_of`.
        loops: how often the nested loops run, from the outermost one in.
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
