"""A product with one matrix is NumPy's, for vectors of any leading shape, and is made of two matrices."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfgen.layers import matrix_product


@given(
    leading=st.lists(st.integers(0, 3), max_size=4),
    inputs=st.integers(1, 4),
    outputs=st.integers(1, 4),
    transpose=st.booleans(),
)
def test_it_is_the_product_of_numpy(leading, inputs, outputs, transpose):
    random = np.random.default_rng(0)
    x, matrix = random.normal(size=(*leading, inputs)), random.normal(size=(inputs, outputs))
    got = matrix_product(x, matrix.T if transpose else matrix, transpose)
    assert got.shape == (*leading, outputs)
    np.testing.assert_allclose(got, x @ matrix, rtol=1e-12, atol=1e-12)


def test_shapes_that_are_known_stay_known():
    spec = tf.TensorSpec([None, 1, 28, 3])
    traced = tf.function(lambda x: matrix_product(x, tf.ones([3, 2]))).get_concrete_function(spec)
    assert traced.output_shapes.as_list() == [None, 1, 28, 2]
    assert {op.type for op in traced.graph.get_operations() if "MatMul" in op.type} == {"MatMul"}


def test_products_and_gradients_of_images_one_row_high_leave_the_process_alive():
    """In a process of its own: ``x @ matrix`` of these shapes dies where oneDNN has its AVX-512 kernels."""
    program = (
        "import numpy as np, tensorflow as tf\nfrom tfgen.layers import matrix_product\n"
        "random = np.random.default_rng(0)\n"
        "for n, height, width, d, e in [(5, 1, 28, 32, 48), (13, 1, 3, 4, 16), (2, 1, 40, 20, 40), (6, 1, 100, 256, 9)] * 5:\n"
        "    x = tf.constant(random.normal(size=(n, height, width, d)), tf.float32)\n"
        "    w = tf.constant(random.normal(size=(d, e)), tf.float32)\n"
        "    with tf.GradientTape() as tape:\n"
        "        tape.watch([x, w])\n"
        "        y = matrix_product(x, w)\n"
        "    np.testing.assert_allclose(y, x.numpy() @ w.numpy(), rtol=1e-3, atol=1e-3)\n"
        "    by_x, by_w = tape.gradient(y, [x, w])\n"
        "    np.testing.assert_allclose(by_w[:, 0], x.numpy().sum((0, 1, 2)), rtol=1e-3, atol=1e-2)\n"
    )
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
