"""PixelCNN: an autoregressive model, ``log p(x) = sum_i log p(x_i | x_<i)``, all terms in one pass of a causal network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen import Batch, Context, DataError, DataSpec, GenerativeModel, Objective, fold_in, split_seed, uniform
from tfgen.layers import bits_per_dim, leading_shape
from tfgen_plugins.pixelcnn import PixelCNNConfig
from tfgen_plugins.pixelcnn.network import build_network
from tfgen_plugins.pixelcnn.outputs import build_output
from tfgen_plugins.pixelcnn.programs import Noise, Program, inpainting_program, naive_sampling_program, sampling_program
from tfgen_plugins.pixelcnn.sampler import Sampler

_COLDEST = 1e-6
_OBSERVATION, _DROPOUT, _PIXELS = range(3)  # purposes of a seed


class PixelCNN(GenerativeModel):
    """PixelCNN (van den Oord et al. 2016): exact log-likelihood of pixels in raster order, each given all pixels before it.

    Training is by teacher forcing: all conditionals of true images in one pass. Sampling is ancestral, pixel by pixel.
    """

    config: PixelCNNConfig
    density = "exact"

    def __init__(self, config: PixelCNNConfig, data: DataSpec, seed: int) -> None:
        super().__init__(config, data, seed)
        if not (data.spatial and data.quantised):
            raise self.refuse(
                "a PixelCNN models pixels in raster order, so it needs images; take another model for vectors."
            )
        with keras.name_scope("pixelcnn"):
            self.pixels = build_output(config, data)
            classes = self.condition_width
            self.network = build_network(config, data.shape, classes, self.pixels.parameters)
        self.scored_as = self.pixels.scored_as
        self.sampler = Sampler(self.network, self.pixels, data.shape)
        self._draw, self._draw_naively = sampling_program(self.sampler), naive_sampling_program(self.sampler)
        self._complete = inpainting_program(self.sampler)

    # Densities

    def _observed(self, x: Any, seed: Any) -> tf.Tensor:
        return self.pixels.observe(tf.convert_to_tensor(x), fold_in(seed, _OBSERVATION), self.density_dtype)

    def pixel_log_probs(
        self, values: tf.Tensor, one_hot: tf.Tensor | None, dropout_seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return ``log p(x_i | x_<i)`` of each pixel, [batch, height, width] nats.

        Args:
            values: observed values of the images: bits or grey levels.
            one_hot: labels [batch, classes], or None.
            dropout_seed: seed of dropout in training; None switches dropout off.
        """
        raw = self.network(self.sampler.network_input(values), one_hot, dropout_seed)
        return self.pixels.log_prob(values, raw)

    def log_prob(self, x: Any, labels: Any = None, seed: Any = 0) -> tf.Tensor:
        """Return the exact log p(x), or log p(x|y), in nats, [batch]; `seed` draws the bits of stochastic binarisation."""
        values = self._observed(x, seed)
        return tf.reduce_sum(self.pixel_log_probs(values, self.condition(labels, values.shape[0])), axis=[1, 2])

    def objectives(self) -> Sequence[Objective]:
        """Return the negative log-likelihood, in nats for each dimension."""
        return [Objective("nll", self._negative_log_likelihood, self.trainable_variables)]

    def _negative_log_likelihood(self, batch: Batch, seed: tf.Tensor, context: Context) -> dict[str, tf.Tensor]:
        one_hot = self.condition(self.given(batch)) if self.conditional else None
        pixels = self.pixel_log_probs(
            self._observed(batch.x, seed), one_hot, fold_in(seed, _DROPOUT) if context.training else None
        )
        nats = -tf.reduce_mean(tf.reduce_sum(pixels, axis=[1, 2]))
        per_dimension = nats / self.data.dimensions
        terms = {"loss": per_dimension, self.term_name("nll_nats"): nats}
        if self.scored_as == "grey_levels":
            terms[self.term_name("bits_per_dim")] = bits_per_dim(nats, self.data.dimensions)
        return terms

    def basis(self) -> Mapping[str, Any]:
        """Return the fields of the basis: grey levels or bits, and how images were binarised."""
        return self.pixels.basis()

    # Sampling and inpainting

    def sample(self, n: int, labels: Any = None, seed: Any = 0, first: Any = 0, temperature: Any = 1.0) -> tf.Tensor:
        """Draw the images ``first .. first + n - 1`` of a seed, uint8; temperature as in `PixelCNNSampling`."""
        return self._drawn(self._draw, temperature, n, labels, seed, first)

    def sample_naively(self, n: int, labels: Any = None, seed: Any = 0, temperature: Any = 1.0) -> tf.Tensor:
        """Return the same as `sample`, by a full pass of the network for each pixel: a reference for tests and benchmarks."""
        return self._drawn(self._draw_naively, temperature, n, labels, seed)

    def _drawn(self, program: Program, temperature: Any, n: int, labels: Any, seed: Any, first: Any = 0) -> tf.Tensor:
        if not tf.is_tensor(n) and n < 1:
            raise DataError(f"n must be at least 1, got {n}.")
        height, width, _ = self.data.shape
        uniforms = uniform([n, height, width, self.pixels.draws], fold_in(seed, _PIXELS), self.density_dtype, first)
        # Below the floor nothing changes any more: the likeliest value is drawn already.
        heat = tf.maximum(tf.cast(temperature, self.density_dtype), _COLDEST)
        values = program((uniforms, self.condition(labels, n)), heat)
        return self.pixels.images(values)

    def inpaint(self, x: Any, known_mask: Any, labels: Any = None, seed: Any = 0, particles: int = 1) -> tf.Tensor:
        """Inpaint: return images equal to `x` where `known_mask` [batch, height, width] is true, sampled elsewhere.

        With one particle each unknown pixel is drawn given the pixels before it, so that a hole ignores the known pixels after
        it. With more, particles are resampled by how well they predict the known pixels after a hole (sequential importance
        resampling, a particle filter); as their number grows the result tends to a draw from p(unknown | known) for any mask.

        Raises:
            DataError: for images, a mask or labels that do not fit, or less than one particle.
        """
        if particles < 1:
            raise DataError(f"particles must be at least 1, got {particles}.")
        values, known = self._observed(x, seed), tf.convert_to_tensor(known_mask)
        n, height, width = leading_shape(values)
        if known.dtype != tf.bool or not known.shape.is_compatible_with(values.shape[:3]):
            raise DataError(
                f"the mask must be of booleans, [{n}, {height}, {width}], true where a pixel is known; "
                f"got {known.dtype.name}, {known.shape.as_list()}."
            )
        pixels, rows, last = split_seed(fold_in(seed, _PIXELS), 3)
        noise = Noise(
            uniform([n, height, width, particles, self.pixels.draws], pixels, self.density_dtype),
            uniform([n, height], rows, self.density_dtype),
            uniform([n], last, self.density_dtype),
        )
        result = self._complete((values, known, noise, self.condition(labels, n)), particles)
        return tf.where(known[..., None], x, self.pixels.images(result))


class ConditionalPixelCNN(PixelCNN):
    """Conditional PixelCNN: exact p(x|y), with a label bias in each block."""

    conditional = True
    takes_context = True


def build_pixelcnn(config: PixelCNNConfig, data: DataSpec, seed: int) -> PixelCNN:
    """Build a `PixelCNN`, or with ``conditional`` a `ConditionalPixelCNN`."""
    return (ConditionalPixelCNN if config.conditional else PixelCNN)(config, data, seed)
