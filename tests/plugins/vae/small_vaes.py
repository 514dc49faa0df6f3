"""Small autoencoders, in float64 where digits are wanted, and one whose exact likelihood is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tests.moved_models import moved_model
from tfgen import DataSpec
from tfgen.model.base import GenerativeModel

TINY = DataSpec("image", (5, 4, 1), classes=3, levels=9)
SPACE = DataSpec("vector", (6,), classes=3)
SMALL = {"latent": 2, "network": "mlp", "units": 8, "depth": 1, "components": 3, "flow_layers": 2, "flow_units": 8}
ON_VECTORS = {"likelihood": "gaussian"}


def small_vae(
    model: str, data: DataSpec = TINY, policy: str = "float64", seed: int = 0, moved: float = 0.3, **options: Any
) -> GenerativeModel:
    """Return an autoencoder whose weights were moved at random."""
    return moved_model(model, data, SMALL | options, policy, seed, moved)


def images(data: DataSpec = TINY, n: int = 6, seed: int = 0) -> tf.Tensor:
    """Return random images."""
    random = np.random.default_rng(seed)
    return tf.constant(random.integers(0, data.levels, size=(n, *data.shape)).astype(np.uint8))


def labels_of(vae: GenerativeModel, n: int = 6) -> tf.Tensor | None:
    """Return labels for n examples where the model wants some."""
    return tf.constant(np.arange(n) % vae.data.classes) if vae.conditional else None


class PPCA:
    """Probabilistic PCA ``x = W z + m + s e`` (Tipping, Bishop 1999), whose likelihood is exact, as weights of a linear VAE.

    The columns of W are orthogonal, so that the true posterior, of precision ``W'W / s^2 + 1`` (equation 7), is diagonal.
    """

    def __init__(self, dimensions: int = 6, latent: int = 2, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        columns, _ = np.linalg.qr(random.normal(size=(dimensions, latent)))
        self.w = columns * np.array([1.5, 0.7])[:latent]
        self.m, self.s = random.normal(size=dimensions), 0.6
        self.latent, self.dimensions = latent, dimensions

    def sample(self, n: int, seed: int = 1) -> NDArray[np.float32]:
        """Return examples [n, dimensions]."""
        random = np.random.default_rng(seed)
        z, e = random.normal(size=(n, self.latent)), random.normal(size=(n, self.dimensions))
        return (z @ self.w.T + self.m + self.s * e).astype(np.float32)

    def log_prob(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Return the exact log p(x) = log N(x; m, W W' + s^2), [n]."""
        covariance = self.w @ self.w.T + self.s**2 * np.eye(self.dimensions)
        centred = x.astype(np.float64) - self.m
        distance = np.sum(centred @ np.linalg.inv(covariance) * centred, axis=1)
        _, log_det = np.linalg.slogdet(covariance)
        return -0.5 * (distance + log_det + self.dimensions * np.log(2 * np.pi))

    def vae(self, off: float = 0.0) -> GenerativeModel:
        """Return the linear VAE that is this model, with the posterior exact, or off by some amount in mean and scale."""
        vae = small_vae("vae", DataSpec("vector", (self.dimensions,)), latent=self.latent, depth=0, **ON_VECTORS)
        precision = np.sum(self.w**2, axis=0) / self.s**2 + 1
        to_mean = self.w / self.s**2 / precision
        kernel = np.concatenate([to_mean, np.zeros_like(to_mean)], axis=1)
        bias = np.concatenate([-self.m @ to_mean + off, -np.log(precision) + off])
        vae.encoder.mlp.head.set_weights([kernel, bias])
        decoder = np.zeros((self.latent, self.dimensions, 2))
        decoder[..., 0] = self.w.T
        scale = np.log(np.expm1(self.s - 1e-3))
        offset = np.stack([self.m, np.full(self.dimensions, scale)], axis=-1)
        vae.decoder.mlp.head.set_weights([decoder.reshape(self.latent, -1), offset.reshape(-1)])
        return vae
