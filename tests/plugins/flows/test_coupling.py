"""Every mask x transform x network x condition against the formula and the float64 Jacobian."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow_probability import bijectors as tfb

from tests.plugins.flows.small_flows import PLANE, SPACE, TINY, labels_of, points, small_flow
from tfgen import DataSpec, TfgenError
from tfgen_plugins.flows.coupling import MaskedCoupling
from tfgen_plugins.flows.partition import Partition
from tfgen_plugins.flows.stack import CouplingStack
from tfgen_plugins.flows.transforms import Additive, Affine, Spline

#: Each family of flows: how it is built, and on what.
FLOWS = {
    f"{name}-{model}": (model, data, options)
    for model in ("realnvp", "conditional_realnvp")
    for name, data, options in (
        *(
            (f"{mask}-{coupling}-mlp", TINY, {"mask": (mask,), "coupling": coupling})
            for mask in ("half", "checkerboard", "channel", "random")
            for coupling in ("affine", "additive", "spline")
        ),
        *(
            (f"{mask}-{coupling}-conv", TINY, {"mask": (mask,), "coupling": coupling, "network": "conv"})
            for mask in ("half", "checkerboard", "channel", "random")
            for coupling in ("affine", "spline")
        ),
        ("mixed", TINY, {"mask": ("checkerboard", "channel"), "layers": 5}),
        ("plane", PLANE, {}),
        ("odd-half", SPACE, {}),
        ("odd-checkerboard", SPACE, {"mask": ("checkerboard",)}),
        ("odd-random-spline", SPACE, {"mask": ("random",), "coupling": "spline"}),
    )
} | {"nice": ("nice", TINY, {}), "spline_flow": ("spline_flow", SPACE, {}), "nice-plane": ("nice", PLANE, {})}


@pytest.fixture(scope="module", params=FLOWS.values(), ids=FLOWS.keys())
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


def test_the_stack_is_the_chain_of_its_couplings_to_the_last_bit(flow):
    """What is left out between couplings is only another order of the dimensions and its undoing."""
    condition = flow.one_hot(labels_of(flow, 5))
    [stack] = [part for part in flow.bijector(labels_of(flow, 5)).bijectors if isinstance(part, CouplingStack)]
    chain = tfb.Chain([coupling.bijector(condition) for coupling in flow.couplings])
    z = tf.constant(np.random.default_rng(1).normal(size=(5, flow.data.dimensions)), flow.density_dtype)
    y = chain.forward(tf.identity(z))
    np.testing.assert_array_equal(stack.forward(tf.identity(z)), y)
    np.testing.assert_array_equal(stack.inverse(tf.identity(y)), chain.inverse(tf.identity(y)))
    for name, at in (("forward_log_det_jacobian", z), ("inverse_log_det_jacobian", y)):
        expected = getattr(chain, name)(tf.identity(at), event_ndims=1)
        np.testing.assert_allclose(
            getattr(stack, name)(tf.identity(at), event_ndims=1), expected, rtol=1e-12, atol=1e-12
        )


def test_the_stack_goes_by_the_masks_that_were_restored():
    """A mask is a weight: what was true of the masks at the start may not be taken for granted."""
    image = DataSpec("image", (4, 4, 1))
    flow, other = (small_flow("realnvp", image, mask=("random",), layers=4, seed=seed) for seed in (0, 5))
    for mine, theirs in zip(flow.variables, other.variables, strict=True):
        mine.assign(theirs)
    z = tf.constant(np.random.default_rng(1).normal(size=(5, flow.data.dimensions)), flow.density_dtype)
    np.testing.assert_array_equal(flow.bijector().forward(tf.identity(z)), other.bijector().forward(tf.identity(z)))
    chain = tfb.Chain([coupling.bijector() for coupling in flow.couplings])
    [stack] = [part for part in flow.bijector().bijectors if isinstance(part, CouplingStack)]
    np.testing.assert_array_equal(stack.forward(tf.identity(z)), chain.forward(tf.identity(z)))


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
        parameters = coupling.conditioner(partition.part(b * x)[0])
        shift = partition.join(tf.zeros([6, partition.kept], tf.float64), parameters[..., 0]).numpy()
        raw = coupling.transform.log_scale_range * np.tanh(parameters[..., 1])
        log_scale = partition.join(tf.zeros([6, partition.kept], tf.float64), raw).numpy()
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


def test_a_reflection_preserves_volume():
    """x -> -x + a on the moved dimensions has determinant +-1."""
    partition = Partition(np.array([1, 0, 0, 1, 0]))
    coupling = MaskedCoupling(
        partition,
        lambda kept: tfb.Chain([tfb.Shift(tf.reduce_sum(kept, -1, keepdims=True)), tfb.Scale(np.float64(-1))]),
    )
    x = points(SPACE)[:, :5]
    y = coupling.forward(tf.identity(x))
    np.testing.assert_allclose(y[:, 1], -x[:, 1] + x[:, 0] + x[:, 3], rtol=1e-12)
    np.testing.assert_array_equal(coupling.forward_log_det_jacobian(tf.identity(x), event_ndims=1), 0)
    np.testing.assert_allclose(coupling.inverse(tf.identity(y)), x, rtol=1e-12)


def test_additive_couplings_preserve_volume_and_nice_ends_with_its_scale():
    flow = small_flow("nice", SPACE)
    z = points(SPACE)
    log_det = flow.bijector().forward_log_det_jacobian(tf.identity(z), event_ndims=1)
    np.testing.assert_allclose(log_det, np.full(6, np.sum(flow.scale.log_scale)), rtol=1e-12)


masks = st.lists(st.booleans(), min_size=2, max_size=12).filter(lambda mask: 0 < sum(mask) < len(mask))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mask=masks, leading=st.lists(st.integers(1, 3), max_size=2), data=st.data())
def test_any_mask_parts_and_joins(mask, leading, data):
    partition = Partition(np.array(mask))
    x = np.random.default_rng(0).normal(size=(*leading, len(mask)))
    kept, moved = partition.part(tf.constant(x))
    np.testing.assert_array_equal(kept, x[..., np.array(mask)])
    np.testing.assert_array_equal(moved, x[..., ~np.array(mask)])
    np.testing.assert_array_equal(partition.join(kept, moved), x)
    np.testing.assert_array_equal(partition.mask(tf.float32), np.array(mask, np.float32))
    np.testing.assert_array_equal(partition.masked(kept), np.array(mask) * x)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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

    coupling = MaskedCoupling(partition, elementwise)
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
            kept, moved = partition.part(x)
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
def test_masks_that_part_nothing_are_refused(mask):
    with pytest.raises(TfgenError, match="mask"):
        Partition(np.array(mask))


def test_a_value_and_its_log_determinant_run_the_network_once(monkeypatch):
    calls: list[str] = []
    flow = small_flow("realnvp", PLANE)
    original = type(flow.couplings[0].conditioner).call
    monkeypatch.setattr(
        type(flow.couplings[0].conditioner), "call", lambda self, *a: calls.append("run") or original(self, *a)
    )
    x = points(PLANE)
    flow.log_prob(x)
    assert len(calls) == len(flow.couplings)
    bijector = flow.bijector()
    for at in (x, x + 1.0, x):  # one bijector, other points: nothing is remembered that should not be
        np.testing.assert_allclose(bijector.inverse(at), flow.bijector().inverse(tf.identity(at)))
        for direction in ("inverse", "forward"):
            name = f"{direction}_log_det_jacobian"
            expected = getattr(flow.bijector(), name)(tf.identity(at), event_ndims=1)
            np.testing.assert_allclose(getattr(bijector, name)(at, event_ndims=1), expected)
