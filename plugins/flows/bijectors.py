"""Coupling layers as `tfb.Bijector`, under any binary mask, conditional or not: public building blocks of flows.

`masked_coupling` is one coupling, `coupling_chain` a flow of several; `Partition` is a mask. They consist of
`CachedRealNVP`, a `tfb.RealNVP`, and `GatherPermute`, a `tfb.Permute`. A condition enters through the function that returns
the elementwise bijector (a closure).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen import TfgenError
from tfgen_plugins.flows.partition import Partition
from tfgen_plugins.flows.permutation import GatherPermute
from tfgen_plugins.flows.real_nvp import CachedRealNVP

__all__ = ["CachedRealNVP", "Coupling", "GatherPermute", "Partition", "coupling_chain", "masked_coupling"]

#: An order of the dimensions and its inverse, int32 [D] each; None is the order of the data.
_Order = tuple[tf.Tensor, tf.Tensor] | None


@dataclass(frozen=True)
class Coupling:
    """One coupling of a chain.

    Attributes:
        partition: the mask of kept dimensions.
        elementwise: from the kept dimensions [..., kept] to a `tfb.Bijector` that transforms the moved
            ones [..., moved] elementwise.
        second_of_pair: whether the mask is the complement of the mask of the coupling before, and stays so when weights are
            restored. Then nothing is permuted between the two.
    """

    partition: Partition
    elementwise: Callable[[tf.Tensor], Any]
    second_of_pair: bool = False


def masked_coupling(partition: Partition, elementwise: Callable[[tf.Tensor], Any], name: str = "coupling") -> Any:
    """Return a coupling under a binary mask b (Dinh et al. 2017, equation 9) as a `tfb.Bijector` on [..., D].

    With an elementwise monotone g, whose parameters are computed from the kept dimensions::

        y = b * x + (1 - b) * g(x; b * x)             g(x) = x * exp(s(b * x)) + t(b * x) for an affine coupling
        log|det dy/dx| = sum (1 - b) * log g'(x)      = sum (1 - b) * s(b * x)

    Args:
        partition: b.
        elementwise: returns g as a `tfb.Bijector` on [..., moved] for the kept dimensions [..., kept]. It is called once for
            a value and its log-determinant.
        name: of the bijector.
    """
    return coupling_chain([Coupling(partition, elementwise)], name)


def coupling_chain(couplings: Sequence[Coupling], name: str = "couplings") -> Any:
    """Return ``c_1 o c_2 o ... o c_L`` as a `tfb.Chain` of `tfb.RealNVP`, so that ``c_L`` is applied first to a code.

    `tfb.RealNVP` keeps the first or the last entries of a vector. The couplings of a pair work in one order of the
    dimensions: kept dimensions of the first, then its moved ones. The first keeps the first entries, the second the last.
    Between pairs stands one permutation from order to order, or none where both are the order of the data, as for halves.

    Which permutations there are follows from the structure of the partitions alone, never from weights: masks are weights,
    and others may be restored.

    Args:
        couplings: from that next to the data to that next to the codes.
        name: of the bijector.

    Raises:
        TfgenError: when the second coupling of a pair has no first one, or its mask is not the complement of that one's.
    """
    parts: list[Any] = []
    before: Coupling | None = None
    here: _Order = None
    keeps_last = False
    for number, coupling in enumerate(couplings):
        partition = coupling.partition
        if coupling.second_of_pair:
            if before is None or not partition.is_complement_of(before.partition):
                raise TfgenError(
                    f"coupling {number} is the second of a pair, so it needs a coupling before it whose mask is the "
                    "complement of its own."
                )
            keeps_last = not keeps_last
        else:
            there = partition.permutation()
            parts += _reordered(here, there)
            here, keeps_last = there, partition.kept_last
        elementwise = coupling.elementwise
        parts.append(
            CachedRealNVP(-partition.kept if keeps_last else partition.kept, lambda kept, _, fn=elementwise: fn(kept))
        )
        before = coupling
    return tfb.Chain([*parts, *_reordered(here, None)], name=name)


def _reordered(here: _Order, there: _Order) -> list[GatherPermute]:
    """Return the permutation of vectors in the order `there`, its input, into the order `here`; none where they are equal."""
    if here is not None and there is not None:
        # Entry i in the order `here` is dimension here[0][i] of the data; there[1] has the places of dimensions in `there`.
        order, inverse = tf.gather(there[1], here[0]), tf.gather(here[1], there[0])
    elif here is not None:
        order, inverse = here
    elif there is not None:
        inverse, order = there
    else:
        return []
    return [GatherPermute(order, inverse)]
