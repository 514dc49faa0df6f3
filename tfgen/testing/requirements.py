"""Requirements that several conformance checks share: capabilities, arrays of examples, equality up to rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from unittest import SkipTest

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.spec import DataSpec
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import CAPABILITIES, Decodes
from tfgen.seeds import as_seed
from tfgen.testing.model_under_test import EXAMPLES, ModelUnderTest

C = TypeVar("C")

_DIFFERING = 1e-5  # share of the pixels that rounding may move by one level; one pixel always


def offered(model: object, capability: type[C]) -> C:
    """Return `model` as `capability`; raise `SkipTest` when it does not offer it."""
    if not isinstance(model, capability):
        raise SkipTest(f"{type(model).__name__} has no {CAPABILITIES[capability]}")
    return model


def require_examples_like(x: NDArray[np.generic], spec: DataSpec, what: str) -> None:
    """Raise `AssertionError` unless `x` holds `EXAMPLES` examples of the shape, type and range of the data."""
    assert x.shape == (EXAMPLES, *spec.shape), f"expected {what} of shape {spec.shape}; got {x.shape[1:]}"
    expected = np.uint8 if spec.kind == "image" else np.float32
    assert x.dtype == expected, f"expected {np.dtype(expected)} {what}; got {x.dtype}"
    if spec.kind == "image":
        assert x.astype(int).max() < spec.levels, f"{what} have a grey level that is not below {spec.levels}"
    else:
        assert np.isfinite(x).all(), f"{what} are not finite"


def require_basis(model: GenerativeModel) -> None:
    """Raise `AssertionError` unless `basis` says on what the log-probabilities of images rest, so that only like is ranked."""
    basis = model.basis()
    if not model.data.quantised:
        return
    needed = ["levels"] if model.scored_as == "grey_levels" else []
    if model.scored_as == "bits" and model.data.levels > 2:
        needed.append("binarisation")
    if model.density == "dequantised" and "alpha" not in basis:
        needed.append("dequantisation")
    for key in needed:
        advice = ", or keep the LogitCodec of a flow as an attribute of the model" if key == "dequantisation" else ""
        assert key in basis, (
            f"basis() lacks {key!r}, on which the numbers of {type(model).__name__} rest; return it{advice}"
        )


def require_number_per_example(score: Callable[[Any], Any], what: str, x: tf.Tensor) -> None:
    """Raise `AssertionError` unless `score` gives one finite float32 for each example, whatever the other examples are."""
    values = score(x).numpy()
    assert values.shape == (EXAMPLES,), f"expected shape {(EXAMPLES,)}; got {values.shape}"
    assert values.dtype == np.float32, f"expected float32; got {values.dtype}"
    assert np.all(np.isfinite(values)), f"the {what} of a test example is not finite: {values}"
    again = score(tf.concat([x[:-1], x[:1]], axis=0)).numpy()
    np.testing.assert_allclose(
        again[:-1], values[:-1], rtol=1e-5, err_msg=f"an example's {what} depends on another example"
    )


def require_equal_up_to_rounding(
    one: NDArray[np.generic], other: NDArray[np.generic], what: str, rounding: float = 1e-4
) -> None:
    """Raise `AssertionError` unless two arrays of examples are equal up to the rounding of products.

    Args:
        one: images uint8, of which one pixel in 10^5 (or a single one) may be off by one level; or vectors float32.
        other: of the same shape.
        what: the arrays, in words.
        rounding: what vectors may differ by, relative to their size.
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
        assert difference.max() <= rounding * scale, f"{what} differ by {difference.max():.3g}"


def codes_of_prior(under_test: ModelUnderTest, model: GenerativeModel) -> tf.Tensor:
    """Return a code for each example, drawn from the prior of the model."""
    assert isinstance(model, Decodes)
    prior = model.prior(under_test.labels(model))
    return prior.sample([] if prior.batch_shape.rank else EXAMPLES, seed=as_seed(0))
