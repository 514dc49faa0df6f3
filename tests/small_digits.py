"""Plugin with a small data set of images for tests: digits of 4x4 pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import tfgen
from tfgen.data.dataset import Dataset, Split
from tfgen.data.digits import load_digits
from tfgen.plugin.specs import DataSources

#: Examples of each split.
TRAIN, OTHERS = 300, 50


def load_small_digits(sources: DataSources) -> Dataset:
    """Return the first digits, each 2x2 pixels averaged: what a model costs for each pixel is a quarter."""

    def split(name: str, count: int) -> Split:
        x, labels = digits.splits[name].x[:count], digits.splits[name].labels
        assert labels is not None
        return Split(_averaged(x), labels[:count])

    digits = load_digits()
    spec = tfgen.DataSpec("image", (4, 4, 1), classes=digits.spec.classes, levels=digits.spec.levels)
    return Dataset(
        "small_digits", spec, {name: split(name, TRAIN if name == "train" else OTHERS) for name in digits.splits}
    )


def load_measured_digits(sources: DataSources) -> Dataset:
    """Return the first digits as two coordinates, with their classes and the mean level of each as a context."""

    def split(name: str, count: int) -> Split:
        found = load_small_digits(sources).splits[name]
        halves = found.x.reshape(count, 2, -1).mean(axis=2).astype(np.float32)
        return Split(halves, found.labels, halves.mean(axis=1, keepdims=True))

    spec = tfgen.DataSpec("vector", (2,), classes=10, context=(tfgen.Column("ink"),), value_range=(0.0, 16.0))
    return Dataset("measured_digits", spec, {"train": split("train", TRAIN)} | {
        name: split(name, OTHERS) for name in ("valid", "test")
    })  # fmt: skip


def _averaged(x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    n, height, width, channels = x.shape
    blocks = x.reshape(n, height // 2, 2, width // 2, 2, channels)
    averages: NDArray[np.uint8] = blocks.mean(axis=(2, 4)).round().astype(np.uint8)
    return averages


@tfgen.hookimpl
def tfgen_register(registry: tfgen.Registry) -> None:
    """Add the data set."""
    registry.add_dataset(tfgen.DatasetSpec("small_digits", load_small_digits, summary="Digits of 4x4 pixels."))
    registry.add_dataset(
        tfgen.DatasetSpec(
            "measured_digits", load_measured_digits, summary="Digits by half, with a label and a context."
        )
    )
