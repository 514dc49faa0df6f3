"""Likelihoods p(x|z) of a VAE: Bernoulli, continuous Bernoulli, Gaussian, discretised logistic.

Images v in {0, ..., L-1} become bits, real numbers in [0, 1), or stay as they are; each likelihood says what its densities
are then of. Densities of dequantised images are per grey level: with ``y = (v + u) / L`` this is
``log p(y) - D log L``, whose mean over u bounds the log-probability of v from below (Theis et al. 2016, section 3.1).
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import DataSpec, binarise, dequantise, normal, uniform
from tfgen.layers import bernoulli_log_prob, discretised_logistic_log_prob, to_signed, to_unit
from tfgen_plugins.vae import VAEConfig

tfb, tfd = tfp.bijectors, tfp.distributions

ScoredAs = Literal["grey_levels", "bits", "cross_entropy"]

_SMALLEST_SCALE = 1e-3  # of the data's range


class Likelihood(abc.ABC):
    """p(x|z) of one example, independent over its D numbers given z.

    Args:
        data: what an example is.
        dtype: of densities.

    Attributes:
        parameters: how many numbers of the decoder each pixel needs.
        scored_as: what the densities are of.
    """

    parameters = 1
    scored_as: ScoredAs = "grey_levels"

    def __init__(self, data: DataSpec, dtype: tf.DType) -> None:
        self.data, self.dtype = data, dtype

    @abc.abstractmethod
    def observe(self, x: tf.Tensor, seed: Any) -> tf.Tensor:
        """Return what the encoder sees and the densities score, of the shape of the examples."""

    @abc.abstractmethod
    def distribution(self, raw: tf.Tensor) -> Any:
        """Return the `tfd.Distribution` of each pixel, batch [...], for the decoder's numbers [..., parameters]."""

    def levels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return observed or mean pixels in units of the data: grey levels 0 .. L-1, not yet rounded."""
        return pixels

    def log_prob(self, observed: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return log p(x|z) [..., n] of examples [n, *shape] for the decoder's numbers [..., n, *shape, parameters]."""
        pixels = self.distribution(raw).log_prob(observed)
        return tf.reduce_sum(pixels, axis=list(range(-len(self.data.shape), 0)))

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """Return the mean of each pixel in units of the data."""
        return self.levels(self.distribution(raw).mean())

    def sample(self, raw: tf.Tensor, seed: Any, first: Any = None) -> tf.Tensor:
        """Return a draw of each pixel in units of the data, for raw numbers [n, *shape, parameters].

        Args:
            raw: the decoder's numbers.
            seed: of the draws.
            first: index of the first example, as in `tfgen.uniform`.
        """
        return self.levels(self.quantile(raw, uniform(raw.shape[:-1].as_list(), seed, self.dtype, first)))

    def quantile(self, raw: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Return where each pixel's distribution function reaches u, [...], for raw numbers [..., parameters]."""
        return self.distribution(raw).quantile(u)

    def basis(self) -> Mapping[str, Any]:
        """Return what has to be said beside each number."""
        return {"levels": self.data.levels}


class Bernoulli(Likelihood):
    """A bit for each pixel, of probability sigmoid(a); grey levels become bits first, or are scored as they are.

    Scoring a grey level g in [0, 1] gives ``g log p + (1 - g) log(1 - p)``, a cross-entropy: as a function of g this is no
    density and sums to nothing, whatever it is called elsewhere.

    Args:
        data: what an image is.
        dtype: of densities.
        binarise: the way of `tfgen.binarise`, or ``none``.
    """

    def __init__(
        self, data: DataSpec, dtype: tf.DType, binarise: Literal["stochastic", "static", "threshold", "none"]
    ) -> None:
        super().__init__(data, dtype)
        self.binarise = binarise
        self.scored_as = "cross_entropy" if binarise == "none" else "bits"

    def observe(self, x: tf.Tensor, seed: Any) -> tf.Tensor:
        """Return bits, or grey levels in [0, 1]."""
        if self.binarise == "none":
            return to_unit(x, self.data.levels, self.dtype)
        return binarise(x, self.data.levels, self.binarise, seed, self.dtype)

    def distribution(self, raw: tf.Tensor) -> Any:
        """Return Bernoulli(sigmoid(a))."""
        return tfd.Bernoulli(logits=tf.squeeze(raw, axis=-1), dtype=self.dtype)

    def quantile(self, raw: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Return 1 where u is below the probability of a 1; TensorFlow Probability has no such method."""
        return tf.cast(u < tf.sigmoid(tf.squeeze(raw, axis=-1)), self.dtype)

    def log_prob(self, observed: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return the sum of ``g a - log(1 + e^a)``: that of the distribution's log_prob, by one softplus instead of two."""
        logits = tf.squeeze(raw, axis=-1)  # unlike an index, no pass over the pixels
        axes = list(range(-len(self.data.shape), 0))
        return tf.reduce_sum(bernoulli_log_prob(observed, logits), axis=axes)

    def levels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return bits or probabilities times L-1."""
        return pixels * (self.data.levels - 1)

    def basis(self) -> Mapping[str, Any]:
        """Return how images became bits."""
        return {"binarisation": "threshold 0.5" if self.binarise == "threshold" else self.binarise}


class _Dequantised(Likelihood):
    """A density on the real line of ``y = (v + u) / L`` in [0, 1)."""

    def observe(self, x: tf.Tensor, seed: Any) -> tf.Tensor:
        """Return dequantised grey levels in [0, 1); vectors as they are."""
        if self.data.kind == "vector":
            return tf.cast(x, self.dtype)
        return dequantise(x, self.data.levels, seed, self.dtype) / self.data.levels

    def levels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return y L - 1/2: the middle of the cell of level v is at (v + 1/2) / L."""
        return pixels if self.data.kind == "vector" else pixels * self.data.levels - 0.5

    def log_prob(self, observed: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return log p(x|z) per grey level."""
        nats = super().log_prob(observed, raw)
        return nats if self.data.kind == "vector" else nats - self.data.dimensions * math.log(self.data.levels)

    def basis(self) -> Mapping[str, Any]:
        """Return how images became continuous."""
        if self.data.kind == "vector":
            return {}
        return {"dequantisation": "uniform", "levels": self.data.levels}


class ContinuousBernoulli(_Dequantised):
    """A density on [0, 1] proportional to ``p^y (1 - p)^(1 - y)`` (Loaiza-Ganem, Cunningham 2019, equation 3)."""

    def distribution(self, raw: tf.Tensor) -> Any:
        """Return ContinuousBernoulli(sigmoid(a))."""
        return tfd.ContinuousBernoulli(logits=tf.squeeze(raw, axis=-1))


class Gaussian(_Dequantised):
    """A normal with a mean and a scale for each number, ``scale = softplus(b) + 0.001``."""

    parameters = 2

    def distribution(self, raw: tf.Tensor) -> Any:
        """Return Normal(a, softplus(b) + 0.001)."""
        return tfd.Normal(raw[..., 0], tf.math.softplus(raw[..., 1]) + _SMALLEST_SCALE)

    def sample(self, raw: tf.Tensor, seed: Any, first: Any = None) -> tf.Tensor:
        """Return a draw of each number, by `tfgen.normal`: the quantile at a uniform number of 0 would be infinite."""
        numbers = self.distribution(raw)
        noise = normal(raw.shape[:-1].as_list(), seed, self.dtype, first)
        return self.levels(numbers.loc + numbers.scale * noise)


class DiscretizedLogistic(Likelihood):
    """Probabilities of the L grey levels: a logistic rounded to the nearest one, its tails to the outermost ones.

    ``P(v) = F(v + 1/2) - F(v - 1/2)``, with F(-1/2) taken as 0 and F(L - 1/2) as 1 (Kingma et al. 2016, appendix; Salimans
    et al. 2017, equation 2).
    """

    parameters = 2

    def observe(self, x: tf.Tensor, seed: Any) -> tf.Tensor:
        """Return grey levels in [0, 1]."""
        return to_unit(x, self.data.levels, self.dtype)

    def distribution(self, raw: tf.Tensor) -> Any:
        """Return the distribution of the level v = 0 .. L-1."""
        top = self.data.levels - 1
        location = top * raw[..., 0]
        scale = top * (tf.math.softplus(raw[..., 1]) / 4 + _SMALLEST_SCALE)
        # TFP rounds up; rounding to the nearest is rounding up what lies half a level lower.
        lower = tfd.TransformedDistribution(tfd.Logistic(location, scale), tfb.Shift(tf.constant(-0.5, self.dtype)))
        return tfd.QuantizedDistribution(lower, low=0.0, high=float(top))

    def quantile(self, raw: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Return the level of the logistic's quantile; TensorFlow Probability has no such method.

        Rounding up and the outermost levels do not change the order of numbers, so the quantile goes through both.
        """
        levels = self.distribution(raw)
        return tf.clip_by_value(tf.math.ceil(levels.distribution.quantile(u)), levels.low, levels.high)

    def log_prob(self, observed: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return log P(v|z)."""
        levels = self.data.levels
        values = to_signed(tf.round(observed * (levels - 1)), levels, self.dtype)
        scale = tf.math.softplus(raw[..., 1]) / 2 + 2 * _SMALLEST_SCALE
        pixels = discretised_logistic_log_prob(values, 2 * raw[..., 0] - 1, 1 / scale, levels)
        return tf.reduce_sum(pixels, axis=list(range(-len(self.data.shape), 0)))

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """Return the median, which is the logistic's location within the grey levels."""
        top = self.data.levels - 1
        return tf.clip_by_value(top * raw[..., 0], tf.zeros([], self.dtype), tf.cast(top, self.dtype))


def likelihood_of(config: VAEConfig, data: DataSpec, dtype: tf.DType) -> Likelihood:
    """Return the likelihood that the options name."""
    if config.likelihood == "bernoulli":
        return Bernoulli(data, dtype, config.binarise)
    others: dict[str, Callable[[DataSpec, tf.DType], Likelihood]] = {
        "continuous_bernoulli": ContinuousBernoulli,
        "gaussian": Gaussian,
        "discretized_logistic": DiscretizedLogistic,
    }
    return others[config.likelihood](data, dtype)
