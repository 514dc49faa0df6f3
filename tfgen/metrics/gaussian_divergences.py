"""KL (closed form) and JS (quadrature in 1-D, else Monte Carlo) of two Gaussians, in nats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, linalg

from tfgen.errors import DataError
from tfgen.metrics.divergences import monte_carlo_divergences
from tfgen.metrics.estimate import Estimate

Floats = NDArray[np.float64]

#: Standard deviations beyond which a Gaussian weighs nothing in float64: its density there is 1e-31 of that in the middle.
_REACH = 12.0
#: Where a Gaussian changes its slope, in standard deviations: the quadrature begins with pieces between these.
_BENDS = np.array([0.0, 1, 3, 6, _REACH])


@dataclass(frozen=True)
class _Gaussian:
    """``N(mean, L L^T)``.

    Attributes:
        mean: [d].
        factor: the lower Cholesky factor L of the covariance, [d, d].
    """

    mean: Floats
    factor: Floats

    def whitened(self, x: Floats) -> Floats:
        """Return ``L^-1 (x - mean)``, [n, d]."""
        codes: Floats = linalg.solve_triangular(self.factor, (x - self.mean).T, lower=True).T
        return codes

    def log_prob(self, x: NDArray[Any]) -> Floats:
        """Return ``-|L^-1 (x - mean)|^2 / 2 - log det L - d/2 log 2 pi`` of points [n, d]."""
        log_volume = float(np.log(np.diag(self.factor)).sum()) + len(self.mean) / 2 * math.log(2 * math.pi)
        log_prob: Floats = -np.sum(self.whitened(x) ** 2, axis=1) / 2 - log_volume
        return log_prob

    def draw(self, n: int, random: np.random.Generator) -> Floats:
        """Return n points, [n, d]."""
        points: Floats = self.mean + random.standard_normal((n, len(self.mean))) @ self.factor.T
        return points


def gaussian_kl(mean1: ArrayLike, covariance1: ArrayLike, mean2: ArrayLike, covariance2: ArrayLike) -> float:
    """Return ``KL(N1 || N2)`` in nats, in closed form.

    With Cholesky factors ``C1 = L1 L1^T``, ``C2 = L2 L2^T``, and ``M = L2^-1 L1``, which is lower triangular,

        KL = 1/2 [tr(C2^-1 C1) - d - log det(C2^-1 C1) + |L2^-1 (m1 - m2)|^2]
           = 1/2 [sum_i (M_ii^2 - 1 - log M_ii^2) + sum_i>j M_ij^2 + |L2^-1 (m1 - m2)|^2],

    where no term is negative, so that rounding cannot make the sum negative either.

    Args:
        mean1: [d], or a number.
        covariance1: [d, d], positive definite, or a number: the variance.
        mean2: [d].
        covariance2: [d, d].

    Raises:
        DataError: for shapes that do not go together, or a covariance that is not symmetric and positive definite.

    >>> round(gaussian_kl(0, 1, 1, 4), 4)
    0.4431
    """
    one, two = _two_gaussians(mean1, covariance1, mean2, covariance2)
    ratio = linalg.solve_triangular(two.factor, one.factor, lower=True)
    log_squares = 2 * np.log(np.diag(ratio))
    diagonal = np.sum(np.expm1(log_squares) - log_squares)
    below = np.sum(np.tril(ratio, -1) ** 2)
    return float(diagonal + below + np.sum(two.whitened(one.mean[None]) ** 2)) / 2


def gaussian_js(
    mean1: ArrayLike,
    covariance1: ArrayLike,
    mean2: ArrayLike,
    covariance2: ArrayLike,
    samples: int = 100_000,
    seed: int = 0,
) -> Estimate:
    """Return ``JS(N1, N2)`` in nats, for which there is no closed form.

    In one dimension it comes from adaptive quadrature, and the standard error is the bound that the quadrature gives for its
    own error, about 1e-13. In more dimensions it is a mean over draws, `monte_carlo_divergences`, with the error of
    that mean.

    Args:
        mean1: [d], or a number.
        covariance1: [d, d], positive definite, or a number: the variance.
        mean2: [d].
        covariance2: [d, d].
        samples: draws of each, in more than one dimension.
        seed: of the draws.

    Raises:
        DataError: for shapes that do not go together, or a covariance that is not symmetric and positive definite.
        OptionError: when there are fewer than two samples.
    """
    one, two = _two_gaussians(mean1, covariance1, mean2, covariance2)
    if len(one.mean) > 1:
        return monte_carlo_divergences(one.draw, one.log_prob, two.draw, two.log_prob, samples, seed).js
    (first, error), (second, other_error) = _half_on_a_line(one, two), _half_on_a_line(two, one)
    value = min(max((first + second) / 2, 0.0), math.log(2))  # which rounding may cross
    return Estimate(value, (error + other_error) / 2)


def _half_on_a_line(one: _Gaussian, two: _Gaussian) -> tuple[float, float]:
    """Return ``E_1[log 2 - softplus(log p_2 - log p_1)]`` of Gaussians in one dimension, and a bound of its error."""
    scale, width = float(one.factor[0, 0]), float(two.factor[0, 0] / one.factor[0, 0])
    centre = float((two.mean - one.mean)[0]) / scale

    def integrand(z: float) -> float:  # in standard deviations of the first: x = m_1 + s_1 z
        log_ratio = z * z / 2 - ((z - centre) / width) ** 2 / 2 - math.log(width)
        weight = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return weight * (math.log(2) - float(np.logaddexp(0, log_ratio)))

    bends = np.concatenate([-_BENDS, _BENDS])
    inside = np.unique(np.concatenate([bends, centre + width * bends]))
    inside = inside[np.abs(inside) < _REACH]
    value, error = integrate.quad(integrand, -_REACH, _REACH, points=inside, epsabs=1e-13, epsrel=1e-12, limit=500)[:2]
    return value, error


def _two_gaussians(
    mean1: ArrayLike, covariance1: ArrayLike, mean2: ArrayLike, covariance2: ArrayLike
) -> tuple[_Gaussian, _Gaussian]:
    one, two = _gaussian(mean1, covariance1, 1), _gaussian(mean2, covariance2, 2)
    if one.mean.shape != two.mean.shape:
        raise DataError(
            f"the Gaussians have {len(one.mean)} and {len(two.mean)} dimensions; give two of the same space."
        )
    return one, two


def _gaussian(mean: ArrayLike, covariance: ArrayLike, number: int) -> _Gaussian:
    middle, matrix = np.atleast_1d(np.asarray(mean, np.float64)), np.atleast_2d(np.asarray(covariance, np.float64))
    if middle.ndim != 1 or matrix.shape != (len(middle), len(middle)):
        raise DataError(
            f"mean{number} must have shape [d] and covariance{number} [d, d]; got {middle.shape} and {matrix.shape}."
        )
    if not (np.isfinite(middle).all() and np.isfinite(matrix).all()):
        raise DataError(f"mean{number} and covariance{number} must be finite.")
    if not np.allclose(matrix, matrix.T, rtol=1e-6, atol=1e-9 * np.abs(matrix).max()):
        raise DataError(f"covariance{number} must be symmetric.")
    try:
        return _Gaussian(middle, np.linalg.cholesky(matrix).astype(np.float64))
    except np.linalg.LinAlgError as error:
        raise DataError(
            f"covariance{number} is not positive definite, so this Gaussian has no density; "
            "leave out dimensions that the others determine, or add a little to its diagonal."
        ) from error
