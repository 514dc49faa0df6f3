"""Small models with known answers, for tests of the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import DataSpec, GenerativeModel, ModelSpec, Objective
from tfgen.data.dataset import Dataset, Split
from tfgen.seeds import as_seed, uniform


def vectors(n: int = 64, d: int = 2, seed: int = 0) -> Dataset:
    """Labelled normal vectors around (3, ..., 3)."""
    random = np.random.default_rng(seed)

    def split(count: int) -> Split:
        x = (3 + random.normal(size=(count, d))).astype(np.float32)
        return Split(x, (x[:, 0] > 3).astype(np.int32))

    return Dataset(
        "vectors", DataSpec("vector", (d,), classes=2), {"train": split(n), "valid": split(30), "test": split(20)}
    )


@dataclass(frozen=True)
class GaussianConfig:
    """Options of the toy."""

    start: float = 0.0
    """Where the mean starts."""


class Gaussian(GenerativeModel):
    """A normal with learned mean and log-scale, one for each dimension; its loss may be jittered with the step's seed."""

    noise = 0.0

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.mean = self.add_weight(
            shape=data.shape, initializer=keras.initializers.Constant(config.start), name="mean"
        )
        self.log_scale = self.add_weight(shape=data.shape, initializer="zeros", name="log_scale")

    def objectives(self) -> list[Objective]:
        return [Objective("nll", self._loss, self.trainable_variables)]

    def _loss(self, batch: Any, seed: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        jitter = self.noise * uniform(tf.shape(batch.x), seed)
        return {"loss": -tf.reduce_mean(self.log_prob(batch.x + jitter))}

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        self.one_hot(labels)
        z = (x - self.mean) * tf.exp(-self.log_scale)
        return tf.reduce_sum(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - self.log_scale, axis=-1)

    def sample(self, n: int, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        self.one_hot(labels)
        return self.mean + tf.exp(self.log_scale) * tf.random.stateless_normal([n, *self.data.shape], as_seed(seed))


class Noisy(Gaussian):
    """The same, with noise in its loss."""

    noise = 0.5


class ConditionalGaussian(GenerativeModel):
    """A normal of variance 1 around a learned mean for each class, so that posteriors are known in closed form."""

    conditional = True

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.means = self.add_weight(
            shape=(data.classes, *data.shape), initializer=keras.initializers.Constant(config.start), name="means"
        )

    def objectives(self) -> list[Objective]:
        return [Objective("nll", self._loss, self.trainable_variables)]

    def _loss(self, batch: Any, seed: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"loss": -tf.reduce_mean(self.log_prob(batch.x, batch.labels))}

    def _mean(self, labels: Any, n: int) -> tf.Tensor:
        return self.one_hot(labels, n) @ self.means

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return tf.reduce_sum(-0.5 * (x - self._mean(labels, x.shape[0])) ** 2 - 0.5 * np.log(2 * np.pi), axis=-1)

    def sample(self, n: int, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return self.decode(tf.random.stateless_normal([n, *self.data.shape], as_seed(seed)), labels)

    def encode(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return x - self._mean(labels, x.shape[0])

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return z + self._mean(labels, z.shape[0])

    def prior(self, labels: Any = None) -> Any:
        self.one_hot(labels)
        return tfp.distributions.Sample(tfp.distributions.Normal(0.0, 1.0), self.data.shape)


class Rivals(GenerativeModel):
    """Two objectives, one after the other: the first moves `a` to the data's mean, the second moves `b` to 2 a."""

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.a = self.add_weight(shape=(), initializer="zeros", name="a")
        self.b = self.add_weight(shape=(), initializer="zeros", name="b")

    def objectives(self) -> list[Objective]:
        return [Objective("first", self._first, [self.a]), Objective("second", self._second, [self.b])]

    def _first(self, batch: Any, seed: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"loss": (self.a - tf.reduce_mean(batch.x)) ** 2}

    def _second(self, batch: Any, seed: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"loss": (self.b - 2 * self.a) ** 2}


class Unsound(Gaussian):
    """Trains only its mean, or gives no loss, or a loss that is not finite, as its class attribute says."""

    fault = "idle"

    def objectives(self) -> list[Objective]:
        weights = [self.mean] if self.fault == "idle" else self.trainable_variables
        return [Objective("nll", self._loss, weights)]

    def _loss(self, batch: Any, seed: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        terms = super()._loss(batch, seed, step)
        if self.fault == "none":
            return {"nll": terms["loss"]}
        if self.fault == "vector":
            return {"loss": tf.stack([terms["loss"]] * 2)}
        if self.fault == "infinite":
            return {"loss": terms["loss"] / 0.0}
        if self.fault == "no gradient":
            return {"loss": tf.stop_gradient(terms["loss"])}
        return terms


def spec(model: type[GenerativeModel], **named: Any) -> ModelSpec:
    """A registered toy."""
    return ModelSpec(name=model.__name__.lower(), config=GaussianConfig, model=model, summary="A toy.", **named)
