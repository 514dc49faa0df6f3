"""The families of flows that exact checks go through: all pairs of mask, transform, network and condition in 14 flows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tests.plugins.flows.small_flows import PLANE, SPACE, TINY
from tfgen import DataSpec

MASKS = ("half", "checkerboard", "channel", "random")
TRANSFORMS = ("affine", "additive", "spline")
NETWORKS = ("mlp", "conv")
CONDITIONS = ("unconditional", "conditional")

#: Each family by its mask, transform, network and condition: the model, its data, and further options.
PAIRWISE: dict[tuple[str, str, str, str], tuple[str, DataSpec, dict[str, Any]]] = {
    ("half", "affine", "mlp", "unconditional"): ("realnvp", TINY, {}),
    ("half", "additive", "conv", "conditional"): ("conditional_realnvp", TINY, {}),
    ("half", "spline", "mlp", "unconditional"): ("spline_flow", SPACE, {"mask": ("half", "random")}),  # odd random, too
    ("checkerboard", "affine", "conv", "unconditional"): ("realnvp", TINY, {}),
    ("checkerboard", "additive", "mlp", "conditional"): ("conditional_realnvp", SPACE, {}),
    ("checkerboard", "spline", "conv", "unconditional"): ("realnvp", TINY, {}),
    ("channel", "affine", "mlp", "conditional"): ("conditional_realnvp", TINY, {}),
    ("channel", "additive", "conv", "unconditional"): ("realnvp", TINY, {}),
    ("channel", "spline", "mlp", "conditional"): ("conditional_realnvp", TINY, {}),
    ("random", "affine", "conv", "conditional"): ("conditional_realnvp", TINY, {}),
    ("random", "additive", "mlp", "unconditional"): ("nice", TINY, {}),
    ("random", "spline", "conv", "conditional"): ("conditional_realnvp", TINY, {}),
}

FLOWS: dict[str, tuple[str, DataSpec, dict[str, Any]]] = {
    "-".join(family): (
        model,
        data,
        {"mask": (family[0],), "coupling": family[1], "network": family[2], "linear": "none"} | options,
    )
    for family, (model, data, options) in PAIRWISE.items()
} | {
    "mixed": ("realnvp", TINY, {"mask": ("checkerboard", "channel"), "layers": 5}),
    "plane": ("conditional_realnvp", PLANE, {}),
    "linear": ("conditional_realnvp", SPACE, {"linear": "lu", "layers": 5}),
}

#: Parameters of a fixture with each of them. Splines take several times as long as the others; the fast tests have one.
FLOW_PARAMETERS = [
    pytest.param(flow, id=name, marks=[pytest.mark.slow] if "spline" in name and not name.startswith("half") else [])
    for name, flow in FLOWS.items()
]


def real_nvps(bijector: Any) -> Iterator[tfb.RealNVP]:
    """Yield every `tfb.RealNVP` in a bijector, however deep."""
    if isinstance(bijector, tfb.RealNVP):
        yield bijector
    for part in getattr(bijector, "bijectors", ()):
        yield from real_nvps(part)


def counted_calls(monkeypatch: Any, *layers: Any) -> dict[int, int]:
    """Return how often each of the Keras layers is called from now on, by the layer's id."""
    calls = {id(layer): 0 for layer in layers}

    def counting(original: Any) -> Any:
        def call(self: Any, *arguments: Any) -> tf.Tensor:
            calls[id(self)] += 1
            return original(self, *arguments)

        return call

    for kind in {type(layer) for layer in layers}:
        monkeypatch.setattr(kind, "call", counting(kind.call))
    return calls
