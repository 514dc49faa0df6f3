"""Every plugin that comes with tfgen, and the example in the docs, pass the conformance suite; broken models do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.toy_models import Gaussian, spec
from tfgen.testing import (
    CHECKS,
    Subject,
    a_loaded_model_is_the_trained_one,
    densities_are_numbers_per_example,
    every_weight_is_trained,
    everything_is_a_function_of_the_seed,
    samples_are_examples,
)

EXAMPLE = str(Path(__file__).parent.parent / "docs/examples/histogram.py")
SMALL = {"layers": 2, "units": 8}
SUBJECTS = {
    "realnvp-digits": Subject("realnvp", options=SMALL),
    "realnvp-plane": Subject("realnvp", "two_gaussians", options=SMALL | {"batch_size": 5000}),
    "histogram-digits": Subject("histogram", plugins=[EXAMPLE]),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS.keys())
def test_conformance(subject, check):
    check(subject)


def broken(**methods: object) -> Subject:
    """A subject whose model is a sound one with some methods replaced."""
    subject = Subject("broken", "two_gaussians", options={"batch_size": 5000})
    subject.registry.add_model(spec(type("Broken", (Gaussian,), methods)))
    return subject


def test_a_sound_toy_passes():
    for check in CHECKS:
        check(broken())


class _Counter:
    calls = 0


def _unseeded(self, n, labels=None, seed=0):
    _Counter.calls += 1
    return tf.zeros([n, 2]) + _Counter.calls


@pytest.mark.parametrize(
    ("check", "methods"),
    [
        (everything_is_a_function_of_the_seed, {"sample": _unseeded}),
        (samples_are_examples, {"sample": lambda self, n, labels=None, seed=0: tf.zeros([n, 3])}),
        (samples_are_examples, {"sample": lambda self, n, labels=None, seed=0: tf.zeros([n, 2], tf.float64)}),
        (
            densities_are_numbers_per_example,
            {"log_prob": lambda self, x, labels=None, seed=0: tf.reduce_sum(x * self.mean)},
        ),
        (
            densities_are_numbers_per_example,
            {"log_prob": lambda self, x, labels=None, seed=0: Gaussian.log_prob(self, x) + tf.reduce_mean(x)},
        ),
        (every_weight_is_trained, {"log_prob": lambda self, x, *_, **__: 0 * Gaussian.log_prob(self, x)}),
        (
            a_loaded_model_is_the_trained_one,
            {"log_prob": lambda self, x, *_, **__: Gaussian.log_prob(self, x) + np.float32(id(self) % 1000)},
        ),
    ],
)
def test_broken_models_fail(check, methods):
    with pytest.raises(AssertionError):
        check(broken(**methods))
