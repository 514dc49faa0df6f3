"""Conformance checks of latent codes: they decode to examples, and encoded examples decode to themselves."""

from __future__ import annotations

import numpy as np

from tfgen.model.capabilities import Decodes, HasLatents, HasLogProb
from tfgen.testing.basic_checks import methods_can_be_traced, model_can_be_built
from tfgen.testing.check import check
from tfgen.testing.model_under_test import ModelUnderTest
from tfgen.testing.requirements import codes_of_prior, offered, require_equal_up_to_rounding, require_examples_like


@check(10, model_can_be_built)
def codes_become_examples(under_test: ModelUnderTest) -> None:
    """Check that what codes of the prior decode to has the shape, type and range of the data, and is a function of them."""
    model, spec = offered(under_test.fresh, Decodes), under_test.dataset.spec
    codes, labels = codes_of_prior(under_test, under_test.fresh), under_test.labels(under_test.fresh)
    assert codes.shape.rank == 2, f"expected codes of shape [batch, latent]; got {codes.shape}"
    decoded = np.asarray(model.decode(codes, labels, seed=0))
    require_examples_like(decoded, spec, "decoded codes")
    assert np.array_equal(decoded, model.decode(codes, labels, seed=0)), (
        "the same codes decoded to two different examples"
    )


@check(10, methods_can_be_traced, codes_become_examples)
def codes_decode_to_what_was_encoded(under_test: ModelUnderTest) -> None:
    """Check that decoding inverts encoding, for a model with codes and a density (a flow)."""
    offered(under_test.fresh, HasLatents)
    offered(under_test.fresh, HasLogProb)
    _, trained = under_test.trained  # an untrained flow is the identity, whose inverse is hard to miss
    model, x = offered(trained, HasLatents), under_test.batch.x
    labels = under_test.labels(trained)
    back = model.decode(model.encode(x, labels, seed=0), labels).numpy()
    require_equal_up_to_rounding(back, x.numpy(), "examples and what their codes decode to", rounding=1e-3)
