"""Flows are chains of `tfb.RealNVP`: equal to plain ones with plain permutations, at one run of each network."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow_probability import bijectors as tfb

from tests.plugins.flows.families import (
    CONDITIONS,
    FLOW_PARAMETERS,
    MASKS,
    NETWORKS,
    PAIRWISE,
    TRANSFORMS,
    counted_calls,
    real_nvps,
)
from tests.plugins.flows.small_flows import SPACE, TINY, labels_of, small_flow
from tests.plugins.vae.small_vaes import small_vae
from tests.slow import named
from tfgen import DataSpec, TfgenError
from tfgen_plugins.flows.bijectors import (
    CachedRealNVP,
    Coupling,
    GatherPermute,
    Partition,
    coupling_chain,
    masked_coupling,
)
from tfgen_plugins.flows.masks import binary_mask


@pytest.fixture(scope="module", params=FLOW_PARAMETERS)
def flow(request):
    model, data, options = request.param
    return small_flow(model, data, **options)


def plain_coupling(mask, elementwise):
    """A coupling of nothing but TensorFlow Probability: what is kept comes first, and goes back to its place behind."""
    order = np.argsort(~mask, kind="stable")
    nvp = tfb.RealNVP(num_masked=int(mask.sum()), bijector_fn=lambda kept, _: elementwise(kept))
    return tfb.Chain([tfb.Permute(np.argsort(order)), nvp, tfb.Permute(order)])


def assert_equal_with_gradients(ours, theirs, at, weights=()):
    """Values and log-determinants in both directions to the last bit, gradients for inputs and weights up to rounding."""
    pull = tf.constant(np.random.default_rng(7).normal(size=at.shape), at.dtype)
    for direction in ("forward", "inverse"):
        results = []
        for bijector in (ours, theirs):
            x = tf.identity(at)
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = getattr(bijector, direction)(x)
                log_det = getattr(bijector, f"{direction}_log_det_jacobian")(x, event_ndims=1)
                total = tf.reduce_sum(value * pull) + tf.reduce_sum(tf.sin(log_det))
            gradients = tape.gradient(total, [x, *weights], unconnected_gradients="zero")
            results.append((value, log_det, gradients))
        (value, log_det, gradients), (plain_value, plain_log_det, plain_gradients) = results
        np.testing.assert_array_equal(value, plain_value)
        np.testing.assert_allclose(log_det, plain_log_det, rtol=1e-13, atol=1e-13)
        assert np.any(value != at)
        for one, other in zip(gradients, plain_gradients, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_families_cover_every_pair_of_options():
    factors = (MASKS, TRANSFORMS, NETWORKS, CONDITIONS)
    for (i, one), (j, other) in combinations(enumerate(factors), 2):
        assert {(family[i], family[j]) for family in PAIRWISE} == set(product(one, other))
    for (_, transform, _, condition), (model, _, _) in PAIRWISE.items():
        assert model in (f"{'conditional_' * (condition == 'conditional')}realnvp", "nice", "spline_flow")
        assert transform == {"nice": "additive", "spline_flow": "spline"}.get(model, transform)


def test_a_flow_is_plain_real_nvps_and_permutations(flow):
    if flow.linear:
        pytest.skip("linear layers stand between its pairs")
    condition = flow.one_hot(labels_of(flow, 5))
    [ours] = [part for part in flow.bijector(labels_of(flow, 5)).bijectors if hasattr(part, "bijectors")]
    couplings = []
    for number, layer in enumerate(flow.couplings):
        kind = flow.config.mask[number // 2 % len(flow.config.mask)]
        couplings.append(plain_coupling(binary_mask(kind, flow.data, number, 0), layer.elementwise(condition)))
    z = tf.constant(np.random.default_rng(1).normal(size=(5, flow.data.dimensions)))
    weights = [weight.value for layer in flow.couplings for weight in layer.trainable_variables]
    assert_equal_with_gradients(ours, tfb.Chain(couplings), z, weights)


masks = st.integers(2, 9).flatmap(
    lambda d: st.lists(st.lists(st.booleans(), min_size=d, max_size=d), min_size=1, max_size=3)
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    masks=masks.filter(lambda many: all(0 < sum(mask) < len(mask) for mask in many)),
    alone=st.lists(st.booleans(), min_size=3, max_size=3),
    seed=st.integers(0, 2**16),
)
def test_a_chain_under_any_masks_is_plain_real_nvps_and_permutations(masks, alone, seed):
    """Pairs and couplings alone, masks that are halves and masks that are not."""
    random = np.random.default_rng(seed)
    ours, theirs = [], []
    for mask, single in zip(masks, alone, strict=False):
        for second, keep in enumerate((np.array(mask), ~np.array(mask))[: 1 if single else 2]):
            weights = tf.constant(random.normal(size=(2, keep.sum(), (~keep).sum())))

            def elementwise(kept, weights=weights):
                return tfb.Chain([tfb.Shift(kept @ weights[0]), tfb.Scale(log_scale=tf.sin(kept @ weights[1]))])

            ours.append(Coupling(Partition(keep), elementwise, second_of_pair=bool(second)))
            theirs.append(plain_coupling(keep, elementwise))
    x = tf.constant(random.normal(size=(3, len(masks[0]))))
    assert_equal_with_gradients(coupling_chain(ours), tfb.Chain(theirs), x)


@pytest.mark.parametrize(
    ("data", "masks", "layers", "expected"),
    [
        (TINY, ("half",), 5, "RRRRR"),
        (TINY, ("random",), 5, "PRRPRRPRP"),
        (TINY, ("half", "random", "half"), 6, "RRPRRPRR"),
        (SPACE, ("checkerboard",), 3, "PRRPRP"),
    ],
)
def test_there_is_one_permutation_between_pairs_of_other_orders(data, masks, layers, expected):
    chain = small_flow("realnvp", data, mask=masks, layers=layers, linear="none").bijector().bijectors[-1]
    kinds = {CachedRealNVP: "R", GatherPermute: "P"}
    assert "".join(kinds[type(part)] for part in chain.bijectors) == expected


def test_the_chain_goes_by_the_masks_that_were_restored():
    """A mask is a weight: what was true of the masks at the start may not be taken for granted."""
    image = DataSpec("image", (4, 4, 1))
    flow, other = (small_flow("realnvp", image, mask=("random",), layers=4, seed=seed) for seed in (0, 5))
    before = flow.couplings[0].partition.mask(tf.float32).numpy()
    for mine, theirs in zip(flow.variables, other.variables, strict=True):
        mine.assign(theirs)
    assert np.any(flow.couplings[0].partition.mask(tf.float32).numpy() != before)
    z = tf.constant(np.random.default_rng(1).normal(size=(5, flow.data.dimensions)), flow.density_dtype)
    expected = other.bijector().forward(tf.identity(z))
    np.testing.assert_array_equal(flow.bijector().forward(tf.identity(z)), expected)
    np.testing.assert_array_equal(flow.bijector().inverse(expected), other.bijector().inverse(tf.identity(expected)))


FLOW_MODELS = ("realnvp", "conditional_realnvp", "nice", "spline_flow", "vae-flow-prior")


def distribution_and_networks(model):
    """A flow's distribution, its networks, and points to evaluate it at."""
    if model == "vae-flow-prior":
        vae = small_vae("vae", prior="flow", moved=0.3)
        flow, distribution = vae.codes.flow, vae.prior()
    else:
        flow = small_flow(model, TINY, mask=("random",))
        labels = labels_of(flow, 6)
        distribution = flow.distribution(labels, None if labels is None else 6)
    z = tf.constant(np.random.default_rng(3).normal(size=(6, flow.data.dimensions)), flow.density_dtype)
    return distribution, [layer.conditioner for layer in flow.couplings], z


@pytest.mark.parametrize("model", named(FLOW_MODELS, {"realnvp", "spline_flow"}))
def test_every_real_nvp_runs_its_network_once_for_a_value_and_its_log_determinant(model, monkeypatch):
    for first, second in (
        ("forward", "forward_log_det_jacobian"),
        ("inverse", "inverse_log_det_jacobian"),
        ("forward_log_det_jacobian", "forward"),
        ("inverse_log_det_jacobian", "inverse"),
    ):
        distribution, networks, z = distribution_and_networks(model)
        calls = counted_calls(monkeypatch, *networks)
        found = list(real_nvps(distribution.bijector))
        assert len(found) == len(networks)
        for number, nvp in enumerate(found, start=1):
            x = tf.identity(z)
            for method in (first, second):
                getattr(nvp, method)(x, **({"event_ndims": 1} if "log_det" in method else {}))
            assert sum(calls.values()) == number
        assert set(calls.values()) == {1}  # each has a network of its own
        monkeypatch.undo()


@pytest.mark.parametrize("model", FLOW_MODELS)
def test_a_density_runs_every_network_once(model, monkeypatch):
    distribution, networks, z = distribution_and_networks(model)
    x = tf.identity(distribution.bijector.forward(tf.identity(z)))
    calls = counted_calls(monkeypatch, *networks)
    distribution.log_prob(x)
    assert set(calls.values()) == {1}


@pytest.mark.parametrize("model", FLOW_MODELS)
def test_a_draw_with_its_density_runs_every_network_once(model, monkeypatch):
    distribution, networks, _ = distribution_and_networks(model)
    calls = counted_calls(monkeypatch, *networks)
    several = [] if model == "conditional_realnvp" else 6  # a conditional one has a batch, of a label each
    drawn, density = distribution.experimental_sample_and_log_prob(several, seed=(0, 1))
    assert set(calls.values()) == {1}
    monkeypatch.undo()
    again = distribution_and_networks(model)[0].log_prob(tf.identity(drawn))
    np.testing.assert_allclose(density, again, rtol=1e-4)  # logits near the ends of the grey levels lose digits


def test_second_couplings_that_fit_no_first_one_are_refused():
    one, rest, as_many = Partition([1, 0, 0, 1, 1]), Partition([0, 1, 1, 0, 0]), Partition([0, 1, 0, 0, 1])
    assert coupling_chain([Coupling(one, tfb.Shift), Coupling(rest, tfb.Shift, second_of_pair=True)])
    with pytest.raises(TfgenError, match="coupling 0 is the second of a pair, so it needs a coupling before it"):
        coupling_chain([Coupling(one, tfb.Shift, second_of_pair=True)])
    for other in (as_many, one):
        with pytest.raises(TfgenError, match=r"coupling 1 is the second of a pair.*whose mask is the complement"):
            coupling_chain([Coupling(one, tfb.Shift), Coupling(other, tfb.Shift, second_of_pair=True)])


def test_a_reflection_preserves_volume():
    """x -> -x + a on the moved dimensions has determinant +-1."""
    coupling = masked_coupling(
        Partition([1, 0, 0, 1, 0]),
        lambda kept: tfb.Chain([tfb.Shift(tf.reduce_sum(kept, -1, keepdims=True)), tfb.Scale(np.float64(-1))]),
    )
    x = tf.constant(np.random.default_rng(1).normal(size=(6, 5)))
    y = coupling.forward(tf.identity(x))
    np.testing.assert_allclose(y[:, 1], -x[:, 1] + x[:, 0] + x[:, 3], rtol=1e-12)
    np.testing.assert_array_equal(coupling.forward_log_det_jacobian(tf.identity(x), event_ndims=1), 0)
    np.testing.assert_allclose(coupling.inverse(tf.identity(y)), x, rtol=1e-12)
