"""Likelihoods p(x|z) of a VAE: Bernoulli, continuous Bernoulli, Gaussian, discretised logistic.

Images v in {0, ..., L-1} become bits, real numbers in [0, 1), or stay grey levels; `scored_as` and `basis` of a likelihood
say which of these its density is for. Densities of dequantised images are per grey level: with ``y = (v + u) / L`` this is
``log p(y) - D log L``, whose mean over u bounds the log-probability of v from below (Theis et al. 2016, section 3.1).
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import DataSpec, binarise, dequantise, fold_in, normal, uniform
from tfgen.layers import (
    LogitCodec,
    bernoulli_log_prob,
    discretised_logistic_log_prob,
    leading_shape,
    to_signed,
    to_unit,
)
from tfgen_plugins.vae import VAEConfig

tfb, tfd = tfp.bijectors, tfp.distributions

ScoredAs = Literal["grey_levels", "bits", "cross_entropy"]

_SMALLEST_SCALE = 1e-3  # of a Gaussian or logistic, as a fraction of the range of the data
_OBSERVATION = 0  # purpose of a seed, the one that the codec of flows has for its noise


class Likelihood(abc.ABC):
    """Base class of decoder distributions p(x|z): pixels are independent given z.

    Args:
        data: the data set's spec.
        dtype: of densities.

    Attributes:
        parameters: distribution parameters for each pixel, the width of the decoder's output.
        scored_as: ``grey_levels``, ``bits`` or ``cross_entropy``: the kind of value that is scored.
    """

    parameters = 1
    scored_as: ScoredAs = "grey_levels"

    def __init__(self, data: DataSpec, dtype: tf.DType) -> None:
        self.data, self.dtype = data, dtype
        self.codec = LogitCodec(data, dtype=dtype)  # of vectors

    @abc.abstractmethod
    def observe(self, x: tf.Tensor, seed: Any) -> tf.Tensor:
        """Return the observed values: the encoder's input and the argument of the density, in the shape of the examples.

        The noise of an example is that of other models under the same seed, so that noise cancels in a likelihood ratio.
        """

    @abc.abstractmethod
    def distribution(self, raw: tf.Tensor) -> Any:
        """Return the `tfd.Distribution` of each pixel, batch [...], for decoder outputs [..., parameters]."""

    def levels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return observed or mean pixels in units of the data: grey levels 0 .. L-1, not rounded."""
        return pixels

    def log_prob(self, observed: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return log p(x|z) [..., n] of examples [n, *shape] for decoder outputs [..., n, *shape, parameters]."""
        pixels = self.distribution(raw).log_prob(observed)
        return tf.reduce_sum(pixels, axis=list(range(-len(self.data.shape), 0)))

    def log_prob_of_each(self, observed: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return log p(x_i|z_j), [n, k], of examples [n, *shape] for decoder outputs [k, *shape, parameters]."""
        return tf.map_fn(
            lambda one: self.log_prob(one[None], raw),
            observed,
            fn_output_signature=tf.TensorSpec(raw.shape[:1], self.dtype),
        )

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """Return the mean of each pixel in units of the data."""
        return self.levels(self.distribution(raw).mean())

    def sample(self, raw: tf.Tensor, seed: Any, first: Any = None) -> tf.Tensor:
        """Sample each pixel in units of the data, for decoder outputs [n, *shape, parameters].

        Args:
            raw: outputs of the decoder.
            seed: of the random numbers.
            first: index of the first example, as in `tfgen.uniform`.
        """
        return self.levels(self.quantile(raw, uniform(leading_shape(raw), seed, self.dtype, first)))

    def quantile(self, raw: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Return the quantile of each pixel's distribution at u [...], for decoder outputs [..., parameters]."""
        return self.distribution(raw).quantile(u)

    def basis(self) -> Mapping[str, Any]:
        """Return the fields of the basis of every metric: the number of levels."""
        return {"levels": self.data.levels}


class Bernoulli(Likelihood):
    """Bernoulli likelihood, a bit with probability sigmoid(a) for each pixel; grey levels are binarised, or scored as they are.

    Scoring a grey level g in [0, 1] gives ``g log p + (1 - g) log(1 - p)``, the binary cross-entropy of many VAE tutorials: as
    a function of g it is not normalised, so it is no density.

    Args:
        data: the data set's spec.
        dtype: of densities.
        binarise: ``how`` of `tfgen.binarise`, or ``none``.
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
        return binarise(x, self.data.levels, self.binarise, fold_in(seed, _OBSERVATION), self.dtype)

    def distribution(self, raw: tf.Tensor) -> Any:
        """Return Bernoulli(sigmoid(a))."""
        return tfd.Bernoulli(logits=tf.squeeze(raw, axis=-1), dtype=self.dtype)

    def quantile(self, raw: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Return 1 where u is below the probability of a 1; TensorFlow Probability has no such method."""
        return tf.cast(u < tf.sigmoid(tf.squeeze(raw, axis=-1)), self.dtype)

    def log_prob(self, observed: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return the sum of ``g a - log(1 + e^a)``: the distribution's log_prob with one softplus instead of two."""
        logits = tf.squeeze(raw, axis=-1)  # unlike an index, no pass over the pixels
        axes = list(range(-len(self.data.shape), 0))
        return tf.reduce_sum(bernoulli_log_prob(observed, logits), axis=axes)

    def log_prob_of_each(self, observed: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return log p(x_i|z_j), [n, k]: ``sum g a - sum log(1 + e^a)``, the first a product of matrices."""
        size = self.data.dimensions
        logits = tf.reshape(raw, [-1, size])
        products = tf.matmul(tf.reshape(observed, [-1, size]), logits, transpose_b=True)
        return products - tf.reduce_sum(tf.math.softplus(logits), axis=-1)

    def levels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return bits or probabilities times L-1."""
        return pixels * (self.data.levels - 1)

    def basis(self) -> Mapping[str, Any]:
        """Return the fields of the basis: how images were binarised."""
        return {"binarisation": "threshold 0.5" if self.binarise == "threshold" else self.binarise}


class _Dequantised(Likelihood):
    """Base class of densities of dequantised images, ``y = (v + u) / L`` in [0, 1)."""

    def observe(self, x: tf.Tensor, seed: Any) -> tf.Tensor:
        """Return dequantised grey levels in [0, 1); the points that the codec makes of vectors."""
        if not self.data.quantised:
            return self.codec.encode(x, seed)[0]
        return dequantise(x, self.data.levels, fold_in(seed, _OBSERVATION), self.dtype, unit=True)

    def levels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return y L - 1/2: the middle of the cell of level v is at (v + 1/2) / L; vectors in their units."""
        if self.data.quantised:
            return pixels * self.data.levels - 0.5
        return self.codec.bijector().forward(tf.identity(pixels))

    def log_prob(self, observed: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return log p(x|z) per grey level; of vectors in their units, ``log p(t|z) - log |det dy/dt|``."""
        nats = super().log_prob(observed, raw)
        if self.data.quantised:
            return nats - self.data.dimensions * math.log(self.data.levels)
        return nats - self.codec.bijector().forward_log_det_jacobian(tf.identity(observed), event_ndims=1)

    def basis(self) -> Mapping[str, Any]:
        """Return the fields of the basis: how images were dequantised, and vectors scaled."""
        if not self.data.quantised:
            return self.codec.basis()
        return {"dequantisation": "uniform", "levels": self.data.levels}


class ContinuousBernoulli(_Dequantised):
    """Continuous Bernoulli: a density ~ ``p^y (1 - p)^(1 - y)`` on [0, 1] (Loaiza-Ganem, Cunningham 2019, equation 3)."""

    def distribution(self, raw: tf.Tensor) -> Any:
        """Return ContinuousBernoulli(sigmoid(a))."""
        return tfd.ContinuousBernoulli(logits=tf.squeeze(raw, axis=-1))


class Gaussian(_Dequantised):
    """Gaussian likelihood with mean and scale for each pixel, ``scale = softplus(b) + 0.001``."""

    parameters = 2

    def distribution(self, raw: tf.Tensor) -> Any:
        """Return Normal(a, softplus(b) + 0.001)."""
        return tfd.Normal(raw[..., 0], tf.math.softplus(raw[..., 1]) + _SMALLEST_SCALE)

    def sample(self, raw: tf.Tensor, seed: Any, first: Any = None) -> tf.Tensor:
        """Sample each pixel by `tfgen.normal`: the quantile at a uniform number of 0 would be infinite."""
        numbers = self.distribution(raw)
        noise = normal(leading_shape(raw), seed, self.dtype, first)
        return self.levels(numbers.loc + numbers.scale * noise)


class ConstantScale(keras.layers.Layer):
    """Scale of a Gaussian likelihood that does not depend on the code: ``softplus(b) + 0.001``, b weights.

    Args:
        shape: of the scales, that of an example, or () for one that all its values share.
        dtype: of densities.
    """

    def __init__(self, shape: Sequence[int], dtype: tf.DType) -> None:
        super().__init__(name="scale")
        self.raw = self.add_weight(
            shape=tuple(shape), initializer="zeros", name="raw", dtype=dtype.name, autocast=False
        )
        self.built = True

    def value(self) -> tf.Tensor:
        """Return the scales."""
        return tf.math.softplus(self.raw.value) + _SMALLEST_SCALE


class ConstantGaussian(Gaussian):
    """Gaussian likelihood with the mean of the decoder and constant scales: of linear networks factor analysis or pPCA.

    ``p(x|z) = N(m(z), diag(s^2))``. With ``m(z) = W z + b`` and a standard normal prior p(x) is a Gaussian with covariance
    ``W W^T + diag(s^2)``: factor analysis; with one s for all dimensions probabilistic PCA (Tipping, Bishop 1999,
    equation 4).

    Args:
        data: the data set's spec.
        dtype: of densities.
        scale: the scales.
    """

    parameters = 1

    def __init__(self, data: DataSpec, dtype: tf.DType, scale: ConstantScale) -> None:
        super().__init__(data, dtype)
        self.scale = scale

    def distribution(self, raw: tf.Tensor) -> Any:
        """Return Normal(a, s)."""
        loc = tf.squeeze(raw, axis=-1)
        return tfd.Normal(loc, tf.broadcast_to(self.scale.value(), tf.shape(loc)[-len(self.data.shape) :]))


class DiscretizedLogistic(Likelihood):
    """Discretised logistic likelihood: a logistic rounded to grey levels; the tails belong to the outermost levels.

    ``P(v) = F(v + 1/2) - F(v - 1/2)``, with F(-1/2) taken as 0 and F(L - 1/2) as 1 (Kingma et al. 2016, appendix; Salimans
    et al. 2017, equation 2).
    """

    parameters = 2

    def observe(self, x: tf.Tensor, seed: Any) -> tf.Tensor:
        """Return grey levels in [0, 1]."""
        return to_unit(x, self.data.levels, self.dtype)

    def distribution(self, raw: tf.Tensor) -> Any:
        """Return the distribution of the grey level v = 0 .. L-1."""
        top = self.data.levels - 1
        location = top * raw[..., 0]
        scale = top * (tf.math.softplus(raw[..., 1]) / 4 + _SMALLEST_SCALE)
        # TFP rounds up; rounding to the nearest is rounding up after a shift by half a level.
        lower = tfd.TransformedDistribution(tfd.Logistic(location, scale), tfb.Shift(tf.constant(-0.5, self.dtype)))
        return tfd.QuantizedDistribution(lower, low=0.0, high=float(top))

    def quantile(self, raw: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Return the grey level of the logistic's quantile; TensorFlow Probability has no such method.

        Rounding up and clipping are monotone, so the quantile passes through both.
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


def build_likelihood(
    config: VAEConfig, data: DataSpec, dtype: tf.DType, scale: ConstantScale | None = None
) -> Likelihood:
    """Build the likelihood p(x|z) of a `VAEConfig`, with the scale of `build_scale`."""
    if scale is not None:
        return ConstantGaussian(data, dtype, scale)
    if config.likelihood == "bernoulli":
        return Bernoulli(data, dtype, config.binarise)
    others: dict[str, Callable[[DataSpec, tf.DType], Likelihood]] = {
        "continuous_bernoulli": ContinuousBernoulli,
        "gaussian": Gaussian,
        "discretized_logistic": DiscretizedLogistic,
    }
    return others[config.likelihood](data, dtype)


def build_scale(config: VAEConfig, data: DataSpec, dtype: tf.DType) -> ConstantScale | None:
    """Return the scale of p(x|z) of a `VAEConfig` where it does not depend on the code, else None."""
    if config.variance == "network":
        return None
    return ConstantScale(data.shape if config.variance == "dimension" else (), dtype)
