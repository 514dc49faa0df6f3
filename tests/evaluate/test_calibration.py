"""The metric of simulation-based calibration: its basis says what was ranked and how it was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import tfgen
from tests.toy_models import ContextGaussian, GaussianConfig
from tfgen import Column, Dataset, DataSpec, Split
from tfgen.evaluate.calibration import EXAMPLES
from tfgen.evaluate.measurement import measure


@dataclass(frozen=True)
class Heat:
    """Options of sampling."""

    temperature: float = 1.0


class Heated(ContextGaussian):
    """Samples that lie further from the mean the higher the temperature is."""

    sampling = Heat()

    def sample(self, n, labels=None, seed=0, first=0, temperature=1.0):
        mean = self._mean(labels, n)
        return mean + temperature * (super().sample(n, labels, seed, first) - mean)


def test_the_basis_has_the_examples_that_were_ranked_and_the_options_of_the_sampler():
    random = np.random.default_rng(0)
    context = random.normal(size=(EXAMPLES + 100, 1)).astype(np.float32)
    x = (context + random.normal(size=(len(context), 1))).astype(np.float32)
    columns = (Column("dose", shift=0.0, scale=1.0),)
    spec = DataSpec("vector", (1,), context=columns)
    data = Dataset("s", spec, dict.fromkeys(("train", "valid", "test"), Split(x, None, context)))
    model = Heated(GaussianConfig(), spec, 0)
    model.means.assign([[1.0]])
    sbc = tfgen.load_registry().metric("sbc")
    exact = measure(sbc, model, data)
    hot = measure(sbc, model, data, options={"temperature": 9.0})
    assert exact.basis.examples == EXAMPLES
    assert exact.basis.samples == 99 * EXAMPLES
    assert exact.basis.other == {"given": "context"}
    assert exact.value <= 1
    assert hot.basis.other == {"given": "context", "sampling_temperature": 9.0}
    assert hot.value > 2
