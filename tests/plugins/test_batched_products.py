"""No built-in model makes a batched product with a matrix that is repeated over the batch: such products can kill the process.

Whether they do depends on the processor (AVX-512 or AMX with oneDNN) and on the shape ([n, 1, m, d] times [d, e]), so that the
operations themselves are looked at, on images one row high and one column wide.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.ops import gen_math_ops

from tests.moved_models import moved_model
from tfgen import DataSpec
from tfgen.model.capabilities import HasElbo, HasLogProb, Inpaints, Samples
from tfgen.model.objective import Batch, Context

PIXELS = {"blocks": 1, "filters": 4, "reach": 1, "first_reach": 1, "components": 2}
ADVERSARIES = {"filters": 2, "units": 4, "depth": 1, "latent": 2}
CODES = {"latent": 2, "units": 4, "depth": 1, "flow_layers": 2, "flow_units": 4}
FLOW = {"layers": 2, "units": 4}
CONV = {"layers": 2, "network": "conv", "channels": 2, "blocks": 1, "mask": ("checkerboard", "checkerboard")}
MODELS = {
    "pixelcnn-bits": ("pixelcnn", PIXELS | {"attention": 1}),
    "pixelcnn-plain": ("pixelcnn", PIXELS | {"attention": 1, "network": "plain", "conditional": True}),
    "pixelcnn-categorical": ("pixelcnn", PIXELS | {"attention": 1, "output": "categorical"}),
    "pixelcnn-logistic": ("pixelcnn", PIXELS | {"attention": 1, "output": "discretized_logistic"}),
    "vae-conv": ("vae", CODES | {"prior": "vamp", "components": 3}),
    "cvae-mlp": ("cvae", CODES | {"network": "mlp", "prior": "mog", "components": 3, "objective": "iwae"}),
    "cvae-conditional": ("cvae", CODES | {"prior": "conditional", "likelihood": "discretized_logistic"}),
    "vae-flow": ("vae", CODES | {"prior": "flow", "objective": "joint"}),
    "gan-conv": ("gan", ADVERSARIES),
    "cgan-mlp": ("cgan", ADVERSARIES | {"network": "mlp", "objective": "wgan-gp"}),
    "realnvp": ("realnvp", FLOW),
    "realnvp-conv": ("conditional_realnvp", CONV),
    "spline_flow": ("spline_flow", FLOW | {"bins": 4}),
}


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int | None], list[int | None]]]:
    """Shapes of both operands of every batched product that is made or traced."""
    seen: list[tuple[list[int | None], list[int | None]]] = []

    def recorded(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        def product(x: tf.Tensor, y: tf.Tensor, *rest: object, **options: object) -> tf.Tensor:
            seen.append((tf.convert_to_tensor(x).shape.as_list(), tf.convert_to_tensor(y).shape.as_list()))
            return function(x, y, *rest, **options)

        return product

    for name in ("batch_mat_mul", "batch_mat_mul_v2", "batch_mat_mul_v3"):
        monkeypatch.setattr(gen_math_ops, name, recorded(getattr(gen_math_ops, name)))
    return seen


def repeats_an_operand(x: list[int | None], y: list[int | None]) -> bool:
    return x[:-2] != y[:-2]


def test_such_a_product_is_seen(products):
    tf.ones([5, 1, 4, 3]) @ tf.ones([3, 2])
    tf.ones([5, 4, 3]) @ tf.ones([5, 3, 2])
    assert [repeats_an_operand(x, y) for x, y in products] == [True, False]


@pytest.mark.parametrize(
    ("name", "shape"),
    [("pixelcnn-bits", (1, 6, 2)), ("pixelcnn-logistic", (1, 6, 1)), ("cvae-conditional", (1, 6, 1))]
    + [pytest.param(name, shape, marks=pytest.mark.slow) for name in MODELS for shape in [(1, 6, 1), (6, 1, 2)]],
)
def test_no_model_repeats_a_matrix_over_a_batch(name, shape, products):
    model_name, options = MODELS[name]
    data = DataSpec("image", shape, classes=3, levels=2 if name == "pixelcnn-bits" else 256)
    model = moved_model(model_name, data, options, "float32", 0, 0.0)
    x = tf.constant(np.random.default_rng(0).integers(0, data.levels, (5, *shape)).astype(np.uint8))
    labels = tf.constant([0, 1, 2, 0, 1]) if model.conditional else None

    @tf.function(autograph=False)  # as a run does: the samplers are loops
    def program() -> None:
        for objective in model.objectives():
            with tf.GradientTape() as tape:
                loss = objective.loss(Batch(x, labels), tf.constant([0, 1]), Context.at(0))["loss"]
            tape.gradient(loss, [weight.value for weight in objective.weights])
        if isinstance(model, HasLogProb):
            model.log_prob(x, labels)
        if isinstance(model, HasElbo):
            model.elbo(x, labels, particles=2)
        if isinstance(model, Samples):
            model.sample(5, labels)
        if isinstance(model, Inpaints):
            model.inpaint(x, tf.zeros([5, *shape[:2]], tf.bool), labels)

    program.get_concrete_function()
    assert [pair for pair in products if repeats_an_operand(*pair)] == []


@pytest.mark.slow
def test_training_with_attention_on_images_one_row_high_survives(tmp_path):
    """In a process of its own, which died here (SIGSEGV or SIGABRT) where oneDNN has its AVX-512 kernels."""
    plugin = tmp_path / "rows.py"
    plugin.write_text(
        "import numpy as np\nimport tfgen\n"
        "def rows(sources):\n"
        "    x = np.random.default_rng(0).integers(0, 2, (80, 1, 28, 1)).astype(np.uint8)\n"
        "    parts = {'train': x[:60], 'valid': x[60:70], 'test': x[70:]}\n"
        "    spec = tfgen.DataSpec('image', (1, 28, 1), levels=2)\n"
        "    return tfgen.Dataset('rows', spec, {name: tfgen.Split(part) for name, part in parts.items()})\n"
        "@tfgen.hookimpl\n"
        "def tfgen_register(registry):\n"
        "    registry.add_dataset(tfgen.DatasetSpec('rows', rows, 'one row'))\n"
    )
    command = [
        *(sys.executable, "-m", "tfgen", "-p", str(plugin), "run", "pixelcnn", "--data", "rows", "--attention", "1"),
        *("--filters", "32", "--blocks", "1", "--epochs", "2", "--batch-size", "20"),
        *("--compile", "graph", "--no-pictures", "--name", "rows"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "runs/rows/results.json").read_text())
    assert np.isfinite(results["test"]["nll_nats"]["value"])
