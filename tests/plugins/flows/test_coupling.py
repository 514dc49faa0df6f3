"""Couplings of every mask, transform, network and condition against the formula and the float64 Jacobian."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow_probability import bijectors as tfb

from tests.plugins.flows.families import FLOW_PARAMETERS
from tests.plugins.flows.small_flows import SPACE, TINY, labels_of, points, small_flow
from tfgen import TfgenError
from tfgen_plugins.flows.bijectors import Partition, masked_coupling
from tfgen_plugins.flows.transforms import Additive, Affine, Spline


@pytest.fixture(scope="module", params=FLOW_PARAMETERS)
def flow(request):
    model, data, options = request.param
    return small_flow(model, data, **options)


def test_round_trip_and_log_determinant_against_the_float64_jacobian(flow):
    y = points(flow.data)
    bijector = flow.bijector(labels_of(flow, len(y)))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y)
        z = bijector.inverse(tf.identity(y))
    jacobian = tape.batch_jacobian(z, y, experimental_use_pfor=False).numpy()
    expected = np.linalg.slogdet(jacobian)[1]
    assert z.dtype == tf.float64
    log_det = bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)
    np.testing.assert_allclose(log_det, expected, rtol=1e-8, atol=1e-8)
    forward = bijector.forward_log_det_jacobian(tf.identity(z), event_ndims=1)
    np.testing.assert_allclose(forward, -expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(bijector.forward(tf.identity(z)), y, rtol=1e-7, atol=1e-7)


def test_starts_as_the_identity(flow):
    fresh = type(flow)(flow.config, flow.data, 0)
    z = tf.constant(np.random.default_rng(0).normal(size=(5, flow.data.dimensions)), fresh.density_dtype)
    for coupling in fresh.couplings:
        condition = fresh.one_hot(labels_of(flow, 5))
        bijector = coupling.bijector(condition)
        np.testing.assert_allclose(bijector.forward(tf.identity(z)), z, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(bijector.forward_log_det_jacobian(tf.identity(z), 1), 0, atol=1e-5)


def test_a_coupling_keeps_what_its_mask_says_and_moves_the_rest(flow):
    z = points(SPACE if flow.data.dimensions == 7 else flow.data, 5)
    z = z[:, : flow.data.dimensions] / flow.data.levels
    for coupling in flow.couplings:
        kept = coupling.partition.mask(tf.float64).numpy().astype(bool)
        moved = coupling.bijector(flow.one_hot(labels_of(flow, 5))).forward(tf.identity(z)).numpy()
        np.testing.assert_array_equal(moved[:, kept], z.numpy()[:, kept])
        assert np.all(moved[:, ~kept] != z.numpy()[:, ~kept])


def test_the_chain_composes(flow):
    """Log-determinants add up, and the inverse of the chain is the reversed chain of inverses."""
    y = points(flow.data)
    labels = labels_of(flow, len(y))
    whole = flow.bijector(labels)
    x, total = tf.identity(y), 0.0
    for part in flow.bijector(labels).bijectors:
        total += part.inverse_log_det_jacobian(tf.identity(x), event_ndims=1)
        x = part.inverse(tf.identity(x))
    np.testing.assert_allclose(whole.inverse(tf.identity(y)), x, rtol=1e-12)
    np.testing.assert_allclose(whole.inverse_log_det_jacobian(tf.identity(y), event_ndims=1), total, rtol=1e-12)


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("mask", ["half", "checkerboard", "channel", "random"])
def test_the_affine_coupling_is_the_published_formula(mask, network):
    """x' = b x + (1 - b) (x exp(s(b x)) + t(b x)), with the zeros of b x really there."""
    flow = small_flow("realnvp", TINY, mask=(mask,), network=network)
    x = points(TINY) / 17
    for coupling in flow.couplings:
        partition = coupling.partition
        b = partition.mask(tf.float64).numpy()
        parameters = coupling.conditioner(partition.split(b * x)[0])
        shift = partition.merge(tf.zeros([6, partition.kept], tf.float64), parameters[..., 0]).numpy()
        raw = coupling.transform.log_scale_range * np.tanh(parameters[..., 1])
        log_scale = partition.merge(tf.zeros([6, partition.kept], tf.float64), raw).numpy()
        expected = b * x + (1 - b) * (x * np.exp(log_scale) + shift)
        bijector = coupling.bijector()
        np.testing.assert_allclose(bijector.forward(tf.identity(x)), expected, rtol=1e-12)
        log_det = bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=1)
        np.testing.assert_allclose(log_det, ((1 - b) * log_scale).sum(axis=1), rtol=1e-12)


def test_half_masks_are_tensorflow_probabilitys_real_nvp():
    flow = small_flow("realnvp", TINY)
    x = points(TINY) / 17
    for layer, coupling in enumerate(flow.couplings):

        def shift_and_log_scale(kept, moved, coupling=coupling):
            shift, raw = tf.unstack(coupling.conditioner(kept), axis=-1)
            return shift, coupling.transform.log_scale_range * tf.tanh(raw)

        theirs = tfb.RealNVP(fraction_masked=-0.5 if layer % 2 else 0.5, shift_and_log_scale_fn=shift_and_log_scale)
        ours = coupling.bijector()
        np.testing.assert_allclose(ours.forward(tf.identity(x)), theirs.forward(tf.identity(x)), rtol=1e-12)
        np.testing.assert_allclose(ours.inverse(tf.identity(x)), theirs.inverse(tf.identity(x)), rtol=1e-12)
        for log_det in ("forward_log_det_jacobian", "inverse_log_det_jacobian"):
            np.testing.assert_allclose(
                getattr(ours, log_det)(tf.identity(x), event_ndims=1),
                getattr(theirs, log_det)(tf.identity(x), event_ndims=1),
            )


def test_additive_couplings_preserve_volume_and_nice_ends_with_its_scale():
    flow = small_flow("nice", SPACE)
    z = points(SPACE)
    log_det = flow.bijector().forward_log_det_jacobian(tf.identity(z), event_ndims=1)
    np.testing.assert_allclose(log_det, np.full(6, np.sum(flow.scale.log_scale)), rtol=1e-12)


masks = st.lists(st.booleans(), min_size=2, max_size=12).filter(lambda mask: 0 < sum(mask) < len(mask))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mask=masks, leading=st.lists(st.integers(1, 3), max_size=2), data=st.data())
def test_any_mask_splits_and_merges(mask, leading, data):
    partition = Partition(np.array(mask))
    x = np.random.default_rng(0).normal(size=(*leading, len(mask)))
    kept, moved = partition.split(tf.constant(x))
    np.testing.assert_array_equal(kept, x[..., np.array(mask)])
    np.testing.assert_array_equal(moved, x[..., ~np.array(mask)])
    np.testing.assert_array_equal(partition.merge(kept, moved), x)
    np.testing.assert_array_equal(partition.mask(tf.float32), np.array(mask, np.float32))
    np.testing.assert_array_equal(partition.masked(kept), np.array(mask) * x)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mask=masks, kind=st.sampled_from(["affine", "additive", "spline"]), seed=st.integers(0, 2**16))
def test_any_mask_round_trips_with_the_log_determinant_of_its_jacobian(mask, kind, seed):
    partition = Partition(np.array(mask))
    transform = {
        "affine": lambda: Affine(partition.moved, tf.float64), "additive": Additive, "spline": lambda: Spline(5, 3.0),
    }[kind]()  # fmt: skip
    random = np.random.default_rng(seed)
    weights = tf.constant(random.normal(size=(partition.kept, partition.moved * transform.parameters)))

    def elementwise(kept):
        raw = tf.reshape(tf.sin(kept @ weights), [-1, partition.moved, transform.parameters])
        return transform.bijector(raw)

    coupling = masked_coupling(partition, elementwise)
    x = tf.constant(random.normal(size=(4, len(mask))))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = coupling.forward(tf.identity(x))
    expected = np.linalg.slogdet(tape.batch_jacobian(y, x, experimental_use_pfor=False).numpy())[1]
    log_det = coupling.forward_log_det_jacobian(tf.identity(x), event_ndims=1)
    np.testing.assert_allclose(log_det, expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(coupling.inverse(tf.identity(y)), x, rtol=1e-7, atol=1e-8)
    back = coupling.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)
    np.testing.assert_allclose(back, -expected, rtol=1e-6, atol=1e-7)


def test_gradients_pass_the_permutation_of_a_mask():
    partition = Partition(np.array([0, 1, 0, 1, 1, 0]))
    x = tf.constant(np.arange(12.0).reshape(2, 6))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            kept, moved = partition.split(x)
            value = tf.reduce_sum(kept**3) + 10 * tf.reduce_sum(moved**2)
        first = inner.gradient(value, x)
    mask = partition.mask(tf.float64)
    np.testing.assert_allclose(first, mask * 3 * x**2 + (1 - mask) * 20 * x)
    np.testing.assert_allclose(outer.gradient(first, x), mask * 6 * x + (1 - mask) * 20)


def test_the_log_scale_is_bounded_by_its_learned_range():
    transform = Affine(3, tf.float32)
    transform.log_scale_range.assign([0.5, 1.0, 2.0])
    for size in (1e3, 1e30, -1e30):
        bijector = transform.bijector(tf.fill([1, 3, 2], size))
        np.testing.assert_allclose(
            bijector.forward_log_det_jacobian(tf.zeros([1, 3]), event_ndims=0)[0],
            np.sign(size) * np.array([0.5, 1.0, 2.0]),
        )


def test_a_spline_is_monotone_and_the_identity_outside_its_bound():
    random = np.random.default_rng(0)
    bijector = Spline(6, 2.0).bijector(tf.constant(random.normal(size=(1, 23 - 6)) * 3))
    x = np.linspace(-3, 3, 601)
    y = bijector.forward(tf.constant(x)).numpy()
    assert np.all(np.diff(y) > 0)
    outside = np.abs(x) >= 2
    np.testing.assert_array_equal(y[outside], x[outside])
    assert np.abs(y - x)[~outside].max() > 0.1


@pytest.mark.parametrize("mask", [[1, 1, 1], [0, 0, 0], [0.5, 1, 0], [[1, 0]], [2, 0]])
def test_masks_that_split_nothing_are_refused(mask):
    with pytest.raises(TfgenError, match="mask"):
        Partition(np.array(mask))
