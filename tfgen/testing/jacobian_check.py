"""Conformance check of flows: the log-determinant in the density is that of the Jacobian of `encode`."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasLatents, HasLogProb
from tfgen.testing.basic_checks import densities_are_numbers_per_example, methods_can_be_traced
from tfgen.testing.check import check
from tfgen.testing.model_under_test import ModelUnderTest
from tfgen.testing.requirements import offered

_MOST_DIMENSIONS = 64
_TOLERANCE = {tf.float64: 1e-6, tf.float32: 1e-3}  # relative to the size of the log-densities


@check(20, methods_can_be_traced, densities_are_numbers_per_example)
def log_determinants_match_the_jacobian(under_test: ModelUnderTest) -> None:
    """Check ``log p(x) = log p(z) + log |det dz/dx|`` with ``z = encode(x)``, for vectors and codes of one dimension.

    The Jacobian is that of automatic differentiation, in float64 where the model builds under Keras's float64 policy (equal to
    six digits), otherwise in float32 (to three). Images have no derivative: `densities_integrate_to_one` is for them.
    """
    offered(under_test.fresh, HasLogProb)
    offered(under_test.fresh, HasLatents)
    dimensions = under_test.dataset.spec.dimensions
    if under_test.dataset.spec.kind != "vector" or under_test.fresh.density != "exact":
        raise SkipTest("only an exact density of vectors is differentiated")
    if dimensions > _MOST_DIMENSIONS:
        raise SkipTest(f"a Jacobian of more than {_MOST_DIMENSIONS} dimensions takes long")
    _, trained = under_test.trained  # an untrained flow is the identity
    copy = under_test.in_float64(trained)
    if copy is not None:
        try:
            log_probs, expected = _both_sides(under_test, copy)
        except (SkipTest, AssertionError):
            raise
        except Exception:  # a model need not know float64
            copy = None
    if copy is None:
        log_probs, expected = _both_sides(under_test, trained)
    tolerance = _TOLERANCE[(copy or trained).density_dtype]
    gap = np.abs(log_probs - expected)
    worst = int(np.argmax(gap))
    assert np.all(gap <= tolerance * (1 + np.abs(expected))), (
        f"log_prob is {log_probs[worst]:.6g} where the prior of the code and the log-determinant of encode's Jacobian make "
        f"{expected[worst]:.6g}"
    )


def _both_sides(under_test: ModelUnderTest, model: GenerativeModel) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return log p(x), and log p(z) + log |det dz/dx|, [n] each."""
    density, codes = offered(model, HasLogProb), offered(model, HasLatents)
    x = tf.reshape(tf.cast(under_test.batch.x, model.density_dtype), [-1, *under_test.dataset.spec.shape])
    labels = under_test.labels(model)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        z = codes.encode(x, labels, seed=0)
        if z.shape.rank != 2 or z.shape[1] != under_test.dataset.spec.dimensions:
            raise SkipTest(
                f"its codes have {z.shape[1:].as_list()} dimensions, the data {under_test.dataset.spec.dimensions}"
            )
        outputs = tf.unstack(z, axis=1)
    rows = [tape.gradient(output, x) for output in outputs]
    if any(row is None for row in rows):
        raise SkipTest("encode has no derivative")
    jacobians = np.stack([np.asarray(row, np.float64) for row in rows], axis=1)
    prior = np.asarray(codes.prior(labels).log_prob(z), np.float64)
    return np.asarray(density.log_prob(x, labels, seed=0), np.float64), prior + np.linalg.slogdet(jacobians)[1]
