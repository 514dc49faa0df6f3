"""GAN and conditional GAN: generator, discriminator, and one objective for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import Batch, Context, DataSpec, GenerativeModel, Objective, fold_in, normal, uniform
from tfgen.layers import DenseStack
from tfgen_plugins.gan import GANConfig
from tfgen_plugins.gan.networks import ConvFeatures, ConvGenerator, DenseGenerator, Discriminator, dense_features
from tfgen_plugins.gan.objectives import OBJECTIVES, gradient_penalty, r1_penalty, values_and_gradients

tfd = tfp.distributions

_CODES, _SHARES = range(2)  # purposes of a seed


class GAN(GenerativeModel):
    """Generative adversarial network (Goodfellow et al. 2014): generator G(z), z ~ N(0, I), and discriminator D(x).

    D is trained to tell true examples from generated ones, G to make D fail. Each has an objective, an optimizer and a learning
    rate of its own. Every step updates the discriminator; every k-th step then updates the generator. There is no density, so
    a GAN is evaluated by its samples alone (FID, KID, precision and recall; low recall is a sign of mode collapse).

    Both networks work on images scaled to [-1, 1], and on vectors as they are.
    """

    config: GANConfig
    validation_loss_ranks = False

    def __init__(self, config: GANConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        if not data.spatial and config.network != "mlp":
            raise self.refuse("vectors need --network mlp.")
        self.objective = OBJECTIVES[config.objective]
        wasserstein = config.objective == "wgan-gp"
        self.r1 = config.r1 if config.r1 is not None else 0.0 if wasserstein else 1.0
        classes, dtype = self.condition_width, self.density_dtype
        features: ConvFeatures | DenseStack
        with keras.name_scope("gan"):
            if config.network == "conv":
                self.generator = ConvGenerator(config.latent, classes, data.shape, config.filters, dtype)
                features = ConvFeatures(data.shape, config.filters)
            else:
                self.generator = DenseGenerator(config.latent, classes, data.shape, config.units, config.depth, dtype)
                features = dense_features(data.dimensions, config.units, config.depth)
            self.discriminator = Discriminator(features, classes, self.uses_context, not wasserstein, dtype)

    def objectives(self) -> Sequence[Objective]:
        """Return two objectives: the discriminator, and after it the generator, every k-th step."""
        config = self.config
        return [
            Objective(
                "discriminator",
                self._discriminator_loss,
                self.discriminator.trainable_variables,
                learning_rate=config.discriminator_rate,
            ),
            Objective(
                "generator",
                self._generator_loss,
                self.generator.trainable_variables,
                every=config.discriminator_steps,
                learning_rate=config.generator_rate,
            ),
        ]

    def _discriminator_loss(self, batch: Batch, seed: tf.Tensor, context: Context) -> dict[str, tf.Tensor]:
        """Return the discriminator's loss with its penalties, and the mean of D on true and on generated examples."""
        one_hot = self._rows(self.given(batch))
        true = self._scaled(batch.x)
        generated = tf.stop_gradient(self._generated(self._codes(true.shape[0], seed), one_hot))

        def values(x: tf.Tensor) -> tf.Tensor:
            return self.discriminator(x, one_hot)

        penalties: dict[str, tuple[float, tf.Tensor]] = {}
        if self.r1:
            on_true, squares = values_and_gradients(values, true)
            penalties["r1"] = self.r1, r1_penalty(squares)
        else:
            on_true = values(true)
        on_generated = values(generated)
        if self.config.objective == "wgan-gp":
            shares = uniform([true.shape[0]], fold_in(seed, _SHARES), self.density_dtype)
            penalty = gradient_penalty(values, true, generated, shares)
            penalties["gradient_penalty"] = self.config.gradient_penalty, penalty
        loss = self.objective.discriminator(on_true, on_generated)
        for weight, penalty in penalties.values():
            loss += weight * penalty
        return {
            "loss": loss,
            "d_true": self.objective.logged(on_true),
            "d_generated": self.objective.logged(on_generated),
            **{name: penalty for name, (_, penalty) in penalties.items()},
        }

    def _generator_loss(self, batch: Batch, seed: tf.Tensor, context: Context) -> dict[str, tf.Tensor]:
        """Return the generator's loss, on as many new codes as the batch has examples, with the labels of the batch."""
        one_hot = self._rows(self.given(batch))
        generated = self._generated(self._codes(batch.x.shape[0], seed), one_hot)
        return {"loss": self.objective.generator(self.discriminator(generated, one_hot))}

    def _rows(self, labels: Any) -> tf.Tensor | None:
        return self.condition(labels) if self.conditional else None

    def _codes(self, n: int, seed: Any, first: Any = None) -> tf.Tensor:
        return normal([n, self.config.latent], fold_in(seed, _CODES), self.density_dtype, first)

    def _scaled(self, x: Any) -> tf.Tensor:
        """Return examples scaled for the networks: grey levels as ``2 x / (levels - 1) - 1``."""
        return self.data.to_signed(x, self.density_dtype)

    def _generated(self, z: tf.Tensor, one_hot: tf.Tensor | None) -> tf.Tensor:
        x = self.generator(z, one_hot)
        return tf.tanh(x) if self.data.quantised else x

    # Codes and samples

    def decode(self, z: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Decode: return G(z) as uint8 images, or float32 vectors; deterministic, the seed has no effect."""
        z = tf.cast(z, self.density_dtype)
        return self.data.from_signed(self._generated(z, self.condition(labels, z.shape[0])))

    def prior(self, labels: Any = None) -> Any:
        """Return the prior N(0, I), the same for all labels."""
        self.condition(labels)
        return tfd.Sample(tfd.Normal(tf.zeros([], self.density_dtype), 1.0), self.config.latent)

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0) -> tf.Tensor:
        """Sample the codes ``first .. first + n - 1`` of a seed and decode them: uint8 images, or float32 vectors."""
        return self.decode(self._codes(n, seed, first), labels)

    def basis(self) -> Mapping[str, Any]:
        """Return the objective, beside numbers of samples."""
        return {"objective": self.config.objective}


class ConditionalGAN(GAN):
    """Conditional GAN: generator and discriminator take the label as input (Mirza, Osindero 2014; Miyato, Koyama 2018)."""

    conditional = True
    takes_context = True
