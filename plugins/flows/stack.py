"""Stack of couplings as one bijector, with as few permutations of dimensions between them as possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen_plugins.flows.partition import Partition


@dataclass(frozen=True)
class Coupling:
    """One coupling of a stack; `MaskedCoupling` has the formulas.

    Attributes:
        partition: which dimensions it keeps.
        transform: from the kept dimensions to the elementwise `tfb.Bijector` for those that it moves.
        partner: whether it keeps just what the coupling before it, nearer to the data, moves.
    """

    partition: Partition
    transform: Callable[[tf.Tensor], Any]
    partner: bool


@dataclass(frozen=True)
class _Step:
    """A coupling's moved dimensions at both of its ends, and what leads from one to the other."""

    elementwise: Any
    moved_x: tf.Tensor
    moved_y: tf.Tensor


@dataclass(frozen=True)
class _Evaluation:
    x: tf.Tensor
    y: tf.Tensor
    steps: Sequence[_Step]


class CouplingStack(tfb.Bijector):
    """``f^-1 = c_1 o c_2 o ... o c_L`` for couplings c_l, the first of which is next to the data.

    A coupling parts a vector into what it keeps and what it moves, and joins the two again. Where the next one keeps just what
    this one has moved, as within each pair, both steps are left out: the parts change their names. Where it does not, the parts
    go from one order to the other at once. The result is the same to the last bit; of a gather for each end of each coupling,
    which costs as much as a tenth of its network, two in five remain.

    The networks run once for a value and its log-determinant, as in `MaskedCoupling`.

    Args:
        couplings: from that next to the data to that next to the codes.
        name: of the bijector.
    """

    def __init__(self, couplings: Sequence[Coupling], name: str = "coupling_stack") -> None:
        parameters = dict(locals())
        self._couplings = list(couplings)
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
        steps = self._from_x(x).steps
        return sum(step.elementwise.forward_log_det_jacobian(step.moved_x, event_ndims=1) for step in steps)

    def _inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        steps = self._from_y(y).steps
        return sum(step.elementwise.inverse_log_det_jacobian(step.moved_y, event_ndims=1) for step in steps)

    def _from_x(self, x: tf.Tensor) -> _Evaluation:
        if self._last is None or self._last.x is not x:
            y, steps = self._through(x, self._couplings[::-1], forward=True)
            self._last = _Evaluation(x, y, steps)
        return self._last

    def _from_y(self, y: tf.Tensor) -> _Evaluation:
        if self._last is None or self._last.y is not y:
            x, steps = self._through(y, self._couplings, forward=False)
            self._last = _Evaluation(x, y, steps)
        return self._last

    def _through(self, value: tf.Tensor, couplings: Sequence[Coupling], forward: bool) -> tuple[tf.Tensor, list[_Step]]:
        """Return `value` behind all couplings, in their order, and the steps."""
        steps: list[_Step] = []
        before: Coupling | None = None
        kept = moved = value
        for coupling in couplings:
            if before is None:
                kept, moved = coupling.partition.part(value)
            elif (before if forward else coupling).partner:
                kept, moved = moved, kept
            else:
                kept, moved = before.partition.handed_on(kept, moved, coupling.partition)
            elementwise = coupling.transform(kept)
            result = elementwise.forward(moved) if forward else elementwise.inverse(moved)
            steps.append(_Step(elementwise, *((moved, result) if forward else (result, moved))))
            moved, before = result, coupling
        assert before is not None
        return before.partition.join(kept, moved), steps
