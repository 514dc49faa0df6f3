"""Data sets of one dimension, as a plugin: ``-p tests/one_dimension.py``. Two bumps with labels, and many classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

import tfgen
from tfgen.data.dataset import SPLITS, Dataset, Split

CENTRES, WIDTHS, SHARES = np.array([-1.5, 2.0]), np.array([0.3, 0.8]), np.array([0.4, 0.6])
SIZES = (2000, 300, 400)


def bumps_log_prob(x: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the exact log-density, [n, 1] -> [n]."""
    density: NDArray[np.float64] = (SHARES * norm.pdf(np.asarray(x, np.float64), CENTRES, WIDTHS)).sum(axis=-1)
    return np.log(density)


def load_bumps() -> Dataset:
    """Return examples [n, 1] of a mixture of two normals; the label is the component."""
    random = np.random.default_rng(0)
    splits = {}
    for name, count in zip(SPLITS, SIZES, strict=True):
        labels = (random.uniform(size=count) < SHARES[1]).astype(np.int32)
        x = CENTRES[labels] + WIDTHS[labels] * random.normal(size=count)
        splits[name] = Split(x[:, None].astype(np.float32), labels)
    spec = tfgen.DataSpec("vector", (1,), classes=2, value_range=(-4.0, 5.0))
    return Dataset("bumps", spec, splits, "drawn with seed 0", bumps_log_prob)


@tfgen.hookimpl
def tfgen_register(registry: tfgen.Registration) -> None:
    """Add the data set ``bumps``."""
    registry.add_dataset(tfgen.DatasetSpec("bumps", lambda sources: load_bumps(), summary="Two bumps on the line."))
