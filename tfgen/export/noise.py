"""Noise as an input of an exported signature, for formats without random numbers of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal

import tensorflow as tf
from tensorflow.python.framework import tensor_util

from tfgen.errors import CapabilityError
from tfgen.export.signatures import Argument, Signature
from tfgen.seeds import noise_from

Kind = Literal["uniform", "normal"]
#: Inputs that say which random numbers are drawn.
_OF_RANDOM_NUMBERS = {"seed", "first"}
_MEANINGS = {"uniform": "random numbers, uniform on [0, 1)", "normal": "random numbers, standard normal"}


def draws_of(signature: Signature) -> list[Argument]:
    """Return the random numbers that a signature draws, in their order, by tracing it.

    Raises:
        CapabilityError: when there is no list of them: some are drawn within a loop or another compiled part, or by another
            generator than `tfgen.uniform` and `tfgen.normal`, or for more things than there are examples.
    """
    found: list[Argument] = []
    graphs: list[Any] = []

    def record(kind: Kind, shape: Any, dtype: tf.DType, seed: Any, first: Any) -> tf.Tensor:
        if tf.compat.v1.get_default_graph() is not graphs[-1]:
            raise CapabilityError(f"its {signature.name} draws random numbers within a loop")
        known = tensor_util.constant_value_as_shape(_as_tensor(shape)).as_list()
        if known.count(None) > 1:
            raise CapabilityError(f"its {signature.name} draws random numbers of an unknown shape")
        found.append(Argument(f"noise_{len(found)}", dtype.name, tuple(known), _MEANINGS[kind], kind))
        return tf.zeros(shape, dtype)

    def call(**tensors: tf.Tensor) -> tf.Tensor:
        graphs.append(tf.compat.v1.get_default_graph())
        with noise_from(record):
            return signature.call(**tensors)

    program = dataclasses.replace(signature, call=call).program()
    if _OF_RANDOM_NUMBERS & _inputs_of(program.outputs):
        raise CapabilityError(f"its {signature.name} draws random numbers by another generator than tfgen's")
    if any(argument.name == "count" for argument in signature.inputs) and _first_of_each(found) is None:
        raise CapabilityError(f"its {signature.name} draws no random numbers that tell how many samples there are")
    return found


def with_noise_inputs(signature: Signature, draws: list[Argument]) -> Signature:
    """Return a signature that is given the random numbers which it would draw, in the place of a seed.

    Args:
        signature: with a seed.
        draws: of it; see `draws_of`.
    """
    left_out = _OF_RANDOM_NUMBERS | {"count"}
    inputs = [argument for argument in signature.inputs if argument.name not in left_out]
    counted = any(argument.name == "count" for argument in signature.inputs)
    rows = _first_of_each(draws) if counted else None

    def call(**tensors: tf.Tensor) -> tf.Tensor:
        noise = {draw.name: tensors.pop(draw.name) for draw in draws}
        if rows is not None:
            tensors["count"] = tf.shape(noise[rows])[0]
        left = iter(noise.values())
        with noise_from(lambda *_: next(left)):
            return signature.call(**tensors)

    return dataclasses.replace(signature, call=call, inputs=(*inputs, *draws))


def _first_of_each(draws: list[Argument]) -> str | None:
    """Return the name of the first random numbers with a row for each example."""
    return next((draw.name for draw in draws if draw.shape and draw.shape[0] is None), None)


def _inputs_of(outputs: Iterable[tf.Tensor]) -> set[str]:
    """Return the names of a program's inputs that its outputs follow from."""
    seen: set[str] = set()
    left = [output.op for output in outputs]
    while left:
        operation = left.pop()
        if operation.name not in seen:
            seen.add(operation.name)
            left += [tensor.op for tensor in operation.inputs]
    return seen


def _as_tensor(shape: Any) -> tf.Tensor:
    return tf.convert_to_tensor(shape.as_list() if isinstance(shape, tf.TensorShape) else shape, tf.int32)
