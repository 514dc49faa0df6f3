"""VQ-VAE (van den Oord, Vinyals, Kavukcuoglu 2017): discrete codes by nearest neighbours, and a prior of them."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import CapabilityError, DataSpec, GenerativeModel, Objective, note_progress, uniform
from tfgen.layers import MaskedConv2D, bits_per_dim, discretised_logistic_log_prob, halved_sides, upsampled

from . import VQVAEConfig

tfd = tfp.distributions


class VQVAE(GenerativeModel):
    """An autoencoder whose codes are indices into a codebook; p(x, z) = p(z) p(x|z), with p(z) autoregressive."""

    density = "bound"
    discrete_codes = True

    def __init__(self, config: VQVAEConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        if data.kind != "image":
            raise self.refuse("it codes patches of pixels, so it needs images.")
        height, width, channels = data.shape
        times = 0 if min(height, width) < 8 else 1 if max(height, width) < 16 else 2
        self.sides = halved_sides(height, width, times)
        self.side, self.positions = self.sides[0], self.sides[0][0] * self.sides[0][1]
        conv, relu = keras.layers.Conv2D, {"padding": "same", "activation": "relu"}
        self.encoder = keras.Sequential(
            [conv(config.filters, 3, strides=2, **relu) for _ in range(times)]
            + [conv(config.filters, 3, **relu), conv(config.code_size, 1)]
        )
        self.encoder.build((None, *data.shape))
        self.first = conv(config.filters, 3, **relu)
        self.first.build((None, *self.side, config.code_size))
        self.ups = [keras.layers.Conv2DTranspose(config.filters, 4, strides=2, **relu) for _ in range(times)]
        self.last = conv(2 * channels, 3, padding="same")
        for layer, side in zip([*self.ups, self.last], self.sides, strict=True):
            layer.build((None, *side, config.filters))
        # The codebook is no trained weight: it follows the moving averages of the vectors that chose each code.
        shape, unit = (config.codes, config.code_size), keras.initializers.RandomNormal(stddev=1.0)
        self.codebook = self.add_weight(shape=shape, initializer=unit, trainable=False, name="codebook")
        self.counts = self.add_weight(shape=shape[:1], initializer="zeros", trainable=False, name="counts")
        self.sums = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="sums")
        self.embedding = keras.layers.Embedding(config.codes, config.filters)
        self.embedding.build((None, self.positions))
        self.masked = [
            MaskedConv2D(config.filters, config.filters, 2, 5, "A" if i == 0 else "B", f"masked{i}")
            for i in range(config.prior_layers)
        ]
        self.logits = keras.layers.Dense(config.codes)
        self.logits.build((None, config.filters))

    def objectives(self) -> list[Objective]:
        """Return the two stages: autoencoder and codebook first, then the prior of the codes, which are fixed by then."""
        parts = [self.encoder, self.first, *self.ups, self.last]
        autoencoder = [weight for part in parts for weight in part.trainable_variables]
        prior = [weight for part in [self.embedding, *self.masked, self.logits] for weight in part.trainable_variables]
        epochs = self.config.autoencoder_epochs
        return [
            Objective("autoencoder", self._autoencoder_loss, autoencoder, end=epochs),
            Objective("prior", self._prior_loss, prior, begin=epochs),
        ]

    def _autoencoder_loss(self, batch: Any, seed: Any, context: Any) -> dict[str, tf.Tensor]:
        vectors = self.encoder(self.data.to_signed(batch.x, tf.float32))
        codes = self._nearest(vectors)
        quantised = tf.gather(tf.convert_to_tensor(self.codebook), codes)
        commitment = tf.reduce_mean(tf.reduce_sum((vectors - tf.stop_gradient(quantised)) ** 2, axis=-1))
        straight_through = vectors + tf.stop_gradient(quantised - vectors)
        nats = -tf.reduce_mean(self._log_likelihood(batch.x, straight_through))
        chosen = tf.reshape(tf.one_hot(codes, self.config.codes), [-1, self.config.codes])
        if context.training:
            self._move_codebook(tf.stop_gradient(tf.reshape(vectors, [-1, self.config.code_size])), chosen, seed)
        usage = tf.reduce_mean(chosen, axis=0)
        return {
            "loss": nats / self.data.dimensions + self.config.commitment * commitment,
            "distortion_nats": nats,
            "commitment": commitment,
            "perplexity": tf.exp(-tf.reduce_sum(usage * tf.math.log(usage + 1e-10))),
        }

    def _move_codebook(self, vectors: tf.Tensor, chosen: tf.Tensor, seed: Any) -> None:
        """Move each code to the mean of its vectors; a code that is not used any more begins anew at one of them."""
        decay, n = self.config.decay, tf.shape(vectors)[0]
        fair = tf.cast(n, tf.float32) / self.config.codes
        counts = decay * self.counts + (1 - decay) * tf.reduce_sum(chosen, axis=0)
        sums = decay * self.sums + (1 - decay) * tf.matmul(chosen, vectors, transpose_a=True)
        picked = tf.cast(uniform([self.config.codes], seed) * tf.cast(n, tf.float32), tf.int32)
        dead = counts < 0.01 * fair
        counts = tf.where(dead, fair, counts)
        sums = tf.where(dead[:, None], fair * tf.gather(vectors, picked), sums)
        self.counts.assign(counts)
        self.sums.assign(sums)
        self.codebook.assign(sums / counts[:, None])

    def _prior_loss(self, batch: Any, seed: Any, context: Any) -> dict[str, tf.Tensor]:
        codes = tf.stop_gradient(self.encode(batch.x))
        rate = -tf.reduce_mean(self._prior(codes).log_prob(codes))
        distortion = -tf.reduce_mean(self._log_likelihood(batch.x, self._vectors(codes)))
        nats = rate + tf.stop_gradient(distortion)
        return {
            "loss": rate / self.data.dimensions,
            "rate_nats": rate,
            "nll_nats": nats,
            "bits_per_dim": bits_per_dim(nats, self.data.dimensions),
        }

    def elbo(self, x: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        """Return log p(x|z) + log p(z) of the one code z = encode(x): one term of the sum over codes that p(x) is."""
        if particles != 1:
            raise CapabilityError("a VQ-VAE has one code for each image, so more particles give the same bound.")
        codes = self.encode(x, labels)
        return self._log_likelihood(x, self._vectors(codes)) + self._prior(codes).log_prob(codes)

    def encode(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return the codes int32 [n, positions], in raster order."""
        self.one_hot(labels)
        codes = self._nearest(self.encoder(self.data.to_signed(x, tf.float32)))
        return tf.reshape(codes, [-1, self.positions])

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return the medians of p(x|z), images."""
        self.one_hot(labels)
        return self.data.from_signed(self._likelihood(self._vectors(z))[0])

    def prior(self, labels: Any = None) -> Any:
        """Return p(z), in which each code depends on those before it."""
        self.one_hot(labels)
        nothing = tf.zeros([self.positions], tf.int32)
        return tfd.Autoregressive(self._prior, sample0=nothing, num_steps=self.positions)

    def sample(self, n: Any, labels: Any = None, seed: Any = 0, first: Any = 0, temperature: float = 1.0) -> tf.Tensor:
        """Draw codes of the prior one after another, and decode them."""
        self.one_hot(labels)
        noise = uniform([n, self.positions, 1], seed, first=first)

        def draw(i: Any, codes: tf.Tensor) -> tuple[Any, tf.Tensor]:
            note_progress(i, self.positions)
            below = tf.cumsum(tf.nn.softmax(self._code_logits(codes) / temperature), axis=-1)[..., :-1] <= noise
            new = tf.reduce_sum(tf.cast(below, tf.int32), axis=-1)
            return i + 1, tf.where(tf.range(self.positions) == i, new, codes)

        start = (tf.constant(0), tf.zeros([n, self.positions], tf.int32))
        _, codes = tf.while_loop(lambda i, _: i < self.positions, draw, start, parallel_iterations=1)
        return self.decode(codes)

    def _nearest(self, vectors: tf.Tensor) -> tf.Tensor:
        codebook = tf.convert_to_tensor(self.codebook)
        products = tf.tensordot(vectors, codebook, [[-1], [-1]])
        return tf.argmin(tf.reduce_sum(codebook**2, axis=-1) - 2 * products, axis=-1, output_type=tf.int32)

    def _vectors(self, codes: tf.Tensor) -> tf.Tensor:
        grid = tf.reshape(codes, [-1, *self.side])
        return tf.gather(tf.convert_to_tensor(self.codebook), grid)

    def _likelihood(self, vectors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        maps = self.first(vectors)
        for up, side in zip(self.ups, self.sides[1:], strict=True):
            maps = upsampled(up, maps, side)
        location, log_inverse_scale = tf.split(self.last(maps), 2, axis=-1)
        return location, tf.exp(tf.clip_by_value(log_inverse_scale, -2.0, 7.0))

    def _log_likelihood(self, x: Any, vectors: tf.Tensor) -> tf.Tensor:
        values = self.data.to_signed(x, tf.float32)
        terms = discretised_logistic_log_prob(values, *self._likelihood(vectors), self.data.levels)
        return tf.reduce_sum(terms, axis=[1, 2, 3])

    def _code_logits(self, codes: tf.Tensor) -> tf.Tensor:
        maps = tf.reshape(self.embedding(codes), [-1, *self.side, self.config.filters])
        for i, layer in enumerate(self.masked):
            maps = tf.nn.relu(layer(maps)) + (maps if i else 0.0)
        return tf.reshape(self.logits(maps), [-1, self.positions, self.config.codes])

    def _prior(self, codes: tf.Tensor) -> Any:
        return tfd.Independent(tfd.Categorical(logits=self._code_logits(codes)), 1)
