"""The batch size changes neither metrics nor samples, whoever wrote the model and however it draws its noise."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.moved_models import moved_model
from tests.slow import named
from tests.small_digits import load_small_digits
from tfgen.data.dataset import Dataset, Split
from tfgen.evaluate.classification import classify
from tfgen.evaluate.likelihood import evaluate
from tfgen.evaluate.sample_quality import _REFERENCE_BLOCK, SampleMetrics, _reference
from tfgen.evaluate.scoring import BLOCK, score_batches
from tfgen.plugin.specs import DataSources
from tfgen.runs.sample_file import write_samples
from tfgen.sample.sampling import SAMPLE_BLOCK

SIZES = (7, 64, 300, 450)
SMALL_FLOW = {"layers": 2, "units": 8, "depth": 1}
SMALL_VAE = {"network": "mlp", "units": 8, "depth": 1, "latent": 2}
SMALL_PIXELCNN = {"blocks": 1, "filters": 4}
#: Every built-in model with a density or bound, and the arguments of its evaluation.
MODELS = {
    "realnvp": ("realnvp", SMALL_FLOW, {"draws": 2}),
    "conditional_realnvp": ("conditional_realnvp", SMALL_FLOW, {}),
    "nice": ("nice", SMALL_FLOW, {}),
    "spline_flow": ("spline_flow", SMALL_FLOW, {}),
    "vae": ("vae", SMALL_VAE, {"particles": 3, "draws": 2}),
    "vae, many particles": ("vae", SMALL_VAE, {"particles": 9000}),
    "dequantising vae": ("vae", SMALL_VAE | {"likelihood": "gaussian"}, {}),
    "cvae": ("cvae", SMALL_VAE, {"particles": 3}),
    "pixelcnn of bits": ("pixelcnn", SMALL_PIXELCNN | {"output": "bernoulli"}, {"draws": 2}),
    "pixelcnn": ("pixelcnn", SMALL_PIXELCNN | {"output": "categorical", "conditional": True}, {}),
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """Digits of 4x4 pixels: more than two blocks and less than three, and the last one is not full."""
    small = load_small_digits(DataSources())
    x = np.concatenate([split.x for split in small.splits.values()] * 2)[: 2 * BLOCK + 50]
    labels = np.resize(np.arange(10, dtype=np.int32), len(x))
    return Dataset("digits", small.spec, {name: Split(x, labels) for name in ("train", "valid", "test")})


def made(name, options, data):
    return moved_model(name, data.spec, options, "float32", seed=0, moved=0.1)


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, metric in expected.items():
        assert found[name].basis == metric.basis
        np.testing.assert_allclose(found[name].value, metric.value, rtol=2e-6, err_msg=name)
        np.testing.assert_allclose(found[name].standard_error, metric.standard_error, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("case", named(MODELS, ("conditional_realnvp", "vae", "dequantising vae", "pixelcnn of bits")))
def test_metrics_of_a_density_or_bound_do_not_depend_on_the_batch_size(case, digits):
    name, options, arguments = MODELS[case]
    model = made(name, options, digits)
    examples = {"examples": 30} if arguments.get("particles", 1) > 1000 else {}
    first, *others = (evaluate(model, digits, batch_size=size, **arguments, **examples) for size in SIZES)
    for other in others:
        assert_equal(other, first)
    other_noise = evaluate(model, digits, seed=1, **arguments, **examples)["nll_nats"].value
    # An exact density of grey levels has no noise.
    assert (abs(first["nll_nats"].value - other_noise) < 1e-6) == (case == "pixelcnn")


@pytest.mark.parametrize("case", ["conditional_realnvp", "cvae"])
def test_classification_does_not_depend_on_the_batch_size(case, digits):
    name, options, _ = MODELS[case]
    model = made(name, options, digits)
    first, *others = (classify(model, digits, batch_size=size) for size in SIZES)
    for other in others:
        np.testing.assert_allclose(other.log_posteriors, first.log_posteriors, atol=1e-4)
        assert_equal(other.metrics, first.metrics)


class Foreign:
    """A model that draws its noise as its author likes: for the whole batch at once, with the examples on the last axis."""

    conditional = False
    density = "dequantised"
    scored_as = "grey_levels"

    def __init__(self, data):
        self.data, self.batches = data, set()

    def log_prob(self, x, labels=None, seed=0):
        self.batches.add(x.shape[0])
        noise = tf.random.stateless_normal([3, tf.shape(x)[0]], seed)
        return tf.reduce_sum(tf.cumsum(noise, axis=1), axis=0) - tf.cast(x[:, 1, 1, 0], tf.float32)

    def basis(self):
        return {}


def test_a_model_that_draws_its_noise_in_a_way_of_its_own_has_the_same_metrics_too(digits):
    first, *others = (evaluate(Foreign(digits.spec), digits, batch_size=size, draws=3) for size in SIZES)
    assert all(other == first for other in others)  # to the bit


def test_blocks_have_one_size_and_noise_of_their_own(digits):
    model = Foreign(digits.spec)
    evaluate(model, digits, batch_size=7)
    assert model.batches == {BLOCK}
    x = np.zeros((3 * BLOCK, 1), np.float32)

    def noise(x, labels, seed):
        return tf.random.stateless_normal([x.shape[0]], seed)

    parts = list(score_batches(noise, x, [None], batch_size=50_000))
    assert [which.start for which, _ in parts] == [0, BLOCK, 2 * BLOCK]
    assert len(np.unique(np.concatenate([values for _, values in parts]))) == 3 * BLOCK


def test_the_binarised_reference_of_sample_metrics_is_one(digits):
    plan = SampleMetrics(("fid",), 100, reference="stochastic")
    x = np.concatenate([digits.test.x] * 3)[: 2 * _REFERENCE_BLOCK + 1]
    batches = list(_reference(x, digits, plan, 0))
    assert sum(map(len, batches)) == len(x)
    np.testing.assert_array_equal(np.concatenate(batches), np.concatenate(list(_reference(x, digits, plan, 0))))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("realnvp", SMALL_FLOW),
        ("vae", SMALL_VAE | {"likelihood": "gaussian", "pixels": "draw"}),
        ("pixelcnn", SMALL_PIXELCNN | {"output": "categorical"}),
        ("gan", {"network": "mlp", "units": 8, "depth": 1, "latent": 2}),
    ],
)
def test_files_of_samples_have_the_same_bytes_whatever_the_batch_size(name, options, digits, tmp_path):
    model = made(name, options, digits)
    for size in SIZES:
        write_samples(model, tmp_path / f"{size}.npz", SAMPLE_BLOCK + 30, seed=3, batch_size=size)
    first, *others = (np.load(tmp_path / f"{size}.npz")["x"].tobytes() for size in SIZES)
    assert all(other == first for other in others)
    assert len(np.unique(np.frombuffer(first, np.uint8))) > 1
    write_samples(model, tmp_path / "few.npz", 5, seed=3, batch_size=1)
    assert first.startswith(np.load(tmp_path / "few.npz")["x"].tobytes())
