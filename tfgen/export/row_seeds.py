"""Signatures with a seed for each example, so that examples of several seeds are computed in one batch."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from tfgen.errors import CapabilityError
from tfgen.export.noise import Kind, draws_of
from tfgen.export.signatures import Argument, Signature
from tfgen.seeds import noise_from, normal, uniform

_SEEDS = Argument("seed", "int32", (None, 2), "a seed for each example")
_FIRST = Argument("first", "int32", (None,), "number of each example in the endless sequence of its seed")


def with_row_seeds(signature: Signature) -> Signature:
    """Return a signature of which ``seed`` is int32 [n, 2] and ``first``, where it has one, int32 [n]; it takes no count.

    The random numbers of example i are those that seed i gives to example ``first[i]`` of a batch of its own, or of functions
    without ``first`` to the first example. So what stands beside an example does not change its noise.

    Args:
        signature: with a seed.

    Raises:
        CapabilityError: when it draws random numbers within a loop, or some that belong to no one example.
    """
    draws = draws_of(signature)
    if any(draw.shape.count(None) != 1 for draw in draws):
        raise _unfit(signature, "draws random numbers that belong to no one example")
    axes = [draw.shape.index(None) for draw in draws]
    rows = [[side for side in draw.shape if side is not None] for draw in draws]
    counted = any(argument.name == "count" for argument in signature.inputs)

    def call(**tensors: tf.Tensor) -> tf.Tensor:
        seeds = tensors["seed"]
        count = tf.shape(seeds)[0] if seeds.shape[0] is None else seeds.shape[0]
        left = iter(zip(axes, rows, strict=True))

        def draw(kind: Kind, shape: Any, dtype: tf.DType, seed: Any, first: Any) -> tf.Tensor:
            if not tf.convert_to_tensor(seed).shape.is_compatible_with(seeds.shape):
                raise _unfit(signature, "makes seeds in a way of its own")
            axis, row = next(left)
            with noise_from(None):
                numbers = (uniform if kind == "uniform" else normal)([count, *row], seed, dtype, first)
            order = [*range(1, axis + 1), 0, *range(axis + 1, len(row) + 1)]
            return tf.transpose(numbers, order) if axis else numbers

        if counted:
            tensors["count"] = tf.constant(count) if isinstance(count, int) else count
        with noise_from(draw):
            return signature.call(**tensors)

    own = {"seed": _SEEDS, "first": _FIRST}
    inputs = tuple(own.get(argument.name, argument) for argument in signature.inputs if argument.name != "count")
    return dataclasses.replace(signature, call=call, inputs=inputs)


def _unfit(signature: Signature, why: str) -> CapabilityError:
    return CapabilityError(f"its signature {signature.name!r} {why}")
