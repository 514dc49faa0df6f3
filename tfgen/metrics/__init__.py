"""Sample quality and divergences: functions of arrays, and of models, that need nothing else of tfgen.

    >>> from tfgen.metrics import Moments, frechet_distance, kernel_distance      # doctest: +SKIP
    >>> a, b = Moments.of(features), Moments.of(other_features)                   # doctest: +SKIP
    >>> frechet_distance(a.mean, a.covariance, b.mean, b.covariance)              # doctest: +SKIP

Importing this package imports nothing; each name loads its module when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfgen.metrics.between_models import model_divergences
    from tfgen.metrics.copying import CopyingTest, copying_test, neighbourhoods
    from tfgen.metrics.divergences import (
        Divergences,
        bernoulli_js,
        bernoulli_kl,
        divergences_of_scores,
        js_divergence,
        kl_divergence,
        monte_carlo_divergences,
    )
    from tfgen.metrics.estimate import Estimate
    from tfgen.metrics.features import FeatureNetwork, feature_network
    from tfgen.metrics.frechet import frechet_distance, frechet_from_moments
    from tfgen.metrics.gaussian_divergences import gaussian_js, gaussian_kl
    from tfgen.metrics.kernel import kernel_distance
    from tfgen.metrics.manifold import manifold_metrics
    from tfgen.metrics.moments import Moments
    from tfgen.metrics.neighbours import nearest_neighbours
    from tfgen.metrics.quality import Plan, measure_samples

#: Which module each public name comes from.
_LAZY = {
    "FeatureNetwork": "features",
    "feature_network": "features",
    "measure_samples": "quality",
    "Plan": "quality",
    "Divergences": "divergences",
    "bernoulli_js": "divergences",
    "bernoulli_kl": "divergences",
    "divergences_of_scores": "divergences",
    "gaussian_js": "gaussian_divergences",
    "gaussian_kl": "gaussian_divergences",
    "js_divergence": "divergences",
    "kl_divergence": "divergences",
    "model_divergences": "between_models",
    "monte_carlo_divergences": "divergences",
    "CopyingTest": "copying",
    "Estimate": "estimate",
    "Moments": "moments",
    "copying_test": "copying",
    "frechet_distance": "frechet",
    "frechet_from_moments": "frechet",
    "kernel_distance": "kernel",
    "manifold_metrics": "manifold",
    "nearest_neighbours": "neighbours",
    "neighbourhoods": "copying",
}

__all__ = [
    "CopyingTest",
    "Divergences",
    "Estimate",
    "FeatureNetwork",
    "Moments",
    "Plan",
    "bernoulli_js",
    "bernoulli_kl",
    "copying_test",
    "divergences_of_scores",
    "feature_network",
    "frechet_distance",
    "frechet_from_moments",
    "gaussian_js",
    "gaussian_kl",
    "js_divergence",
    "kernel_distance",
    "kl_divergence",
    "manifold_metrics",
    "measure_samples",
    "model_divergences",
    "monte_carlo_divergences",
    "nearest_neighbours",
    "neighbourhoods",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tfgen.metrics' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfgen.metrics.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
