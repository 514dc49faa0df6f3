"""Binary masks as layers: they split vectors into the dimensions that a coupling keeps and those that it moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen_plugins.flows.masks import require_mask
from tfgen_plugins.flows.permutation import permuted


class Partition(keras.layers.Layer):
    """A binary mask b, which splits vectors into kept and moved dimensions and merges them again.

    In place of ``b * x`` and ``(1 - b) * x``, which carry a zero for each masked number, networks get the kept dimensions
    alone and return parameters for the moved ones alone: the same mathematics at half the work. The order of the dimensions
    is a weight that no training changes, so a mask is saved with the model.

    Args:
        mask: b, [D]: 1 where a dimension is kept.

    Attributes:
        kept: number of kept dimensions.
        moved: number of moved dimensions.
        kept_last: whether the kept dimensions are the last ones of the data, as in the second of two half masks.

    Raises:
        TfgenError: when the mask is no vector of zeros and ones with at least one of each.
    """

    def __init__(self, mask: NDArray[Any] | Sequence[int]) -> None:
        super().__init__(name="partition")
        binary = require_mask(np.asarray(mask))
        self._made_with = tuple(binary.tolist())
        self.kept, self.moved = int(binary.sum()), int((~binary).sum())
        self.kept_last = bool(binary[self.moved :].all())
        self.order: Any = None
        self.places: Any = None
        if not (self.kept_last or binary[: self.kept].all()):  # the halves need no new order
            kept_first = np.argsort(~binary, kind="stable")
            # As float32, exact up to 2^24: integer variables cannot live on a GPU together with what XLA compiles.
            self.order = self._constant("order", kept_first)
            self.places = self._constant("places", np.argsort(kept_first, kind="stable"))
        self.built = True

    def _constant(self, name: str, value: NDArray[np.int64]) -> Any:
        weight = self.add_weight(shape=value.shape, name=name, dtype="float32", trainable=False, autocast=False)
        weight.assign(value.astype(np.float32))
        return weight

    def is_complement_of(self, other: Partition) -> bool:
        """Return whether each of the two masks keeps the dimensions that the other one moves."""
        return self._made_with == tuple(not kept for kept in other._made_with)

    def permutation(self) -> tuple[tf.Tensor, tf.Tensor] | None:
        """Return the order of the dimensions that has the kept ones first, and its inverse, int32 [D] each.

        None where the kept dimensions are the first or the last ones of the data already, as in a half mask.
        """
        if self.order is None:
            return None
        return tf.cast(self.order, tf.int32), tf.cast(self.places, tf.int32)

    def split(self, x: tf.Tensor, axis: int = -1) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the kept and the moved entries of `x`, whose `axis` has D entries, as two tensors."""
        if self.kept_last:
            moved, kept = tf.split(x, [self.moved, self.kept], axis=axis)
            return kept, moved
        permutation = self.permutation()
        if permutation is not None:
            x = permuted(x, *permutation, axis=axis)
        kept, moved = tf.split(x, [self.kept, self.moved], axis=axis)
        return kept, moved

    def merge(self, kept: tf.Tensor, moved: tf.Tensor, axis: int = -1) -> tf.Tensor:
        """Return the tensor with D entries on `axis` that `split` splits into these two."""
        if self.kept_last:
            return tf.concat([moved, kept], axis=axis)
        x = tf.concat([kept, moved], axis=axis)
        permutation = self.permutation()
        return x if permutation is None else permuted(x, *permutation[::-1], axis=axis)

    def masked(self, kept: tf.Tensor) -> tf.Tensor:
        """Return ``b * x``, [..., D], for the kept dimensions of x, [..., kept]."""
        zeros = tf.zeros(tf.concat([tf.shape(kept)[:-1], [self.moved]], axis=0), kept.dtype)
        return self.merge(kept, zeros)

    def mask(self, dtype: tf.DType) -> tf.Tensor:
        """Return b, [D]."""
        return self.merge(tf.ones([self.kept], dtype), tf.zeros([self.moved], dtype))
