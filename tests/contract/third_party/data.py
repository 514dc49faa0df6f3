"""The data set `eight_gaussians`: eight normals on a circle, with their exact density."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgen import Dataset, DataSources, DataSpec, Split

SCALE = 0.3
ANGLES = np.arange(8) * np.pi / 4
CENTRES = 3 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=-1)


def log_prob(x: Any) -> Any:
    """Return log p(x) in nats, [n]."""
    squares = ((np.asarray(x, np.float64)[:, None] - CENTRES) ** 2).sum(axis=-1) / SCALE**2
    return np.logaddexp.reduce(-squares / 2, axis=-1) - np.log(8 * 2 * np.pi * SCALE**2)


def split(n: int, seed: int) -> Split:
    """Return n points, with the number of their normal as label."""
    random = np.random.Generator(np.random.Philox(seed))
    labels = random.integers(8, size=n).astype(np.int32)
    points = CENTRES[labels] + SCALE * random.normal(size=(n, 2))
    return Split(points.astype(np.float32), labels)


def load(sources: DataSources) -> Dataset:
    """Return the data set; nothing is read."""
    spec = DataSpec("vector", (2,), classes=8, value_range=(-4.5, 4.5))
    splits = {"train": split(20_000, 1), "valid": split(2_000, 2), "test": split(2_000, 3)}
    return Dataset("eight_gaussians", spec, splits, "Philox 1, 2, 3", log_prob)
