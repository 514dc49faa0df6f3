"""An energy-based model of vectors, trained by denoising score matching (Vincent 2011), sampled by Langevin dynamics."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgen import DataSpec, GenerativeModel, Objective, fold_in, normal, note_progress
from tfgen.layers import DenseStack

from . import EBMConfig


class EBM(GenerativeModel):
    """``p(x) = exp(-E(x)) / Z``; E is a network plus the energy of a wide normal, by which Z is finite."""

    def __init__(self, config: EBMConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        if data.kind != "vector":
            raise self.refuse("its energy is a dense network, so it needs vectors.")
        self.width = max(abs(end) for end in data.value_range)
        self.network = DenseStack(data.dimensions, config.units, config.depth, activation="silu")
        self.height = keras.layers.Dense(1, use_bias=False)  # a constant of the energy has no gradient
        self.height.build((None, config.units))

    def objectives(self) -> list[Objective]:
        """Return the one objective: the score at noisy examples points back to the examples."""
        return [Objective("dsm", self._loss, self.trainable_variables)]

    def _loss(self, batch: Any, seed: Any, context: Any) -> dict[str, tf.Tensor]:
        noise = normal(tf.shape(batch.x), seed, self.density_dtype)
        x = tf.cast(batch.x, self.density_dtype) + self.config.noise * noise
        missed = self.config.noise * self._gradient(x) - noise
        return {"loss": 0.5 * tf.reduce_mean(tf.reduce_sum(missed**2, axis=-1))}

    def energy(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return E(x) in nats, [n]."""
        self.one_hot(labels)  # refuses labels, which this model does not take
        return self._energy(tf.cast(x, self.density_dtype))

    def _energy(self, x: tf.Tensor) -> tf.Tensor:
        # The network sees x cut softly at the range of the data: beyond it the normal alone decides.
        seen = tf.tanh(x / self.width) * self.width
        return self.height(self.network(seen))[..., 0] + 0.5 * tf.reduce_sum((x / self.width) ** 2, axis=-1)

    def _gradient(self, x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            energy = self._energy(x)
        return tape.gradient(energy, x)

    def sample(
        self, n: Any, labels: Any = None, seed: Any = 0, first: Any = 0, steps: int = 200, step_size: float = 0.02
    ) -> tf.Tensor:
        """Draw examples by Langevin dynamics from noise; near exp(-E) for many small steps, and never exactly."""
        self.one_hot(labels)
        shape = [n, self.data.dimensions]

        def move(i: Any, x: tf.Tensor) -> tuple[Any, tf.Tensor]:
            note_progress(i, steps)
            kick = normal(shape, fold_in(seed, i + 1), self.density_dtype, first)
            return i + 1, x - step_size * self._gradient(x) + (2 * step_size) ** 0.5 * kick

        def chain() -> tf.Tensor:
            start = 0.5 * self.width * normal(shape, fold_in(seed, 0), self.density_dtype, first)
            return tf.while_loop(lambda i, _: i < steps, move, (tf.constant(0), start), parallel_iterations=1)[1]

        # A graph, also where the caller runs eagerly, which would take each step by itself.
        return tf.cast(tf.function(chain, autograph=False)(), tf.float32)
