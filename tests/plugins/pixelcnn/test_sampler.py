"""Incremental sampling, which computes each feature once, equals full passes, for every architecture and output."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plugins.pixelcnn.pixel_models import labels_of, recorded, small_pixelcnn
from tfgen import DataSpec
from tfgen_plugins.pixelcnn.sampler import sample_by_full_passes, sample_incrementally

#: By how much the network's numbers may differ in float32, and in float64.
TOLERANCE, IN_FLOAT64 = 1e-4, 1e-11
LEVELS = {"bernoulli": 2, "categorical": 3, "discretized_logistic": 6}

# Every value of every option occurs, and with both networks those that a layer's indices depend on.
GRID = [
    ((3, 5, 1), {"network": "plain"}),
    ((4, 3, 3), {"network": "plain", "reach": 2, "blocks": 2, "first_reach": 3}),
    ((3, 4, 1), {"network": "plain", "first_reach": 2, "attention": 1, "conditional": True}),
    ((3, 4, 3), {"network": "plain", "reach": 2, "output": "categorical"}),
    ((6, 2, 1), {"network": "plain", "blocks": 2, "attention": 2, "output": "discretized_logistic"}),
    ((1, 5, 1), {"network": "plain", "reach": 2}),
    ((5, 3, 1), {}),
    ((3, 5, 3), {"reach": 2, "blocks": 2, "first_reach": 3}),
    ((4, 3, 1), {"first_reach": 2, "attention": 1, "conditional": True, "output": "categorical"}),
    ((3, 4, 3), {"reach": 2, "conditional": True, "output": "discretized_logistic"}),
    ((3, 4, 1), {"blocks": 2, "attention": 2}),
    ((5, 1, 1), {"reach": 2, "first_reach": 3}),
]


def small(shape, policy, **options):
    levels = LEVELS[options.get("output", "bernoulli")]
    return small_pixelcnn(DataSpec("image", shape, classes=3, levels=levels), policy, moved=0.3, **options)


def largest_difference(model, n=3, **options):
    """Return that of the numbers in both ways of sampling and in one pass over the finished images, which must be the same."""
    values, raw = recorded(model, n, sample_incrementally, **options)
    again, naive = recorded(model, n, sample_by_full_passes, **options)
    np.testing.assert_array_equal(values, again)
    whole = model.network(model.sampler.network_input(tf.constant(values)), model.one_hot(labels_of(model, n)))
    return max(np.abs(raw - naive).max(), np.abs(raw - whole).max())


@pytest.mark.parametrize(("shape", "options"), GRID, ids=str)
def test_both_walks_give_the_same_images_and_numbers(shape, options, record_property):
    difference = largest_difference(small(shape, "float32", **options))
    record_property("largest difference of the network's numbers", float(difference))
    assert difference < TOLERANCE, f"the network's numbers differ by up to {difference:.2g}"


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 3])),
    options=st.fixed_dictionaries(
        {
            "network": st.sampled_from(["plain", "gated"]),
            "blocks": st.integers(1, 2),
            "reach": st.integers(1, 2),
            "first_reach": st.integers(1, 3),
            "attention": st.integers(0, 2),
            "conditional": st.booleans(),
            "output": st.sampled_from(sorted(LEVELS)),
        }
    ),
)
def test_both_walks_agree_whatever_the_options(shape, options):
    assert largest_difference(small(shape, "float64", **options), n=2) < IN_FLOAT64


@pytest.mark.parametrize("options", [{"network": "plain", "blocks": 2}, {"attention": 1}], ids=str)
def test_members_that_take_over_bring_all_that_was_computed_for_them(options):
    """After each row members change places, or one takes another's."""
    model = small((4, 3, 1), "float64", **options)

    turns = np.array([[1, 0, 2, 3], [2, 2, 0, 1], [3, 1, 1, 0], [0, 1, 2, 3]])

    def select(row, state):
        chosen = tf.gather(tf.constant(turns), row)
        return chosen, (tf.gather(state[0], chosen),)

    assert largest_difference(model, 4, select=select) < IN_FLOAT64
    alone, _ = recorded(model, 4)
    moved, _ = recorded(model, 4, select=select)
    np.testing.assert_array_equal(moved[:, 0], alone[turns[0][turns[1][turns[2][turns[3]]]], 0])
