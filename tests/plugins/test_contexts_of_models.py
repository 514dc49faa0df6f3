"""Every conditional model takes contexts: it trains with one, its samples follow it, and it says what it was given."""

from __future__ import annotations

import numpy as np
import pytest

import tfgen
from tests.slow import named
from tfgen import Column, DataError, Dataset, DataSpec, Split
from tfgen.data.fitting import with_fitted_columns
from tfgen.evaluate.likelihood import evaluate
from tfgen.model.base import build_model
from tfgen.model.tracing import trace_methods
from tfgen.sample.sampling import given_of, labels_for, sample_batches

REGISTRY = tfgen.load_registry()
MODELS = {
    "conditional_realnvp": {"layers": 2, "units": 16},
    "cvae": {"network": "mlp", "units": 32, "latent": 2, "likelihood": "gaussian"},
    "pixelcnn": {"conditional": True, "blocks": 1, "filters": 8, "output": "categorical"},
    "cgan": {"network": "mlp", "units": 32, "latent": 2},
}


def _bright(classes):
    """Images whose brightness is their context, four times the number 0 .. 1, and a class that darkens them."""
    random = np.random.default_rng(0)
    context = random.uniform(0, 4, (600, 1)).astype(np.float32)
    labels = random.integers(0, 2, 600).astype(np.int32)
    level = 2 + 2.5 * context[:, 0] - (4 * labels * (context[:, 0] > 2) if classes else 0)
    x = np.clip(np.round(level[:, None, None, None] + random.normal(0, 0.5, (600, 4, 4, 1))), 0, 15).astype(np.uint8)
    split = Split(x, labels if classes else None, context)
    spec = DataSpec("image", (4, 4, 1), classes=2 if classes else None, levels=16, context=(Column("light"),))
    return with_fitted_columns(Dataset("bright", spec, dict.fromkeys(("train", "valid", "test"), split)))


@pytest.mark.parametrize("classes", [False, True], ids=["context", "both"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_built_and_scored_with_its_context(name, classes):
    data = _bright(classes)
    spec = REGISTRY.model(name)
    from tfgen.plugin.options import build

    model = build_model(spec, build(spec.config, MODELS[name]), data.spec, 0)
    trace_methods(model, model.objectives())
    assert model.condition_width == 1 + 2 * classes
    given = labels_for(model, 400, [0] if classes else None, [[0.2], [3.8]])
    assert given.shape == (400, 1 + classes)
    same = np.concatenate(list(sample_batches(model, 6, given, 1, 6)))
    assert np.array_equal(same, np.concatenate(list(sample_batches(model, 6, given, 1, 6))))
    if not isinstance(model, tfgen.HasLogProb | tfgen.HasElbo):
        return
    found = evaluate(model, data)
    basis = found["nll_nats_given_label" if classes else "nll_nats"].basis
    assert basis.get("given") == "context"
    with pytest.raises(DataError):
        next(sample_batches(model, 6, np.zeros(6, np.int32), 1, 6))


@pytest.mark.parametrize("name", named(MODELS, {"conditional_realnvp"}))
def test_a_trained_model_has_learnt_its_context(name, tmp_path):
    data = _bright(classes=False)
    training = {
        "epochs": 40,
        "batch_size": 64,
        "learning_rate": 3e-3,
        "compile": "graph",
        "evaluate": "none",
        "keep": "last",
    }
    run = tfgen.train(
        name, data=data, runs_dir=tmp_path, data_dir=str(tmp_path), pictures=False, **training, **MODELS[name]
    )
    drawn = tfgen.generate(run, context=[[0.2]] * 100 + [[3.8]] * 100).astype(float)
    assert drawn[:100].mean() < drawn[100:].mean() - 4  # of the data 2.5 and 11.5
    given = given_of(run.model, run.data.test)
    assert given.shape == (len(run.data.test), 1)
