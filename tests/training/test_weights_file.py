"""Weights in a safetensors file: every type and shape, and names that do not repeat."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.toy_models import Gaussian, GaussianConfig, vectors
from tfgen.errors import OutputError, RunError
from tfgen.model.weights import weight_names
from tfgen.training.saved_steps import WEIGHTS_FILE
from tfgen.training.weights_file import WeightsFile, WeightsWriter

TYPES = ("float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool")


class Mixed(Gaussian):
    """A model with weights of many types, a scalar, an empty one, two of one name and one that no attribute leads to."""

    def __init__(self, config, data, seed):
        super().__init__(config, data, seed)
        for dtype in TYPES:
            setattr(self, dtype, self.add_weight(shape=(2, 3), initializer="zeros", dtype=dtype, trainable=False))
        self.scalar = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.empty = self.add_weight(shape=(0, 4), initializer="zeros", trainable=False)
        self._scalar = self.add_weight(shape=(), initializer="zeros", trainable=False)


def made() -> Mixed:
    return Mixed(GaussianConfig(), vectors().spec, 0)


def test_every_weight_comes_back(tmp_path):
    model, random = made(), np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.integers(0, 2, weight.shape).astype(weight.dtype))
    writer = WeightsWriter(model, 7)
    content = b"".join(writer.pieces())
    assert len(content) == writer.bytes
    (tmp_path / WEIGHTS_FILE).write_bytes(content)
    names = weight_names(model)
    assert len(set(names)) == len(names) == len(model.weights)
    assert {"mean", "scalar", "empty", *TYPES} < {*names}
    arrays = load_file(tmp_path / WEIGHTS_FILE)  # by the library alone
    assert {str(array.dtype) for array in arrays.values()} == {*TYPES}

    other, file = made(), WeightsFile(tmp_path)
    assert file.saved.step == 7
    assert sorted(file.saved.shapes) == sorted(tuple(weight.shape) for weight in model.weights)
    file.assign_to(other)
    for name, one, two in zip(names, model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
        np.testing.assert_array_equal(arrays[name], one.numpy())


def test_a_type_that_the_file_does_not_hold():
    model = made()
    model.odd = model.add_weight(shape=(2,), initializer="zeros", dtype="bfloat16", trainable=False)
    with pytest.raises(OutputError, match="weight odd is of type bfloat16"):
        WeightsWriter(model, 0)


def test_a_file_that_is_missing_or_lies_elsewhere(tmp_path):
    with pytest.raises(RunError, match=r"weights.safetensors is damaged \(No such file"):
        WeightsFile(tmp_path)
    (tmp_path / "elsewhere").write_bytes(b"".join(WeightsWriter(made(), 0).pieces()))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / WEIGHTS_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="it is a link out of its folder"):
        WeightsFile(tmp_path / "run")
