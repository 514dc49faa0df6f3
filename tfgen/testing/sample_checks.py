"""Conformance checks of sampling: equal samples however they are compiled and in whatever batch they are drawn."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.model.capabilities import Samples
from tfgen.testing.offered import offered
from tfgen.testing.subject import EXAMPLES, Subject

_FEW = 3  # examples of a smaller batch; the front and the back are drawn in one such, so that one program draws both
_ROUNDING = 1e-4  # of vectors, relative to their size
_DIFFERING = 1e-5  # share of the pixels that rounding may move by one level; one pixel always


def samples_are_the_same_however_compiled(subject: Subject) -> None:
    """Check that a seed draws the same samples in eager mode, in a graph and under XLA, up to rounding."""
    _, model = subject.trained  # an untrained flow is the identity, which rounds nothing
    sampler = offered(model, Samples)
    labels = subject.labels(model)
    eager = sampler.sample(EXAMPLES, labels, seed=1).numpy()
    draw = partial(sampler.sample, EXAMPLES, labels)
    require_equal_up_to_rounding(_compiled(draw), eager, "samples of one seed in eager mode and in a graph")
    try:
        drawn = _compiled(draw, jit_compile=True)
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, NotImplementedError) as error:
        # An operation that XLA does not know. Other errors, such as too little memory, are errors.
        raise unittest.SkipTest(f"XLA does not compile the sampler: {str(error).splitlines()[0]}") from error
    require_equal_up_to_rounding(drawn, eager, "samples of one seed in eager mode and under XLA")


def samples_do_not_depend_on_the_batch(subject: Subject) -> None:
    """Check that example k of a seed is the same in any batch, up to rounding: `sample` takes ``first``."""
    _, model = subject.trained
    sampler = offered(model, Samples)
    labels = subject.labels(model)
    front, back = (None, None) if labels is None else (labels[:_FEW], labels[-_FEW:])
    together = sampler.sample(EXAMPLES, labels, seed=1).numpy()
    alone = sampler.sample(_FEW, front, seed=1).numpy()
    require_equal_up_to_rounding(alone, together[:_FEW], f"the first {_FEW} samples of a seed in two batches")
    first = EXAMPLES - _FEW
    behind = sampler.sample(_FEW, back, seed=1, first=first).numpy()
    require_equal_up_to_rounding(behind, together[first:], f"samples behind first={first} in two batches")


def _compiled(draw: Callable[..., tf.Tensor], **options: Any) -> NDArray[np.generic]:
    program = tf.function(lambda seed: draw(seed=seed), autograph=False, **options)
    drawn: NDArray[np.generic] = program(tf.constant([0, 1])).numpy()
    return drawn


def require_equal_up_to_rounding(one: NDArray[np.generic], other: NDArray[np.generic], what: str) -> None:
    """Raise `AssertionError` unless two arrays of examples are equal up to the rounding of products.

    Args:
        one: images uint8, of which one pixel in 10^5 (or a single one) may be off by one level; or vectors float32.
        other: of the same shape.
        what: the arrays, in words.
    """
    assert one.shape == other.shape, f"{what} have shapes {one.shape} and {other.shape}"
    difference = np.abs(one.astype(np.float64) - other.astype(np.float64))
    if np.issubdtype(one.dtype, np.integer):
        differing = int(np.count_nonzero(difference))
        allowed = max(1, int(_DIFFERING * difference.size))
        found = f"{differing} of {difference.size} pixels, by up to {difference.max():.0f} levels"
        assert difference.max() <= 1, f"{what} differ in {found}"
        assert differing <= allowed, f"{what} differ in {found}"
    else:
        scale = max(1.0, float(np.abs(other).max()))
        assert difference.max() <= _ROUNDING * scale, f"{what} differ by {difference.max():.3g}"
