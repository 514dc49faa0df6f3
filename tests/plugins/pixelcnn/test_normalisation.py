"""Probabilities of all images sum to one, and images are drawn as often as these say, at any temperature and batch size."""

from __future__ import annotations

import numpy as np
import pytest

import tfgen
from tests.plugins.pixelcnn.pixel_models import (
    BITS,
    labels_of,
    number_of,
    p_value,
    probabilities,
    random_images,
    small_pixelcnn,
    tempered,
)
from tfgen import DataSpec
from tfgen_plugins.pixelcnn import programs

ARCHITECTURES = [
    {"network": "plain"},
    {"network": "plain", "reach": 2, "attention": 1},
    {"network": "plain", "conditional": True},
    {"blocks": 2},
    {"first_reach": 3, "attention": 2, "blocks": 2},
    {"conditional": True},
    {"conditional": True, "attention": 1, "dropout": 0.5},
]


@pytest.mark.parametrize("policy", ["float64", "float32"])
@pytest.mark.parametrize("options", ARCHITECTURES, ids=str)
def test_all_binary_images_sum_to_one(options, policy):
    model = small_pixelcnn(policy=policy, **options)
    for label in range(3) if model.conditional else [None]:
        p = probabilities(model, label)
        assert len(p) == 512
        assert p.std() > 0.1 * p.mean()
        np.testing.assert_allclose(p.sum(), 1, atol=1e-10 if policy == "float64" else 1e-5)


@pytest.mark.parametrize("network", ["plain", "gated"])
@pytest.mark.parametrize(
    ("output", "levels", "channels"),
    [
        ("bernoulli", 2, 3),
        ("categorical", 4, 1),
        ("categorical", 3, 2),
        ("discretized_logistic", 5, 1),
        ("discretized_logistic", 3, 2),
        ("discretized_logistic", 2, 3),
    ],
)
def test_all_images_of_channels_and_levels_sum_to_one(output, levels, channels, network):
    model = small_pixelcnn(DataSpec("image", (2, 2, channels), levels=levels), output=output, network=network)
    p = probabilities(model)
    assert p.std() > 0.1 * p.mean()
    np.testing.assert_allclose(p.sum(), 1, atol=1e-10)


@pytest.mark.parametrize(
    ("levels", "channels", "options"),
    [
        (2, 1, {"network": "plain"}),
        (2, 1, {"conditional": True, "attention": 1}),
        (2, 2, {"output": "categorical"}),
        (3, 1, {"network": "plain", "output": "discretized_logistic"}),
    ],
    ids=str,
)
def test_images_are_drawn_as_often_as_they_are_probable(levels, channels, options, monkeypatch):
    n = 12_000
    monkeypatch.setattr(programs, "_ON_A_CORE", n)
    model = small_pixelcnn(DataSpec("image", (2, 2, channels), classes=2, levels=levels), **options)
    logistic = options.get("output") == "discretized_logistic"
    for label in range(2) if model.conditional else [None]:
        joint, labels = probabilities(model, label), None if label is None else np.full(n, label)
        assert joint.std() > 0.1 * joint.mean()
        # A logistic at a temperature has another scale, not a power of its probabilities.
        for temperature in [1.0] if logistic else [1.0, 0.5]:
            drawn = number_of(model.sample(n, labels, seed=5, temperature=temperature), levels)
            assert p_value(drawn, tempered(joint, levels, temperature)) > 1e-3
            if temperature != 1 or label == 1:
                other = joint if temperature != 1 else probabilities(model, 0)
                assert p_value(drawn, other) < 1e-9  # so that the test can tell them apart


@pytest.mark.slow
def test_batches_of_any_size_give_the_same_images(monkeypatch):
    """All at once, and two or three at a time, of which the last ones are filled up."""
    monkeypatch.setattr(programs, "_cores", lambda: 1)
    found = []
    for at_a_time in (128, 3):
        monkeypatch.setattr(programs, "_ON_A_CORE", at_a_time)
        model = small_pixelcnn(DataSpec("image", (2, 3, 1), classes=3, levels=2), conditional=True)
        labels = labels_of(model, 7)
        drawn = model.sample(7, labels, seed=4).numpy()
        np.testing.assert_array_equal(drawn, model.sample_naively(7, labels, seed=4))
        found.append([drawn, model.inpaint(drawn, drawn[..., 0] == 0, labels, seed=2, particles=2).numpy()])
    np.testing.assert_array_equal(*found)
    assert not np.array_equal(*found[0])


def test_seeds_and_labels_decide_what_is_drawn():
    model = small_pixelcnn(DataSpec("image", (3, 3, 1), classes=3, levels=2), conditional=True, moved=1.0)
    drawn = model.sample(64, np.zeros(64, int), seed=1).numpy()
    np.testing.assert_array_equal(drawn, model.sample(64, np.zeros(64, int), seed=1))
    assert not np.array_equal(drawn, model.sample(64, np.zeros(64, int), seed=2))
    others = model.sample(64, np.ones(64, int), seed=1).numpy()
    assert np.any(drawn != others)
    mixed = model.sample(64, np.arange(64) % 2, seed=1).numpy()
    np.testing.assert_array_equal(mixed[::2], drawn[::2])
    np.testing.assert_array_equal(mixed[1::2], others[1::2])


def loss(model, training, seed=0):
    batch, context = tfgen.Batch(random_images(model.data, 4), labels_of(model, 4)), tfgen.Context.at(0, 1, training)
    return float(model.objectives()[0].loss(batch, tfgen.as_seed(seed), context)["loss"])


@pytest.mark.parametrize("network", ["plain", "gated"])
def test_dropout_is_for_training_alone(network):
    model, sober = (small_pixelcnn(BITS, network=network, dropout=rate) for rate in (0.5, 0.0))
    assert loss(model, True) != loss(model, False)
    assert loss(model, True, seed=1) != loss(model, True, seed=0) == loss(model, True, seed=0)
    assert loss(model, False) == loss(sober, True) == loss(sober, False)
    images = random_images(BITS, 4)
    np.testing.assert_array_equal(model.log_prob(images), sober.log_prob(images))
    np.testing.assert_allclose(loss(model, False), -np.mean(model.log_prob(images)) / 9)


def test_the_loss_is_in_nats_and_bits_as_it_says():
    for output, options in (("bernoulli", {}), ("categorical", {"conditional": True})):
        model = small_pixelcnn(BITS, output=output, **options)
        images, labels = random_images(BITS, 4), labels_of(model, 4)
        terms = model.objectives()[0].loss(tfgen.Batch(images, labels), tfgen.as_seed(0), tfgen.Context.at(0))
        nats, given = -float(np.mean(model.log_prob(images, labels))), "_given_label" if options else ""
        assert float(terms[f"nll_nats{given}"]) == pytest.approx(nats)
        assert float(terms["loss"]) == pytest.approx(nats / 9)
        assert (f"bits_per_dim{given}" in terms) == (model.scored_as == "grey_levels") == (output == "categorical")
        if output == "categorical":
            assert float(terms[f"bits_per_dim{given}"]) == pytest.approx(nats / 9 / np.log(2))
