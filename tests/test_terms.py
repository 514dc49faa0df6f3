"""A newcomer who searches the documentation for a term of the field finds it, in a page that people read."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Tables of results and generated pages do not count: a term that is there alone is explained nowhere.
PAGES = [
    *(ROOT / name for name in ("README.md", "docs/recipes.md", "docs/models.md")),
    *(page for room in ("commands", "theory", "learn") for page in (ROOT / "docs" / room).glob("*.md")),
]
TERMS = {
    "likelihood": ("bits per dimension", "change of variables", "coupling layer", "Jacobian", "dequantis"),
    "latent variables": (
        "amortised variational inference", "reparameterisation", "posterior collapse", "KL annealing", "free bits", "beta-VAE",
        "importance-weighted", "ELBO", "IWAE", "active units", "aggregate posterior", "VampPrior", "latent traversal",
    ),
    "autoregressive models": (
        "autoregressive", "teacher forcing", "receptive field", "blind spot", "self-attention", "ancestral", "temperature",
    ),
    "adversarial models": ("mode collapse", "R1 gradient penalty", "Wasserstein", "hinge", "discriminator", "minimax"),
    "inference": ("particle filter", "effective sample size", "sequential importance resampling", "Monte Carlo"),
    "divergences": ("reverse KL", "mode seeking", "mode covering", "Jensen-Shannon"),
    "metrics": (
        "FID", "KID", "precision", "recall", "coverage", "memoris", "jackknife", "expected calibration error",
        "confusion matrix", "Bayes' rule", "nearest neighbour",
    ),
    "training": (
        "early stopping", "exponential moving average", "gradient clipping", "mixed precision", "hyperparameter",
        "grid search", "checkpoint",
    ),
    "tasks": ("inpainting", "interpolation", "style transfer", "class-conditional", "slerp", "lerp", "binarise"),
}  # fmt: skip


@pytest.fixture(scope="module")
def text() -> str:
    """Return the pages as one text without line breaks."""
    return " ".join(" ".join(page.read_text().split()) for page in PAGES).lower()


@pytest.mark.parametrize("term", [term for terms in TERMS.values() for term in terms])
def test_a_term_of_the_field_is_in_the_documentation(term, text):
    assert term.lower() in text, (
        f"{term!r} is in no page of docs/commands, docs/theory and docs/learn, nor in the README: explain it there"
    )
