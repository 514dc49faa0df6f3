"""Compiled programs are traced once for each shape, warn of nothing, and leave nothing behind in global tables."""

from __future__ import annotations

import gc
import json
import logging
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow.python.framework import ops

from tfgen.model.program import Program, bijector_cache

tfb = tfp.bijectors


def in_global_tables() -> tuple[int, int]:
    """Custom gradients in TensorFlow's registry, and entries in TFP's cache of bijectors."""
    return len(ops.gradient_registry._registry), len(tfb.Bijector.__dict__["_cache"].storage)


class Owner:
    """Something that a program refers to."""

    def __init__(self) -> None:
        self.weight = tf.Variable([1.0, 2.0])
        self.traces = 0
        self.program = Program(self.density_and_gradient)

    def density_and_gradient(self, x: tf.Tensor, extra: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        self.traces += 1

        @tf.custom_gradient
        def identity(x):
            return tf.identity(x), lambda dy: 3 * dy

        with tf.GradientTape() as tape:
            flow = tfb.Chain([tfb.Shift(self.weight), tfb.Scale(tf.exp(self.weight))])
            value = tf.reduce_sum(tfp.distributions.TransformedDistribution(
                tfp.distributions.Normal(tf.zeros(2), 1.0), flow
            ).log_prob(identity(x)))  # fmt: skip
        return value, tape.gradient(value, self.weight)


def test_a_program_is_traced_once_for_each_shape_and_is_the_function():
    owner, traces = Owner(), []
    for rows in (3, 5, 3, 5):
        x = tf.random.stateless_normal([rows, 2], [0, rows])
        got = owner.program(x, None)
        traces.append(owner.traces)
        for one, other in zip(got, owner.density_and_gradient(x), strict=True):
            tf.debugging.assert_near(one, other, rtol=1e-5)
        owner.traces = 0
    assert min(traces[:2]) >= 1
    assert traces[2:] == [0, 0]


def test_nothing_is_left_in_global_tables_and_a_program_goes_with_its_owner():
    before = in_global_tables()
    owner = Owner()
    owner.program(tf.ones([3, 2]))
    assert in_global_tables() == before
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None


def test_the_cache_of_the_user_is_kept():
    scale = tfb.Scale(2.0)
    x = tf.constant([1.0])
    y = scale.forward(x)
    with bijector_cache, bijector_cache:
        assert scale.inverse(scale.forward(y)) is y
    assert scale.inverse(y) is x


def test_threads_leave_the_cache_of_the_user():
    storage = tfb.Bijector.__dict__["_cache"].storage

    def use(number: int) -> float:
        with bijector_cache:
            return float(tfb.Scale(2.0).forward(tf.constant(float(number))))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(100))) == [2.0 * number for number in range(100)]
    assert tfb.Bijector.__dict__["_cache"].storage is storage


def test_many_programs_of_one_function_warn_of_no_retracing(caplog):
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.WARNING):
            for _ in range(12):
                Program(lambda x: x + 1)(tf.ones([2]))
    finally:
        logger.removeHandler(caplog.handler)
    assert not [record for record in caplog.records if "retracing" in record.getMessage()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tasks", "times", "most"),
    [(["train"], 30, 30.0), (["evaluate", "sample", "write"], 200, 5.0)],
    ids=["train", "use"],
)
def test_memory_does_not_grow(tasks, times, most):
    """MiB from the tenth time on; it was 28 for each training, 2.9 for an evaluation, 1.3 for a picture of samples."""
    command = [sys.executable, "-m", "benchmarks.memory", *tasks, "--times", str(times)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    growth = {name: result["growth_mib"] for name, result in json.loads(done.stdout).items()}
    assert all(mib <= most for mib in growth.values()), growth
    assert "retracing" not in done.stderr
