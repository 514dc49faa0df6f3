"""Both models pass tfgen's conformance suite; `tfgen check ddpm` runs the same checks."""

import pytest

from tfgen.testing import CHECKS, ModelUnderTest

SMALL = {"timesteps": 60, "width": 8, "blocks": 1}
MODELS = {name: ModelUnderTest(name, "digits", options=SMALL) for name in ("ddpm", "conditional_ddpm")}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_conformance(name, check):
    """Run one check on one model."""
    check(MODELS[name])
