"""Dense stacks: their weights follow from the seed, in order; results are those of the formula."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import MLP, DenseStack


def seeded(make, seed=0):
    keras.utils.set_random_seed(seed)
    return make()


def test_a_perceptron_is_its_formula():
    mlp = seeded(lambda: MLP(3, 2, 5, 2, "tanh", tf.float64, name="mine"))
    assert mlp.name == "mine"
    x = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    (k1, b1), (k2, b2), (k3, b3) = (layer.get_weights() for layer in [*mlp.hidden, mlp.head])
    expected = np.tanh(np.tanh(x @ k1 + b1) @ k2 + b2) @ k3 + b3
    assert mlp(x).dtype == tf.float64
    np.testing.assert_allclose(mlp(x), expected, rtol=1e-5, atol=1e-6)


def test_a_stack_flattens_examples_and_knows_its_width():
    stack = seeded(lambda: DenseStack(6, 5, 2, lambda x: tf.maximum(x, 0.2 * x), "he_normal"))
    assert stack.width == stack(tf.ones([4, 2, 3])).shape[-1] == 5
    assert DenseStack(6, 5, 0).width == 6
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    expected = x
    for kernel, bias in zip(stack.get_weights()[::2], stack.get_weights()[1::2], strict=True):
        expected = expected @ kernel + bias
        expected = np.maximum(expected, 0.2 * expected)
    np.testing.assert_allclose(stack(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [lambda: MLP(3, 2, 5, 2), lambda: DenseStack(3, 5, 2)], ids=["mlp", "stack"])
def test_weights_are_built_at_once_and_follow_from_the_seed(make):
    first, again, other = seeded(make), seeded(make), seeded(make, 1)
    assert first.weights
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])


def test_a_head_of_zeros_gives_zero_at_the_start():
    mlp = MLP(3, 2, 5, 1, head_initializer="zeros")
    np.testing.assert_array_equal(mlp(tf.ones([4, 3])), np.zeros((4, 2)))


def test_hidden_layers_compute_in_the_models_precision_and_the_head_in_its_own():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mlp = MLP(3, 2, 5, 1)
    finally:
        keras.config.set_dtype_policy("float32")
    assert mlp.hidden[0](tf.ones([1, 3])).dtype == tf.bfloat16
    assert mlp(tf.ones([1, 3])).dtype == tf.float32


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_signals_keep_their_size_at_the_start_with_the_initialisation_of_he(activation):
    mlp = seeded(lambda: MLP(100, 2, 256, 3, activation, kernel_initializer="he_normal"))
    hidden = tf.constant(np.random.default_rng(0).normal(size=(200, 100)), tf.float32)
    for dense in mlp.hidden:
        hidden = dense(hidden)
    assert 0.3 < float(tf.math.reduce_mean(hidden**2)) < 2
