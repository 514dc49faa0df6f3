"""Conformance checks that the others require: building, losses, shapes and types of results, seeds."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfgen.model.boundary import check_signatures
from tfgen.model.capabilities import HasElbo, HasLogProb, Samples
from tfgen.model.objective import Context
from tfgen.model.tracing import trace_methods
from tfgen.testing.check import check
from tfgen.testing.model_under_test import EXAMPLES, ModelUnderTest
from tfgen.testing.requirements import offered, require_basis, require_examples_like, require_number_per_example
from tfgen.training.trainer import Trainer


@check(10)
def model_can_be_built(under_test: ModelUnderTest) -> None:
    """Check that the factory takes config, data and seed, each method what the core gives it, and who takes labels says so."""
    check_signatures(under_test.fresh)
    spec = under_test.registry.model(under_test.model)
    assert spec.takes_labels or not under_test.fresh.conditional, (
        f"model {spec.name!r} takes labels, and its ModelSpec does not say so: give it takes_labels=True"
    )


@check(10, model_can_be_built)
def objectives_are_sound(under_test: ModelUnderTest) -> None:
    """Check that names differ, each loss is a finite scalar, and together they train every trainable weight."""
    model = under_test.build()
    trainer = Trainer(
        model, under_test.dataset, under_test.config.training
    )  # which checks losses, gradients and weights
    names = [objective.name for objective in trainer.objectives]
    assert len(set(names)) == len(names), f"objectives share a name: {names}"


@check(10, model_can_be_built)
def samples_are_examples(under_test: ModelUnderTest) -> None:
    """Check that samples have the shape, type and range of the data."""
    model, spec = offered(under_test.fresh, Samples), under_test.dataset.spec
    require_examples_like(model.sample(EXAMPLES, under_test.labels(under_test.fresh), seed=0).numpy(), spec, "samples")


@check(10, model_can_be_built)
def densities_are_numbers_per_example(under_test: ModelUnderTest) -> None:
    """Check that `log_prob` gives one finite float32 for each example, whatever the other examples are."""
    log_prob, labels = offered(under_test.fresh, HasLogProb).log_prob, under_test.labels(under_test.fresh)
    require_basis(under_test.fresh)
    require_number_per_example(lambda x: log_prob(x, labels, seed=0), "density", under_test.batch.x)


@check(10, model_can_be_built)
def bounds_are_numbers_per_example(under_test: ModelUnderTest) -> None:
    """Check that `elbo` gives one finite float32 for each example, whatever the others are, for one particle and for more."""
    elbo, labels = offered(under_test.fresh, HasElbo).elbo, under_test.labels(under_test.fresh)
    require_basis(under_test.fresh)
    require_number_per_example(lambda x: elbo(x, labels, seed=0), "bound", under_test.batch.x)
    if (k := under_test.particles) > 1:
        require_number_per_example(lambda x: elbo(x, labels, seed=0, particles=k), "bound", under_test.batch.x)


@check(
    20, objectives_are_sound, samples_are_examples, densities_are_numbers_per_example, bounds_are_numbers_per_example
)
def methods_can_be_traced(under_test: ModelUnderTest) -> None:
    """Check losses and methods in graphs: random numbers follow from seeds, Keras tracks the weights, no state is lost."""
    model = under_test.build()
    trace_methods(model, list(model.objectives()))


@check(20, methods_can_be_traced)
def everything_is_a_function_of_the_seed(under_test: ModelUnderTest) -> None:
    """Check that equal seeds give equal weights, losses, samples and densities, and another seed other samples."""
    one, other = under_test.fresh, under_test.build()
    for a, b in zip(one.weights, other.weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), f"initial {a.path} does not follow from the seed"
    for a, b in zip(one.objectives(), other.objectives(), strict=True):
        losses = [float(o.loss(under_test.batch, tf.constant([0, 5]), Context.at(0))["loss"]) for o in (a, b)]
        assert losses[0] == losses[1], f"objective {a.name} is not a function of batch, seed and context: {losses}"
    labels = under_test.labels(one)
    if isinstance(one, HasLogProb) and isinstance(other, HasLogProb):
        densities = [model.log_prob(under_test.batch.x, labels, seed=1).numpy() for model in (one, one, other)]
        assert np.array_equal(densities[0], densities[1]), "the same seed gave two different densities"
        assert np.array_equal(densities[0], densities[2]), "two models of one seed gave two different densities"
        if one.density == "dequantised":
            again = one.log_prob(under_test.batch.x, labels, seed=2).numpy()
            assert not np.array_equal(densities[0], again), "log_prob of dequantised images does not use its seed"
    if isinstance(one, HasElbo) and isinstance(other, HasElbo):
        k = under_test.particles
        bounds = [model.elbo(under_test.batch.x, labels, seed=1, particles=k).numpy() for model in (one, one, other)]
        assert np.array_equal(bounds[0], bounds[1]), "the same seed gave two different bounds"
        assert np.array_equal(bounds[0], bounds[2]), "two models of one seed gave two different bounds"
    if isinstance(one, Samples) and isinstance(other, Samples):
        drawn = one.sample(EXAMPLES, labels, seed=1).numpy()
        assert np.array_equal(drawn, one.sample(EXAMPLES, labels, seed=1)), "the same seed drew two different samples"
        assert np.array_equal(drawn, other.sample(EXAMPLES, labels, seed=1)), (
            "two models of one seed drew other samples"
        )
        if np.array_equal(
            drawn, one.sample(EXAMPLES, labels, seed=2)
        ):  # an untrained decoder may make one image of all codes
            trained = offered(under_test.trained[1], Samples)
            pair = [trained.sample(EXAMPLES, labels, seed=seed).numpy() for seed in (1, 2)]
            assert not np.array_equal(*pair), "two seeds drew the same samples"
