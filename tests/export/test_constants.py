"""Programs with constants do what the model does, by operations that ONNX and LiteRT have."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.plugins.flows.small_flows import SPACE, small_flow
from tests.slow import named
from tfgen.export import Argument, Signature, constant_program, signatures_of
from tfgen.export.verify import difference, inputs_for

MISSING = {
    "ClipByValue",
    "LowerBound",
    "UpperBound",
    "MatrixTriangularSolve",
    "NextAfter",
    "VarHandleOp",
    "ReadVariableOp",
}
X = Argument("x", "float32", (None, 3), "numbers")


def program_of(call, *inputs):
    """Return the constant program of a function of tensors, as a function of arrays."""
    program = constant_program(Signature("decode", call, inputs or (X,), X, "a test"))
    return program, lambda *values: program(*map(tf.constant, values))[0].numpy()


def operations(program):
    return {op.type for op in program.graph.get_operations()}


@pytest.mark.parametrize("model", named(["nice", "realnvp", "spline_flow", "conditional_realnvp"], {"realnvp"}))
def test_flows_of_tables_need_no_operation_that_other_formats_lack(model):
    flow = small_flow(model, SPACE, policy="float32", linear="lu", layers=2)
    points = np.random.default_rng(0).normal(size=(64, 7)).astype(np.float32)
    labels = np.arange(64) % 3
    for name, signature in signatures_of(flow).items():
        arrays = inputs_for(signature, {"x": points, "z": points, "labels": labels})
        program = constant_program(signature)
        (found,) = program(*(tf.constant(arrays[argument.name]) for argument in signature.inputs))
        own = signature.call(**{key: tf.constant(array) for key, array in arrays.items()})
        assert not MISSING & operations(program), name
        assert difference(name, own.numpy(), found.numpy()).rounding, name


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_triangular_systems_of_weights_are_products(lower, adjoint):
    """The other half of the matrix is not read, so that it may hold anything, as LU factors do."""
    matrix = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32) + 3 * np.eye(3, dtype=np.float32)
    weights = tf.Variable(matrix)

    def solve(x):
        return tf.linalg.triangular_solve(2 * weights, x[..., None], lower=lower, adjoint=adjoint)[..., 0]

    program, found = program_of(solve)
    x = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    half = np.tril(2.0 * matrix) if lower else np.triu(2.0 * matrix)
    np.testing.assert_allclose(found(x), np.linalg.solve(half.T if adjoint else half, x.T).T, rtol=1e-5)
    assert not MISSING & operations(program)


def test_a_triangular_system_of_the_inputs_stays_one():
    matrix = Argument("matrix", "float32", (3, 3), "lower triangular")

    def solve(x, matrix):
        return tf.linalg.triangular_solve(matrix, x[..., None])[..., 0]

    program, found = program_of(solve, X, matrix)
    x, eye = np.ones((2, 3), np.float32), 2 * np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(found(x, eye), x / 2)
    assert "MatrixTriangularSolve" in operations(program)


SEARCHES = {}


@pytest.mark.parametrize("side", ["left", "right"])
@given(
    numbers=arrays(np.float32, (2, 6), elements=st.sampled_from([-2, -1, -0.5, 0, 1, 1.5, np.inf])),
    values=arrays(np.float32, (2, 3), elements=st.sampled_from([-3, -1, -0.25, 0, 0.5, 1.5, 2, np.inf])),
)
def test_the_search_in_sorted_numbers_is_that_of_numpy(side, numbers, values):
    numbers = np.sort(numbers)
    if side not in SEARCHES:
        ordered = Argument("numbers", "float32", (None, 6), "sorted")
        program, SEARCHES[side] = program_of(
            lambda x, numbers: tf.cast(tf.searchsorted(numbers, x, side), tf.float32), X, ordered
        )
        assert not MISSING & operations(program)
    expected = [np.searchsorted(row, value, side) for row, value in zip(numbers, values, strict=True)]
    np.testing.assert_array_equal(SEARCHES[side](values, numbers), expected)


def test_clipping_and_gathering_by_the_last_axis():
    def call(x):
        clipped = tf.clip_by_value(x, -1.0, 0.5)
        return tf.gather(clipped, tf.constant([[2, 0, 0]]) + tf.zeros_like(x, tf.int32), axis=-1, batch_dims=1)

    program, found = program_of(call)
    np.testing.assert_array_equal(found(np.float32([[-2, 0, 3], [0.25, 9, -9]])), [[0.5, -1, -1], [-1, 0.25, 0.25]])
    assert not MISSING & operations(program)
    assert [
        int(tf.get_static_value(op.inputs[2])) for op in program.graph.get_operations() if op.type == "GatherV2"
    ] == [1]


def test_sides_of_a_tensor_that_are_known_are_constants():
    """LiteRT's converter sums the product of ones of an unknown shape with a constant wrongly."""

    def call(x):
        ones, sizes = tf.ones(tf.slice(tf.shape(x), [1], [1])), tf.slice(tf.shape(x), [0], [2])
        return ones * x + tf.cast(sizes[0], tf.float32)

    program, found = program_of(call)
    np.testing.assert_array_equal(found(np.float32([[1, 2, 3], [0, 0, 0]])), [[3, 4, 5], [2, 2, 2]])
    assert sum(op.type == "Slice" for op in program.graph.get_operations()) == 1  # of the number of examples


def test_inputs_keep_their_order():
    """Tracing sorts them by name."""
    a, z = Argument("z", "float32", (None, 3), "first"), Argument("a", "float32", (None, 3), "second")
    _, found = program_of(lambda z, a: z - 2 * a, a, z)
    np.testing.assert_array_equal(found(np.full((1, 3), 5, np.float32), np.ones((1, 3), np.float32)), [[3, 3, 3]])
