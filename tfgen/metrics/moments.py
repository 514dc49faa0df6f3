"""Running mean and covariance of vectors, batch by batch, in bounded memory."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError
from tfgen.metrics.vectors import check_vectors


class Moments:
    """Running mean and covariance of vectors, in float64.

    What is kept is n, the mean m and the scatter ``S = sum_i (x_i - m) (x_i - m)^T``. Two sets a and b become one by

        n = n_a + n_b,    delta = m_b - m_a,    m = m_a + delta n_b / n,
        S = S_a + S_b + delta delta^T n_a n_b / n

    (Chan, Golub, LeVeque 1979, equation 2.1, for vectors). Unlike sums of squares, of which the mean's is subtracted at
    the end, this loses no digits when the mean is large beside the deviations.

    Args:
        dimensions: d.

    Attributes:
        dimensions: as given.
        count: n, how many vectors were given.
    """

    def __init__(self, dimensions: int) -> None:
        if dimensions < 1:
            raise DataError(f"moments: vectors need at least one dimension, got {dimensions}.")
        self.dimensions = dimensions
        self.count = 0
        self._mean = np.zeros(dimensions)
        self._scatter = np.zeros((dimensions, dimensions))

    def __repr__(self) -> str:
        return f"Moments({self.dimensions}), count {self.count}"

    @classmethod
    def of(cls, x: Any) -> Self:
        """Return the moments of vectors [n, d]."""
        x = check_vectors(x, "moments")
        moments = cls(x.shape[1])
        moments.update(x)
        return moments

    def update(self, x: Any) -> None:
        """Add vectors.

        Args:
            x: [n, d], of any real type; n may be 0.

        Raises:
            DataError: when the shape is another one, or a number is not finite; the moments are then as before.
        """
        vectors = check_vectors(x, "moments", self.dimensions).astype(np.float64)
        if len(vectors):
            mean = vectors.mean(axis=0)
            vectors -= mean
            self._add(len(vectors), mean, vectors.T @ vectors)

    def merged(self, other: Moments) -> Moments:
        """Return the moments of the vectors of both, leaving both as they are; also written ``a + b``.

        Raises:
            DataError: when their dimensions differ.
        """
        if other.dimensions != self.dimensions:
            raise DataError(
                f"moments: expected two sets of one dimension, got {self.dimensions} and {other.dimensions}."
            )
        both = Moments(self.dimensions)
        for part in (self, other):
            both._add(part.count, part._mean, part._scatter)
        return both

    def __add__(self, other: Moments) -> Moments:
        return self.merged(other) if isinstance(other, Moments) else NotImplemented

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean, [d].

        Raises:
            DataError: when there are no vectors.
        """
        self._require(1, "mean")
        return self._mean.copy()

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The covariance, [d, d], divided by n - 1.

        Raises:
            DataError: when there are fewer than two vectors.
        """
        self._require(2, "covariance")
        return self._scatter / (self.count - 1)

    def _add(self, count: int, mean: NDArray[np.float64], scatter: NDArray[np.float64]) -> None:
        if not count:
            return
        total = self.count + count
        delta = mean - self._mean
        self._mean = self._mean + delta * (count / total)
        self._scatter = self._scatter + scatter + np.outer(delta, delta * (self.count * count / total))
        self.count = total

    def _require(self, least: int, what: str) -> None:
        if self.count < least:
            raise DataError(f"moments: a {what} needs at least {least} vectors, got {self.count}; take more.")
