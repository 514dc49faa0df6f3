"""Conformance checks of densities: they integrate to 1, and samples come from them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import SkipTest

import numpy as np
from numpy.typing import NDArray

from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasLogProb, Samples
from tfgen.sample.sampling import sample_batches
from tfgen.testing.basic_checks import densities_are_numbers_per_example, methods_can_be_traced
from tfgen.testing.check import check
from tfgen.testing.jacobian_check import log_determinants_match_the_jacobian
from tfgen.testing.model_under_test import ModelUnderTest
from tfgen.testing.requirements import offered
from tfgen.testing.sample_checks import samples_are_the_same_however_compiled, samples_do_not_depend_on_the_batch
from tfgen.testing.totals import (
    Condition,
    data_grid,
    given,
    image_probabilities,
    labels_looked_at,
    mass_on_grid,
    repeated,
    scored,
    tiny_model,
)

_CELLS = (360, 512)  # along each axis, of a coarser and a finer grid
_REACH = 8.0  # of the grids, in units of half the data's box
_DRAWS = 65_536  # of the noise of a dequantised density, over all images
_SAMPLES = 20_000
_COMPONENTS = (1, 3, 10)  # of the mixtures that are tried as q
_FITTED = 4000  # samples to which they are fitted
_SAMPLES_OF_Q = 4000  # from each of them, by which its fit is judged
_MOST_DIMENSIONS = 16
_ERRORS = 5.0  # standard errors that make a contradiction
_FEWEST = 100.0  # effective samples that say something
_CHANCE = 1e-9  # of a chi-squared that makes a contradiction
_RARE = 10.0  # images that are expected less often than this are counted as one


@check(40, methods_can_be_traced, densities_are_numbers_per_example, log_determinants_match_the_jacobian)
def densities_integrate_to_one(under_test: ModelUnderTest) -> None:
    """Check that a density has mass 1: on a grid in one or two dimensions; of images, when trained on images of 2x2 pixels.

    On a grid 1 % are allowed, and three times what a coarser grid says otherwise. The probabilities of all 256 images of 2x2
    pixels and 4 levels sum to 1 to the third digit. A dequantised density may have mass outside the grey levels, but not
    more than half, and noise: its sum must not lie above 1 by five standard errors. A bound must not lie above 1 either.
    Of a conditional model, the densities given the first two labels are looked at.
    """
    offered(under_test.fresh, HasLogProb)
    if under_test.dataset.spec.kind == "image":
        _images_sum_to_one(tiny_model(under_test))
    elif under_test.dataset.spec.shape in ((1,), (2,)):
        _grid_integrates_to_one(under_test)
    else:
        raise SkipTest("a grid is for one or two dimensions: check it with --data two_gaussians as well")


def _grid_integrates_to_one(under_test: ModelUnderTest) -> None:
    _, trained = under_test.trained
    log_prob = offered(trained, HasLogProb).log_prob
    coarse, fine = (data_grid(under_test.dataset, cells, _REACH) for cells in _CELLS)
    for label in labels_looked_at(trained):
        rough, mass = (mass_on_grid(lambda x, y, seed: log_prob(x, y, seed=seed), g, label) for g in (coarse, fine))
        noise = abs(mass - rough)
        if noise > 0.1 * max(mass, 1.0) and np.isfinite(noise):
            raise SkipTest(
                f"the density is too rough for a grid: two of them find a mass of {rough:.4g} and {mass:.4g}"
            )
        low = 0.0 if trained.density == "bound" else 1.0
        allowed = 0.01 + 3 * noise
        assert low - allowed <= mass <= 1 + allowed, (
            f"the density{given(label)} integrates to {mass:.4g} and not to 1 (allowed {allowed:.2g})"
        )


def _tiny_images(
    model: GenerativeModel,
) -> Iterator[tuple[Any, NDArray[Any], NDArray[np.float64], NDArray[np.float64]]]:
    """Yield for each label all tiny images, their probabilities, and the standard errors of these.

    Raises:
        SkipTest: for a model that scores images by a cross-entropy, which is no density.
    """
    log_prob = offered(model, HasLogProb).log_prob
    if model.scored_as == "cross_entropy":
        raise SkipTest("a cross-entropy is no density")
    for label in labels_looked_at(model):
        found = image_probabilities(lambda x, y, seed: log_prob(x, y, seed=seed), model, label, _draws(model))
        yield label, *found


def _images_sum_to_one(model: GenerativeModel) -> None:
    for label, images, p, error in _tiny_images(model):
        mass, allowed = float(p.sum()), 1e-3 + _ERRORS * float(np.sqrt(np.sum(error**2)))
        low = {"exact": 1.0, "dequantised": 0.5}.get(str(model.density), 0.0)
        assert low - allowed <= mass <= 1 + allowed, (
            f"the probabilities of all {len(images)} images of {images.shape[1]}x{images.shape[2]} pixels"
            f"{given(label)} sum to {mass:.4g} and not to 1 (allowed {allowed:.2g})"
        )


@check(40, samples_are_the_same_however_compiled, samples_do_not_depend_on_the_batch, densities_integrate_to_one)
def samples_follow_the_density(under_test: ModelUnderTest) -> None:
    """Check that samples come from the density: E[q(x) / p(x)] over samples is 1; images of 2x2 pixels are as frequent as said.

    For vectors of up to 16 dimensions q is a mixture of Gaussians fitted to half of 20,000 samples, with covariances shrunk to
    a half, so that it is narrower than p; the mean over the other half must be 1 within five standard errors and 2 %. With
    fewer than 100 effective samples the check says nothing and tells their number. For images, the counts of 20,000 samples of
    a model trained on images of 2x2 pixels are compared with p by a chi-squared test.
    """
    offered(under_test.fresh, HasLogProb)
    offered(under_test.fresh, Samples)
    if under_test.fresh.density == "bound":
        raise SkipTest("log_prob is a bound: samples need not follow it")
    if under_test.dataset.spec.kind == "image":
        _images_are_as_frequent_as_said(tiny_model(under_test))
        return
    if under_test.dataset.spec.dimensions > _MOST_DIMENSIONS:
        raise SkipTest(f"no q is near a density of more than {_MOST_DIMENSIONS} dimensions")
    _, trained = under_test.trained
    for label in labels_looked_at(trained):
        found = mean_ratios(_samples(trained, label).astype(np.float64), _log_density(trained, label))
        said = [
            f"E[q(x) / p(x)] over samples{given(label)} is {ratio.mean:.4g} ± {ratio.error:.2g} and not 1 "
            f"(effective sample size {ratio.effective:.0f})"
            for ratio in found
        ]
        for ratio, text in zip(found, said, strict=True):
            assert ratio.mean < 1e3, text  # by Markov's inequality no matter of chance
            assert ratio.effective < _FEWEST or abs(ratio.mean - 1) <= _ERRORS * ratio.error + 0.02, text
        most = max(ratio.effective for ratio in found)
        if most < _FEWEST:
            raise SkipTest(f"the effective sample size is {most:.0f} of {_SAMPLES // 2}, which is too small to tell")


def _log_density(model: GenerativeModel, label: Condition) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return log p of points, of which the first are the model's own samples."""
    log_prob = offered(model, HasLogProb).log_prob

    def log_density(points: NDArray[np.float64]) -> NDArray[np.float64]:
        values = scored(lambda x, y, seed: log_prob(x, y, seed=seed), points.astype(np.float32), label)
        own = f"log_prob of the model's own samples{given(label)}"
        assert np.isfinite(values[:_SAMPLES]).all(), f"{own} is not finite"
        return values

    return log_density


@dataclass(frozen=True)
class MeanRatio:
    """Mean of q(x) / p(x) over samples.

    Attributes:
        mean: which is 1 if the samples come from p.
        error: its standard error.
        effective: the effective sample size.
    """

    mean: float
    error: float
    effective: float


def mean_ratios(
    x: NDArray[np.float64], log_density: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> list[MeanRatio]:
    """Return the mean of q(x) / p(x) over half of the samples for a few mixtures q fitted to the other half.

    Whether q is narrow enough is seen from draws of q: the second moment of q / p over p is its mean over q, and mass of q
    where p has none, which no sample would ever meet, makes that mean large. The effective sample size follows from it.
    Several q are taken, since a mean over one of them may be 1 by chance though samples do not follow p.

    Args:
        x: samples of p [n, d].
        log_density: log p of any points [n, d] -> [n]; a constant factor of p does not change the effective sample size.
    """
    half = len(x) // 2
    mixtures = [NarrowMixture(x[:half], components) for components in _COMPONENTS]
    drawn = [q.sample(_SAMPLES_OF_Q) for q in mixtures]
    log_p = np.split(log_density(np.concatenate([x, *drawn])), len(x) + _SAMPLES_OF_Q * np.arange(len(drawn)))
    found: list[MeanRatio] = []
    for q, y, log_p_of_q in zip(mixtures, drawn, log_p[1:], strict=True):
        ratios = _ratios(q.log_prob(x[half:]), log_p[0][half:])
        mean, second = float(ratios.mean()), float(np.mean(_ratios(q.log_prob(y), log_p_of_q)))
        own = float(ratios.sum() ** 2 / max(np.sum(ratios**2), 1e-300))
        error = float(ratios.std(ddof=1) / np.sqrt(half))
        found.append(MeanRatio(mean, error, min(own, half * mean / max(second, 1e-300))))
    return found


def _ratios(log_q: NDArray[np.float64], log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q / p, up to e^300, so that squares are numbers as well; that also stands for a p that is zero or NaN."""
    return np.exp(np.clip(np.nan_to_num(log_q - log_p, nan=300.0), -300.0, 300.0))


class NarrowMixture:
    """Mixture of Gaussians fitted to samples, with covariances shrunk to a half.

    Args:
        x: samples [n, d].
        components: how many Gaussians.
    """

    def __init__(self, x: NDArray[np.float64], components: int) -> None:
        from sklearn.mixture import GaussianMixture

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a mixture that has not converged is a q like any other
            fitted = GaussianMixture(components, random_state=0, max_iter=20).fit(x[:_FITTED])
        self.weights, self.means = fitted.weights_, fitted.means_
        self.covariances = fitted.covariances_ / 2

    def log_prob(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log q of points [n, d]."""
        from scipy.special import logsumexp
        from scipy.stats import multivariate_normal

        parts = zip(self.weights, self.means, self.covariances, strict=True)
        logs = [np.log(w) + multivariate_normal(m, c, allow_singular=True).logpdf(x) for w, m, c in parts]
        values: NDArray[np.float64] = logsumexp(logs, axis=0)
        return values

    def sample(self, n: int) -> NDArray[np.float64]:
        """Draw points [n, d]."""
        random = np.random.default_rng(0)
        chosen = random.choice(len(self.weights), size=n, p=self.weights / self.weights.sum())
        factors = np.linalg.cholesky(self.covariances)
        noise = random.normal(size=(n, self.means.shape[1]))
        return np.asarray(self.means[chosen] + np.einsum("nij,nj->ni", factors[chosen], noise))


def _samples(model: GenerativeModel, label: Condition) -> NDArray[np.generic]:
    return np.concatenate(list(sample_batches(model, _SAMPLES, repeated(label, _SAMPLES), seed=11, batch_size=2000)))


def _draws(model: GenerativeModel) -> int:
    """Return how often the noise of each tiny image is drawn."""
    return 1 if model.density == "exact" else max(16, _DRAWS // model.data.levels**model.data.dimensions)


def _images_are_as_frequent_as_said(model: GenerativeModel) -> None:
    from scipy.stats import chi2

    for label, images, p, error in _tiny_images(model):
        place = model.data.levels ** np.arange(model.data.dimensions)[::-1]
        drawn = _samples(model, label).reshape(_SAMPLES, -1).astype(np.int64) @ place
        counts = np.bincount(drawn, minlength=len(images)).astype(np.float64)
        rare = _SAMPLES * p < _RARE
        # Mass outside the grey levels comes to images with a pixel of the lowest or highest level, which may be more frequent.
        flat = images.reshape(len(images), -1)
        inner = np.all((flat > 0) & (flat < model.data.levels - 1), axis=1) | (model.density == "exact")
        found = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(_SAMPLES * p[~rare], _SAMPLES * p[rare].sum())
        noise = np.append(_SAMPLES * error[~rare], _SAMPLES * np.sqrt(np.sum(error[rare] ** 2)))
        gaps = (found - expected) / np.sqrt(expected + noise**2 + 1.0)
        gaps = np.where(np.append(inner[~rare], np.all(inner[rare])), gaps, np.minimum(gaps, 0.0))
        worst = int(np.argmax(np.abs(gaps)))
        assert chi2.sf(np.sum(gaps**2), len(gaps)) > _CHANCE, (
            f"of {_SAMPLES} samples{given(label)} {found[worst]:.0f} are an image that log_prob expects "
            f"{expected[worst]:.0f} times; samples do not follow the density"
        )
        if model.density != "exact":
            total, wanted = counts[inner].sum(), _SAMPLES * p[inner].sum()
            spread = np.sqrt(wanted + np.sum((_SAMPLES * error[inner]) ** 2) + 1.0)
            assert abs(total - wanted) < _ERRORS * spread, (
                f"of {_SAMPLES} samples{given(label)} {total:.0f} have neither the lowest nor the highest grey level, and "
                f"log_prob expects {wanted:.0f}; samples do not follow the density"
            )
