from .catalogue import CATALOGUE, Catalogue
from .copying import CopyingTest, copying_test, neighbourhoods
from .disentanglement import DCI, beta_vae_score, dci, factor_vae_score, mutual_information_gap
from .divergences import (
    Divergences,
    bernoulli_js,
    bernoulli_kl,
    divergences_of_scores,
    js_divergence,
    kl_divergence,
    monte_carlo_divergences,
)
from .estimate import Estimate
from .frechet import frechet_distance, frechet_from_moments
from .gaussian_divergences import gaussian_js, gaussian_kl
from .kernel import kernel_distance
from .manifold import manifold_metrics
from .metric import Baseline, Basis, Metric, NotFinite, entry_text, given_label, metrics_from_json, metrics_to_json
from .moments import Moments
from .neighbours import nearest_neighbours
from .plausibility import Note, notes_about, warnings_about
from .rounding import fixed, in_percent, measured

__all__ = [
    "CATALOGUE",
    "DCI",
    "Baseline",
    "Basis",
    "Catalogue",
    "CopyingTest",
    "Divergences",
    "Estimate",
    "Metric",
    "Moments",
    "NotFinite",
    "Note",
    "bernoulli_js",
    "bernoulli_kl",
    "beta_vae_score",
    "copying_test",
    "dci",
    "divergences_of_scores",
    "entry_text",
    "factor_vae_score",
    "fixed",
    "frechet_distance",
    "frechet_from_moments",
    "gaussian_js",
    "gaussian_kl",
    "given_label",
    "in_percent",
    "js_divergence",
    "kernel_distance",
    "kl_divergence",
    "manifold_metrics",
    "measured",
    "metrics_from_json",
    "metrics_to_json",
    "monte_carlo_divergences",
    "mutual_information_gap",
    "nearest_neighbours",
    "neighbourhoods",
    "notes_about",
    "warnings_about",
]
