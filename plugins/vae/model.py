"""Variational autoencoder (VAE) and conditional VAE: encoder q(z|x, y), decoder p(x|z, y), prior p(z), ELBO and IWAE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import Batch, Context, DataError, DataSpec, GenerativeModel, Objective, fold_in, normal, quantise
from tfgen.layers import leading_shape
from tfgen_plugins.vae import CVAEConfig, VAEConfig
from tfgen_plugins.vae.elbo import (
    closed_form_kl,
    importance_weighted,
    importance_weighted_in_chunks,
    monte_carlo_kl,
    with_free_bits,
)
from tfgen_plugins.vae.likelihoods import build_likelihood, build_scale
from tfgen_plugins.vae.networks import ConvDecoder, ConvEncoder, MLPDecoder, MLPEncoder
from tfgen_plugins.vae.priors import build_prior

tfd = tfp.distributions

_LEAST_KL = 1e-3  # nats; the ratio of reconstruction and KL is logged as if the KL were not below it
_CODE, _PIXELS = 1, 2  # purposes of a seed; 0 is that of the noise in what is observed


class VAE(GenerativeModel):
    """Variational autoencoder (Kingma, Welling 2014): prior p(z), decoder p(x|z), and encoder q(z|x), a diagonal Gaussian.

    The encoder network returns mean and log-variance of q, the decoder network the distribution parameters of each pixel.
    Images enter as the likelihood needs them: as bits, dequantised, or as grey levels.
    """

    config: VAEConfig
    density = "bound"

    def __init__(self, config: VAEConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        if not data.spatial and (config.network, config.likelihood) != ("mlp", "gaussian"):
            raise self.refuse("vectors need --network mlp --likelihood gaussian.")
        self.scale = build_scale(config, data, self.density_dtype)
        self.likelihood = build_likelihood(config, data, self.density_dtype, self.scale)
        self.scored_as = self.likelihood.scored_as
        self.classes = self.condition_width
        if self.uses_context and config.prior == "vamp":
            raise self.refuse("the pseudo-inputs of --prior vamp have labels, and no context; take another prior.")
        outputs, parameters, dtype = 2 * config.latent, self.likelihood.parameters, self.density_dtype
        with keras.name_scope("vae"):
            self.encoder: keras.layers.Layer
            self.decoder: keras.layers.Layer
            if config.network != "mlp":
                last = (config.activation, dtype, config.network)
                self.encoder = ConvEncoder(data.shape, self.classes, outputs, *last)
                self.decoder = ConvDecoder(config.latent, self.classes, data.shape, parameters, *last)
            else:
                hidden = (config.units, config.depth, config.activation, dtype)
                self.encoder = MLPEncoder(data.shape, self.classes, outputs, *hidden)
                self.decoder = MLPDecoder(config.latent, self.classes, data.shape, parameters, *hidden)
            self.codes = build_prior(
                config, data, self.classes, seed, dtype, self._posterior_normals, self.uses_context
            )

    # Encoder and decoder

    def _posterior_normals(self, observed: tf.Tensor, one_hot: tf.Tensor | None) -> Any:
        """Return q(z|x, y) as independent normals of its dimensions, [n, latent], given the observed values."""
        mean, log_variance = tf.split(self.encoder(observed, one_hot), 2, axis=-1)
        return tfd.Normal(mean, tf.exp(log_variance / 2))

    def _posterior(self, observed: tf.Tensor, one_hot: tf.Tensor | None) -> Any:
        return tfd.Independent(self._posterior_normals(observed, one_hot), 1)

    def _draws(self, posterior: Any, particles: int, seed: tf.Tensor) -> tf.Tensor:
        """Sample ``z = m + s e``, e standard normal, [particles, n, latent] (reparameterisation: differentiable in m and s)."""
        normals = posterior.distribution
        noise = normal(
            [particles, *leading_shape(normals.loc), normals.loc.shape[-1]], fold_in(seed, _CODE), self.density_dtype
        )
        return normals.loc + normals.scale * noise

    def _decoded(self, z: tf.Tensor, one_hot: tf.Tensor | None) -> tf.Tensor:
        """Return decoder outputs [..., n, *shape, parameters] for codes [..., n, latent] and labels [n, k]."""
        leading = leading_shape(z)
        if one_hot is not None:
            one_hot = tf.broadcast_to(one_hot, [*leading, self.classes])
            one_hot = tf.reshape(one_hot, [-1, self.classes])
        raw = self.decoder(tf.reshape(z, [-1, z.shape[-1]]), one_hot)
        return tf.reshape(raw, [*leading, *raw.shape[1:]])

    def _observed(self, x: Any, seed: Any) -> tf.Tensor:
        return self.likelihood.observe(tf.convert_to_tensor(x), seed)

    # Training

    def objectives(self) -> Sequence[Objective]:
        """Return the objective: the negative ELBO or IWAE bound, in nats."""
        return [Objective("bound", self._negative_bound, self.trainable_variables)]

    def beta(self, epoch: tf.Tensor) -> tf.Tensor:
        """Return the weight of the KL with warm-up (KL annealing): ``beta min(1, t / T)``, t the epoch, T ``--beta-warmup``."""
        beta = tf.constant(self.config.beta, self.density_dtype)
        if not self.config.beta_warmup:
            return beta
        share = tf.cast(epoch, self.density_dtype) / self.config.beta_warmup
        return beta * tf.minimum(tf.ones([], self.density_dtype), share)

    def _negative_bound(self, batch: Batch, seed: tf.Tensor, context: Context) -> dict[str, tf.Tensor]:
        one_hot = self.condition(self.given(batch)) if self.conditional else None
        observed = self._observed(batch.x, seed)
        posterior, beta = self._posterior(observed, one_hot), self.beta(context.epoch)
        weighted = self.config.objective == "iwae"
        z = self._draws(posterior, self.config.particles if weighted else 1, seed)
        log_likelihood = self.likelihood.log_prob(observed, self._decoded(z, one_hot))
        reconstruction = -tf.reduce_mean(log_likelihood)
        if weighted:
            drawn_kl = monte_carlo_kl(posterior, self.codes.distribution(one_hot), z)
            loss = -tf.reduce_mean(importance_weighted(log_likelihood - beta * drawn_kl))
            kl_nats = tf.reduce_mean(drawn_kl)
        else:
            kl = self._kl(posterior, one_hot, z[0], closed=self.config.objective == "elbo")
            loss = reconstruction + beta * with_free_bits(kl, self.config.free_bits, self.config.latent)
            kl_nats = tf.reduce_mean(_per_example(kl))
        return {"loss": loss, **self._named(reconstruction, kl_nats), "beta": beta}

    def _kl(self, posterior: Any, one_hot: tf.Tensor | None, z: tf.Tensor, closed: bool = True) -> tf.Tensor:
        """Return KL(q || p): [n, latent] in closed form if available and `closed`, else the Monte Carlo estimate [n] at z."""
        factors = self.codes.factors(one_hot)
        if closed and factors is not None:
            return closed_form_kl(posterior, factors)
        return monte_carlo_kl(posterior, self.codes.distribution(one_hot), z)

    def _named(self, reconstruction: tf.Tensor, kl: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return ELBO (or cross-entropy), reconstruction, KL and the ratio of these two under their names in the log."""
        total = reconstruction + kl
        whole = {"cross_entropy_nats": total} if self.scored_as == "cross_entropy" else {"elbo_nats": -total}
        ratio = reconstruction / tf.maximum(kl, _LEAST_KL)
        parts = {"reconstruction_nats": reconstruction, "latent_kl_nats": kl, "reconstruction_kl_ratio": ratio}
        return {self.term_name(name): value for name, value in (whole | parts).items()}

    # Bounds, codes and samples

    def posterior(self, x: Any, labels: Any = None, seed: Any = 0) -> Any:
        """Return q(z|x, y) as `tfd.Independent` normals: batch [n], event [latent]."""
        observed = self._observed(x, seed)
        return self._posterior(observed, self.condition(labels, observed.shape[0]))

    def elbo_terms(self, x: Any, labels: Any = None, seed: Any = 0) -> tuple[tf.Tensor, tf.Tensor]:
        """Return ``E_q[log p(x|z, y)]`` estimated with one sample of z, and KL(q || p), closed-form if available; [n] nats."""
        observed = self._observed(x, seed)
        one_hot = self.condition(labels, observed.shape[0])
        posterior = self._posterior(observed, one_hot)
        z = self._draws(posterior, 1, seed)[0]
        kl = _per_example(self._kl(posterior, one_hot, z))
        return self.likelihood.log_prob(observed, self._decoded(z, one_hot)), kl

    def elbo(self, x: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        """Return the ELBO, [n] nats; with several particles the importance-weighted (IWAE) bound, in bounded memory."""
        if particles < 1:
            raise DataError(f"particles must be at least 1, got {particles}.")
        if particles == 1:
            log_likelihood, kl = self.elbo_terms(x, labels, seed)
            return log_likelihood - kl
        observed = self._observed(x, seed)
        one_hot = self.condition(labels, observed.shape[0])
        posterior = self._posterior(observed, one_hot)

        def log_weights(k: int, chunk_seed: tf.Tensor) -> tf.Tensor:
            z = self._draws(posterior, k, chunk_seed)
            kl = monte_carlo_kl(posterior, self.codes.distribution(one_hot), z)
            return self.likelihood.log_prob(observed, self._decoded(z, one_hot)) - kl

        return importance_weighted_in_chunks(log_weights, particles, leading_shape(observed)[0], fold_in(seed, _CODE))

    def decoder_log_prob(self, x: Any, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return log p(x_i|z_j, y_i), [n, k] nats, for examples [n, ...] and codes [k, latent]."""
        observed, z = self._observed(x, seed), tf.cast(z, self.density_dtype)
        one_hot = self.condition(labels, observed.shape[0])
        if one_hot is None:
            return self.likelihood.log_prob_of_each(observed, self._decoded(z, None))
        shared = tf.repeat(z[:, None], observed.shape[0], axis=1)
        return tf.transpose(self.likelihood.log_prob(observed, self._decoded(shared, one_hot)))

    def encode(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Encode: return the means of q(z|x, y), [n, latent]."""
        return self.posterior(x, labels, seed).mean()

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Decode: return the mean of p(x|z, y), or a sample with ``--pixels draw``: uint8 images, or float32 vectors."""
        return self._examples(z, labels, seed, None, self.config.pixels == "draw")

    def _examples(self, z: Any, labels: Any, seed: Any, first: Any, drawn: bool) -> tf.Tensor:
        z = tf.cast(z, self.density_dtype)
        raw = self._decoded(z, self.condition(labels, z.shape[0]))
        x = self.likelihood.sample(raw, fold_in(seed, _PIXELS), first) if drawn else self.likelihood.mean(raw)
        return quantise(x + 0.5, self.data.levels) if self.data.quantised else self.likelihood.codec.examples(x)

    def prior(self, labels: Any = None) -> Any:
        """Return the prior p(z) or, if it depends on the label, p(z|y) with a batch of one for each label."""
        return self.codes.distribution(self.condition(labels))

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        """Sample the examples ``first .. first + n - 1`` of a seed: codes of p(z), decoded; vectors are drawn from p(x|z)."""
        z = self.codes.sample(n, self.condition(labels, n), fold_in(seed, _CODE), first)
        drawn = self.config.pixels == "draw" or (self.config.pixels == "auto" and not self.data.spatial)
        return self._examples(z, labels, seed, first, drawn)

    def basis(self) -> Mapping[str, Any]:
        """Return the fields of the basis: grey levels or bits, how images were binarised or dequantised."""
        return self.likelihood.basis()


class CVAE(VAE):
    """Conditional VAE (Sohn, Lee, Yan 2015): encoder and decoder take the label as input; bounds of log p(x|y)."""

    conditional = True
    takes_context = True
    config: CVAEConfig


def _per_example(kl: tf.Tensor) -> tf.Tensor:
    """Return a KL [n] or [n, latent] summed over the dimensions, [n]."""
    return tf.reduce_sum(kl, axis=-1) if kl.shape.rank == 2 else kl
