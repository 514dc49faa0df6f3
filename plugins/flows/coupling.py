"""Coupling bijector: kept dimensions stay, the moved ones are transformed with parameters computed from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen_plugins.flows.partition import Partition


@dataclass(frozen=True)
class _Evaluation:
    """Both ends of one evaluation, and how its moved dimensions went from one to the other."""

    x: tf.Tensor
    y: tf.Tensor
    moved_x: tf.Tensor
    moved_y: tf.Tensor
    elementwise: Any


class MaskedCoupling(tfb.Bijector):
    """A coupling under an arbitrary binary mask b (Dinh et al. 2017, equation 9).

    With an elementwise monotone g, whose parameters follow from the kept dimensions (and from a condition that the caller
    closes over)::

        y = b * x + (1 - b) * g(x; b * x)             g(x) = x * exp(s(b * x)) + t(b * x) for an affine coupling
        x = b * y + (1 - b) * g^-1(y; b * y)          since b * x = b * y
        log|det dy/dx| = sum (1 - b) * log g'(x)      = sum (1 - b) * s(b * x)

    The network behind g runs once for a value and its log-determinant: the last evaluation is remembered, by the identity
    of the tensors at both of its ends, and asked about again when a log-determinant is wanted there.

    Args:
        partition: b.
        transform: gives g as a `tfb.Bijector` on [..., moved] for the kept dimensions [..., kept].
        name: of the bijector.
    """

    def __init__(
        self, partition: Partition, transform: Callable[[tf.Tensor], Any], name: str = "masked_coupling"
    ) -> None:
        parameters = dict(locals())
        self._partition = partition
        self._transform = transform
        self._last: _Evaluation | None = None
        super().__init__(forward_min_event_ndims=1, parameters=parameters, name=name)

    @classmethod
    def _parameter_properties(cls, dtype: Any) -> dict[str, Any]:
        return {}

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return self._from_x(x).y

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return self._from_y(y).x

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        at = self._from_x(x)
        return at.elementwise.forward_log_det_jacobian(at.moved_x, event_ndims=1)

    def _inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        at = self._from_y(y)
        return at.elementwise.inverse_log_det_jacobian(at.moved_y, event_ndims=1)

    def _from_x(self, x: tf.Tensor) -> _Evaluation:
        if self._last is None or self._last.x is not x:
            kept, moved_x = self._partition.part(x)
            elementwise = self._transform(kept)
            moved_y = elementwise.forward(moved_x)
            self._last = _Evaluation(x, self._partition.join(kept, moved_y), moved_x, moved_y, elementwise)
        return self._last

    def _from_y(self, y: tf.Tensor) -> _Evaluation:
        if self._last is None or self._last.y is not y:
            kept, moved_y = self._partition.part(y)
            elementwise = self._transform(kept)
            moved_x = elementwise.inverse(moved_y)
            self._last = _Evaluation(self._partition.join(kept, moved_x), y, moved_x, moved_y, elementwise)
        return self._last
