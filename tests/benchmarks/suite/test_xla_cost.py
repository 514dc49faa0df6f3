"""Multiply-adds as we count them and as XLA's own cost analysis has them."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.data.spec import DataSpec
from tfgen.errors import TfgenError
from tfgen.model.base import build_model
from tfgen.model.objective import Batch
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import build
from tfgen.plugin.train_options import TrainOptions
from tfgen.training.optimisers import make_optimizer
from tfgen.training.state import TrainingState
from tfgen.training.step import Step, stages_of
from tfgen_benchmarks import counting, xla_cost

pytest.importorskip("jaxlib", reason="XLA's cost analysis needs jaxlib")
BATCH, CLASSES = 3, 4


def compiled(function):
    return tf.function(function, jit_compile=True, autograph=False)


def counted(function):
    return counting.cost_of(tf.function(function, autograph=False).get_concrete_function()).multiply_adds


def small(name, side=8, **options):
    spec = load_registry(()).model(name)
    return build_model(spec, build(spec.config, options), DataSpec("image", (side, side, 1), classes=CLASSES), 0)


def step_of(model):
    """A step of training as the loop makes it, gradients, clipping and Adam included."""
    objectives, training = model.objectives(), build(TrainOptions, {"clip_norm": 1.0})
    optimizers = [make_optimizer(training, 100) for _ in objectives]
    for objective, optimizer in zip(objectives, optimizers, strict=True):
        optimizer.build(objective.weights)
    step = Step(
        TrainingState(model, optimizers, ema=False, keep_best=False),
        objectives,
        0,
        0.0,
        True,
        1,
        stages_of(objectives, 1, 1),
    )
    batch = Batch(tf.zeros([BATCH, *model.data.shape], tf.uint8), tf.zeros([BATCH], tf.int32))
    return lambda: step(batch, tf.constant(0))[0]["loss"]


def sampling(model):
    labels = tf.zeros([BATCH], tf.int32) if model.conditional else None
    return lambda: model.sample(BATCH, labels)


def one_pass(model):
    images = model.sampler.network_input(tf.zeros([BATCH, *model.data.shape]))
    return lambda: model.network(images)


PROGRAMS = {
    "realnvp samples": lambda: sampling(small("realnvp", units=24, layers=2)),
    "realnvp trains": lambda: step_of(small("realnvp", units=24, layers=2)),
    "vae samples by convolutions": lambda: sampling(small("vae", side=28)),
    "vae trains by convolutions": lambda: step_of(small("vae", side=28)),
    "vae samples by a perceptron": lambda: sampling(small("vae", network="mlp", units=24)),
    "cvae samples": lambda: sampling(small("cvae", latent=3)),
    "pixelcnn looks once": lambda: one_pass(small("pixelcnn", side=6, blocks=1, filters=8)),
    "pixelcnn trains": lambda: step_of(small("pixelcnn", side=6, blocks=1, filters=8)),
    "pixelcnn looks with attention": lambda: one_pass(small("pixelcnn", side=6, blocks=1, filters=8, attention=1)),
}


#: Those that take seconds to compile.
LONG = {"vae trains by convolutions", "cvae samples", "pixelcnn trains", "pixelcnn looks with attention"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in PROGRAMS]
)
def test_counted_multiply_adds_are_those_of_the_compiled_program(name):
    program = PROGRAMS[name]()
    found = xla_cost.xla_cost(compiled(program))
    assert counted(program) == found.multiply_adds
    assert found.product_flops <= 2 * found.multiply_adds  # some of a convolution meets padding, which XLA leaves out
    assert found.flops > found.product_flops  # and something else happens, too


def test_a_sampler_in_two_loops_is_counted_for_every_pixel():
    model = small("pixelcnn", side=5, blocks=1, filters=4)
    program = sampling(model)
    found = xla_cost.xla_cost(compiled(program), stage="optimized_hlo")
    assert counted(program) == found.multiply_adds
    assert found.flops < found.product_flops  # which has every loop once
    assert {product.times % 5 for product in found.products} == {0}
    assert max(product.times for product in found.products) >= 25


def test_a_product_is_two_operations_for_each_multiply_add():
    found = xla_cost.xla_cost(compiled(lambda a, b: tf.nn.relu(a @ b)), tf.ones([3, 5]), tf.ones([5, 7]))
    assert [(p.kind, p.flops, p.times) for p in found.products] == [("dot", 2 * 3 * 5 * 7, 1)]
    assert found.flops == 2 * 3 * 5 * 7 + 3 * 7
    assert found.bytes > 4 * (15 + 35 + 21)


def test_only_padding_lies_between_a_convolution_and_its_formula():
    """6 pixels to 3 by a kernel of 4 and stride 2: of 12 places in each direction, one hangs over on each side."""
    images, kernel = tf.ones([2, 6, 6, 3]), tf.ones([4, 4, 3, 5])
    found = xla_cost.xla_cost(compiled(lambda x, k: tf.nn.conv2d(x, k, 2, "SAME")), images, kernel)
    assert found.multiply_adds == 2 * 3 * 5 * (3 * 4) ** 2
    assert found.product_flops == 2 * 2 * 3 * 5 * 10**2


def test_both_gradients_of_a_convolution_cost_what_it_does():
    images, kernel = tf.ones([2, 6, 6, 3]), tf.ones([4, 4, 3, 5])

    def gradients(x, k):
        with tf.GradientTape() as tape:
            tape.watch([x, k])
            loss = tf.reduce_sum(tf.nn.conv2d(x, k, 2, "SAME") ** 2)
        return tape.gradient(loss, [x, k])

    found = xla_cost.xla_cost(compiled(gradients), images, kernel)
    assert [p.kind for p in found.products] == ["convolution"] * 3
    assert {p.with_padding for p in found.products} == {2 * 2 * 3 * 5 * 12**2}


def test_a_loop_of_unknown_length_counts_once():
    @compiled
    def loop(x, n):
        return tf.while_loop(lambda i, x: i < n, lambda i, x: (i + 1, x @ x), (0, x))[1]

    x = tf.ones([4, 4])
    found = xla_cost.xla_cost(loop, x, tf.constant(3), stage="optimized_hlo")
    assert [p.times for p in found.products] == [1]


def test_it_computes_what_it_is_counted_for():
    """The analysis leaves TensorFlow in the same process as it was."""
    layer = keras.layers.Dense(2, use_bias=False)
    layer.build((None, 3))
    program = compiled(lambda x: layer(x))
    x = tf.constant([[1.0, 2.0, 3.0]])
    xla_cost.xla_cost(program, x)
    np.testing.assert_allclose(program(x), x.numpy() @ layer.kernel.numpy(), rtol=1e-6)


def test_without_jaxlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jaxlib._hlo", None)
    with pytest.raises(TfgenError, match=r"needs jaxlib 0\.10; run: pip install 'jaxlib>=0\.10\.2,<0\.11'"):
        xla_cost.analysis("HloModule none")


def test_nothing_is_loaded_before_it_is_needed():
    code = "import sys, tfgen_benchmarks.xla_cost; print('jaxlib' in sys.modules, 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
