"""Small flows that are far from the identity, in float64 where digits are wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.moved_models import moved_model
from tfgen import DataSpec
from tfgen.model.base import GenerativeModel
from tfgen.plugin.loading import load_registry

PLANE = DataSpec("vector", (2,), classes=3)
SPACE = DataSpec("vector", (7,), classes=3)
TINY = DataSpec("image", (2, 4, 1), classes=3, levels=17)

SMALL = {
    "layers": 4,
    "mask": ("half",),
    "units": 16,
    "depth": 1,
    "channels": 4,
    "blocks": 1,
    "bins": 4,
    "activation": "tanh",
}


def small_flow(
    model: str, data: DataSpec, policy: str = "float64", seed: int = 0, moved: float = 0.3, **options: Any
) -> GenerativeModel:
    """Return a flow whose weights, the zero heads too, were moved at random."""
    known = load_registry([]).model(model).config.__dataclass_fields__
    values = {name: value for name, value in (SMALL | options).items() if name in known}
    return moved_model(model, data, values, policy, seed, moved)


def labels_of(flow: GenerativeModel, n: int) -> tf.Tensor | None:
    """Return labels for n examples where the flow wants some."""
    return tf.constant(np.arange(n) % flow.data.classes) if flow.conditional else None


def points(data: DataSpec, n: int = 6) -> tf.Tensor:
    """Return flat points of the data space, float64 [n, D]."""
    random = np.random.default_rng(1)
    if data.kind == "vector":
        return tf.constant(random.normal(size=(n, data.dimensions)))
    return tf.constant(random.uniform(0.01, data.levels - 0.01, size=(n, data.dimensions)))
