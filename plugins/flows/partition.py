"""Partition of dimensions by a mask: split an example into kept and moved parts, and merge them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen_plugins.flows.masks import require_mask


class Partition(keras.layers.Layer):
    """Parts vectors by a binary mask b and joins them again.

    In place of ``b * x`` and ``(1 - b) * x``, which carry a zero for every number that is not there, the networks see the kept
    dimensions alone and speak of the moved ones alone: the same mathematics at half the work. The order of the dimensions is a
    weight that no training changes, so a mask is saved with its model.

    Args:
        mask: b, [D]: 1 where a dimension is kept.

    Attributes:
        kept: how many dimensions are kept.
        moved: how many are moved.
    """

    def __init__(self, mask: NDArray[Any]) -> None:
        super().__init__(name="partition")
        mask = require_mask(mask)
        self.kept, self.moved = int(mask.sum()), int((~mask).sum())
        kept_first = np.argsort(~mask, kind="stable")
        self.built_mask = mask
        self.kept_lie_last = bool(mask[self.moved :].all())
        self.order: Any = None
        self.places: Any = None
        if not (self.kept_lie_last or mask[: self.kept].all()):  # the halves need no new order
            # As float32, exact up to 2^24: integer variables cannot live on a GPU together with what XLA compiles.
            self.order = self._constant("order", kept_first)
            self.places = self._constant("places", np.argsort(kept_first, kind="stable"))
        self.built = True

    def _constant(self, name: str, value: NDArray[np.int64]) -> Any:
        weight = self.add_weight(shape=value.shape, name=name, dtype="float32", trainable=False, autocast=False)
        weight.assign(value.astype(np.float32))
        return weight

    def part(self, x: tf.Tensor, axis: int = -1) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the kept and the moved part of `x`, whose `axis` has D entries."""
        if self.kept_lie_last:
            moved, kept = tf.split(x, [self.moved, self.kept], axis=axis)
            return kept, moved
        if self.order is not None:
            x = _permuted(x, self.order, self.places, axis)
        kept, moved = tf.split(x, [self.kept, self.moved], axis=axis)
        return kept, moved

    def join(self, kept: tf.Tensor, moved: tf.Tensor, axis: int = -1) -> tf.Tensor:
        """Return the vectors of which these are the parts."""
        if self.kept_lie_last:
            return tf.concat([moved, kept], axis=axis)
        x = tf.concat([kept, moved], axis=axis)
        return x if self.order is None else _permuted(x, self.places, self.order, axis)

    def handed_on(self, kept: tf.Tensor, moved: tf.Tensor, other: Partition) -> tuple[tf.Tensor, tf.Tensor]:
        """Return what `other` keeps and moves of the vectors of which these are the parts."""
        if self.order is None or other.order is None:
            return other.part(self.join(kept, moved))
        # Vectors in this order come from their own places and go to the other's order: one gather instead of two.
        order, places = (_composed(*pair) for pair in ((self.places, other.order), (other.places, self.order)))
        x = _permuted(tf.concat([kept, moved], axis=-1), order, places, -1)
        kept, moved = tf.split(x, [other.kept, other.moved], axis=-1)
        return kept, moved

    def keeps_what_moves(self, other: Partition) -> bool:
        """Return whether this is the complement of `other` and both are halves, which no weight could make something else."""
        halves = self.order is None and other.order is None
        return halves and bool(np.array_equal(self.built_mask, ~other.built_mask))

    def masked(self, kept: tf.Tensor) -> tf.Tensor:
        """Return ``b * x``, [..., D], for the kept part of x."""
        none = tf.zeros(tf.concat([tf.shape(kept)[:-1], [self.moved]], axis=0), kept.dtype)
        return self.join(kept, none)

    def mask(self, dtype: tf.DType) -> tf.Tensor:
        """Return b, [D]."""
        return self.join(tf.ones([self.kept], dtype), tf.zeros([self.moved], dtype))


def _composed(first: Any, then: Any) -> tf.Tensor:
    """Return the entries of `first` in the order of `then`."""
    return tf.gather(tf.convert_to_tensor(first), tf.cast(then, tf.int32))


def _permuted(x: tf.Tensor, order: Any, places: Any, axis: int) -> tf.Tensor:
    """Return `x` with entry ``order[i]`` of `axis` at place i; `places` is the inverse of `order`."""

    @tf.custom_gradient
    def permute(x: tf.Tensor) -> tuple[tf.Tensor, Any]:
        # The gradient of a gather is a scatter, which runs one entry at a time; that of a permutation is its inverse.
        return tf.gather(x, tf.cast(order, tf.int32), axis=axis), lambda dy: _permuted(dy, places, order, axis)

    permuted: tf.Tensor = permute(x)
    return permuted
