"""Output distributions p(x_i | x_<i) of a PixelCNN: Bernoulli, categorical, discretised logistic mixture.

A pixel's channels v_1 .. v_C come one after another: the network sees earlier pixels, and within the pixel each channel's
distribution depends on the channels before it by terms of its own, as in PixelCNN++ (Salimans et al. 2017, section 2.2).
Everything here acts on the last axis, so that the same lines score whole images and draw single pixels.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, Literal

import keras
import tensorflow as tf

from tfgen import DataSpec, binarise
from tfgen.layers import bernoulli_log_prob, discretised_logistic_log_prob, from_signed, to_signed
from tfgen_plugins.pixelcnn import PixelCNNConfig

# Of the range from -1 to 1: the smallest as in PixelCNN++; beyond the largest, ever more of the mass would lie in the tails.
_LOG_SCALES = -7.0, 7.0


class Output(keras.layers.Layer, abc.ABC):
    """The distribution of a pixel's C channels, each of them one of L values 0 .. L-1.

    Args:
        data: what an image is.
        values: L.

    Attributes:
        parameters: how many numbers of the network a pixel needs.
        draws: how many uniform numbers drawing a pixel takes.
        scored_as: what the probabilities are of.
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
        """Return the values of images."""
        return tf.cast(x, dtype)

    def scaled(self, values: tf.Tensor) -> tf.Tensor:
        """Return values from -1 to 1, as the network is to see them."""
        return to_signed(values, self.values, values.dtype)

    def images(self, values: tf.Tensor) -> tf.Tensor:
        """Return the uint8 images of values."""
        return tf.cast(values, tf.uint8)

    @abc.abstractmethod
    def log_prob(self, values: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return the nats of pixels [..., C], given the network's numbers [..., parameters]: [...]."""

    @abc.abstractmethod
    def draw(self, raw: tf.Tensor, uniforms: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """Return values [batch, C] for the network's numbers and uniform ones [batch, draws].

        At temperature T probabilities become proportional to ``p^(1/T)``, of a logistic its scale T times as large.
        """

    def basis(self) -> Mapping[str, Any]:
        """Return what has to be said beside each number."""
        return {"levels": self.values}


class Bernoulli(Output):
    """A bit for each channel: ``P(v_k = 1) = sigmoid(a_k + sum_{j<k} w_kj (2 v_j - 1))``."""

    scored_as = "bits"

    def __init__(self, data: DataSpec, how: Literal["stochastic", "static", "threshold"]) -> None:
        super().__init__(data, 2)
        self.how, self.parameters = how, self.channels
        if self.channels > 1:
            self.coupling = self.add_weight((self.channels, self.channels), initializer="zeros", name="coupling")

    def observe(self, x: tf.Tensor, seed: Any, dtype: tf.DType) -> tf.Tensor:
        """Return bits."""
        return binarise(x, self.data.levels, self.how, seed, dtype)

    def images(self, values: tf.Tensor) -> tf.Tensor:
        """Return black and white images."""
        return tf.cast(values * (self.data.levels - 1), tf.uint8)

    def _logits(self, values: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        if self.channels == 1:
            return raw
        earlier = tf.linalg.band_part(tf.convert_to_tensor(self.coupling), -1, 0)
        earlier -= tf.linalg.diag(tf.linalg.diag_part(earlier))
        return raw + tf.linalg.matmul(self.scaled(values), earlier, transpose_b=True)

    def log_prob(self, values: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Return ``sum_k v_k a_k - log(1 + exp(a_k))``."""
        return tf.reduce_sum(bernoulli_log_prob(values, self._logits(values, raw)), axis=-1)

    def draw(self, raw: tf.Tensor, uniforms: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """Return 1 where the uniform number is below the probability."""
        values = tf.zeros_like(raw)
        for _ in range(self.channels):  # the k-th round settles channel k
            values = tf.cast(uniforms < tf.sigmoid(self._logits(values, raw) / temperature), raw.dtype)
        return values

    def basis(self) -> Mapping[str, Any]:
        """Return how images became bits."""
        return {"binarisation": "threshold 0.5" if self.how == "threshold" else self.how}


class Categorical(Output):
    """A probability for each value: ``P(v_k) = softmax(a_k + sum_{j<k} W_kj[v_j])`` (van den Oord et al. 2016)."""

    def __init__(self, data: DataSpec) -> None:
        super().__init__(data, data.levels)
        self.parameters = self.channels * self.values
        self.couplings = {
            (k, j): self.add_weight((self.values, self.values), initializer="zeros", name=f"coupling_{k}_{j}")
            for k in range(self.channels)
            for j in range(k)
        }

    def _logits(self, values: list[tf.Tensor], raw: tf.Tensor) -> tf.Tensor:
        """Return those of the channel behind the values of earlier ones, [..., L]."""
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
        """Return how many steps of the distribution function lie at or below the uniform number."""
        drawn: list[tf.Tensor] = []
        for k in range(self.channels):
            logits = self._logits(drawn, raw) / temperature
            drawn.append(_index_drawn(logits, uniforms[:, k]))
        return tf.stack(drawn, axis=-1)


class LogisticMixture(Output):
    """A mixture of logistics, rounded to the nearest value, the tails to the outermost ones (Salimans et al. 2017).

        P(v) = sum_m pi_m prod_k [F((v_k + 1/2 - mu_mk) / s_mk) - F((v_k - 1/2 - mu_mk) / s_mk)],
        mu_mk = b_mk + sum_{j<k} tanh(c_mkj) v_j

    with values scaled to -1 .. 1, F the logistic function, F = 0 below the lowest and 1 above the highest value.
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
        """Return that of channel k, [..., M], for the scaled values of the earlier ones."""
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
        """Return a component by the first uniform number, and each channel by the quantile of its logistic."""
        logits, location, log_scale, pairs = self._split(raw)
        chosen = tf.one_hot(tf.cast(_index_drawn(logits / temperature, uniforms[:, 0]), tf.int32), self.components)
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


def _index_drawn(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Return the indices [batch] that uniform numbers [batch] draw from ``softmax(logits)`` [batch, k]."""
    cumulated = tf.cumsum(tf.nn.softmax(logits), axis=-1)
    # Rounding may leave the last sum below 1: then the last index is drawn, never one beyond.
    steps = tf.cast(cumulated <= uniform[:, None] * cumulated[:, -1:], logits.dtype)
    return tf.minimum(tf.reduce_sum(steps, axis=-1), tf.cast(logits.shape[-1] - 1, logits.dtype))


def output_of(config: PixelCNNConfig, data: DataSpec) -> Output:
    """Return the output that the options name."""
    if config.output == "bernoulli":
        return Bernoulli(data, config.binarise)
    if config.output == "categorical":
        return Categorical(data)
    return LogisticMixture(data, config.components)
