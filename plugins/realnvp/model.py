"""The mathematics of Real NVP, as a chain of `tfb.RealNVP` bijectors over Keras networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import Batch, DataSpec, GenerativeModel, Objective, as_seed, dequantise, fold_in, logit_squeeze, quantise
from tfgen_plugins.realnvp import RealNVPConfig
from tfgen_plugins.realnvp.coupling import Coupling, CouplingNetwork

tfb, tfd = tfp.bijectors, tfp.distributions


class RealNVP(GenerativeModel):
    """A flow ``z = f(x)`` of affine couplings over a standard normal z.

    Sampling runs ``x = f^-1(z)``, which is *forward* in the words of TensorFlow Probability. With the dimensions parted
    into a and b, a coupling is ``x_a = z_a``, ``x_b = z_b exp(s(z_a)) + t(z_a)``, with ``log|det dx/dz| = sum s(z_a)``
    (Dinh et al. 2017, equations 4, 5 and 6); the parts change roles from layer to layer. Images are dequantised, squeezed
    and mapped to the real line first, and that map's log-determinant is part of the density.
    """

    config: RealNVPConfig

    def __init__(self, config: RealNVPConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        if data.dimensions < 2:
            raise self.refuse("a coupling needs at least two dimensions.")
        self.networks = [
            CouplingNetwork(config, data.dimensions, layer, self.density_dtype) for layer in range(config.layers)
        ]

    def bijector(self) -> Any:
        """Return ``f^-1`` as a `tfb.Bijector`: from z [..., D] to data space, which is [0, L) grey levels for images."""
        couplings = [Coupling(network) for network in self.networks]
        squeeze = (
            [logit_squeeze(self.data.levels, self.config.alpha, self.density_dtype)]
            if self.data.kind == "image"
            else []
        )
        return tfb.Chain([*squeeze, *couplings])

    def distribution(self, labels: Any = None) -> Any:
        """Return the `tfd.Distribution` of flat examples [..., D] in data space; the flow takes no labels."""
        del labels
        base = tfd.Sample(tfd.Normal(tf.zeros([], self.density_dtype), 1.0), sample_shape=[self.data.dimensions])
        return tfd.TransformedDistribution(base, self.bijector())

    def objectives(self) -> Sequence[Objective]:
        """Return the negative log-likelihood, in nats for each dimension."""
        return [Objective("nll", self._negative_log_likelihood, self.trainable_variables)]

    def _negative_log_likelihood(self, batch: Batch, seed: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        nats = -tf.reduce_mean(self.log_prob(batch.x, seed=seed))
        per_dimension = nats / self.data.dimensions
        terms = {"loss": per_dimension, "nll_nats": nats}
        if self.data.kind == "image":
            terms["bits_per_dim"] = per_dimension / math.log(2.0)
        return terms

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return ``log p(x + u)`` in nats per grey level, [batch]; for vectors ``log p(x)``."""
        flat = tf.reshape(self._to_data_space(x, seed), [-1, self.data.dimensions])
        # A fresh tensor: the bijectors' cache must not answer with a latent code that came from sampling.
        return self.distribution(labels).log_prob(tf.identity(flat))

    def sample(self, n: int, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Draw `n` examples: uint8 images, or float32 vectors."""
        return self.decode(self.prior(labels).sample(n, seed=as_seed(seed)))

    def encode(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return ``z = f(x + u)``, [batch, D]."""
        flat = tf.reshape(self._to_data_space(x, seed), [-1, self.data.dimensions])
        return self.bijector().inverse(tf.identity(flat))

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return ``x = f^-1(z)`` as examples: uint8 images, or float32 vectors."""
        y = tf.reshape(self.bijector().forward(tf.identity(z)), [-1, *self.data.shape])
        return quantise(y, self.data.levels) if self.data.kind == "image" else y

    def prior(self, labels: Any = None) -> Any:
        """Return the standard normal over codes of shape [D]."""
        return self.distribution(labels).distribution

    def basis(self) -> Mapping[str, Any]:
        """Return how images became continuous."""
        if self.data.kind == "vector":
            return {"density": "exact"}
        return {
            "dequantisation": "uniform",
            "levels": self.data.levels,
            "alpha": self.config.alpha,
        }

    def _to_data_space(self, x: Any, seed: Any) -> tf.Tensor:
        if self.data.kind == "vector":
            return tf.cast(x, self.density_dtype)
        return dequantise(x, self.data.levels, fold_in(seed, 0), self.density_dtype)
