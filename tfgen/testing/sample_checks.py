"""Conformance checks of sampling: compilation, batches, sampling options, known pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import SkipTest

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.errors import OptionError
from tfgen.model.capabilities import Inpaints, Samples
from tfgen.model.sampling_options import sampling_options
from tfgen.testing.basic_checks import everything_is_a_function_of_the_seed, methods_can_be_traced
from tfgen.testing.check import check
from tfgen.testing.model_under_test import EXAMPLES, ModelUnderTest
from tfgen.testing.requirements import offered, require_equal_up_to_rounding

_MANY_TIMES = 8  # as many samples, where a slight change may show in a few of them only
_FEW = 3  # examples of a smaller batch; the front and the back are drawn in one such, so that one program draws both


@check(20, everything_is_a_function_of_the_seed)
def samples_are_the_same_however_compiled(under_test: ModelUnderTest) -> None:
    """Check that a seed draws the same samples in eager mode, in a graph and under XLA, up to rounding."""
    _, model = under_test.trained  # an untrained flow is the identity, which rounds nothing
    sampler = offered(model, Samples)
    labels = under_test.labels(model)
    eager = sampler.sample(EXAMPLES, labels, seed=1).numpy()
    draw = partial(sampler.sample, EXAMPLES, labels)
    require_equal_up_to_rounding(_compiled(draw), eager, "samples of one seed in eager mode and in a graph")
    try:
        drawn = _compiled(draw, jit_compile=True)
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, NotImplementedError) as error:
        # An operation that XLA does not know. Other errors, such as too little memory, are errors.
        raise SkipTest(f"XLA does not compile the sampler: {str(error).splitlines()[0]}") from error
    require_equal_up_to_rounding(drawn, eager, "samples of one seed in eager mode and under XLA")


@check(10, everything_is_a_function_of_the_seed)
def samples_do_not_depend_on_the_batch(under_test: ModelUnderTest) -> None:
    """Check that example k of a seed is the same in any batch, up to rounding: `sample` takes ``first``."""
    _, model = under_test.trained
    sampler = offered(model, Samples)
    labels = under_test.labels(model)
    front, back = (None, None) if labels is None else (labels[:_FEW], labels[-_FEW:])
    together = sampler.sample(EXAMPLES, labels, seed=1).numpy()
    alone = sampler.sample(_FEW, front, seed=1).numpy()
    require_equal_up_to_rounding(alone, together[:_FEW], f"the first {_FEW} samples of a seed in two batches")
    first = EXAMPLES - _FEW
    behind = sampler.sample(_FEW, back, seed=1, first=first).numpy()
    require_equal_up_to_rounding(behind, together[first:], f"samples behind first={first} in two batches")


@check(10, everything_is_a_function_of_the_seed)
def sampling_options_matter(under_test: ModelUnderTest) -> None:
    """Check that samples with each option at its default are those without it, and that a number of another value matters.

    Other values are the default and a half of it (of whole numbers one more), where the options take them.
    """
    offered(under_test.fresh, Samples)
    if under_test.fresh.sampling is None:
        raise SkipTest(f"{type(under_test.fresh).__name__} has no sampling options")
    _, trained = under_test.trained  # to an untrained model no option may matter
    model, labels = offered(trained, Samples), under_test.labels(trained)
    count = _MANY_TIMES * EXAMPLES
    labels = None if labels is None else tf.tile(labels, [_MANY_TIMES])
    plain = model.sample(count, labels, seed=1).numpy()
    defaults = sampling_options(trained)
    drawn = model.sample(count, labels, seed=1, **defaults).numpy()
    assert np.array_equal(plain, drawn), f"the defaults {defaults} draw other samples than no options at all"
    for name, value in defaults.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        other = value + 1 if isinstance(value, int) else 1.5 * value + (value == 0)
        try:
            drawn = model.sample(count, labels, seed=1, **{name: other}).numpy()
        except OptionError:
            continue
        assert not np.array_equal(plain, drawn), f"{name} = {other} draws the samples of {name} = {value}"


@check(20, methods_can_be_traced)
def known_pixels_are_kept(under_test: ModelUnderTest) -> None:
    """Check that `inpaint` keeps what is known to the last bit, and that the rest is a function of the seed alone."""
    offered(under_test.fresh, Inpaints)
    _, trained = under_test.trained
    model, labels, x = offered(trained, Inpaints), under_test.labels(trained), under_test.batch.x.numpy()
    known = np.zeros(x.shape[:3], bool)
    known[:, : x.shape[1] // 2, ::2] = True
    for particles in (1, 3):
        drawn, again, other = (
            model.inpaint(x, known, labels, seed=seed, particles=particles).numpy() for seed in (1, 1, 2)
        )
        assert drawn.shape == x.shape, f"expected shape {x.shape}; got {drawn.shape}"
        assert drawn.dtype == x.dtype, f"expected {x.dtype}; got {drawn.dtype}"
        assert np.array_equal(drawn[known], x[known]), "inpainting changed known pixels"
        assert drawn.max() < under_test.dataset.spec.levels
        assert np.array_equal(drawn, again), "the same seed completed images in two ways"
        assert not np.array_equal(drawn, other), "another seed completed all images in the same way"


def _compiled(draw: Callable[..., tf.Tensor], **options: Any) -> NDArray[np.generic]:
    program = tf.function(lambda seed: draw(seed=seed), autograph=False, **options)
    drawn: NDArray[np.generic] = program(tf.constant([0, 1])).numpy()
    return drawn
