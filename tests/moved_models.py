"""Models for exact checks: in any precision of Keras, with weights moved at random so that nothing is zero or symmetric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfgen import DataSpec
from tfgen.model.base import GenerativeModel
from tfgen.plugin.loading import load_registry
from tfgen.plugin.options import build


def moved_model(
    model: str, data: DataSpec, options: Mapping[str, Any], policy: str, seed: int, moved: float
) -> GenerativeModel:
    """Return a registered model with `moved` times a standard normal added to each weight.

    `tfgen.model.base.build_model` is not used: it refuses float64 where a model does not promise it.
    """
    spec = load_registry([]).model(model)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(seed)
        built: GenerativeModel = spec.factory()(build(spec.config, options), data, seed)
    finally:
        keras.config.set_dtype_policy(before)
    random = np.random.default_rng(seed)
    for weight in built.trainable_variables:
        weight.assign(weight + moved * random.normal(size=weight.shape))
    return built
