"""Metrics of samples of vectors: distance of the marginals, and difference of the correlations, from those of the data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from tfgen.errors import CapabilityError
from tfgen.evaluate.measurement import Measurement
from tfgen.metrics.estimate import Estimate

#: Samples that are compared with the split, and parts of them whose spread gives the standard error.
SAMPLES, _PARTS = 10_000, 10


def marginal_distance(x: NDArray[np.generic], y: NDArray[np.generic]) -> float:
    """Return the mean over the columns of [n, d] and [m, d] of the Kolmogorov-Smirnov distance ``max |F - G|``.

    >>> marginal_distance(np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]]))
    0.0
    """
    return float(np.mean([scipy.stats.ks_2samp(a, b).statistic for a, b in zip(x.T, y.T, strict=True)]))


def correlation_difference(x: NDArray[np.generic], y: NDArray[np.generic]) -> float:
    """Return the mean over the pairs of columns of the absolute difference of their correlations in [n, d] and [m, d].

    A column that does not vary is correlated with none.
    """
    both = [_correlations(np.asarray(z, np.float64)) for z in (x, y)]
    pairs = np.triu_indices(x.shape[1], 1)
    return float(np.abs(both[0] - both[1])[pairs].mean())


def measure_marginal_distance(measurement: Measurement) -> Estimate:
    """Return the metric ``marginal_distance`` of `SAMPLES` samples and the split."""
    return _measured(measurement, marginal_distance, 1)


def measure_correlation_difference(measurement: Measurement) -> Estimate:
    """Return the metric ``correlation_difference`` of `SAMPLES` samples and the split."""
    return _measured(measurement, correlation_difference, 2)


def _measured(measurement: Measurement, distance: Callable[..., float], least: int) -> Estimate:
    """Return a distance between samples and the split; its error is the spread over tenths of the samples."""
    spec = measurement.data.spec
    if spec.spatial or spec.dimensions < least:
        raise CapabilityError(
            f"this metric is for vectors of {least} or more numbers; the data are {spec.described()}."
        )
    samples, truth = measurement.samples_like(SAMPLES), measurement.examples.x
    parts = [distance(truth, part) for part in np.array_split(samples, _PARTS)]
    return Estimate(distance(truth, samples), float(np.std(parts, ddof=1) / np.sqrt(_PARTS)))


def _correlations(x: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(np.corrcoef(x, rowvar=False).reshape(x.shape[1], x.shape[1]))
