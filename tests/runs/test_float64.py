"""Runs in float64: weights, densities, checkpoints and results are; models that do not promise it refuse."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.moved_models import moved_model
from tests.slow import named
from tfgen.errors import CapabilityError
from tfgen.runs.comparison import metric_rows
from tfgen.runs.facts import read_runs

SMALL = {"quiet": True, "pictures": False, "compile": "graph", "epochs": 1, "clip_norm": 1.0, "ema": 0.9, "seed": 3}
MODELS = {
    "realnvp": ("digits", {"layers": 2, "units": 8, "depth": 1}),
    "vae": ("digits", {"network": "mlp", "units": 8, "depth": 1, "latent": 2, "likelihood": "gaussian"}),
}


@pytest.fixture(scope="module", params=named(MODELS, {"realnvp"}))
def trained(request, tmp_path_factory):
    """A run in float64 and one in float32, equal otherwise."""
    data, options = MODELS[request.param]
    folder = tmp_path_factory.mktemp("runs")
    return [
        tfgen.train(request.param, data=data, runs_dir=folder, name=precision, precision=precision, **options, **SMALL)
        for precision in ("float64", "float32")
    ]


def test_a_run_in_float64_is_restored_in_float64_and_gives_the_same_results(trained):
    run, other = trained
    again = tfgen.load(run.folder)
    assert {weight.dtype for weight in again.model.trainable_variables} == {"float64"}
    assert again.model.density_dtype == tf.float64
    assert keras.config.dtype_policy().name == "float32"  # of whatever is built next
    recorded, found = run.evaluate("test"), again.evaluate("test")
    assert found == recorded
    assert all(metric.basis.get("precision") == "float64" for metric in found.values())
    assert run.files.read_results()["test"]["nll_nats"]["basis"]["precision"] == "float64"
    assert other.evaluate("test")["nll_nats"].basis.get("precision") is None


def test_runs_of_both_precisions_share_a_row_and_are_tested_pair_by_pair(trained):
    rows = metric_rows(read_runs([run.folder for run in trained]))
    (row,) = [row for row in rows if (row.split, row.name) == ("test", "nll_nats")]
    assert set(row.values) == set(row.scores) == {"float64", "float32"}
    assert row.improvement.paired
    assert 0 < row.improvement.error < np.hypot(*row.errors.values())


def test_a_model_that_does_not_promise_float64_refuses(tmp_path):
    with pytest.raises(CapabilityError, match="model 'gan' does not work in float64; choose from float32"):
        tfgen.train("gan", data="digits", runs_dir=tmp_path, precision="float64", **SMALL)
    assert not list(tmp_path.iterdir())


def test_coordinates_far_out_come_back_through_many_couplings_in_float64():
    spec = tfgen.DataSpec("vector", (2,))
    flow = moved_model("realnvp", spec, {"layers": 32, "units": 8, "depth": 1}, "float64", 0, 0.3)
    x = np.array([[1000.0, 1000.0], [-1000.0, 3.0], [0.1, -0.2]])
    back = flow.decode(flow.encode(tf.constant(x)))
    np.testing.assert_allclose(back, x, rtol=1e-6, atol=1e-6)
