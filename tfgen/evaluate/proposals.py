"""Proposal distribution of imputation: missing values of a row, drawn from a simple fit to the training split.

Missing categories come from their frequencies, missing whole numbers half from theirs and half from a Student t in whole
steps, and missing real columns from a Student t around the conditional mean of a Gaussian fitted to the standardised
training split.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats
import tensorflow as tf
from numpy.typing import NDArray

from tfgen.data.column_map import ColumnMap
from tfgen.data.columns import Column
from tfgen.data.dataset import Dataset

Floats = NDArray[np.float64]

#: Degrees of freedom of the proposal: its tails are heavier than those of most densities, so that weights stay bounded.
_DEGREES = 5.0
#: How much wider than the fitted Gaussian the proposal is.
_WIDER = 1.2
#: Added to each count of a value, so that a value that the training split has once is proposed now and then.
_SMOOTHING = 0.5
_RIDGE = 1e-4


class _WholeNumbers:
    """Distribution of missing whole numbers: half by their frequencies, half a Student t in whole steps, for numbers not seen.

    Args:
        column: integer, or category, of which all categories have a chance.
        values: of the training split, [n].
    """

    def __init__(self, column: Column, values: Floats) -> None:
        self.seen, counts = np.unique(values, return_counts=True)
        if column.categories is not None:
            counts = np.bincount(values.astype(int), minlength=len(column.categories))
            self.seen = np.arange(len(column.categories), dtype=np.float64)
        self.chances = (counts + _SMOOTHING) / (counts + _SMOOTHING).sum()
        self.by_frequency = 1.0 if column.categories is not None else 0.5
        self.student = scipy.stats.t(_DEGREES, values.mean() + 0.5, _WIDER * max(float(values.std()), 0.5))

    def draw(self, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Return whole numbers [count] and the logarithm of the probability of each."""
        by_frequency = random.choice(self.seen, count, p=self.chances)
        by_student = np.floor(self.student.rvs(count, random_state=random))
        drawn = np.where(random.uniform(size=count) < self.by_frequency, by_frequency, by_student)
        place = np.minimum(np.searchsorted(self.seen, drawn), len(self.seen) - 1)
        frequency = np.where(self.seen[place] == drawn, self.chances[place], 0.0)
        cell = self.student.cdf(drawn + 1) - self.student.cdf(drawn)
        return drawn, np.log(self.by_frequency * frequency + (1 - self.by_frequency) * cell)


class Proposal:
    """Distribution q(m|k) of the missing values of a row given the known ones.

    Args:
        data: of vectors; its training split is what the proposal is fitted to.
    """

    def __init__(self, data: Dataset) -> None:
        self.columns = data.spec.columns or tuple(Column(name, shift=0.0, scale=1.0) for name in data.spec.column_names)
        x = np.asarray(data.train.x, np.float64)
        t = np.stack([self._to_t(column, x[:, place]) for place, column in enumerate(self.columns)], axis=1)
        self.mean = t.mean(axis=0)
        self.covariance = np.atleast_2d(np.cov(t, rowvar=False)) + _RIDGE * np.eye(t.shape[1])
        self.values = {
            place: _WholeNumbers(column, x[:, place]) for place, column in enumerate(self.columns) if column.discrete
        }

    def draw(
        self, row: NDArray[np.floating[Any]], missing: NDArray[np.intp], count: int, random: np.random.Generator
    ) -> tuple[NDArray[np.float32], Floats]:
        """Propose rows with the missing values filled in, [count, d], and the log-density of each proposal, [count] nats.

        Args:
            row: [d], NaN where a value is missing.
            missing: indices of the missing values.
            count: number of proposals.
            random: generator.
        """
        x = np.repeat(np.asarray(row, np.float64)[None], count, axis=0)
        log_q = np.zeros(count)
        for place in (place for place in missing if self.columns[place].discrete):
            drawn, log_chances = self.values[int(place)].draw(count, random)
            x[:, place] = drawn
            log_q += log_chances
        real = np.array([place for place in missing if not self.columns[place].discrete], np.intp)
        if len(real):
            log_q += self._draw_real(x, real, random)
        return x.astype(np.float32), log_q

    def _draw_real(self, x: Floats, real: NDArray[np.intp], random: np.random.Generator) -> Floats:
        """Fill the real columns of x in place; return the log-density of what was drawn."""
        known = np.setdiff1d(np.arange(x.shape[1]), real)
        t = np.stack([self._to_t(self.columns[place], x[:, place]) for place in known], axis=1) if len(known) else None
        mean = np.repeat(self.mean[real][None], len(x), axis=0)
        covariance = self.covariance[np.ix_(real, real)]
        if t is not None:
            gain = np.linalg.solve(self.covariance[np.ix_(known, known)], self.covariance[np.ix_(known, real)]).T
            mean = mean + (t - self.mean[known]) @ gain.T
            covariance = covariance - gain @ self.covariance[np.ix_(known, real)]
        student = scipy.stats.multivariate_t(np.zeros(len(real)), _WIDER**2 * covariance, _DEGREES, allow_singular=True)
        deviations = np.asarray(student.rvs(len(x), random_state=random)).reshape(len(x), len(real))
        drawn = mean + deviations
        log_q = np.asarray(student.logpdf(deviations)).reshape(len(x))
        for number, place in enumerate(real):
            values, log_slope = self._from_t(self.columns[place], drawn[:, number])
            x[:, place] = values
            log_q = log_q - log_slope
        return log_q

    @staticmethod
    def _to_t(column: Column, values: Floats) -> Floats:
        return (column.mapped(values) - (column.shift or 0.0)) / (column.scale or 1.0)

    @staticmethod
    def _from_t(column: Column, t: Floats) -> tuple[Floats, Floats]:
        """Return the values of points t of a real column, and ``log dx/dt``, [n] each."""
        bijector, points = ColumnMap([column], tf.float64), tf.constant(t[:, None])
        values = bijector.forward(tf.identity(points)).numpy()[:, 0]
        if column.bounds is not None:  # which the map passes by its margin
            values = np.clip(values, *column.bounds)
        return values, bijector.forward_log_det_jacobian(tf.identity(points), event_ndims=1).numpy()
