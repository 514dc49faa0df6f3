"""Priors p(z) and p(z|y) of a VAE: standard, Gaussian mixture, VampPrior, flow, conditional."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import DataSpec, normal, split_seed, uniform
from tfgen.layers import context_network
from tfgen_plugins.flows import RealNVP, RealNVPConfig
from tfgen_plugins.vae import VAEConfig

tfd = tfp.distributions

_PSEUDO_INPUT_SPREAD = 1.0


class Prior(keras.layers.Layer):
    """Standard normal prior p(z) = N(0, I); other priors are its subclasses.

    Args:
        latent: size of a code.
        dtype: of densities.
    """

    def __init__(self, latent: int, dtype: tf.DType) -> None:
        super().__init__(name="prior", dtype=dtype.name)
        self.latent, self.density_dtype = latent, dtype
        self.built = True

    def factors(self, one_hot: tf.Tensor | None) -> Any:
        """Return the normals of each dimension, [..., latent], if the prior is a diagonal Gaussian; else None.

        Args:
            one_hot: labels [n, classes], or None.
        """
        return tfd.Normal(tf.zeros([self.latent], self.density_dtype), tf.ones([self.latent], self.density_dtype))

    def distribution(self, one_hot: tf.Tensor | None) -> Any:
        """Return the `tfd.Distribution` of codes [latent]; if it depends on labels [n, classes], a batch of n."""
        return tfd.Independent(self.factors(one_hot), 1)

    def sample(self, n: int, one_hot: tf.Tensor | None, seed: Any, first: Any) -> tf.Tensor:
        """Sample the codes ``first .. first + n - 1`` of a seed, [n, latent].

        Args:
            n: number of codes.
            one_hot: labels [n, classes], or None.
            seed: an integer or a stateless seed.
            first: index of the first code.
        """
        normals = self.factors(one_hot)
        return normals.loc + normals.scale * self._noise(n, seed, first)

    def _noise(self, n: int, seed: Any, first: Any) -> tf.Tensor:
        return normal([n, self.latent], seed, self.density_dtype, first)


class ConditionalPrior(Prior):
    """Conditional prior p(z|y): a Gaussian with learned mean and scale for each label, initially the standard normal.

    With a context, mean and scale are computed by a network.

    Args:
        latent: size of a code.
        dtype: of densities.
        classes: width of the condition.
        numbers: whether a context is part of it, and not labels alone.
    """

    def __init__(self, latent: int, dtype: tf.DType, classes: int, numbers: bool) -> None:
        super().__init__(latent, dtype)
        self.network = context_network(classes, 2 * latent, dtype) if numbers else None
        if self.network is not None:
            return
        self.means = self.add_weight(shape=(classes, latent), initializer="zeros", name="means")
        self.log_scales = self.add_weight(shape=(classes, latent), initializer="zeros", name="log_scales")

    def factors(self, one_hot: tf.Tensor | None) -> Any:
        """Return the normals of each label, [n, latent]."""
        if self.network is not None:
            mean, log_scale = tf.split(self.network(one_hot), 2, axis=-1)
            return tfd.Normal(mean, tf.exp(log_scale))
        return tfd.Normal(one_hot @ self.means, tf.exp(one_hot @ self.log_scales))


class _Mixture(Prior):
    """Base class of priors that are mixtures of diagonal Gaussians."""

    def factors(self, one_hot: tf.Tensor | None) -> Any:
        """Return None: a mixture has no closed-form KL."""
        return None

    def sample(self, n: int, one_hot: tf.Tensor | None, seed: Any, first: Any) -> tf.Tensor:
        """Sample codes: a component by a uniform number, then a normal around the component's mean."""
        result = self.distribution(one_hot)
        weights = tf.math.cumsum(result.mixture_distribution.probs_parameter())
        which, around = split_seed(seed, 2)
        u = uniform([n, 1], which, self.density_dtype, first) * weights[-1]
        chosen = tf.minimum(tf.reduce_sum(tf.cast(weights <= u, tf.int32), axis=1), weights.shape[0] - 1)
        normals = result.components_distribution.distribution
        return tf.gather(normals.loc, chosen) + tf.gather(normals.scale, chosen) * self._noise(n, around, first)


class MixturePrior(_Mixture):
    """Mixture of Gaussians prior, ``p(z) = sum_k w_k N(z; m_k, s_k^2)``, with learned weights, means and scales.

    Args:
        latent: size of a code.
        dtype: of densities.
        components: K.
        seed: of the initial means, which are drawn from the standard normal.
    """

    def __init__(self, latent: int, dtype: tf.DType, components: int, seed: int) -> None:
        super().__init__(latent, dtype)
        spread = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
        self.logits = self.add_weight(shape=(components,), initializer="zeros", name="logits")
        self.means = self.add_weight(shape=(components, latent), initializer=spread, name="means")
        self.log_scales = self.add_weight(shape=(components, latent), initializer="zeros", name="log_scales")

    def distribution(self, one_hot: tf.Tensor | None) -> Any:
        """Return the mixture."""
        return mixture(self.logits.value, self.means.value, tf.exp(self.log_scales))


class VampPrior(_Mixture):
    """VampPrior: ``p(z) = 1/K sum_k q(z|u_k)`` with learned pseudo-inputs u_k (Tomczak, Welling 2018, equation 9).

    For a conditional encoder each pseudo-input has a learned label too, a probability vector over the classes.

    Args:
        latent: size of a code.
        dtype: of densities.
        components: K.
        seed: of the initial pseudo-inputs.
        data: the data set's spec.
        classes: number of classes, 0 for an unconditional encoder.
        posterior: ``(observed, one_hot) -> tfd.Normal`` [n, latent], the normals of q(z|x, y).
    """

    def __init__(
        self,
        latent: int,
        dtype: tf.DType,
        components: int,
        seed: int,
        data: DataSpec,
        classes: int,
        posterior: Callable[[tf.Tensor, tf.Tensor | None], Any],
    ) -> None:
        super().__init__(latent, dtype)
        self.posterior, self.quantised = posterior, data.quantised
        spread = keras.initializers.RandomNormal(stddev=_PSEUDO_INPUT_SPREAD, seed=seed)
        self.inputs = self.add_weight(shape=(components, *data.shape), initializer=spread, name="pseudo_inputs")
        self.labels = None
        if classes:
            self.labels = self.add_weight(shape=(components, classes), initializer=spread, name="pseudo_labels")

    def distribution(self, one_hot: tf.Tensor | None) -> Any:
        """Return the mixture of the pseudo-inputs' posteriors."""
        inputs = tf.sigmoid(self.inputs) if self.quantised else self.inputs.value
        labels = None if self.labels is None else tf.nn.softmax(self.labels)
        normals = self.posterior(inputs, labels)
        return mixture(tf.zeros([self.inputs.shape[0]], self.density_dtype), normals.loc, normals.scale)


class FlowPrior(Prior):
    """Flow prior: a Real NVP over codes (Chen et al.: Variational lossy autoencoder, 2017, section 3.2).

    Args:
        latent: size of a code.
        dtype: of densities.
        layers: coupling layers.
        units: width of the couplings' hidden layers.
        seed: of the initial weights.
    """

    def __init__(self, latent: int, dtype: tf.DType, layers: int, units: int, seed: int) -> None:
        super().__init__(latent, dtype)
        config = RealNVPConfig(layers=layers, units=units, linear="none")
        self.flow = RealNVP(config, DataSpec("vector", (latent,)), seed)

    def factors(self, one_hot: tf.Tensor | None) -> Any:
        """Return None: a flow has no closed-form KL."""
        return None

    def distribution(self, one_hot: tf.Tensor | None) -> Any:
        """Return the flow's distribution."""
        return self.flow.distribution()

    def sample(self, n: int, one_hot: tf.Tensor | None, seed: Any, first: Any) -> tf.Tensor:
        """Sample codes: standard normals mapped by the flow."""
        return self.flow.sample(n, seed=seed, first=first)


def mixture(logits: tf.Tensor, means: tf.Tensor, scales: tf.Tensor) -> Any:
    """Return the mixture of diagonal Gaussians with means and scales [K, latent] and weights softmax(logits), [K]."""
    return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), tfd.Independent(tfd.Normal(means, scales), 1))


def build_prior(
    config: VAEConfig,
    data: DataSpec,
    classes: int,
    seed: int,
    dtype: tf.DType,
    posterior: Callable[[tf.Tensor, tf.Tensor | None], Any],
    numbers: bool,
) -> Prior:
    """Build the prior of a `VAEConfig`; arguments as for the priors."""
    if config.prior == "mog":
        return MixturePrior(config.latent, dtype, config.components, seed)
    if config.prior == "vamp":
        return VampPrior(config.latent, dtype, config.components, seed, data, classes, posterior)
    if config.prior == "flow":
        return FlowPrior(config.latent, dtype, config.flow_layers, config.flow_units, seed)
    if config.prior == "standard":
        return Prior(config.latent, dtype)
    return ConditionalPrior(config.latent, dtype, classes, numbers)
