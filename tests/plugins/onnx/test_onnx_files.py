"""ONNX files compute what the model does, in onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from tests.plugins.flows.small_flows import SPACE, small_flow
from tests.slow import slow
from tfgen.export import Argument, Signature, signatures_of
from tfgen.export.noise import draws_of, with_noise_inputs
from tfgen.export.verify import difference, inputs_for
from tfgen_plugins.onnx.format import write

X = Argument("x", "float32", (None, 5), "numbers")


def converted(signature, folder, arrays):
    """Return the result of onnxruntime."""
    assert write({signature.name: signature}, None, folder) == {}
    session = onnxruntime.InferenceSession(folder / f"{signature.name}.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, arrays)[0]


FAST = {("realnvp", "log_prob"), ("spline_flow", "encode")}
FLOWS = ("nice", "realnvp", "spline_flow", "conditional_realnvp")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        pair if pair in FAST else slow(*pair)
        for pair in [(model, name) for model in FLOWS for name in ("sample", "log_prob", "encode", "decode")]
    ],
)
def test_flows_of_tables_are_held(model, name, tmp_path):
    flow = small_flow(model, SPACE, policy="float32", linear="lu", layers=2)
    points = np.random.default_rng(0).normal(size=(64, 7)).astype(np.float32)
    drawing = signatures_of(flow)[name]
    signature = with_noise_inputs(drawing, draws_of(drawing))
    arrays = inputs_for(signature, {"x": points, "z": points, "labels": np.arange(64) % 3})
    own = signature.call(**{key: tf.constant(array) for key, array in arrays.items()}).numpy()
    assert difference(name, own, converted(signature, tmp_path, arrays)).rounding


@pytest.mark.parametrize("function", [tf.math.log1p, tf.math.expm1], ids=lambda function: function.__name__)
def test_small_numbers_keep_their_digits(function, tmp_path):
    x = np.float32([[0, 1e-12, -3e-8, 1e-4, 0.5], [2, 30, -0.9, np.inf, -1e-30]])
    found = converted(Signature("decode", lambda x: function(x), (X,), X, "a test"), tmp_path, {"x": x})
    np.testing.assert_allclose(found, function(x.astype(np.float64)), rtol=3e-7)


def test_what_onnx_has_not_is_named(tmp_path):
    signature = Signature("decode", tf.math.bessel_i0, (X,), X, "a test")
    left_out = write({"decode": signature}, None, tmp_path)
    assert left_out == {"decode": "ONNX has not the operations BesselI0, which its decode needs"}
    assert not any(tmp_path.iterdir())
