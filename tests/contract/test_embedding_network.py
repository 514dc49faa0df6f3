"""Contexts that are sets or images, through an embedding network of a plugin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.public_names import private_imports
from tfgen.errors import PluginError, TfgenError
from tfgen.plugin.loading import load_registry
from tfgen.testing import CHECKS, ModelUnderTest, run_checks
from tfgen_plugins.flows import ConditionalRealNVP, RealNVPConfig

PLUGIN = str(Path(__file__).parents[2] / "docs/examples/set_posterior.py")
SMALL = {"layers": 2, "units": 16, "coupling": "spline"}


@pytest.fixture
def train(tmp_path):
    quick = {"compile": "graph", "quiet": True, "runs_dir": tmp_path, "pictures": False, "evaluate": "none"}
    return lambda data, **options: tfgen.train("embedding_flow", data=data, plugins=[PLUGIN], **(quick | options))


def test_it_uses_public_names_alone():
    assert private_imports([Path(PLUGIN)]) == []


def test_the_posterior_of_a_set_is_learned_and_does_not_see_its_order(train):
    run = train("observed_sets", epochs=2, batch_size=100, learning_rate=3e-3, **SMALL)
    test = run.data.test
    assert run.data.log_prob is not None
    context = test.context
    log_prob = run.model.log_prob(test.x, context).numpy()
    kl = float(np.mean(run.data.log_prob(test.x, context) - log_prob))
    assert -0.02 < kl < 0.1  # 1.7 before training
    rows = tf.constant(np.random.default_rng(0).normal(size=(50, 16)).astype(np.float32))
    turned = tf.reshape(tf.reshape(rows, [-1, 8, 2])[:, ::-1], [-1, 16])
    np.testing.assert_allclose(run.model.embed(turned), run.model.embed(rows), rtol=1e-4, atol=1e-4)
    mixed = context.reshape(-1, 8, 2)[:, ::-1].reshape(len(context), -1)
    shuffled = run.model.log_prob(test.x, mixed).numpy()
    # The columns are standardised one by one, so that an element is another one in another place by 1 % or so.
    assert np.abs(shuffled - log_prob).mean() < 0.1


@pytest.mark.slow
def test_images_are_contexts_too(train, tmp_path):
    random = np.random.default_rng(0)
    t = random.integers(1, 7, (400, 2))
    images = np.zeros((400, 9, 9), np.uint8)
    images[np.arange(400), t[:, 0], t[:, 1]] = 255  # a bright pixel; those of the border are always dark
    np.savez(tmp_path / "dots.npz", x=(t + random.normal(0, 0.1, t.shape)).astype(np.float32), context=images)
    run = train(
        str(tmp_path / "dots.npz"), context_shape=(9, 9, 1), data_dir=str(tmp_path), epochs=30, batch_size=64,
        learning_rate=5e-3, **SMALL,
    )  # fmt: skip
    assert len(run.data_spec.context) == 81
    draws = np.stack([run.model.sample(len(run.data.test), run.data.test.context, seed=seed) for seed in range(10)])
    off = np.abs(draws.mean(axis=0) - run.data.test.x).mean()
    assert off < 0.8  # 1.5 where the image is not looked at
    again = tfgen.load(run.folder, plugins=[PLUGIN])
    np.testing.assert_allclose(
        again.model.log_prob(run.data.test.x, run.data.test.context),
        run.model.log_prob(run.data.test.x, run.data.test.context),
    )


def test_what_does_not_fit_is_refused(train, tmp_path):
    with pytest.raises(TfgenError, match=r"contexts of 16 numbers, and --context-shape asks for 8x3"):
        train("observed_sets", context_shape=(8, 3))
    with pytest.raises(TfgenError, match="two numbers for a set, or three for an image"):
        train("observed_sets", context_shape=(16,))
    np.savez(tmp_path / "big.npz", x=np.zeros((9, 2), np.float32), context=np.zeros((9, 65, 64)))
    with pytest.raises(TfgenError, match=r"a context has at most 4,096 numbers, got 4,160"):
        train(str(tmp_path / "big.npz"), data_dir=str(tmp_path))
    np.savez(tmp_path / "same.npz", x=np.random.default_rng(0).normal(size=(90, 2)), context=np.zeros((90, 16)))
    with pytest.raises(TfgenError, match=r"the context 'c_1' has one value only"):
        train(str(tmp_path / "same.npz"), data_dir=str(tmp_path))


def test_an_embedding_of_another_width_is_the_authors_mistake():
    class Wrong(ConditionalRealNVP):
        context_features = 3

        def embed(self, context):
            return context[:, :2]

    spec = load_registry([PLUGIN]).dataset("observed_sets").function()(tfgen.DataSources()).spec
    columns = tuple(tfgen.Column(column.name, shift=0.0, scale=1.0) for column in spec.context)
    model = Wrong(RealNVPConfig(**SMALL), tfgen.DataSpec("vector", (2,), context=columns), 0)
    assert model.condition_width == 3
    with pytest.raises(PluginError, match=r"embed\(\) must return \[n, 3\], as context_features says; got \[4, 2\]"):
        model.log_prob(tf.zeros([4, 2]), tf.zeros([4, 16]))


@pytest.mark.slow
def test_it_passes_the_conformance_suite():
    found = run_checks(ModelUnderTest("embedding_flow", "observed_sets", plugins=[PLUGIN], options=SMALL), CHECKS)
    assert {outcome.name: outcome.message for outcome in found if outcome.status == "failed"} == {}
