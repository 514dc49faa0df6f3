"""Every conditional model takes contexts: it trains with one, its samples follow it, and it says what it was given."""

from __future__ import annotations

import numpy as np
import pytest

import tfgen
from tests.slow import named, slow
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


@pytest.mark.parametrize("classes", [slow(False), True], ids=["context", "both"])
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


def _even():
    """Numbers whose mean is the square of their context: of a symmetric law, so that nothing linear in it tells the mean."""
    random = np.random.default_rng(0)
    context = random.normal(size=(1500, 1)).astype(np.float32)
    x = (context**2 + random.normal(0, 0.3, (1500, 1))).astype(np.float32)
    spec = DataSpec("vector", (1,), context=(Column("c"),))
    return with_fitted_columns(
        Dataset("even", spec, dict.fromkeys(("train", "valid", "test"), Split(x, None, context)))
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [slow("conditional_realnvp", {"layers": 2}), ("cvae", {**MODELS["cvae"], "prior": "conditional"})],
    ids=["flow of one dimension", "cvae, conditional prior"],
)
def test_a_law_that_no_linear_function_of_the_context_gives_is_learnt(name, options, tmp_path):
    run = tfgen.train(
        name, data=_even(), runs_dir=tmp_path, data_dir=str(tmp_path), pictures=False, epochs=40, batch_size=100,
        learning_rate=5e-3, compile="graph", evaluate="none", **options,
    )  # fmt: skip
    drawn = tfgen.generate(run, context=[[-1.5]] * 200 + [[0.0]] * 200 + [[1.5]] * 200)[:, 0].reshape(3, 200)
    np.testing.assert_allclose(drawn.mean(axis=1), [2.25, 0, 2.25], atol=0.3)
    np.testing.assert_allclose(drawn.std(axis=1), 0.3, atol=0.15)


def test_a_discriminator_and_a_prior_are_no_linear_functions_of_a_context():
    from tfgen.plugin.options import build

    data = _even()
    given = np.array([[-1.0], [0.0], [1.0]], np.float32)
    gan = build_model(REGISTRY.model("cgan"), build(REGISTRY.model("cgan").config, MODELS["cgan"]), data.spec, 0)
    scores = gan.discriminator(np.ones((3, 1), np.float32), gan.condition(given)).numpy()
    assert abs(scores[0] + scores[2] - 2 * scores[1]) > 1e-3
    config = build(REGISTRY.model("cvae").config, {**MODELS["cvae"], "prior": "conditional"})
    vae = build_model(REGISTRY.model("cvae"), config, data.spec, 0)
    np.testing.assert_array_equal(vae.prior(given).mean(), np.zeros((3, 2)))  # standard normal at first
    head = vae.codes.network.head
    head.kernel.assign(np.random.default_rng(0).normal(size=head.kernel.shape))
    means = vae.prior(given).mean().numpy()
    assert np.abs(means[0] + means[2] - 2 * means[1]).min() > 1e-3
