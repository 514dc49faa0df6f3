"""LiteRT files compute what the model does; what LiteRT has not is named."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.plugins.flows.small_flows import SPACE, small_flow
from tests.slow import slow
from tfgen.export import Argument, Signature, signatures_of
from tfgen.export.noise import draws_of, with_noise_inputs
from tfgen.export.verify import difference, inputs_for
from tfgen_plugins.litert import _LOAD
from tfgen_plugins.litert.format import write

X = Argument("x", "float32", (None, 5), "numbers")


def in_float64(x):
    return tf.cast(tf.nn.softmax(tf.cast(x, tf.float64)), tf.float32)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        pair if pair == ("nice", "log_prob") else slow(*pair)
        for pair in [
            (model, name)
            for model in ("nice", "realnvp", "conditional_realnvp")
            for name in ("sample", "log_prob", "encode", "decode")
        ]
    ],
)
def test_affine_flows_of_tables_are_held(model, name, tmp_path):
    flow = small_flow(model, SPACE, policy="float32", linear="lu", layers=2)
    points = np.random.default_rng(0).normal(size=(64, 7)).astype(np.float32)
    drawing = signatures_of(flow)[name]
    signature = with_noise_inputs(drawing, draws_of(drawing))
    assert write({name: signature}, flow, tmp_path) == {}
    loader = {}
    exec(_LOAD, loader)
    arrays = inputs_for(signature, {"x": points, "z": points, "labels": np.arange(64) % 3})
    own = signature.call(**{key: tf.constant(array) for key, array in arrays.items()}).numpy()
    assert difference(name, own, loader["load"](tmp_path)[name](**arrays)).rounding


@pytest.mark.parametrize(
    ("call", "lacks"),
    [
        (in_float64, "operations on float64"),
        (tf.math.bessel_i0, "the operations BesselI0"),
        (lambda x: tf.math.bessel_i0(in_float64(x)), "the operations BesselI0 and operations on float64"),
    ],
)
def test_what_litert_has_not_is_named(call, lacks, tmp_path):
    left_out = write({"decode": Signature("decode", call, (X,), X, "a test")}, None, tmp_path)
    assert left_out == {"decode": f"LiteRT has not {lacks}, which its decode needs"}
    assert not any(tmp_path.iterdir())
