"""Output distributions p(x_i | x_<i) of a PixelCNN: Bernoulli, categorical, discretised logistic mixture.

A pixel's channels v_1 .. v_C come one after another: the network sees earlier pixels, and within the pixel each channel's
distribution depends on the channels before it by learned terms, as in PixelCNN++ (Salimans et al. 2017, section 2.2).
Every function here acts on the last axis, so that the same code scores whole images and draws single pixels.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, Literal

import keras
import tensorflow as tf

from tfgen import DataSpec, binarise
from tfgen.layers import bernoulli_log_prob, discretised_logistic_log_prob, from_signed, matrix_product, to_signed
from tfgen_plugins.pixelcnn import PixelCNNConfig

# Bounds of the log-scale for values in [-1, 1]: the smallest as in PixelCNN++; beyond the largest most of the mass is tails.
_LOG_SCALES = -7.0, 7.0


class Output(keras.layers.Layer, abc.ABC):
    """Base class: the distribution of a pixel's C channels, each of which has one of L values 0 .. L-1.

    Args:
        data: the data set's spec.
        values: number of values L.

    Attributes:
        parameters: distribution parameters for each pixel, the width of the network's output.
        draws: uniform random numbers for each pixel.
        scored_as: ``grey_levels`` or ``bits``: the values that get a probability.
    """

    parameters: int
    draws: int
    scored_as: Literal["grey_levels", "bits"] = "grey_levels"

    def __init__(self, data: DataSpec, values: int) -> None:
        super().__init__(name="output")
        self.data, self.values, self.channels = data, values, data.shape[-1]
        self.draws = self.channels
        self.built = True

    def observe(self, x: tf.Tensor, seed: Any, dtype: tf.DType) -> tf.Tensor:
        """Return the values that are scored, from uint8 images."""
        return tf.cast(x, dtype)

    def scaled(self, values: tf.Tensor) -> tf.Tensor:
        """Return values scaled to [-1, 1], the range of the network's input."""
        return to_signed(values, self.values, values.dtype)

    def images(self, values: tf.Tensor) -> tf.Tensor:
        """Return uint8 images from values."""
        return tf.cast(values, tf.uint8)

    @abc.abstractmethod
    def log_prob(self, values: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return ``log p`` in nats, [...], of pixels [..., C] given distribution parameters [..., parameters]."""

    @abc.abstractmethod
    def draw(self, raw: tf.Tensor, uniforms: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """Sample values [batch, C] given distribution parameters [batch, parameters] and uniform numbers [batch, draws].

        At temperature T probabilities become proportional to ``p^(1/T)``, and the scale of a logistic T times as large.
        """

    def basis(self) -> Mapping[str, Any]:
        """Return the fields of the basis of every metric: the number of levels."""
        return {"levels": self.values}


class Bernoulli(Output):
    """Bernoulli output, a bit for each channel: ``P(v_k = 1) = sigmoid(a_k + sum_{j<k} w_kj (2 v_j - 1))``."""

    scored_as = "bits"

    def __init__(self, data: DataSpec, how: Literal["stochastic", "static", "threshold"]) -> None:
        super().__init__(data, 2)
        self.how, self.parameters = how, self.channels
        if self.channels > 1:
            self.coupling = self.add_weight((self.channels, self.channels), initializer="zeros", name="coupling")

    def observe(self, x: tf.Tensor, seed: Any, dtype: tf.DType) -> tf.Tensor:
        """Binarise images; return bits."""
        return binarise(x, self.data.levels, self.how, seed, dtype)

    def images(self, values: tf.Tensor) -> tf.Tensor:
        """Return black and white uint8 images from bits."""
        return tf.cast(values * (self.data.levels - 1), tf.uint8)

    def _logits(self, values: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        if self.channels == 1:
            return raw
        earlier = tf.linalg.band_part(tf.convert_to_tensor(self.coupling), -1, 0)
        earlier -= tf.linalg.diag(tf.linalg.diag_part(earlier))
        return raw + matrix_product(self.scaled(values), earlier, transpose=True)

    def log_prob(self, values: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return ``sum_k v_k a_k - log(1 + exp(a_k))``."""
        return tf.reduce_sum(bernoulli_log_prob(values, self._logits(values, raw)), axis=-1)

    def draw(self, raw: tf.Tensor, uniforms: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """Return 1 where the uniform number is below the probability."""
        values = tf.zeros_like(raw)
        for _ in range(self.channels):  # after round k the channels 0 .. k are final
            values = tf.cast(uniforms < tf.sigmoid(self._logits(values, raw) / temperature), raw.dtype)
        return values

    def basis(self) -> Mapping[str, Any]:
        """Return the fields of the basis: how images were binarised."""
        return {"binarisation": "threshold 0.5" if self.how == "threshold" else self.how}


class Categorical(Output):
    """Categorical output, one probability per grey level: ``P(v_k) = softmax(a_k + sum_{j<k} W_kj[v_j])``."""

    def __init__(self, data: DataSpec) -> None:
        super().__init__(data, data.levels)
        self.parameters = self.channels * self.values
        self.couplings = {
            (k, j): self.add_weight((self.values, self.values), initializer="zeros", name=f"coupling_{k}_{j}")
            for k in range(self.channels)
            for j in range(k)
        }

    def _logits(self, values: list[tf.Tensor], raw: tf.Tensor) -> tf.Tensor:
        """Return the logits of the next channel given the values of the earlier ones, [..., L]."""
        k = len(values)
        logits = raw[..., k * self.values : (k + 1) * self.values]
        for j, value in enumerate(values):
            logits += tf.gather(tf.convert_to_tensor(self.couplings[k, j]), tf.cast(value, tf.int32))
        return logits

    def log_prob(self, values: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return the sum of ``log softmax``."""
        channels = tf.unstack(values, axis=-1)
        nats = [
            -tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(value, tf.int32), self._logits(channels[:k], raw))
            for k, value in enumerate(channels)
        ]
        return tf.add_n(nats)

    def draw(self, raw: tf.Tensor, uniforms: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """Sample each channel by inverting its distribution function at a uniform number."""
        drawn: list[tf.Tensor] = []
        for k in range(self.channels):
            logits = self._logits(drawn, raw) / temperature
            drawn.append(_sample_index(logits, uniforms[:, k]))
        return tf.stack(drawn, axis=-1)


class LogisticMixture(Output):
    """Discretised logistic mixture as in PixelCNN++ (Salimans et al. 2017): logistics rounded to the nearest grey level.

        P(v) = sum_m pi_m prod_k [F((v_k + 1/2 - mu_mk) / s_mk) - F((v_k - 1/2 - mu_mk) / s_mk)],
        mu_mk = b_mk + sum_{j<k} tanh(c_mkj) v_j

    with values scaled to [-1, 1], F the logistic function, F = 0 below the lowest and 1 above the highest value: the
    tails belong to the outermost values.
    """

    def __init__(self, data: DataSpec, components: int) -> None:
        super().__init__(data, data.levels)
        self.components, self.draws = components, 1 + self.channels
        self.pairs = self.channels * (self.channels - 1) // 2
        self.parameters = components * (1 + 2 * self.channels + self.pairs)

    def _split(self, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return log-weights [..., M], locations and log-scales [..., C, M], and coefficients [..., pairs, M]."""
        m, c = self.components, self.channels
        by_component = tf.reshape(raw, tf.concat([tf.shape(raw)[:-1], [raw.shape[-1] // m, m]], axis=0))
        logits, location, log_scale, pairs = tf.split(by_component, [1, c, c, self.pairs], axis=-2)
        return logits[..., 0, :], location, tf.clip_by_value(log_scale, *_LOG_SCALES), tf.tanh(pairs)

    def _location(self, k: int, earlier: list[tf.Tensor], location: tf.Tensor, pairs: tf.Tensor) -> tf.Tensor:
        """Return the locations of channel k, [..., M], given the scaled values of the earlier channels."""
        first = k * (k - 1) // 2
        terms = [pairs[..., first + j, :] * value[..., None] for j, value in enumerate(earlier[:k])]
        return tf.add_n([location[..., k, :], *terms])

    def log_prob(self, values: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return ``log sum_m pi_m prod_k P_m(v_k)``."""
        logits, location, log_scale, pairs = self._split(raw)
        channels = tf.unstack(self.scaled(values), axis=-1)
        nats = tf.nn.log_softmax(logits)
        for k, value in enumerate(channels):
            centre = self._location(k, channels, location, pairs)
            precision = tf.exp(-log_scale[..., k, :])
            nats += discretised_logistic_log_prob(value[..., None], centre, precision, self.values)
        return tf.reduce_logsumexp(nats, axis=-1)

    def draw(self, raw: tf.Tensor, uniforms: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """Sample a component by the first uniform number, then each channel by the quantile function of its logistic."""
        logits, location, log_scale, pairs = self._split(raw)
        chosen = tf.one_hot(tf.cast(_sample_index(logits / temperature, uniforms[:, 0]), tf.int32), self.components)
        chosen = tf.cast(chosen, raw.dtype)
        drawn: list[tf.Tensor] = []
        values: list[tf.Tensor] = []
        for k in range(self.channels):
            centre = tf.reduce_sum(chosen * self._location(k, drawn, location, pairs), axis=-1)
            scale = temperature * tf.exp(tf.reduce_sum(chosen * log_scale[..., k, :], axis=-1))
            u = tf.clip_by_value(uniforms[:, 1 + k], 1e-7, 1 - 1e-7)
            x = centre + scale * (tf.math.log(u) - tf.math.log1p(-u))
            values.append(tf.clip_by_value(tf.round(from_signed(x, self.values)), 0.0, self.values - 1.0))
            drawn.append(self.scaled(values[-1]))
        return tf.stack(values, axis=-1)


def _sample_index(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Sample from ``softmax(logits)`` [batch, k] by inversion at uniform numbers [batch]; return indices [batch]."""
    cumulated = tf.cumsum(tf.nn.softmax(logits), axis=-1)
    # Rounding may leave the last sum below 1: then the last index is drawn, never one beyond.
    steps = tf.cast(cumulated <= uniform[:, None] * cumulated[:, -1:], logits.dtype)
    return tf.minimum(tf.reduce_sum(steps, axis=-1), tf.cast(logits.shape[-1] - 1, logits.dtype))


def build_output(config: PixelCNNConfig, data: DataSpec) -> Output:
    """Build the output distribution of a `PixelCNNConfig`."""
    if config.output == "bernoulli":
        return Bernoulli(data, config.binarise)
    if config.output == "categorical":
        return Categorical(data)
    return LogisticMixture(data, config.components)
