"""`tfb.RealNVP` whose network runs once for a value and its log-determinant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb


class CachedRealNVP(tfb.RealNVP):
    """`tfb.RealNVP` (Dinh et al. 2017, section 3.2) that calls `bijector_fn` once for a value and its log-determinant.

    `tfb.RealNVP` calls `bijector_fn`, and with it the network, anew in each of its four methods. This subclass keeps the
    elementwise bijector of its last evaluation, and uses it again when a method is asked at the same tensor: the same
    object, at either end, with the same condition. An equal tensor that is another object is a new evaluation.

    Tensors are compared by identity, so a change of weights is not noticed: like every bijector with a cache, this one is
    made anew for each evaluation of a model.

    Args:
        num_masked: number of kept entries of the last axis: the first ones, or the last ones if it is negative.
        bijector_fn: ``(kept, moved_size, **condition) -> tfb.Bijector`` for the other entries; `kept` is [..., abs(num_masked)]
            and `moved_size` the number of the others. The keyword arguments are those given to the bijector's methods.
        name: of the bijector.
    """

    def __init__(self, num_masked: int, bijector_fn: Callable[..., Any], name: str = "real_nvp") -> None:
        self._evaluation: _Evaluation | None = None
        self._elementwise = _CallOnce(bijector_fn)
        super().__init__(num_masked=num_masked, bijector_fn=self._elementwise, name=name)
        # Bijectors with equal parameters share a cache of values. A function of this instance alone keeps it apart from
        # others with the same network, whose weights may have been different.
        parameters = {"num_masked": num_masked, "bijector_fn": self._elementwise, "name": name}
        self._parameters = self._no_dependency(parameters)

    def _forward(self, x: tf.Tensor, **condition: Any) -> tf.Tensor:
        self._begin(condition, x=x)
        y = super()._forward(x, **condition)
        y.set_shape(x.shape)  # which a spline forgets, where the size of the batch is unknown
        self._evaluation = _Evaluation(x, y, condition)
        return y

    def _inverse(self, y: tf.Tensor, **condition: Any) -> tf.Tensor:
        self._begin(condition, y=y)
        x = super()._inverse(y, **condition)
        x.set_shape(y.shape)
        self._evaluation = _Evaluation(x, y, condition)
        return x

    def _forward_log_det_jacobian(self, x: tf.Tensor, **condition: Any) -> tf.Tensor:
        self._begin(condition, x=x)
        return super()._forward_log_det_jacobian(x, **condition)

    def _inverse_log_det_jacobian(self, y: tf.Tensor, **condition: Any) -> tf.Tensor:
        self._begin(condition, y=y)
        return super()._inverse_log_det_jacobian(y, **condition)

    def _begin(self, condition: dict[str, Any], x: tf.Tensor | None = None, y: tf.Tensor | None = None) -> None:
        """Forget the elementwise bijector unless it belongs to this x, or this y, and this condition."""
        if self._evaluation is None or not self._evaluation.is_at(x, y, condition):
            self._elementwise.last = None
            self._evaluation = _Evaluation(x, y, condition)


@dataclass(frozen=True)
class _Evaluation:
    """The ends of one evaluation, where they are known, and its condition."""

    x: tf.Tensor | None
    y: tf.Tensor | None
    condition: dict[str, Any]

    def is_at(self, x: tf.Tensor | None, y: tf.Tensor | None, condition: dict[str, Any]) -> bool:
        """Return whether these objects, not only their values, are those of this evaluation; one of x and y is given."""
        same_end = self.x is x if x is not None else self.y is y
        same_names = self.condition.keys() == condition.keys()
        return same_end and same_names and all(self.condition[name] is value for name, value in condition.items())


class _CallOnce:
    """`bijector_fn` with its last result, until `last` is set to None. No closure over the bijector, so no reference cycle."""

    def __init__(self, bijector_fn: Callable[..., Any]) -> None:
        # `Bijector.copy` hands on the parameters, in which the function is wrapped already.
        self.bijector_fn: Callable[..., Any] = (
            bijector_fn.bijector_fn if isinstance(bijector_fn, _CallOnce) else bijector_fn
        )
        self.last: Any = None

    def __call__(self, kept: tf.Tensor, moved_size: int, **condition: Any) -> Any:
        if self.last is None:
            self.last = self.bijector_fn(kept, moved_size, **condition)
        return self.last
