"""Metrics of disentanglement of models: codes against the columns of the context, by the command and in Python."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfgen
from tests.pictures import without_pictures
from tests.toy_models import Gaussian, GaussianConfig
from tfgen.cli.main import main
from tfgen.data.digits import load_digits
from tfgen.data.sprites import load_sprites
from tfgen.errors import CapabilityError, DataError
from tfgen.evaluate import disentanglement as module
from tfgen.evaluate.measurement import Measurement
from tfgen.model.base import GenerativeModel, build_model
from tfgen.plugin.specs import ModelSpec


class Moments(GenerativeModel):
    """An encoder that measures a picture: its middle and its mass, which tell x, y, and shape with size together."""

    def encode(self, x, labels=None, seed=0):
        grey = tf.cast(x, tf.float32)[..., 0] / 255
        mass, places = tf.reduce_sum(grey, axis=(1, 2)), tf.range(32.0)
        across = tf.reduce_sum(tf.reduce_sum(grey, axis=1) * places, axis=1) / mass
        down = tf.reduce_sum(tf.reduce_sum(grey, axis=2) * places, axis=1) / mass
        return tf.stack([across, down, mass], axis=1)

    def decode(self, z, labels=None, seed=0):
        return tf.zeros([len(z), 32, 32, 1], tf.uint8)

    def prior(self, labels=None):
        return tfp.distributions.MultivariateNormalDiag(tf.zeros(3))


@pytest.fixture(scope="module")
def sprites():
    return load_sprites()


def built(kind, data):
    return build_model(ModelSpec("toy", GaussianConfig, kind, "a toy"), GaussianConfig(), data.spec, 0)


def test_an_encoder_of_moments_knows_the_places(sprites):
    codes, factors = module.codes_and_factors(Measurement(built(Moments, sprites), sprites))
    assert codes.shape == (1024, 3)
    np.testing.assert_array_equal(factors, sprites.test.subset(5000).context)
    measurement = Measurement(built(Moments, sprites), sprites)
    # Of five factors x and y have a dimension of their own, the angle has none.
    assert 0.35 < module.measure_mig(measurement).value < 0.65
    assert module.measure_dci_disentanglement(measurement).value > 0.4
    assert module.measure_dci_informativeness(measurement).value > 0.5
    assert 0.5 < module.measure_factor_vae(measurement).value < 0.9
    assert 0.5 < module.measure_beta_vae(measurement).value < 0.95
    assert 0 < module.measure_dci_completeness(measurement).value <= 1


def test_data_without_factors_and_models_without_codes(sprites):
    digits = load_digits()
    with pytest.raises(
        DataError, match="data set 'digits' has no context columns that they could be; try --data sprites"
    ):
        module.measure_mig(Measurement(built(Moments, sprites), digits))
    with pytest.raises(CapabilityError, match="Gaussian has no encoder into latent codes"):
        module.measure_mig(Measurement(built(Gaussian, sprites), sprites))


def test_the_command_records_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with without_pictures():
        run = tfgen.train(
            "vae", data="sprites", network="mlp", units=8, depth=1, latent=2, binarise="none", epochs=1, batch_size=512,
            compile="graph", quiet=True, evaluate="none", name="tiny",
        )  # fmt: skip
    assert main(["evaluate", "runs/tiny", "--metrics", "mig,dci"]) == 0
    printed = capsys.readouterr().out
    for name in ("mig", "dci_disentanglement", "dci_completeness", "dci_informativeness"):
        assert name in printed
    recorded = json.loads((run.folder / "results.json").read_text())["test"]
    assert 0 <= recorded["mig"]["value"] <= 1
    assert recorded["mig"]["basis"]["examples"] == 1024
    assert main(["evaluate", "runs/tiny", "--metrics", "migs"]) == 2
    assert "unknown metric 'migs'; did you mean 'mig'" in capsys.readouterr().err
