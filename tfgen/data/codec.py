"""Codec of flows: images to points on the real line by dequantisation and a logit, and back, with the log-determinant."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen.data.dequantisation import dequantise, logit_squeeze, quantise
from tfgen.data.spec import DataSpec
from tfgen.errors import require_option
from tfgen.metrics.metric import Density
from tfgen.seeds import fold_in


class LogitCodec:
    """Codec between examples and flat vectors on the real line, on which a density is modelled; vectors pass as they are.

    Images v of L levels are dequantised, ``y = v + u``, and mapped to ``t = logit(alpha + (1 - 2 alpha) y / L)``. A model that
    has a codec among its attributes need not define `basis`: what stands beside its numbers is the codec's, so that they
    compare with those of the built-in flows.

    Args:
        data: what one example is.
        alpha: how far values stay from 0 and 1 before the logit; bits/dim compare at equal alpha only.
        dtype: of the points; give `GenerativeModel.density_dtype`.

    Attributes:
        data: as given.
        alpha: as given.
        dtype: as given.
        density: what kind of number a log-probability behind this codec is: ``"dequantised"``, or ``"exact"`` for vectors.
    """

    def __init__(self, data: DataSpec, alpha: float = 1e-6, dtype: tf.DType = tf.float32) -> None:
        require_option(0 < alpha < 0.5, "alpha", alpha, "between 0 and 0.5")
        self.data, self.alpha, self.dtype = data, alpha, dtype
        self.density: Density = "dequantised" if data.kind == "image" else "exact"

    def encode(self, x: Any, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the points t [batch, D] of examples, and ``log |det dt/dy|`` [batch], which log p(t) needs to be log p(y)."""
        y = self.spread(x, seed)
        bijector = self.bijector()
        return bijector.inverse(tf.identity(y)), bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)

    def decode(self, t: Any) -> tf.Tensor:
        """Return the examples of points [batch, D]: uint8 images, or vectors."""
        return self.examples(self.bijector().forward(tf.identity(t)))

    def spread(self, x: Any, seed: Any) -> tf.Tensor:
        """Return flat examples y [batch, D]: images dequantised, in [0, L)."""
        x = tf.convert_to_tensor(x)
        if self.data.kind == "image":
            x = dequantise(x, self.data.levels, fold_in(seed, 0), self.dtype)
        return tf.reshape(tf.cast(x, self.dtype), [-1, self.data.dimensions])

    def examples(self, y: tf.Tensor) -> tf.Tensor:
        """Return the examples whose cells hold y [batch, D]."""
        y = tf.reshape(y, [-1, *self.data.shape])
        return quantise(y, self.data.levels) if self.data.kind == "image" else y

    def bijector(self) -> Any:
        """Return the `tfb.Bijector` from t to y; for vectors the identity."""
        if self.data.kind == "vector":
            return tfb.Identity()
        return logit_squeeze(self.data.levels, self.alpha, self.dtype)

    def basis(self) -> dict[str, Any]:
        """Return what stands beside each number of a density behind this codec: ``levels`` and ``alpha`` of images."""
        return {"levels": self.data.levels, "alpha": self.alpha} if self.data.kind == "image" else {}
