"""Models that nobody planned for, written as third parties would: a MAF in one file, a VQ-VAE and an energy model.

They use public names alone. The DDPM of ``examples/tfgen-diffusion`` is the fourth; ``tests/build`` builds and runs it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.contract import third_party
from tests.contract.third_party import data as eight_gaussians
from tests.public_names import private_imports
from tfgen.errors import CapabilityError
from tfgen.metrics import metrics_from_json
from tfgen.plugin.loading import load_registry
from tfgen.runs import read_runs
from tfgen.testing import CHECKS, ModelUnderTest, run_checks

MAF = Path(__file__).parents[2] / "docs/examples/maf.py"
THIRD_PARTY = Path(third_party.__file__).parent
PLUGINS = [str(MAF), third_party.__name__]
SMALL_FLOW = {"flows": 2, "units": 16, "depth": 1}
SMALL_VQVAE = {"autoencoder_epochs": 1.0, "filters": 8}
TESTED = {
    "maf of vectors": ("maf", "two_gaussians", SMALL_FLOW),
    "maf of images": ("maf", "digits", SMALL_FLOW),
    "vqvae": ("vqvae", "digits", {"filters": 8}),  # whose stages are longer than the suite's training
    "ebm": ("ebm", "eight_gaussians", {"units": 16, "depth": 2}),
}


def under_test(name):
    model, data, options = TESTED[name]
    return ModelUnderTest(model, data, plugins=PLUGINS, options=options)


@pytest.fixture
def trained(tmp_path):
    """Return a function that trains a model for a short time."""

    def train(model, data, **options):
        quick = {"compile": "graph", "quiet": True, "runs_dir": tmp_path, "keep": "last", "pictures": False}
        return tfgen.train(model, data=data, plugins=PLUGINS, **(quick | options))

    return train


def test_they_use_public_names_alone():
    assert private_imports([MAF, *THIRD_PARTY.glob("*.py")]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTED)
def test_they_pass_the_conformance_suite(name):
    found = run_checks(under_test(name), CHECKS)
    assert {outcome.name: outcome.message for outcome in found if outcome.status == "failed"} == {}


def test_a_masked_autoregressive_flow_has_a_triangular_jacobian():
    """``du_i/dx_j`` is 0 for j after i, and the log-determinant is the sum of the logarithms of its diagonal."""
    spec = load_registry(PLUGINS).model("maf")
    model = tfgen.build_model(spec, spec.config(flows=1, units=16, depth=2), tfgen.DataSpec("vector", (5,)), 0)
    for number, weight in enumerate(model.trainable_weights):
        weight.assign(tf.random.stateless_normal(weight.shape, [1, number]) / 3)
    x = tf.random.stateless_normal([3, 5], [2, 3])
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = model.encode(x)
    jacobian = tape.batch_jacobian(z, x).numpy()[:, ::-1]  # the order is reversed behind a flow
    assert np.count_nonzero(np.triu(jacobian, 1)) == 0
    assert np.count_nonzero(jacobian) == 3 * 15
    expected = np.log(np.diagonal(jacobian, axis1=1, axis2=2)).sum(axis=1)
    np.testing.assert_allclose(model.log_prob(x) - model.prior().log_prob(z), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.decode(z), x, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_it_ranks_beside_the_built_in_flows(trained):
    runs = [trained(model, "digits", name=model, epochs=1, **options) for model, options in (
        ("maf", SMALL_FLOW), ("realnvp", {"layers": 2, "units": 8})
    )]  # fmt: skip
    (row,) = (
        row
        for row in tfgen.compare(read_runs([run.folder for run in runs])).metrics
        if row.name == "bits_per_dim" and row.split == "test"
    )
    assert set(row.standings) == {"maf", "realnvp"}


class Codebooks:
    """Keeps the codebook of a VQ-VAE at each report."""

    def __init__(self):
        self.codebooks = {}

    @tfgen.hookimpl
    def tfgen_run_started(self, model):
        self.model = model

    @tfgen.hookimpl
    def tfgen_progress(self, step):
        self.codebooks[step] = self.model.codebook.numpy()


@pytest.mark.slow
def test_a_vq_vae_is_trained_in_two_stages(trained):
    """The codebook follows its moving averages in the first one, and rests in the second."""
    seen = Codebooks()
    run = trained("vqvae", "digits", epochs=3, chunk_steps=2, observers=[seen], **SMALL_VQVAE)
    first, *_, last = sorted(seen.codebooks)
    boundary = last // 3
    assert not np.array_equal(seen.codebooks[first], seen.codebooks[boundary])
    resting = [step for step in seen.codebooks if step >= boundary]
    assert len(resting) > 2
    assert all(np.array_equal(seen.codebooks[step], seen.codebooks[last]) for step in resting)
    with (run.folder / "codebook.csv").open() as file:
        assert {row[1] for row in csv.reader(file)} >= {"train/autoencoder/perplexity"}
    assert metrics_from_json(run.results["test"])["bits_per_dim"].basis.density == "bound"
    codes = run.model.encode(run.data.test.x[:4])
    assert codes.dtype == tf.int32
    assert run.model.decode(codes).shape == (4, 8, 8, 1)
    assert not np.array_equal(run.model.sample(8, seed=0, temperature=0.1), run.model.sample(8, seed=0))
    with pytest.raises(CapabilityError, match="discrete"):
        tfgen.interpolate(run.model, run.data.test.x[:2])


@pytest.mark.slow
def test_the_energy_learns_the_density(trained):
    """Up to a constant, as far as the noise of its training blurs it."""
    run = trained("ebm", "eight_gaussians", epochs=20)
    x = run.data.test.x
    energy, truth = run.model.energy(x).numpy(), eight_gaussians.log_prob(x)
    assert np.corrcoef(-energy, truth)[0, 1] > 0.5
    drawn = run.model.sample(500, seed=0)
    assert np.mean(eight_gaussians.log_prob(drawn) > -6) > 0.6


@pytest.mark.slow
def test_an_energy_is_drawn_and_its_sampler_can_be_told(trained):
    run = trained("ebm", "eight_gaussians", epochs=1, units=16, depth=2, pictures=True)
    assert {"density.png", "samples_after.png"} <= {path.name for path in run.files.figures.iterdir()}
    assert "test" not in run.results
    few, many = (run.model.sample(200, seed=0, steps=steps).numpy() for steps in (1, 50))
    assert not np.array_equal(few, many)
    with pytest.raises(tfgen.errors.OptionError, match="--steps must be at least 1, got 0"):
        run.model.sample(5, steps=0)


def test_the_density_of_eight_gaussians_integrates_to_one():
    side = np.linspace(-5, 5, 401)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    mass = np.exp(eight_gaussians.log_prob(grid)).sum() * (side[1] - side[0]) ** 2
    assert mass == pytest.approx(1, abs=1e-3)
