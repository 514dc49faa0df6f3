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
from tfgen.seeds import as_seed, normal, split_seed, uniform

tfd = tfp.distributions


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

    density = "exact"
    noise = 0.0

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.mean = self.add_weight(
            shape=data.shape, initializer=keras.initializers.Constant(config.start), name="mean"
        )
        self.log_scale = self.add_weight(shape=data.shape, initializer="zeros", name="log_scale")

    def objectives(self) -> list[Objective]:
        return [Objective("nll", self._loss, self.trainable_variables)]

    def _loss(self, batch: Any, seed: tf.Tensor, context: Any) -> dict[str, tf.Tensor]:
        jitter = self.noise * uniform(tf.shape(batch.x), seed)
        return {"loss": -tf.reduce_mean(self.log_prob(batch.x + jitter))}

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        self.one_hot(labels)
        z = (x - self.mean) * tf.exp(-self.log_scale)
        return tf.reduce_sum(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - self.log_scale, axis=-1)

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        self.one_hot(labels)
        return self.mean + tf.exp(self.log_scale) * normal([n, *self.data.shape], seed, first=first)


class Noisy(Gaussian):
    """The same, with noise in its loss."""

    noise = 0.5


class ConditionalGaussian(GenerativeModel):
    """A normal of variance 1 around a learned mean for each class, so that posteriors are known in closed form."""

    conditional = True
    density = "exact"

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.means = self.add_weight(
            shape=(data.classes, *data.shape), initializer=keras.initializers.Constant(config.start), name="means"
        )

    def objectives(self) -> list[Objective]:
        return [Objective("nll", self._loss, self.trainable_variables)]

    def _loss(self, batch: Any, seed: tf.Tensor, context: Any) -> dict[str, tf.Tensor]:
        return {"loss": -tf.reduce_mean(self.log_prob(batch.x, batch.labels))}

    def _mean(self, labels: Any, n: int) -> tf.Tensor:
        return self.one_hot(labels, n) @ self.means

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return tf.reduce_sum(-0.5 * (x - self._mean(labels, x.shape[0])) ** 2 - 0.5 * np.log(2 * np.pi), axis=-1)

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        return self.decode(normal([n, *self.data.shape], seed, first=first), labels)

    def encode(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return x - self._mean(labels, x.shape[0])

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return z + self._mean(labels, z.shape[0])

    def prior(self, labels: Any = None) -> Any:
        self.one_hot(labels)
        return tfp.distributions.Sample(tfp.distributions.Normal(0.0, 1.0), self.data.shape)


class ContextGaussian(ConditionalGaussian):
    """A normal of variance 1 around a mean that is linear in the context, or in the one-hot label beside it."""

    takes_context = True

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        GenerativeModel.__init__(self, config, data, seed)
        start = keras.initializers.RandomNormal(stddev=0.5, seed=seed)
        self.means = self.add_weight(shape=(self.condition_width, *data.shape), initializer=start, name="means")

    def _loss(self, batch: Any, seed: tf.Tensor, context: Any) -> dict[str, tf.Tensor]:
        return {"loss": -tf.reduce_mean(self.log_prob(batch.x, self.given(batch)))}

    def _mean(self, labels: Any, n: int) -> tf.Tensor:
        return self.condition(labels, n) @ self.means

    def prior(self, labels: Any = None) -> Any:
        self.condition(labels)
        return tfp.distributions.Sample(tfp.distributions.Normal(0.0, 1.0), self.data.shape)


class LinearGaussian(GenerativeModel):
    """Probabilistic PCA: ``z ~ N(0, I)``, ``x|z ~ N(W z + m, s^2 I)``, with ``q(z|x) = N(A (x - m), diag(t^2))``.

    The evidence is known, ``x ~ N(m, W W^T + s^2 I)``, and so is the posterior, whose covariance is
    ``(I + W^T W / s^2)^-1``: diagonal where W has orthogonal columns, and `at_the_optimum` puts q there.
    """

    density = "bound"
    latent = 2

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        normal, d = keras.initializers.RandomNormal(stddev=0.5, seed=seed), data.dimensions
        self.w = self.add_weight(shape=(d, self.latent), initializer=normal, name="w")
        self.a = self.add_weight(shape=(self.latent, d), initializer="zeros", name="a")
        rows = data.classes if self.conditional else 1
        start = keras.initializers.Constant(config.start)
        self.means = self.add_weight(shape=(rows, d), initializer=start, name="means")
        self.log_s = self.add_weight(shape=(), initializer="zeros", name="log_s")
        self.log_t = self.add_weight(shape=(self.latent,), initializer="zeros", name="log_t")

    def objectives(self) -> list[Objective]:
        return [Objective("elbo", self._loss, self.trainable_variables)]

    def _loss(self, batch: Any, seed: tf.Tensor, context: Any) -> dict[str, tf.Tensor]:
        elbo = tf.reduce_mean(self.elbo(batch.x, batch.labels if self.conditional else None, seed))
        return {"loss": -elbo, f"elbo_nats{'_given_label' if self.conditional else ''}": elbo}

    def at_the_optimum(self) -> None:
        """Set q to the true posterior, for a W with orthogonal columns."""
        s2 = np.exp(2 * self.log_s.numpy())
        variance = 1 / (1 + np.sum(self.w.numpy() ** 2, axis=0) / s2)
        self.log_t.assign(0.5 * np.log(variance))
        self.a.assign(variance[:, None] * self.w.numpy().T / s2)

    def evidence(self, x: Any, labels: Any = None) -> np.ndarray:
        """The exact log-likelihood, [n]."""
        w, s2 = self.w.numpy().astype(np.float64), np.exp(2.0 * self.log_s.numpy())
        gap = np.reshape(x, (len(x), -1)) - self.means.numpy()[0 if labels is None else labels]
        covariance = w @ w.T + s2 * np.eye(len(w))
        square = np.einsum("ni,ij,nj->n", gap, np.linalg.inv(covariance), gap)
        return -0.5 * (square + np.linalg.slogdet(2 * np.pi * covariance)[1])

    def _centred(self, x: Any, labels: Any) -> tf.Tensor:
        flat = tf.reshape(tf.cast(x, tf.float32), [-1, self.data.dimensions])
        return flat - self._mean(labels, x.shape[0])

    def _mean(self, labels: Any, n: int | None = None) -> tf.Tensor:
        rows = self.one_hot(labels, n)
        return tf.convert_to_tensor(self.means) if rows is None else rows @ self.means

    def _likelihood(self, z: tf.Tensor) -> Any:
        return tfd.MultivariateNormalDiag(z @ tf.transpose(self.w), tf.exp(self.log_s) * tf.ones(self.w.shape[0]))

    def prior(self, labels: Any = None) -> Any:
        self.one_hot(labels)
        return tfd.MultivariateNormalDiag(tf.zeros(self.latent))

    def posterior(self, x: Any, labels: Any = None, seed: Any = 0) -> Any:
        return tfd.MultivariateNormalDiag(
            self._centred(x, labels) @ tf.transpose(self.a), tf.exp(tf.convert_to_tensor(self.log_t))
        )

    def elbo_terms(self, x: Any, labels: Any = None, seed: Any = 0) -> tuple[tf.Tensor, tf.Tensor]:
        q = self.posterior(x, labels, seed)
        reconstruction = self._likelihood(q.sample(seed=as_seed(seed))).log_prob(self._centred(x, labels))
        return reconstruction, tfd.kl_divergence(q, self.prior(labels))

    def elbo(self, x: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        if particles == 1:
            reconstruction, divergence = self.elbo_terms(x, labels, seed)
            return reconstruction - divergence
        q = self.posterior(x, labels, seed)
        z = q.sample(particles, seed=as_seed(seed))
        joint = self._likelihood(z).log_prob(self._centred(x, labels)) + self.prior(labels).log_prob(z)
        return tf.reduce_logsumexp(joint - q.log_prob(z), axis=0) - np.log(particles)

    def encode(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        return self.posterior(x, labels, seed).mean()

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        flat = z @ tf.transpose(self.w) + self._mean(labels, z.shape[0])
        return tf.reshape(flat, [-1, *self.data.shape])

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        of_code, of_noise = split_seed(seed, 2)
        z = normal([n, self.latent], of_code, first=first)
        noise = normal([n, *self.data.shape], of_noise, first=first)
        return self.decode(z, labels) + tf.exp(self.log_s) * noise


class ConditionalLinearGaussian(LinearGaussian):
    """The same with a mean of x for each class."""

    conditional = True


class Pixels(LinearGaussian):
    """The same for images: decoding rounds to the nearest grey level. W has orthogonal columns of falling length."""

    latent = 3

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        frame = np.linalg.qr(np.random.default_rng(seed).normal(size=self.w.shape))[0]
        self.w.assign(4.0 * frame / np.arange(1, self.latent + 1))
        self.means.assign(np.linspace(4, 12, self.means.shape[0])[:, None] * np.ones(self.means.shape[1]))
        self.at_the_optimum()

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        levels = tf.clip_by_value(tf.round(super().decode(z, labels)), 0, self.data.levels - 1)
        return tf.cast(levels, tf.uint8)

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        return self.decode(normal([n, self.latent], seed, first=first), labels)


class ConditionalPixels(Pixels):
    """The same with a mean of x for each class."""

    conditional = True


class ClassPriorPixels(ConditionalPixels):
    """The same with a prior for each class, a normal around (10 y, ..., 10 y) of standard deviation 1 + y."""

    def prior(self, labels: Any = None) -> Any:
        y = tf.cast(tf.argmax(self.one_hot(labels), axis=-1), tf.float32)[:, None] * tf.ones(self.latent)
        return tfd.MultivariateNormalDiag(10 * y, 1 + y)


class Rivals(GenerativeModel):
    """Two objectives, one after the other: the first moves `a` to the data's mean, the second moves `b` to 2 a."""

    def __init__(self, config: GaussianConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        self.a = self.add_weight(shape=(), initializer="zeros", name="a")
        self.b = self.add_weight(shape=(), initializer="zeros", name="b")

    def objectives(self) -> list[Objective]:
        return [Objective("first", self._first, [self.a]), Objective("second", self._second, [self.b])]

    def _first(self, batch: Any, seed: tf.Tensor, context: Any) -> dict[str, tf.Tensor]:
        return {"loss": (self.a - tf.reduce_mean(batch.x)) ** 2}

    def _second(self, batch: Any, seed: tf.Tensor, context: Any) -> dict[str, tf.Tensor]:
        return {"loss": (self.b - 2 * self.a) ** 2}


class Unsound(Gaussian):
    """Trains only its mean, or gives no loss, or a loss that is not finite, as its class attribute says."""

    fault = "idle"

    def objectives(self) -> list[Objective]:
        weights = [self.mean] if self.fault == "idle" else self.trainable_variables
        return [Objective("nll", self._loss, weights)]

    def _loss(self, batch: Any, seed: tf.Tensor, context: Any) -> dict[str, tf.Tensor]:
        terms = super()._loss(batch, seed, context)
        if self.fault == "none":
            return {"nll": terms["loss"]}
        if self.fault == "vector":
            return {"loss": tf.stack([terms["loss"]] * 2)}
        if self.fault == "another vector":
            return terms | {"nll": tf.stack([terms["loss"]] * 2)}
        if self.fault == "number":
            return terms["loss"]
        if self.fault == "text":
            return terms | {"nll": None}
        if self.fault == "infinite":
            return {"loss": terms["loss"] / 0.0}
        if self.fault == "no gradient":
            return {"loss": tf.stop_gradient(terms["loss"])}
        return terms


def spec(model: type[GenerativeModel], **named: Any) -> ModelSpec:
    """A registered toy."""
    named = {"config": GaussianConfig, "takes_labels": model.conditional} | named
    return ModelSpec(name=model.__name__.lower(), model=model, summary="A toy.", **named)
