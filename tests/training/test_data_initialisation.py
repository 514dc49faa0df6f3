"""Data-dependent initialisation: first weights that a model computes from training examples."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.toy_models import Gaussian, GaussianConfig, spec, vectors
from tfgen import DatasetSpec, DataSpec, InitialisesFromData
from tfgen.data.dataset import Split
from tfgen.errors import OutOfMemoryError, PluginError
from tfgen.plugin.loading import load_registry
from tfgen.runs.config import default_config
from tfgen.runs.experiment import resume_run, start_run
from tfgen.training.data_initialisation import initialise_from_data


class Centred(Gaussian):
    """Begins at the mean of the examples."""

    seen: tuple[tuple[int, ...], ...] = ()

    def initialise(self, batch):
        type(self).seen += (tuple(batch.x.shape),)
        self.mean.assign(tf.reduce_mean(batch.x, axis=0))


class Mistaken(Gaussian):
    def initialise(self, batch):
        self.mean.assign(batch.x)


@pytest.fixture
def begin(tmp_path):
    """Return a function that trains a toy with a learning rate of nearly nothing."""
    registry = load_registry(())
    registry.add_dataset(DatasetSpec("vectors", lambda _: vectors(128), "toy"))

    def train(toy, name, init=None, **training):
        if toy.__name__.lower() not in registry.models:
            registry.add_model(spec(toy))
        config = default_config(registry.model(toy.__name__.lower()), "vectors")
        still = {"learning_rate": 1e-12, "epochs": 2, "batch_size": 64, "compile": "graph", "keep": "last"} | training
        config = dataclasses.replace(
            config, training=dataclasses.replace(config.training, **still), init=init, pictures=False
        )
        return start_run(config, registry, tmp_path, name, quiet=True)

    return train


@pytest.fixture(autouse=True)
def _nothing_seen(monkeypatch):
    monkeypatch.setattr(Centred, "seen", ())


def test_training_begins_with_the_weights_of_the_data(begin):
    assert isinstance(Centred(GaussianConfig(), vectors().spec, 0), InitialisesFromData)
    assert not isinstance(Gaussian(GaussianConfig(), vectors().spec, 0), InitialisesFromData)
    run = begin(Centred, "centred")
    np.testing.assert_allclose(run.model.mean, vectors(128).train.x.mean(axis=0), rtol=1e-6)
    assert Centred.seen == ((128, 2),)


def test_a_run_that_is_resumed_goes_on_with_its_own_weights(begin):
    run = begin(Centred, "centred", learning_rate=0.1)
    longer = resume_run(run, quiet=True, epochs=1)
    assert Centred.seen == ((128, 2),)
    assert np.abs(longer.model.mean.numpy() - vectors(128).train.x.mean(axis=0)).max() > 1e-3


def test_weights_of_another_run_replace_those_of_the_data(begin):
    other = begin(Gaussian, "other")
    run = begin(Centred, "again", init=str(other.folder))
    np.testing.assert_allclose(run.model.mean, [0, 0], atol=1e-6)


def test_a_mistake_of_the_author_is_one_line_with_its_place(begin, tmp_path):
    with pytest.raises(PluginError, match=r"model Mistaken: initialise.*test_data_initialisation\.py:\d+") as caught:
        begin(Mistaken, "mistaken")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "mistaken").exists()


@pytest.mark.parametrize(
    "error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")]
)
def test_a_lack_of_memory_is_one_line_that_says_how_many_examples_there_were(error, monkeypatch):
    def initialise(self, batch):
        raise error

    monkeypatch.setattr(Centred, "initialise", initialise)
    model = Centred(GaussianConfig(), vectors().spec, 0)
    with pytest.raises(OutOfMemoryError, match=r"model Centred .* from 128 training examples at once; .*--device cpu"):
        initialise_from_data(model, vectors(128).train)


def test_of_many_examples_some_at_equal_distances_are_taken():
    x = np.arange(25_001, dtype=np.float32)[:, None]
    model = Centred(GaussianConfig(), DataSpec("vector", (1,)), 0)
    initialise_from_data(model, Split(x))
    assert Centred.seen == ((10_000, 1),)
    np.testing.assert_allclose(model.mean, [12_500], rtol=1e-4)
