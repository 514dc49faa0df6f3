"""Codec of flows: images and columns of vectors to points on the real line, and back, with the log-determinant."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen.data.column_map import ColumnMap, spread_columns, values_of
from tfgen.data.columns import described_columns
from tfgen.data.dequantisation import dequantise, logit_squeeze, quantise
from tfgen.data.spec import DataSpec
from tfgen.errors import require_option
from tfgen.metrics.metric import Density
from tfgen.seeds import fold_in


class LogitCodec:
    """Codec between examples and flat vectors on the real line, on which a density is modelled.

    Images v of L levels are dequantised, ``y = v + u``, and mapped to ``t = logit(alpha + (1 - 2 alpha) y / L)``. Vectors are
    standardised column by column, ``t = (y - shift) / scale``, whole numbers among them dequantised before
    (`tfgen.data.columns`); vectors whose spec has no columns pass as they are. A model that has a codec among its attributes
    need not define `basis`: what stands beside its numbers is the codec's, so that they compare with those of the built-in
    flows.

    Args:
        data: what one example is.
        alpha: how far values stay from 0 and 1 before the logit; bits/dim compare at equal alpha only.
        dtype: of the points; give `GenerativeModel.density_dtype`.

    Attributes:
        data: as given.
        alpha: as given.
        dtype: as given.
        density: what kind of number a log-probability behind this codec is: ``"dequantised"``, or ``"exact"`` for vectors
            without columns of whole numbers.
    """

    def __init__(self, data: DataSpec, alpha: float = 1e-6, dtype: tf.DType = tf.float32) -> None:
        require_option(0 < alpha < 0.5, "alpha", alpha, "between 0 and 0.5")
        self.data, self.alpha, self.dtype = data, alpha, dtype
        self.density: Density = "dequantised" if data.dequantised else "exact"

    def encode(self, x: Any, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the points t [batch, D] of examples, and ``log |det dt/dy|`` [batch], which log p(t) needs to be log p(y)."""
        y = self.spread(x, seed)
        bijector = self.bijector()
        return bijector.inverse(tf.identity(y)), bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)

    def decode(self, t: Any) -> tf.Tensor:
        """Return the examples of points [batch, D]: uint8 images, or vectors."""
        return self.examples(self.bijector().forward(tf.identity(t)))

    def spread(self, x: Any, seed: Any) -> tf.Tensor:
        """Return flat examples y [batch, D]: images dequantised, in [0, L); whole numbers among vectors likewise."""
        x = tf.convert_to_tensor(x)
        if self.data.columns is not None:
            return spread_columns(x, self.data.columns, fold_in(seed, 0), self.dtype)
        if self.data.kind == "image":
            x = dequantise(x, self.data.levels, fold_in(seed, 0), self.dtype)
        return tf.reshape(tf.cast(x, self.dtype), [-1, self.data.dimensions])

    def examples(self, y: tf.Tensor) -> tf.Tensor:
        """Return the examples whose cells hold y [batch, D]."""
        y = tf.reshape(y, [-1, *self.data.shape])
        if self.data.columns is not None:
            return values_of(y, self.data.columns)
        return quantise(y, self.data.levels) if self.data.kind == "image" else y

    def bijector(self) -> Any:
        """Return the `tfb.Bijector` from t to y; for vectors without columns the identity."""
        if self.data.columns is not None:
            return ColumnMap(self.data.columns, self.dtype)
        if self.data.kind == "vector":
            return tfb.Identity()
        return logit_squeeze(self.data.levels, self.alpha, self.dtype)

    def basis(self) -> dict[str, Any]:
        """Return what stands beside each number of a density behind this codec: ``levels`` and ``alpha`` of images.

        Of vectors ``columns`` says what happened to them before the density; the numbers are in the units of the data.
        """
        if self.data.columns is not None:
            return {"columns": described_columns(self.data.columns)}
        return {"levels": self.data.levels, "alpha": self.alpha} if self.data.kind == "image" else {}
