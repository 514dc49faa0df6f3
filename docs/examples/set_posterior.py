"""Conditional flow with an embedding network: the posterior of parameters, given a set or an image that was observed.

tfgen -p ./set_posterior.py run embedding_flow --data observed_sets --context-shape 8 2 --coupling spline --epochs 6
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen import Column, Dataset, DatasetSpec, DataSources, DataSpec, ModelSpec, Split, hookimpl, require_option
from tfgen_plugins.flows import RealNVPConfig

ELEMENTS, SEED = 8, 2005
_SIZES = {"train": 20_000, "valid": 2_000, "test": 2_000}


@dataclass(frozen=True)
class EmbeddingFlowConfig(RealNVPConfig):
    """Options of a conditional Real NVP with an embedding network."""

    context_shape: tuple[int, ...] = (ELEMENTS, 2)
    """Shape of a context: elements and their numbers for a set, or height, width and channels for an image."""
    features: int = 16
    """Numbers that the embedding network makes of it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        sound = len(self.context_shape) in (2, 3) and min(self.context_shape) >= 1
        require_option(sound, "context_shape", self.context_shape, "two numbers for a set, or three for an image")
        require_option(self.features >= 1, "features", self.features, "at least 1")


def build_embedding_flow(config: EmbeddingFlowConfig, data: DataSpec, seed: int) -> Any:
    """Build the model; TensorFlow is loaded here, and not for `tfgen list`."""
    import keras
    import tensorflow as tf

    from tfgen_plugins.flows import ConditionalRealNVP

    class EmbeddingFlow(ConditionalRealNVP):
        """Conditional Real NVP whose context goes through an embedding network first."""

        context_features = config.features

        def __init__(self, config, data, seed):
            super().__init__(config, data, seed)
            if data.context is None or len(data.context) != np.prod(config.context_shape):
                given = "no context" if data.context is None else f"contexts of {len(data.context)} numbers"
                shape = "x".join(map(str, config.context_shape))
                raise self.refuse(f"the data have {given}, and --context-shape asks for {shape}.")
            self.shape = config.context_shape
            if len(self.shape) == 2:  # each element by itself; the mean over them does not see their order
                self.element = keras.Sequential(
                    [keras.Input(self.shape), *(keras.layers.Dense(64, "silu") for _ in range(2))]
                )
                width = 64
            else:
                strided = {"strides": 2, "padding": "same", "activation": "silu"}
                self.element = keras.Sequential(
                    [
                        keras.Input(self.shape),
                        *(keras.layers.Conv2D(c, 3, **strided) for c in (16, 32)),
                        keras.layers.Flatten(),
                    ]
                )
                width = self.element.output_shape[-1]
            self.whole = keras.Sequential(
                [keras.Input((width,)), keras.layers.Dense(64, "silu"), keras.layers.Dense(config.features)]
            )

        def embed(self, context):
            elements = self.element(tf.reshape(context, [-1, *self.shape]))
            return self.whole(tf.reduce_mean(elements, axis=1) if len(self.shape) == 2 else elements)

    return EmbeddingFlow(config, data, seed)


def load_observed_sets(sources: DataSources) -> Dataset:
    """Return parameters t ~ N(0, I) in 2-D with 8 observations y_i ~ N(t, I) of each, 16 numbers, as their context.

    The posterior is known: ``p(t|y) = N(t; sum_i y_i / 9, I / 9)``.
    """
    random = np.random.Generator(np.random.Philox(SEED))

    def split(count: int) -> Split:
        t = random.standard_normal((count, 2))
        y = t[:, None] + random.standard_normal((count, ELEMENTS, 2))
        return Split(t.astype(np.float32), None, y.reshape(count, -1).astype(np.float32))

    context = tuple(Column(f"y_{i + 1}_{j + 1}") for i in range(ELEMENTS) for j in range(2))
    splits = {name: split(count) for name, count in _SIZES.items()}
    return Dataset("observed_sets", DataSpec("vector", (2,), context=context), splits, log_prob=posterior)


def posterior(t: Any, y: Any) -> Any:
    """Return the exact ``log p(t|y)`` in nats, ``[n, 2], [n, 16] -> [n]``."""
    precision = ELEMENTS + 1
    mean = np.asarray(y, np.float64).reshape(len(y), ELEMENTS, 2).sum(axis=1) / precision
    return -0.5 * precision * ((t - mean) ** 2).sum(axis=1) - np.log(2 * np.pi / precision)


@hookimpl
def tfgen_register(registry: Any) -> None:
    """Register the model and the data set."""
    registry.add_model(
        ModelSpec(
            name="embedding_flow",
            config=EmbeddingFlowConfig,
            model=f"{__name__}:build_embedding_flow",
            summary="Conditional Real NVP with an embedding network for contexts that are sets or images.",
            training={"epochs": 6, "learning_rate": 1e-3, "schedule": "cosine"},
            takes_labels=True,
            api=1,
        )
    )
    registry.add_dataset(
        DatasetSpec("observed_sets", load_observed_sets, summary="Parameters in 2-D, given sets of 8 observations.")
    )
