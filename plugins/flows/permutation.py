"""Permutations of the last axis whose gradient is the inverse permutation, as a function and as a `tfb.Permute`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb


def permuted(x: tf.Tensor, order: tf.Tensor, inverse_order: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """Return `x` with entry ``order[i]`` of `axis` at place i.

    Args:
        x: any shape; `axis` has D entries.
        order: a permutation of 0 .. D - 1, int32 [D].
        inverse_order: its inverse, int32 [D].
        axis: that is permuted.
    """

    @tf.custom_gradient
    def gather(x: tf.Tensor) -> tuple[tf.Tensor, Any]:
        # TensorFlow's gradient of a gather is a scatter, which adds one entry at a time. No two entries of a permutation
        # meet, so a gather by the inverse does the same work at memory speed.
        return tf.gather(x, order, axis=axis), lambda dy: permuted(dy, inverse_order, order, axis)

    result: tf.Tensor = gather(x)
    return result


class GatherPermute(tfb.Permute):
    """`tfb.Permute` of the last axis with the inverse permutation given, so that gradients are gathers, not scatters.

    ``forward(x)[..., i] = x[..., permutation[i]]``. The log-determinant is 0.

    Args:
        permutation: of 0 .. D - 1, int32 [D].
        inverse_permutation: its inverse, int32 [D]; it is not checked.
        name: of the bijector.
    """

    def __init__(self, permutation: tf.Tensor, inverse_permutation: tf.Tensor, name: str = "gather_permute") -> None:
        self._inverse_permutation = tf.convert_to_tensor(inverse_permutation)
        super().__init__(permutation, axis=-1, name=name)
        parameters = {"permutation": permutation, "inverse_permutation": inverse_permutation, "name": name}
        self._parameters = self._no_dependency(parameters)

    @property
    def inverse_permutation(self) -> tf.Tensor:
        """The inverse of `permutation`, int32 [D]."""
        return self._inverse_permutation

    @classmethod
    def _parameter_properties(cls, dtype: Any) -> dict[str, Any]:
        properties = tfb.Permute._parameter_properties(dtype)
        return {"permutation": properties["permutation"], "inverse_permutation": properties["permutation"]}

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return permuted(x, self.permutation, self.inverse_permutation)

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return permuted(y, self.inverse_permutation, self.permutation)
