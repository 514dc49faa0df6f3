"""The models `ddpm` and `conditional_ddpm`: denoising diffusion with the DDIM sampler, guidance and a variational bound."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import (
    Batch,
    CapabilityError,
    Context,
    DataSpec,
    GenerativeModel,
    Objective,
    fold_in,
    normal,
    note_progress,
    quantise,
    split_seed,
    uniform,
)
from tfgen.layers import drop_labels, from_signed, to_signed

from . import ConditionalDDPMConfig, DDPMConfig
from .diffusion import Diffusion
from .network import UNet

tfd = tfp.distributions


class DDPM(GenerativeModel):
    """Denoising diffusion probabilistic model (Ho et al. 2020)."""

    density = "bound"
    validation_loss_ranks = True

    def __init__(self, config: DDPMConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        if data.kind != "image" or min(data.shape[:2]) < 2:
            raise self.refuse("it takes images of at least two rows and columns.")
        self.diffusion = Diffusion.of(config.noise_schedule, config.timesteps)
        classes = (data.classes or 0) if self.conditional else 0
        self.network = UNet(data.shape[-1], config.timesteps, classes, config.width, config.blocks)

    def objectives(self) -> list[Objective]:
        """Return the objective: the noise in images is predicted."""
        return [Objective("noise", self._loss, self.trainable_variables)]

    def _loss(self, batch: Batch, seed: tf.Tensor, context: Context) -> dict[str, tf.Tensor]:
        """Return the mean of ``|e - e(x_t, t)|^2`` over pixels, with t uniform on 1 .. T (equation 14)."""
        of_step, of_noise, of_labels = split_seed(seed, 3)
        x = to_signed(batch.x, self.data.levels)
        t = 1 + tf.cast(uniform([tf.shape(x)[0]], of_step) * self.diffusion.timesteps, tf.int32)
        noise = normal(tf.shape(x), of_noise)
        labels = batch.labels if self.conditional else None
        if self.conditional and context.training:
            labels = drop_labels(labels, self.config.drop_labels, of_labels)
        predicted = self._noise(self._noisy(x, t, noise), t, self.one_hot(labels, x.shape[0]))
        return {"loss": tf.reduce_mean((noise - predicted) ** 2)}

    def _noisy(self, x: tf.Tensor, t: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Return ``x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) e`` (equation 4) for steps t [n]."""
        abar = tf.gather(tf.constant(self.diffusion.abar, tf.float32), t - 1)[:, None, None, None]
        return tf.sqrt(abar) * x + tf.sqrt(1 - abar) * noise

    def _noise(self, x: tf.Tensor, t: tf.Tensor, one_hot: tf.Tensor | None) -> tf.Tensor:
        return self.network(x, t, one_hot)

    def sample(
        self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0, steps: int = 50, eta: float = 1.0
    ) -> tf.Tensor:
        """Draw images by the DDIM sampler (Song et al. 2021, equation 12); with ``eta = 1`` and all steps, by the DDPM."""
        return self._draw(n, self.one_hot(labels, n), seed, first, steps, eta, self._noise)

    def _draw(self, n: int, one_hot: Any, seed: Any, first: Any, steps: int, eta: float, noise_of: Any) -> tf.Tensor:
        visited = self.diffusion.visited(steps)
        abar = self.diffusion.abar[visited]
        before = [1.0, *abar[:-1]]
        columns = {"t": (visited + 1, tf.int32), "abar": (abar, tf.float32), "before": (before, tf.float32)}
        table = {name: tf.constant(values, dtype) for name, (values, dtype) in columns.items()}
        of_start, of_steps, of_pixels = split_seed(seed, 3)
        shape, count = [n, *self.data.shape], len(visited)

        def step(done: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            index = count - 1 - done
            t, now, then = (table[name][index] for name in ("t", "abar", "before"))
            noise = noise_of(x, tf.fill([n], t), one_hot)
            image = tf.clip_by_value((x - tf.sqrt(1 - now) * noise) / tf.sqrt(now), -1.0, 1.0)
            noise = (x - tf.sqrt(now) * image) / tf.sqrt(1 - now)  # that of the image within its range
            spread = eta * tf.sqrt((1 - then) / (1 - now) * (1 - now / then))
            fresh = normal(shape, fold_in(of_steps, t), first=first)
            x = tf.sqrt(then) * image + tf.sqrt(tf.maximum(1 - then - spread**2, 0.0)) * noise + spread * fresh
            note_progress(done + 1, count)
            return done + 1, x

        start = (tf.constant(0), normal(shape, of_start, first=first))
        _, x = tf.while_loop(lambda done, x: done < count, step, start, parallel_iterations=1)
        # The last step of the model is the discretised normal of `_decoder`, whose noise is far below a grey level.
        x = x + eta * tf.sqrt(tf.constant(self.diffusion.betas[0], tf.float32)) * normal(shape, of_pixels, first=first)
        return quantise(from_signed(x, self.data.levels) + 0.5, self.data.levels)

    def elbo(self, x: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        """Return the variational bound, [batch] nats (equation 5), with one draw of ``x_t`` for each of the T steps.

        Raises:
            CapabilityError: for several particles: this bound has no importance weights.
        """
        if particles > 1:
            raise CapabilityError("the bound of a diffusion model has no importance weights; leave --particles out.")
        x = to_signed(x, self.data.levels)
        n, one_hot = x.shape[0], self.one_hot(labels, x.shape[0])
        weights, axes = tf.constant(self.diffusion.kl_weights, tf.float32), [1, 2, 3]

        def noisy(t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            steps, noise = tf.fill([n], t), normal(tf.shape(x), fold_in(seed, t))
            found = self._noisy(x, steps, noise)
            return noise, found, self._noise(found, steps, one_hot)

        def step(t: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            noise, _, predicted = noisy(t)
            return t + 1, total + weights[t - 1] * tf.reduce_sum((noise - predicted) ** 2, axes)

        last = self.diffusion.timesteps
        # One after another: at once, ten passes of the network would hold ten times the memory.
        start = (tf.constant(2), tf.zeros([n]))
        _, divergences = tf.while_loop(lambda t, total: t <= last, step, start, parallel_iterations=1)
        _, first, predicted = noisy(tf.constant(1))
        prior = tfd.kl_divergence(
            tfd.Normal(tf.sqrt(float(self.diffusion.abar[-1])) * x, tf.sqrt(1 - float(self.diffusion.abar[-1]))),
            tfd.Normal(0.0, 1.0),
        )
        return self._decoder(x, first, predicted) - divergences - tf.reduce_sum(prior, axes)

    def _decoder(self, x: tf.Tensor, first: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Return ``log p(x_0|x_1)``, [n]: a normal of variance beta_1, discretised to grey levels (equation 13)."""
        beta, half = float(self.diffusion.betas[0]), 1.0 / (self.data.levels - 1)
        normal_of = tfd.Normal((first - beta**0.5 * noise) / (1 - beta) ** 0.5, beta**0.5)
        upper = tf.where(x > 1 - half, 0.0, normal_of.log_cdf(x + half))
        below = tf.where(x < -1 + half, -float("inf"), normal_of.log_cdf(x - half))
        # In the upper tail both are log(1 - tiny): there the survival function has the digits.
        mirrored_upper = tf.where(x < -1 + half, 0.0, normal_of.log_survival_function(x - half))
        mirrored_below = tf.where(x > 1 - half, -float("inf"), normal_of.log_survival_function(x + half))
        left = x + half < normal_of.loc
        high, low = tf.where(left, upper, mirrored_upper), tf.where(left, below, mirrored_below)
        return tf.reduce_sum(high + tf.math.log1p(-tf.exp(tf.minimum(low - high, -1e-7))), [1, 2, 3])


class ConditionalDDPM(DDPM):
    """Denoising diffusion given a label, with classifier-free guidance (Ho and Salimans 2022)."""

    conditional = True
    labels_optional = True

    def __init__(self, config: ConditionalDDPMConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)

    def sample(
        self,
        n: int,
        labels: Any = None,
        seed: Any = 0,
        first: Any = 0,
        steps: int = 50,
        eta: float = 1.0,
        guidance: float = 1.0,
    ) -> tf.Tensor:
        """Draw images; with a guidance w other than 1 by the noise ``e(x) + w (e(x, y) - e(x))``."""

        def guided(x: tf.Tensor, t: tf.Tensor, one_hot: tf.Tensor) -> tf.Tensor:
            if guidance == 1.0:
                return self._noise(x, t, one_hot)
            free = self._noise(x, t, tf.zeros_like(one_hot))
            return free + guidance * (self._noise(x, t, one_hot) - free)

        return self._draw(n, self.one_hot(labels, n), seed, first, steps, eta, guided)
