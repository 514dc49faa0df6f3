"""Conformance checks of training: weights that move, models that load as they were trained, equal compile modes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args
from unittest import SkipTest

import numpy as np
import tensorflow as tf

from tfgen.model.capabilities import HasElbo, HasLogProb, Samples
from tfgen.plugin.train_options import CompileMode
from tfgen.runs.run import Run
from tfgen.testing.basic_checks import everything_is_a_function_of_the_seed, methods_can_be_traced
from tfgen.testing.check import check
from tfgen.testing.model_under_test import EXAMPLES, ModelUnderTest


@check(30, methods_can_be_traced)
def every_weight_is_trained(under_test: ModelUnderTest) -> None:
    """Check that after a few steps no trainable weight is where it started."""
    before = [weight.numpy() for weight in under_test.fresh.trainable_variables]
    _, trained = under_test.trained
    pairs = zip(trained.trainable_variables, before, strict=True)
    idle = [weight.path for weight, start in pairs if np.array_equal(weight.numpy(), start)]
    assert not idle, f"training did not move {idle}"


@check(20, every_weight_is_trained, everything_is_a_function_of_the_seed)
def a_loaded_model_is_the_trained_one(under_test: ModelUnderTest) -> None:
    """Check that a saved and loaded model gives the same densities, bounds and samples to the last bit, unlike a fresh one."""
    run, trained = under_test.trained
    loaded, fresh = run.model, under_test.fresh
    labels, k = under_test.labels(trained), under_test.particles
    if isinstance(trained, HasLogProb):
        values = trained.log_prob(under_test.batch.x, labels, seed=1).numpy()
        again = loaded.log_prob(under_test.batch.x, labels, seed=1)
        assert np.array_equal(values, again), "the loaded model has other densities than the trained one"
        fresh_values = fresh.log_prob(under_test.batch.x, labels, seed=1)
        assert not np.array_equal(values, fresh_values), "training did not change the densities"
    if isinstance(trained, HasElbo):
        values = trained.elbo(under_test.batch.x, labels, seed=1, particles=k).numpy()
        again = loaded.elbo(under_test.batch.x, labels, seed=1, particles=k)
        assert np.array_equal(values, again), "the loaded model has other bounds than the trained one"
        fresh_values = fresh.elbo(under_test.batch.x, labels, seed=1, particles=k)
        assert not np.array_equal(values, fresh_values), "training did not change the bounds"
    if isinstance(trained, Samples):
        drawn = trained.sample(EXAMPLES, labels, seed=1)
        again = loaded.sample(EXAMPLES, labels, seed=1)
        assert np.array_equal(drawn, again), "the loaded model draws other samples than the trained one"


@check(60, methods_can_be_traced)
def compile_modes_agree(under_test: ModelUnderTest) -> None:
    """Check that the losses of the first steps are the same, up to rounding, in every way of compiling that the model allows.

    The model is trained anew for five steps in each way.

    Raises:
        SkipTest: where the others agree, but XLA does not compile the model: with the modes that were left out.
    """
    losses: dict[str, float] = {}
    left_out = []
    for mode in get_args(CompileMode):  # graph is the first
        with tempfile.TemporaryDirectory() as folder:
            try:
                losses[mode] = _first_loss(under_test.on_few_examples.train(Path(folder), mode)[0])
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, NotImplementedError) as error:
                if mode == "graph":
                    raise
                left_out.append(f"{mode} ({str(error).splitlines()[0]})")
    for mode, loss in losses.items():
        np.testing.assert_allclose(loss, losses["graph"], rtol=1e-2, err_msg=f"{mode} and graph disagree")
    if left_out:
        raise SkipTest(f"XLA does not compile the model: {', '.join(left_out)}")


def _first_loss(run: Run) -> float:
    return float(next(value for name, value in run.metrics[0].items() if name.endswith("loss")))
