"""Noise as an input of an exported signature, for formats without random numbers of their own."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import tensorflow as tf
from tensorflow.python.framework import tensor_util

from tfgen.errors import CapabilityError
from tfgen.export.signatures import Argument, Signature
from tfgen.seeds import noise_from

Kind = Literal["uniform", "normal"]
#: Inputs that say which random numbers are drawn.
_OF_RANDOM_NUMBERS = ("seed", "first")
_MEANINGS = {"uniform": "random numbers, uniform on [0, 1)", "normal": "random numbers, standard normal"}


def draws_of(signature: Signature) -> list[Argument]:
    """Return the random numbers that a signature draws, in their order, by tracing it.

    Raises:
        CapabilityError: when it draws some within a loop or another compiled part, so that there is no list of them.
    """
    found: list[Argument] = []
    graphs: list[Any] = []

    def record(kind: Kind, shape: Any, dtype: tf.DType, seed: Any, first: Any) -> tf.Tensor:
        if tf.compat.v1.get_default_graph() is not graphs[-1]:
            raise CapabilityError(f"its signature {signature.name!r} draws random numbers within a loop")
        known = tensor_util.constant_value_as_shape(_as_tensor(shape)).as_list()
        name = f"noise_{len(found)}"
        found.append(Argument(name, dtype.name, tuple(known), _MEANINGS[kind]))
        return tf.zeros(shape, dtype)

    def call(**tensors: tf.Tensor) -> tf.Tensor:
        graphs.append(tf.compat.v1.get_default_graph())
        with noise_from(record):
            return signature.call(**tensors)

    dataclasses.replace(signature, call=call).program()
    return found


def with_noise_inputs(signature: Signature, draws: list[Argument]) -> Signature:
    """Return a signature that is given the random numbers which it would draw, in the place of a seed.

    Args:
        signature: with a seed.
        draws: of it; see `draws_of`.
    """
    plain = _without(signature, _OF_RANDOM_NUMBERS)
    counted = any(argument.name == "count" for argument in plain.inputs) and bool(draws)
    inputs = [argument for argument in plain.inputs if not (counted and argument.name == "count")]

    def call(**tensors: tf.Tensor) -> tf.Tensor:
        noise = [tensors.pop(draw.name) for draw in draws]
        if counted:
            tensors["count"] = tf.shape(noise[0])[0]
        left = iter(noise)
        with noise_from(lambda *_: next(left)):
            return plain.call(**tensors)

    return dataclasses.replace(plain, call=call, inputs=(*inputs, *draws))


def _without(signature: Signature, names: tuple[str, ...]) -> Signature:
    inputs = tuple(argument for argument in signature.inputs if argument.name not in names)
    return dataclasses.replace(signature, inputs=inputs)


def _as_tensor(shape: Any) -> tf.Tensor:
    return (
        tf.convert_to_tensor(shape, tf.int32) if not isinstance(shape, tf.TensorShape) else tf.constant(shape.as_list())
    )
