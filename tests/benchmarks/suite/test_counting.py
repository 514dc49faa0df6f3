"""Multiply-adds and bytes, against what is worked out by hand."""

import pytest
import tensorflow as tf

from tfgen_benchmarks.counting import cost_of


def traced(function, *arguments):
    return tf.function(function, autograph=False).get_concrete_function(*arguments)


def floats(*shape):
    return tf.TensorSpec(shape, tf.float32)


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        (tf.matmul, (floats(3, 4), floats(4, 5)), 3 * 4 * 5),
        (lambda a, b: tf.matmul(a, b, transpose_a=True, transpose_b=True), (floats(4, 3), floats(5, 4)), 3 * 4 * 5),
        (tf.matmul, (floats(2, 3, 4), floats(2, 4, 5)), 2 * 3 * 4 * 5),
        (lambda a, b: tf.einsum("nij,njk->nik", a, b), (floats(2, 3, 4), floats(2, 4, 5)), 2 * 3 * 4 * 5),
        (lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"), (floats(2, 8, 8, 3), floats(3, 3, 3, 5)), 2 * 64 * 5 * 27),
        (lambda x, k: tf.nn.conv2d(x, k, 2, "VALID"), (floats(2, 9, 9, 3), floats(3, 3, 3, 5)), 2 * 16 * 5 * 27),
        (
            lambda x, k: tf.nn.conv2d_transpose(x, k, [2, 8, 8, 5], 2, "SAME"),
            (floats(2, 4, 4, 3), floats(3, 3, 5, 3)),
            2 * 16 * 3 * 45,
        ),
        (
            lambda x, k: tf.nn.depthwise_conv2d(x, k, [1, 1, 1, 1], "SAME"),
            (floats(2, 8, 8, 3), floats(3, 3, 3, 2)),
            2 * 64 * 6 * 9,
        ),
        (lambda a, b: a + b, (floats(3, 4), floats(3, 4)), 0),
    ],
)
def test_an_operation(function, arguments, expected):
    assert cost_of(traced(function, *arguments)).multiply_adds == expected


def test_gradients_of_a_convolution_cost_what_it_does():
    def step(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            loss = tf.reduce_sum(tf.square(tf.nn.conv2d(x, kernel, 2, "SAME")))
        return tape.gradient(loss, [x, kernel])

    assert cost_of(traced(step, floats(2, 8, 8, 3), floats(3, 3, 3, 5))).multiply_adds == 3 * (2 * 16 * 5 * 27)


def test_loops_count_as_often_as_they_run():
    def nested(a, b):
        def row(i, total):
            def pixel(j, total):
                return j + 2, total @ b

            return i + 1, tf.while_loop(lambda j, _: j < 7, pixel, (tf.constant(1), total))[1]

        return tf.while_loop(lambda i, _: i < 5, row, (tf.constant(0), a), maximum_iterations=4)[1]

    program = traced(nested, floats(3, 4), floats(4, 4))
    assert cost_of(program).multiply_adds == 4 * 3 * (3 * 4 * 4)  # 4 of 5 rows; pixels 1, 3, 5
    assert cost_of(program, once=True).multiply_adds == 3 * 4 * 4


def test_a_loop_of_unknown_length_is_not_counted():
    def until_small(a):
        return tf.while_loop(lambda a: tf.reduce_sum(a) > 1, lambda a: (a @ a,), (a,))[0]

    assert cost_of(traced(until_small, floats(4, 4))) is None
    counted = lambda n, a: tf.while_loop(lambda i, _: i < n, lambda i, a: (i + 1, a @ a), (0, a))[1]  # noqa: E731
    assert cost_of(traced(counted, tf.TensorSpec([], tf.int32), floats(4, 4))) is None


def test_functions_called_and_compiled_count_where_they_are_called():
    inner = tf.function(lambda a, b: a @ b, jit_compile=True, autograph=False)
    assert cost_of(traced(lambda a, b: inner(inner(a, b), b), floats(3, 4), floats(4, 4))).multiply_adds == 2 * 48


def test_of_several_branches_the_dearest_counts():
    def choose(which, a, b):
        return tf.switch_case(which, [lambda: a @ b, lambda: (a @ b) @ b, lambda: a])

    program = traced(choose, tf.TensorSpec([], tf.int32), floats(3, 4), floats(4, 4))
    assert cost_of(program).multiply_adds == 2 * 48


def test_bytes_are_those_of_factors_and_results():
    assert cost_of(traced(tf.matmul, floats(3, 4), floats(4, 5))).bytes == 4 * (12 + 20 + 15)
    assert cost_of(traced(lambda a: tf.reshape(a, [4, 3]), floats(3, 4))).bytes == 0
    assert cost_of(traced(lambda a: a[1:2], floats(100, 4))).bytes == 2 * 4 * 4  # a part, read and written


def test_bytes_of_unknown_shapes_are_unknown_and_the_products_still_count():
    def drop(a, b):
        return tf.boolean_mask(a @ b, tf.reduce_sum(a, 1) > 0)

    found = cost_of(traced(drop, floats(3, 4), floats(4, 4)))
    assert found.multiply_adds == 48
    assert found.bytes is None


def test_what_nothing_hangs_on_is_not_run_and_not_counted():
    def first_layer(x, kernel):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(kernel)
            y = tf.nn.conv2d(x, kernel, 2, "SAME")
        return tape.gradient(y, kernel)  # the gradient towards x is traced, too

    counter = tf.Variable(tf.zeros([3, 3]))

    def with_an_effect(a):
        counter.assign_add(a @ a)
        return tf.constant(0)

    # Of the convolution itself nothing is needed: its gradient towards the kernel takes images and the gradient of the result.
    assert cost_of(traced(first_layer, floats(2, 8, 8, 3), floats(3, 3, 3, 5))).multiply_adds == 2 * 16 * 5 * 27
    assert cost_of(traced(with_an_effect, floats(3, 3))).multiply_adds == 27
