"""Encoders and decoders: shapes for images of any size, and labels at every pixel."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.plugins.vae.small_vaes import images, small_vae
from tfgen import DataSpec
from tfgen_plugins.vae.networks import ConvDecoder, ConvEncoder
from tfgen_plugins.vae.residual import SelfAttention

SIZES = [(28, 28, 1), (8, 8, 1), (32, 32, 3), (5, 7, 1), (1, 1, 1), (9, 2, 2)]


def test_the_convolutional_encoder_sees_those_planes(monkeypatch):
    vae = small_vae("cvae", network="conv", policy="float32")
    seen = []
    first = vae.encoder.convolutions[0]
    call = first.call
    monkeypatch.setattr(first, "call", lambda x: seen.append(x) or call(x))
    vae.encode(images(), [0, 1, 2, 0, 1, 2])
    planes = seen[0].numpy()[..., 1:]
    np.testing.assert_array_equal(planes.sum(axis=-1), np.ones((6, 5, 4)))
    np.testing.assert_array_equal(
        planes.argmax(axis=-1), np.tile(np.arange(3)[[0, 1, 2, 0, 1, 2], None, None], (1, 5, 4))
    )


@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_decoders_give_images_of_the_size_of_the_data(shape):
    encoder = ConvEncoder(shape, 3, 8, "relu", tf.float32)
    decoder = ConvDecoder(4, 3, shape, 2, "relu", tf.float32)
    one_hot = tf.one_hot([0, 2], 3)
    numbers = encoder(tf.zeros([2, *shape]), one_hot)
    assert numbers.shape == (2, 8)
    assert decoder(numbers[:, :4], one_hot).shape == (2, *shape, 2)


def test_feature_maps_of_mnist_have_the_published_sizes():
    encoder = ConvEncoder((28, 28, 1), 0, 4, "relu", tf.float32)
    decoder = ConvDecoder(2, 0, (28, 28, 1), 1, "relu", tf.float32)
    assert [weight.shape for weight in encoder.weights[::2]] == [
        (4, 4, 1, 32), (4, 4, 32, 64), (3, 3, 64, 128), (2048, 4),
    ]  # fmt: skip
    assert decoder.sides == [(4, 4), (7, 7), (14, 14), (28, 28)]
    assert decoder.stem.kernel.shape == (2, 2048)
    filters = [convolution.filters for convolution in [*decoder.convolutions, decoder.head]]
    assert filters == [64, 32, 1]


@pytest.mark.parametrize("extra", ["resnet", "attention"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (5, 7, 1), (1, 1, 1), (9, 2, 2)], ids=str)
def test_networks_with_residual_blocks_begin_as_plain_ones(shape, extra):
    """Their blocks and their attention begin at the identity, so with equal weights elsewhere they are the plain networks."""
    random, one_hot = np.random.default_rng(0), tf.one_hot([0, 2], 3)
    x, z = tf.constant(random.normal(size=(2, *shape)), tf.float32), tf.constant(random.normal(size=(2, 4)), tf.float32)
    for plain, rich, given in (
        (ConvEncoder(shape, 3, 8, "relu", tf.float32), ConvEncoder(shape, 3, 8, "relu", tf.float32, extra), x),
        (ConvDecoder(4, 3, shape, 2, "relu", tf.float32), ConvDecoder(4, 3, shape, 2, "relu", tf.float32, extra), z),
    ):
        for name in ("convolutions", "head", "stem"):
            ours, theirs = getattr(plain, name, []), getattr(rich, name, [])
            for one, other in zip(
                *(layers if isinstance(layers, list) else [layers] for layers in (ours, theirs)), strict=True
            ):
                other.set_weights(one.get_weights())
        np.testing.assert_allclose(rich(given, one_hot), plain(given, one_hot), rtol=1e-5, atol=1e-6)
        assert len(rich.blocks) == 3
        assert (rich.attention is not None) == (extra == "attention")
        moved = [
            weight
            for weight in rich.weights
            if "conv2d" in weight.path or "dense" in weight.path or "places" in weight.path
        ]
        for weight in moved:
            weight.assign_add(0.1 * tf.random.stateless_normal(weight.shape, [1, 2]))
        assert np.isfinite(rich(given, one_hot)).all()
        assert np.abs(rich(given, one_hot) - plain(given, one_hot)).max() > 1e-3


def test_attention_is_softmax_of_products_and_lets_places_meet():
    layer = SelfAttention(2, 3, 8)
    for number, weight in enumerate(layer.weights):
        weight.assign(tf.random.stateless_normal(weight.shape, [number, 5]))
    x = np.random.default_rng(0).normal(size=(2, 2, 3, 8)).astype(np.float32)
    flat = layer.norm(x).numpy().reshape(2, 6, 8) + layer.places.numpy()
    parts = (flat @ layer.queries_keys_values.kernel.numpy()).reshape(2, 6, 3, 4, 2)
    mixed = np.zeros((2, 6, 4, 2))
    for head in range(4):
        queries, keys, values = (parts[:, :, part, head] for part in range(3))
        scores = queries @ keys.transpose(0, 2, 1) / np.sqrt(2)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed[:, :, head] = weights / weights.sum(axis=-1, keepdims=True) @ values
    expected = x + (mixed.reshape(2, 6, 8) @ layer.head.kernel.numpy() + layer.head.bias.numpy()).reshape(2, 2, 3, 8)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-4)
    other = x.copy()
    other[:, 1, 2] += 3
    assert (np.abs(layer(other) - layer(x)).max(axis=(0, 3)) > 1e-4).all()


def test_an_example_does_not_depend_on_the_others_of_its_batch():
    vae = small_vae("vae", network="attention", policy="float32", binarise="none")
    x = images()
    np.testing.assert_allclose(vae.encode(x)[:2], vae.encode(x[:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["conv", "mlp", "resnet", "attention"])
@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_every_pixel_and_label_matters_to_the_code(model, network):
    data = DataSpec("image", (5, 4, 1), classes=3, levels=9)
    vae = small_vae(model, data, network=network, binarise="none", activation="tanh")
    x, labels = images(data, 2).numpy(), [0, 1] if model == "cvae" else None
    code = vae.encode(x, labels).numpy()
    for pixel in np.ndindex(5, 4):
        other = x.copy()
        other[0, *pixel] = (other[0, *pixel] + 4) % 9
        changed = vae.encode(other, labels).numpy()
        assert not np.array_equal(changed[0], code[0]), pixel
        assert np.array_equal(changed[1], code[1])
    if labels:
        assert not np.array_equal(vae.encode(x, [2, 1]).numpy()[0], code[0])
        z = tf.zeros([2, 2])
        assert not np.array_equal(vae._decoded(z, vae.one_hot([0, 1]))[0], vae._decoded(z, vae.one_hot([2, 1]))[0])
