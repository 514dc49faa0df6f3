"""Conformance checks of bounds: importance weights, the order of bounds, the terms of the ELBO, the evidence above them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from unittest import SkipTest

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasElbo, HasPosterior
from tfgen.seeds import as_seed
from tfgen.testing.basic_checks import bounds_are_numbers_per_example, methods_can_be_traced, model_can_be_built
from tfgen.testing.check import check
from tfgen.testing.model_under_test import EXAMPLES, ModelUnderTest
from tfgen.testing.requirements import offered
from tfgen.testing.tiny_images import all_images
from tfgen.testing.totals import (
    Condition,
    Score,
    data_grid,
    given,
    image_probabilities,
    labels_looked_at,
    mass_on_grid,
    scored,
    tiny_model,
)
from tfgen.training.validation import batch_of

#: Draws of a bound, and how many standard errors of their mean make a contradiction.
_SEEDS, _ERRORS = 20, 5.0
_PARTICLES = 32
_EXAMPLES = 64  # of the test split, whose bounds are compared
_ROUNDS = 10  # of 20 seeds each, until the gain of many particles is told from none
_CELLS = 96  # along each axis of the plane
_REACH = 2.0  # of that grid, in units of half the data's box
_DRAWS = 50  # of each image's bound


@dataclass(frozen=True)
class _Gain:
    """What 32 particles gain over one, in nats, over examples and seeds.

    Attributes:
        mean: of the gain.
        noise: five standard errors of it, and rounding.
        expected: what importance weights would gain at least, as far as the spread of the bound says; only known where the gain
            cannot be told from zero.
        ignored: whether all bounds of many particles are those of one, to the last bit.
    """

    mean: float
    noise: float
    expected: float = 0.0
    ignored: bool = False


def _gain(under_test: ModelUnderTest) -> _Gain:
    """Return the gain of 32 particles, from rounds of 20 seeds until it is told from zero, ten rounds at most."""
    _, trained = under_test.trained
    if under_test.particles == 1:
        raise SkipTest("its bound has no importance weights, and refuses more than one particle")
    gains: list[NDArray[np.float64]] = []
    for number in range(_ROUNDS):
        seeds = range(number * _SEEDS, (number + 1) * _SEEDS)
        single, many = _bounds(under_test, trained, (1, _PARTICLES), seeds)
        gains.append(many - single)
        mean, noise = _mean_and_noise(np.concatenate(gains).mean(axis=1), float(np.abs(single).max()))
        if abs(mean) > noise:
            return _Gain(mean, noise)
    # Bounds of 32 and of 64 particles see the same noise of the example, if any: their difference is that of the weights. Of
    # log-weights with variance v its variance is at most v/32 + v/64, and the gain over one particle is v/2 to second order.
    some, twice = _bounds(under_test, trained, (_PARTICLES, 2 * _PARTICLES), range(_SEEDS))
    variance = float((twice - some).var(axis=0, ddof=1).mean()) / (1.5 / _PARTICLES)
    return _Gain(mean, noise, variance / 2, not any(gain.any() for gain in gains))


def _bounds(
    under_test: ModelUnderTest, model: GenerativeModel, particles: tuple[int, int], seeds: range
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds of two numbers of particles, [seeds, examples] each; compiled once for all seeds."""
    elbo, batch = offered(model, HasElbo).elbo, batch_of(under_test.dataset.test, slice(_EXAMPLES))
    x, labels = batch.x, model.given(batch)

    def compiled() -> Callable[[tf.Tensor], tf.Tensor]:
        both = tf.function(
            lambda seed: tf.stack([elbo(x, labels, seed=seed, particles=k) for k in particles]), autograph=False
        )
        found: Callable[[tf.Tensor], tf.Tensor] = both
        return found

    program = under_test.remembered(f"bounds of {particles}", compiled)
    drawn = np.stack([program(as_seed(seed)).numpy().astype(np.float64) for seed in seeds])
    return drawn[:, 0], drawn[:, 1]


@check(30, methods_can_be_traced, bounds_are_numbers_per_example)
def bounds_are_ordered(under_test: ModelUnderTest) -> None:
    """Check that `elbo` with many particles is, on average over examples and seeds, not below that with one.

    By Jensen's inequality E[IWAE_k] rises with k (Burda et al. 2016, theorem 1). The gain has to be below zero by more
    than five of its standard errors, estimated from 20 seeds or more, to count against the model.
    """
    offered(under_test.fresh, HasElbo)
    gain = under_test.remembered("gain of particles", lambda: _gain(under_test))
    assert gain.mean > -gain.noise, f"the bound with {_PARTICLES} particles is {-gain.mean:.4g} nats below the ELBO"


@check(10, bounds_are_ordered)
def particles_are_importance_weighted(under_test: ModelUnderTest) -> None:
    """Check that `elbo` with many particles is an importance-weighted bound, and not an ELBO, or the mean of many of them.

    ``log 1/k sum_i w_i`` gains over the ELBO unless all weights are equal. Where the gain cannot be told from zero, though the
    bound's own spread says that it should be seen, particles have no weights. A model whose bound has none raises
    `tfgen.CapabilityError` for more than one particle: its numbers are then never called IWAE.
    """
    offered(under_test.fresh, HasElbo)
    gain = under_test.remembered("gain of particles", lambda: _gain(under_test))
    if gain.mean > gain.noise:
        return
    advice = (
        "the bound of k particles is log 1/k sum_i w_i; without weights, raise tfgen.CapabilityError for particles > 1"
    )
    assert not gain.ignored, f"elbo takes no notice of particles: {advice}"
    found = f"{_PARTICLES} particles gain {gain.mean:.3g} nats (noise {gain.noise:.2g})"
    if gain.expected <= 2 * gain.noise:
        raise SkipTest(f"the posterior is too near to tell: {found}, and could gain {gain.expected:.2g}")
    raise AssertionError(f"{found} where importance weights would gain {gain.expected:.2g} or more: {advice}")


@check(20, model_can_be_built)
def posterior_and_terms_agree(under_test: ModelUnderTest) -> None:
    """Check that q(z|x) is a distribution of codes for each example, and that the terms of the ELBO are those of `elbo`.

    Their difference may come from another draw of z than `elbo` takes, so the means over 20 seeds are compared, within five
    standard errors; so is the mean KL with zero, which a single draw may well be below.
    """
    model = offered(under_test.fresh, HasPosterior)
    assert isinstance(model, HasElbo), "a model with a posterior needs elbo, too"
    x, labels = under_test.batch.x, under_test.labels(under_test.fresh)
    posterior = model.posterior(x, labels, seed=0)
    batch, event = tuple(posterior.batch_shape), tuple(posterior.event_shape)
    assert batch == (EXAMPLES,), f"expected a posterior of batch shape {(EXAMPLES,)}; got {batch}"
    assert len(event) == 1, f"expected a posterior of event shape [latent]; got {list(event)}"
    for name, term in zip(("E_q[log p(x|z)]", "KL"), model.elbo_terms(x, labels, seed=0), strict=True):
        assert term.shape == (EXAMPLES,), f"expected {name} of shape {(EXAMPLES,)}; got {term.shape}"
    reconstructions, divergences, bounds = _means(
        lambda seed: [*model.elbo_terms(x, labels, seed=seed), model.elbo(x, labels, seed=seed)]
    ).T
    scale = float(np.abs(reconstructions).max())
    mean, noise = _mean_and_noise(reconstructions - divergences - bounds, scale)
    assert abs(mean) < noise, f"the terms differ by {mean:.4g} nats more than elbo says"
    mean, noise = _mean_and_noise(divergences, scale)
    assert mean > -noise, f"the KL is {mean:.4g} nats on average, and must not be negative"


def _means(score: Callable[[tf.Tensor], Sequence[tf.Tensor]]) -> NDArray[np.float64]:
    """Return the means over the batch of what `score` gives for 20 seeds, [seeds, scores]; in a graph, traced once."""

    @tf.function(autograph=False)
    def of_seed(seed: tf.Tensor) -> tf.Tensor:
        return tf.stack([tf.reduce_mean(tf.cast(values, tf.float64)) for values in score(seed)])

    return np.stack([of_seed(as_seed(seed)).numpy() for seed in range(_SEEDS)])


def _mean_and_noise(values: NDArray[np.float64], scale: float) -> tuple[float, float]:
    """Return the mean and what it may be off: five standard errors, and the rounding of float32 sums of such a size."""
    error = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return float(np.mean(values)), _ERRORS * error + 1e-4 * scale + 1e-5


@check(60, bounds_are_ordered, posterior_and_terms_agree)
def bounds_stay_below_the_evidence(under_test: ModelUnderTest) -> None:
    """Check that exp(bound) has no more mass than 1, which the evidence has: on a grid of the plane, or over all tiny images.

    The mean of exp(IWAE_k) is p(x) (Burda et al. 2016), so its mass is at most 1: 2 % and five standard errors are allowed.
    A bound without importance weights is averaged over 20 seeds first. For images, the model is trained on images of 2x2
    pixels.
    """
    offered(under_test.fresh, HasElbo)
    if under_test.fresh.scored_as == "cross_entropy":
        raise SkipTest("a cross-entropy is no bound of a likelihood")
    particles = _PARTICLES if under_test.particles > 1 else 1
    if under_test.dataset.spec.kind == "image":
        model = tiny_model(under_test)
        for label in labels_looked_at(model):
            score = _score(model, particles)
            if particles > 1:
                _, p, errors = image_probabilities(score, model, label, _DRAWS)
                _require_no_more_than_one(float(p.sum()), float(np.sqrt(np.sum(errors**2))), label)
            else:
                images = np.repeat(all_images(model.data), _DRAWS, axis=0)
                drawn = scored(score, images, label).reshape(-1, _DRAWS)
                _require_no_more_than_one(float(np.sum(_exp_of_mean(drawn, axis=1))), 0.0, label)
    elif under_test.dataset.spec.shape in ((1,), (2,)):
        _, model = under_test.trained
        grid = data_grid(under_test.dataset, _CELLS, _REACH)
        for label in labels_looked_at(model):
            score = _score(model, particles)
            if particles > 1:
                masses = np.array([mass_on_grid(score, grid, label, seed) for seed in range(5)])
                error = float(masses.std(ddof=1) / np.sqrt(len(masses)))
                _require_no_more_than_one(float(masses.mean()), error, label)
            else:
                drawn = np.stack([scored(score, grid.points, label, seed) for seed in range(_SEEDS)])
                _require_no_more_than_one(float(np.sum(_exp_of_mean(drawn, axis=0) * grid.areas)), 0.0, label)
    else:
        raise SkipTest("a grid is for one or two dimensions: check it with --data two_gaussians as well")


def _score(model: GenerativeModel, particles: int) -> Score:
    elbo = offered(model, HasElbo).elbo
    return lambda x, labels, seed: elbo(x, labels, seed=seed, particles=particles)


def _exp_of_mean(drawn: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return exp of the mean of a bound over its draws, less what the spread of the mean adds to exp."""
    mean: NDArray[np.float64] = drawn.mean(axis=axis) - drawn.var(axis=axis, ddof=1) / (2 * drawn.shape[axis])
    return np.exp(mean)


def _require_no_more_than_one(mass: float, error: float, label: Condition) -> None:
    assert mass <= 1.02 + _ERRORS * error, (
        f"exp(bound){given(label)} has a mass of {mass:.4g} ± {error:.2g}: the bound lies above the log-likelihood"
    )
