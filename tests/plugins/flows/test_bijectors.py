"""The public bijectors by themselves: what is remembered, gradients of permutations, and that plugins load without them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import tfgen_plugins.flows
from tests.plugins.flows.small_flows import PLANE, points, small_flow
from tfgen_plugins.flows import bijectors
from tfgen_plugins.flows.bijectors import CachedRealNVP, GatherPermute, Partition, masked_coupling


def test_one_bijector_at_other_points_remembers_nothing_that_it_should_not():
    flow = small_flow("realnvp", PLANE)
    x, bijector = points(PLANE), flow.bijector()
    for at in (x, x + 1.0, x):
        np.testing.assert_allclose(bijector.inverse(at), flow.bijector().inverse(tf.identity(at)))
        for direction in ("inverse", "forward"):
            name = f"{direction}_log_det_jacobian"
            expected = getattr(flow.bijector(), name)(tf.identity(at), event_ndims=1)
            np.testing.assert_allclose(getattr(bijector, name)(at, event_ndims=1), expected)


def shift_by_condition(calls):
    def elementwise(kept, moved_size, scale=1.0):
        calls.append(moved_size)
        return tfb.Scale(scale * (1 + kept**2))

    return elementwise


def test_another_condition_at_the_same_tensor_is_another_evaluation():
    calls: list[int] = []
    nvp = CachedRealNVP(2, shift_by_condition(calls))
    x, two, three = tf.constant([[1.0, 2.0, 3.0, 4.0]]), tf.constant(2.0), tf.constant(3.0)
    for scale in (two, three, two):
        np.testing.assert_allclose(nvp.forward(x, scale=scale), [[1, 2, 3 * scale * 2, 4 * scale * 5]])
        log_det = nvp.forward_log_det_jacobian(x, event_ndims=1, scale=scale)
        np.testing.assert_allclose(log_det, [np.log(scale**2 * 10)], rtol=1e-6)
    np.testing.assert_allclose(nvp.forward(x), [[1, 2, 6, 20]])
    assert set(calls) == {2}


def test_a_bijector_with_the_same_network_shares_no_values():
    """The network's weights may have been others then."""
    weight = tf.Variable(2.0)

    def elementwise(kept, _):
        return tfb.Shift(weight * kept)

    x = tf.constant([[1.0, 5.0]])
    first = CachedRealNVP(1, elementwise)
    np.testing.assert_array_equal(first.forward(x), [[1, 7]])
    weight.assign(3.0)
    np.testing.assert_array_equal(CachedRealNVP(1, elementwise).forward(x), [[1, 8]])
    np.testing.assert_array_equal(first.copy().forward(tf.identity(x)), [[1, 8]])
    np.testing.assert_array_equal(first.copy(num_masked=-1).forward(x), [[16, 5]])


@pytest.mark.parametrize("compiled", [False, True])
def test_a_gather_permute_is_a_permute_with_gradients_of_every_order(compiled):
    random = np.random.default_rng(0)
    order = random.permutation(9)
    ours = GatherPermute(tf.constant(order, tf.int32), tf.constant(np.argsort(order), tf.int32))
    x = tf.constant(random.normal(size=(2, 3, 9)))
    pull = tf.constant(random.normal(size=(2, 3, 9)))

    def derivatives(bijector, direction):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = getattr(bijector, direction)(x)
                total = tf.reduce_sum(pull * value**3)
            first = inner.gradient(total, x)
        return value, first, outer.gradient(first, x)

    for direction in ("forward", "inverse"):
        run = tf.function(derivatives, jit_compile=compiled) if compiled else derivatives
        for one, other in zip(run(ours, direction), derivatives(tfb.Permute(order), direction), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)
    assert ours.forward_log_det_jacobian(x, event_ndims=1) == 0


def test_the_gradient_of_a_gather_permute_has_no_scatter():
    order = np.random.default_rng(0).permutation(9)
    permute = GatherPermute(tf.constant(order, tf.int32), tf.constant(np.argsort(order), tf.int32))
    plain = tfb.Permute(order)

    def operations(bijector):
        gradient = tf.function(lambda x: tf.gradients(tf.reduce_sum(bijector.forward(x) ** 2), x)[0])
        graph = gradient.get_concrete_function(tf.TensorSpec([4, 9])).graph
        return {operation.type for operation in graph.get_operations()}

    scatters = {"UnsortedSegmentSum", "ScatterNd", "TensorScatterAdd", "IndexedSlices"}
    assert not operations(permute) & scatters
    assert operations(plain) & scatters  # else this test looks for the wrong operation


def test_a_masked_coupling_with_a_condition_is_invertible_with_the_log_determinant_of_its_jacobian():
    partition = Partition([1, 0, 1, 0, 0, 1])
    random = np.random.default_rng(2)
    condition = tf.constant(random.normal(size=(5, 2)))
    weights = tf.constant(random.normal(size=(2, partition.kept + 2, partition.moved)))

    def elementwise(kept):
        seen = tf.concat([kept, condition], axis=-1)
        return tfb.Chain([tfb.Shift(seen @ weights[0]), tfb.Scale(log_scale=tf.tanh(seen @ weights[1]))])

    coupling = masked_coupling(partition, elementwise)
    x = tf.constant(random.normal(size=(5, 6)))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = coupling.forward(x)
    expected = np.linalg.slogdet(tape.batch_jacobian(y, x, experimental_use_pfor=False))[1]
    log_det = coupling.forward_log_det_jacobian(tf.identity(x), event_ndims=1)
    np.testing.assert_allclose(log_det, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(coupling.inverse(tf.identity(y)), x, rtol=1e-10)
    np.testing.assert_array_equal(np.asarray(y)[:, [0, 2, 5]], np.asarray(x)[:, [0, 2, 5]])
    shuffled = masked_coupling(partition, lambda kept: elementwise(kept[::-1])).forward(tf.identity(x))
    assert np.all(np.asarray(shuffled)[0, [1, 3, 4]] != np.asarray(y)[0, [1, 3, 4]])  # the condition goes by examples


def test_public_bijectors_are_names_of_the_package_and_described():
    for name in bijectors.__all__:
        assert getattr(tfgen_plugins.flows, name) is getattr(bijectors, name)
        assert getattr(bijectors, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        tfgen_plugins.flows.nothing  # noqa: B018


def test_the_plugin_loads_without_tensorflow():
    code = (
        "import sys; from tfgen.plugin.loading import load_registry; assert 'realnvp' in load_registry([]).models; "
        "import tfgen_plugins.flows; sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
