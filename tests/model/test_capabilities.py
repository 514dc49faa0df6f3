"""Capabilities: what is asked of a model that lacks it, or of something that is no model."""

from types import SimpleNamespace

import pytest

from tfgen.errors import CapabilityError, OptionError
from tfgen.model.capabilities import Samples, capable


class Sampler:
    def sample(self, n, labels=None, seed=0):
        return n


def test_a_run_in_the_place_of_its_model_is_told_apart():
    run = SimpleNamespace(model=Sampler())
    with pytest.raises(OptionError, match=r"the test takes a model and not a SimpleNamespace: pass its `\.model`"):
        capable(run, Samples, "the test")
    assert capable(run.model, Samples, "the test") is run.model


def test_a_model_without_the_capability_is_named():
    with pytest.raises(CapabilityError, match=r"model SimpleNamespace has no .* which the test needs"):
        capable(SimpleNamespace(model=None), Samples, "the test")
