"""The losses and their gradients against the published formulas, and the penalties against finite differences."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.moved_models import moved_model
from tfgen import DataSpec
from tfgen.model.objective import Batch
from tfgen_plugins.gan.objectives import OBJECTIVES, gradient_penalty, r1_penalty, values_and_gradients

IMAGES = DataSpec("image", (6, 6, 1), classes=3)
SMALL = {"filters": 2, "latent": 3}


def sigma(d):
    return 1 / (1 + np.exp(-d))


# name: (loss of D, dL/dD(x) of a true one, dL/dD(G(z)) of a generated one; loss of G, its dL/dD(G(z))), each per example
FORMULAS = {
    "nonsaturating": (
        lambda x, g: -np.log(sigma(x)).mean() - np.log(1 - sigma(g)).mean(),
        lambda x: sigma(x) - 1,
        lambda g: sigma(g),
        lambda g: -np.log(sigma(g)).mean(),
        lambda g: sigma(g) - 1,
    ),
    "minimax": (
        lambda x, g: -np.log(sigma(x)).mean() - np.log(1 - sigma(g)).mean(),
        lambda x: sigma(x) - 1,
        lambda g: sigma(g),
        lambda g: np.log(1 - sigma(g)).mean(),
        lambda g: -sigma(g),
    ),
    "wgan-gp": (
        lambda x, g: g.mean() - x.mean(),
        lambda x: -np.ones_like(x),
        lambda g: np.ones_like(g),
        lambda g: -g.mean(),
        lambda g: -np.ones_like(g),
    ),
    "hinge": (
        lambda x, g: np.maximum(0, 1 - x).mean() + np.maximum(0, 1 + g).mean(),
        lambda x: -(x < 1).astype(float),
        lambda g: (g > -1).astype(float),
        lambda g: -g.mean(),
        lambda g: -np.ones_like(g),
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
@given(
    true=st.lists(st.floats(-9, 9).filter(lambda d: abs(d - 1) > 1e-6), min_size=1, max_size=6),
    generated=st.lists(st.floats(-9, 9).filter(lambda d: abs(d + 1) > 1e-6), min_size=1, max_size=6),
)
def test_losses_and_their_gradients_follow_the_formulas(name, true, generated):
    objective, (loss, d_true, d_generated, loss_of_g, d_of_g) = OBJECTIVES[name], FORMULAS[name]
    x, g = np.array(true), np.array(generated)
    values_x, values_g = tf.constant(x), tf.constant(g)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([values_x, values_g])
        of_d, of_g = objective.discriminator(values_x, values_g), objective.generator(values_g)
    np.testing.assert_allclose(of_d, loss(x, g), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(of_g, loss_of_g(g), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(tape.gradient(of_d, values_x), d_true(x) / len(x), atol=1e-12)
    np.testing.assert_allclose(tape.gradient(of_d, values_g), d_generated(g) / len(g), atol=1e-12)
    np.testing.assert_allclose(tape.gradient(of_g, values_g), d_of_g(g) / len(g), atol=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_stay_finite_where_one_player_is_far_ahead(name):
    far = tf.constant([-500.0, 500.0])
    for value in (OBJECTIVES[name].discriminator(far, far), OBJECTIVES[name].generator(far)):
        assert np.isfinite(value)


def test_the_optimal_discriminator_gives_twice_jensen_shannon_less_log_four():
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.2, 0.7])
    optimal = np.log(p) - np.log(q)  # sigma(D) = p / (p + q): Goodfellow et al. 2014, proposition 1
    m = (p + q) / 2
    js = (np.sum(p * np.log(p / m)) + np.sum(q * np.log(q / m))) / 2
    loss = np.sum(p * np.log1p(np.exp(-optimal))) + np.sum(q * np.log1p(np.exp(optimal)))
    copies = 10  # of each outcome as often as it is probable
    objective = OBJECTIVES["minimax"].discriminator(
        tf.constant(np.repeat(optimal, (copies * p).round().astype(int))),
        tf.constant(np.repeat(optimal, (copies * q).round().astype(int))),
    )
    np.testing.assert_allclose(objective, loss)
    np.testing.assert_allclose(-objective, 2 * js - 2 * np.log(2))


@pytest.fixture(scope="module")
def critic():
    """A discriminator in float64 whose weights are not those of the start, and some images as it sees them."""
    model = moved_model("cgan", IMAGES, SMALL | {"objective": "wgan-gp"}, "float64", seed=3, moved=0.2)
    random = np.random.default_rng(0)
    x, y = random.uniform(-1, 1, (2, 4, 6, 6, 1))
    labels = tf.one_hot([0, 1, 2, 1], 3, dtype=tf.float64)
    return model, (lambda x: model.discriminator(x, labels)), tf.constant(x), tf.constant(y)


def by_differences(values, x, step=1e-6):
    """``|grad D|^2`` of each example by central differences."""
    x = np.asarray(x)
    total = np.zeros(len(x))
    for pixel in np.ndindex(x.shape[1:]):
        shift = np.zeros_like(x)
        shift[(slice(None), *pixel)] = step
        total += ((np.asarray(values(x + shift)) - np.asarray(values(x - shift))) / (2 * step)) ** 2
    return total


def test_penalties_equal_their_definitions_by_finite_differences(critic):
    _, values, x, y = critic
    found, squares = values_and_gradients(values, x)
    np.testing.assert_array_equal(found, values(x))
    expected = by_differences(values, x)
    assert expected.min() > 1e-3
    np.testing.assert_allclose(squares, expected, rtol=1e-6)
    np.testing.assert_allclose(r1_penalty(squares), expected.mean() / 2, rtol=1e-6)
    shares = np.array([0.1, 0.4, 0.7, 1.0])
    between = shares[:, None, None, None] * x + (1 - shares[:, None, None, None]) * y
    norms = np.sqrt(by_differences(values, between))
    np.testing.assert_allclose(
        gradient_penalty(values, x, y, tf.constant(shares)), np.mean((norms - 1) ** 2), rtol=1e-6
    )


def test_penalties_have_the_gradients_of_finite_differences_in_the_weights(critic):
    model, values, x, y = critic
    shares = tf.constant([0.1, 0.4, 0.7, 0.2], tf.float64)
    kernel = model.discriminator.features.convolutions[0].kernel

    def penalties():
        return [r1_penalty(values_and_gradients(values, x)[1]), gradient_penalty(values, x, y, shares)]

    with tf.GradientTape(persistent=True) as tape:
        found = penalties()
    gradients = [tape.gradient(penalty, kernel.value).numpy() for penalty in found]
    before, place, step = kernel.numpy(), (1, 2, 0, 1), 1e-6
    ends = []
    for sign in (1, -1):
        moved = before.copy()
        moved[place] += sign * step
        kernel.assign(moved)
        ends.append([float(penalty) for penalty in penalties()])
    kernel.assign(before)
    for gradient, up, down in zip(gradients, *ends, strict=True):
        assert abs(gradient[place]) > 1e-4
        np.testing.assert_allclose(gradient[place], (up - down) / (2 * step), rtol=1e-5)


def test_a_penalty_where_nothing_changes_has_no_gradient_that_is_no_number():
    weight = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(
            lambda x: tf.reduce_sum(weight * x, axis=1), tf.ones([2, 3]), tf.zeros([2, 3]), tf.constant([0.5, 0.5])
        )
    assert float(penalty) == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(tape.gradient(penalty, weight))


@pytest.mark.parametrize(("options", "terms"), [
    ({"objective": "wgan-gp"}, {"gradient_penalty": 10.0}),
    ({"objective": "wgan-gp", "r1": 0.5, "gradient_penalty": 3.0}, {"gradient_penalty": 3.0, "r1": 0.5}),
    ({"objective": "minimax"}, {"r1": 1.0}),
    ({"objective": "hinge", "r1": 0.3}, {"r1": 0.3}),
    ({"objective": "nonsaturating", "r1": 0.0}, {}),
])  # fmt: skip
def test_the_discriminators_loss_is_the_objective_and_its_weighted_penalties(options, terms):
    model = moved_model("gan", IMAGES, SMALL | options, "float64", seed=1, moved=0.2)
    x = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 1)).astype(np.uint8)
    found = model._discriminator_loss(Batch(tf.constant(x), None), tf.constant([1, 2]), tf.constant(0))
    assert set(found) == {"loss", "d_true", "d_generated", *terms}
    true = model.discriminator(model._scaled(x))
    generated = model.discriminator(model._generated(model._codes(5, tf.constant([1, 2])), None))
    expected = OBJECTIVES[options["objective"]].discriminator(true, generated)
    for name, weight in terms.items():
        assert float(found[name]) > 1e-6
        expected += weight * found[name]
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-12)
    shown = sigma(np.asarray(true)) if OBJECTIVES[options["objective"]].probabilities else np.asarray(true)
    np.testing.assert_allclose(found["d_true"], shown.mean(), rtol=1e-9)
