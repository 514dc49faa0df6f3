"""Encoders and decoders: shapes for images of any size, and labels at every pixel."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.plugins.vae.small_vaes import images, small_vae
from tfgen import DataSpec
from tfgen_plugins.vae.networks import ConvDecoder, ConvEncoder

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


@pytest.mark.parametrize("network", ["conv", "mlp"])
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
