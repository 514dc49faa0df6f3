"""A third party's flow on public names ranks beside a built-in one: the codec fills the basis of its numbers."""

from __future__ import annotations

import pytest

import tfgen
from tfgen.runs import compare, read_runs

PLUGIN = '''
"""A normal over the logits of the pixels, with a mean and a scale for each."""

from dataclasses import dataclass

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import GenerativeModel, ModelSpec, Objective, hookimpl, normal
from tfgen.layers import LogitCodec, bits_per_dim

tfd = tfp.distributions


@dataclass(frozen=True)
class DiagonalConfig:
    """Options of the flow."""

    margin: float = 1e-6
    """Margin of the logit transform: grey levels are squeezed into [alpha, 1 - alpha]."""


class Diagonal(GenerativeModel):
    def __init__(self, config, data, seed):
        super().__init__(config, data, seed)
        self.pixels = LogitCodec(data, alpha=config.margin, dtype=self.density_dtype)
        self.density = self.pixels.density
        self.mean = self.add_weight(shape=(data.dimensions,), initializer="zeros", name="mean")
        self.log_scale = self.add_weight(shape=(data.dimensions,), initializer="ones", name="log_scale")

    def objectives(self):
        return [Objective("nll", self._loss, self.trainable_variables)]

    def _loss(self, batch, seed, context):
        nats = -tf.reduce_mean(self.log_prob(batch.x, seed=seed))
        return {"loss": nats, "bits_per_dim": bits_per_dim(nats, self.data.dimensions)}

    def log_prob(self, x, labels=None, seed=0):
        self.one_hot(labels)
        t, log_det = self.pixels.encode(x, seed)
        return tfd.MultivariateNormalDiag(self.mean, tf.exp(self.log_scale)).log_prob(t) + log_det

    def sample(self, n, labels=None, seed=0, first=0):
        self.one_hot(labels)
        z = normal([n, self.data.dimensions], seed, first=first)
        return self.pixels.decode(self.mean + tf.exp(self.log_scale) * z)


@hookimpl
def tfgen_register(registry):
    registry.add_model(ModelSpec("diagonal", DiagonalConfig, Diagonal, "A diagonal normal of logits."))
'''


@pytest.fixture
def trained(tmp_path, no_pictures):
    """Return a function that trains the flow briefly."""
    path = tmp_path / "diagonal.py"
    path.write_text(PLUGIN)

    def trained(name, **options):
        return tfgen.train(
            "diagonal", data="digits", plugins=[str(path)], runs_dir=tmp_path, name=name, epochs=1, compile="graph",
            learning_rate=0.1, quiet=True, **options,
        )  # fmt: skip

    return trained


def test_it_ranks_beside_a_built_in_flow(trained, tiny_run):
    run = trained("a")
    metric = run.evaluate(record=False)["bits_per_dim"]
    assert (metric.basis.levels, metric.basis.alpha, metric.basis.density) == (17, 1e-6, "dequantised")
    compared = compare(read_runs([run.folder, tiny_run]))
    row = next(row for row in compared.metrics if (row.split, row.name) == ("test", "bits_per_dim"))
    assert set(row.values) == {"a", "tiny"}
    assert set(row.standings) == {"a", "tiny"}
    assert not row.differing


def test_another_alpha_is_another_measurement(trained, tiny_run):
    compared = compare(read_runs([trained("b", margin=1e-3).folder, tiny_run]))
    rows = [row for row in compared.metrics if (row.split, row.name) == ("test", "bits_per_dim")]
    assert [row.differing["alpha"] for row in rows] == [1e-3, 1e-6]
    assert not any(row.standings for row in rows)
