"""Errors inside a user's own pipeline: one line with what it said and where, without TensorFlow's nodes and frames."""

from __future__ import annotations

import re

import datasets
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import DataError
from tfgen.data.own.in_memory import raw_of_memory
from tfgen.plugin.data_options import DataOptions

ROWS = np.arange(12, dtype=np.float32).reshape(6, 2)
SPEC = tf.TensorSpec([2], tf.float32)


def _checked(row):
    if row[0] == 6:
        raise ValueError("a row\nhas no label")
    return row


def _rows():
    yield from ROWS[:2]
    raise KeyError("age")


def _pipeline():
    return tf.data.Dataset.from_tensor_slices(ROWS)


def _python_function():
    return _pipeline().map(lambda row: tf.numpy_function(_checked, [row], tf.float32))


def _generator():
    return tf.data.Dataset.from_generator(_rows, output_signature=SPEC)


def _operation():
    return _pipeline().map(lambda row: tf.debugging.check_numerics(1 / (row - 6), "a share"), num_parallel_calls=2)


def _reading():
    return tf.data.TFRecordDataset(["/nowhere/x.tfrecord"])


def _wrong_shape():
    return tf.data.Dataset.from_generator(lambda: iter([ROWS[0], np.zeros(3)]), output_signature=SPEC)


def _hugging_face():
    return datasets.IterableDataset.from_generator(lambda: ({"x": _checked(row)} for row in ROWS))


def _hugging_face_table():
    return datasets.IterableDataset.from_generator(lambda: ({"a": _checked(row)[0]} for row in ROWS))


PLACE = r"test_own_pipelines\.py:\d+"
CASES = {
    _python_function: rf"\(tf\.data\) failed after 3 examples: ValueError: a row has no label \(\S*{PLACE}\)\.",
    _generator: rf"\(tf\.data\) failed after 2 examples: KeyError: 'age' \(\S*{PLACE}\)\.",
    _operation: r"\(tf\.data\) failed after 3 examples: InvalidArgumentError: a share : Tensor had Inf values\.",
    _reading: r"\(tf\.data\) failed before it gave an example: NotFoundError: /nowhere/x\.tfrecord; No such file .*\.",
    _wrong_shape: r"\(tf\.data\) failed after 1 example: TypeError: `generator` yielded .* of shape \(3,\) .* expected\.",
    _hugging_face: rf"\(Hugging Face\) failed after 3 examples: ValueError: a row has no label \(\S*{PLACE}\)\.",
    _hugging_face_table: rf"\(Hugging Face\) failed .*: ValueError: a row has no label \(\S*{PLACE}\)\.",
}


@pytest.mark.parametrize("made", CASES, ids=lambda made: made.__name__)
def test_an_error_of_a_pipeline_is_one_line_with_what_it_said(made):
    with pytest.raises(DataError) as caught:
        raw_of_memory(made(), DataOptions())
    assert re.fullmatch(f"your own pipeline {CASES[made]}", str(caught.value)), str(caught.value)
    assert caught.value.__cause__ is not None


def test_the_split_of_a_pipeline_is_named_and_training_ends_with_that_line():
    with pytest.raises(DataError, match=r"your own pipeline \(tf\.data of the split test\) failed after 2 examples"):
        tfgen.train("realnvp", data={"train": _pipeline(), "test": _generator()})


def test_a_long_message_is_cut_and_errors_of_tfgen_and_of_memory_pass():
    class Pipeline:
        """Looks like a `tf.data.Dataset`."""

        def __init__(self, error):
            self.error = error

        def as_numpy_iterator(self):
            raise self.error

    with pytest.raises(DataError) as caught:
        raw_of_memory(Pipeline(RuntimeError("x" * 5000)), DataOptions())
    assert len(str(caught.value)) < 1000
    for error in (DataError("mine"), MemoryError()):
        with pytest.raises(type(error)) as passed:
            raw_of_memory(Pipeline(error), DataOptions())
        assert passed.value is error
