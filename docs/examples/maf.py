"""Masked autoregressive flow (Papamakarios, Pavlakou, Murray: NIPS 2017), for vectors and for images behind a logit.

tfgen check ./maf.py
tfgen -p ./maf.py run maf --data digits
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfgen import ModelSpec, hookimpl, require_option


@dataclass(frozen=True)
class MafConfig:
    """Options of the masked autoregressive flow."""

    flows: int = 5
    """Autoregressive layers; the order of the dimensions is reversed between them."""
    units: int = 256
    """Units of each hidden layer of a MADE."""
    depth: int = 2
    """Hidden layers of a MADE."""
    alpha: float = 1e-6
    """Images: distance from 0 and 1 that is kept before the logit."""

    def __post_init__(self) -> None:
        for name in ("flows", "units", "depth"):
            require_option(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require_option(0 < self.alpha < 0.5, "alpha", self.alpha, "between 0 and 0.5")


def build_maf(config: MafConfig, data: Any, seed: int) -> Any:
    """Build the model; TensorFlow is loaded here, and not for `tfgen list`."""
    import itertools

    import keras
    import numpy as np
    import tensorflow as tf
    import tensorflow_probability as tfp

    from tfgen import GenerativeModel, Objective, normal, note_progress
    from tfgen.layers import LogitCodec, bits_per_dim

    class MaskedDense(keras.layers.Layer):
        """A dense layer whose kernel is multiplied by a mask [inputs, outputs]."""

        def __init__(self, mask, initializer="glorot_uniform", name="masked_dense"):
            super().__init__(name=name)
            self.mask = mask.astype(np.float32)
            self.kernel = self.add_weight(shape=mask.shape, initializer=initializer, name="kernel")
            self.bias = self.add_weight(shape=mask.shape[1:], initializer="zeros", name="bias")
            self.built = True

        def call(self, x):
            kernel = tf.convert_to_tensor(self.kernel)
            return tf.matmul(x, kernel * tf.cast(self.mask, kernel.dtype)) + self.bias

    class Made(keras.layers.Layer):
        """Shift and log-scale of each dimension from those before it (Germain et al. 2015); both start at zero."""

        def __init__(self, dimensions, units, depth, name):
            super().__init__(name=name)
            inputs = np.arange(1, dimensions + 1)
            hidden = 1 + np.arange(units) * max(1, dimensions - 1) // units
            degrees = [inputs] + [hidden] * depth
            self.hidden = [
                MaskedDense(before[:, None] <= after[None, :], "he_uniform", f"hidden{i}")
                for i, (before, after) in enumerate(itertools.pairwise(degrees))
            ]
            strictly = degrees[-1][:, None] < inputs[None, :]
            self.shift = MaskedDense(strictly, "zeros", "shift")
            self.log_scale = MaskedDense(strictly, "zeros", "log_scale")
            self.built = True

        def call(self, x):
            for layer in self.hidden:
                x = tf.nn.relu(layer(x))
            return self.shift(x), 3.0 * tf.tanh(self.log_scale(x) / 3.0)

    class Maf(GenerativeModel):
        """``u = (x - m(x)) exp(-a(x))``, where m_i and a_i depend on x_1 .. x_(i-1); several of them in turn."""

        def __init__(self, config, data, seed):
            super().__init__(config, data, seed)
            self.codec = LogitCodec(data, alpha=config.alpha, dtype=self.density_dtype)
            self.density = self.codec.density
            self.spread = 4.0 if data.kind == "image" else 1.0  # of logits, which reach 13.8
            self.mades = [Made(data.dimensions, config.units, config.depth, f"made{i}") for i in range(config.flows)]

        def objectives(self):
            return [Objective("nll", self._loss, self.trainable_variables)]

        def _loss(self, batch, seed, context):
            nats = -tf.reduce_mean(self.log_prob(batch.x, seed=seed))
            terms = {"loss": nats / self.data.dimensions, "nll_nats": nats}
            if self.data.kind == "image":
                terms["bits_per_dim"] = bits_per_dim(nats, self.data.dimensions)
            return terms

        def _to_code(self, x, seed):
            """Return the codes of examples, and log |det| of the map to them, [n]."""
            t, log_determinant = self.codec.encode(x, seed)
            t = t / self.spread
            log_determinant -= self.data.dimensions * tf.math.log(tf.cast(self.spread, t.dtype))
            for made in self.mades:
                shift, log_scale = made(t)
                t = tf.reverse((t - shift) * tf.exp(-log_scale), [-1])
                log_determinant -= tf.reduce_sum(log_scale, -1)
            return t, log_determinant

        def prior(self, labels=None):
            self.one_hot(labels)
            return tfp.distributions.Sample(
                tfp.distributions.Normal(tf.zeros([], self.density_dtype), 1.0), [self.data.dimensions]
            )

        def log_prob(self, x, labels=None, seed=0):
            z, log_determinant = self._to_code(x, seed)
            return self.prior(labels).log_prob(z) + log_determinant

        def encode(self, x, labels=None, seed=0):
            self.one_hot(labels)
            return self._to_code(x, seed)[0]

        def decode(self, z, labels=None, seed=0):
            self.one_hot(labels)
            d, t = self.data.dimensions, tf.convert_to_tensor(z)
            for done, made in enumerate(reversed(self.mades)):
                u = tf.reverse(t, [-1])

                def step(i, x, u=u, made=made, done=done):
                    note_progress(done * d + i, len(self.mades) * d)
                    shift, log_scale = made(x)  # right for dimension i, since x is right before it
                    return i + 1, tf.where(tf.range(d) == i, u * tf.exp(log_scale) + shift, x)

                _, t = tf.while_loop(
                    lambda i, x: i < d, step, [tf.constant(0), tf.zeros_like(u)], parallel_iterations=1
                )
            return self.codec.decode(t * self.spread)

        def sample(self, n, labels=None, seed=0, first=0):
            return self.decode(normal([n, self.data.dimensions], seed, self.density_dtype, first), labels)

    return Maf(config, data, seed)


@hookimpl
def tfgen_register(registry):
    """Add the model."""
    registry.add_model(
        ModelSpec(
            name="maf",
            config=MafConfig,
            model=f"{__name__}:build_maf",
            summary="Masked autoregressive flow: exact density by one pass, samples dimension by dimension.",
            reference="Papamakarios, Pavlakou, Murray: Masked autoregressive flow for density estimation, NIPS 2017",
            training={"epochs": 40, "learning_rate": 1e-3, "schedule": "cosine", "clip_norm": 10.0},
            api=1,
        )
    )
