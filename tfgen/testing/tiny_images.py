"""Tiny images: a data set whose images are so few that the probabilities of all of them can be summed."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import SPLITS, Dataset, Split
from tfgen.data.spec import DataSpec

_SEED = 2003
_MOST_IMAGES = (
    5000  # with three channels 4^6 = 4096 images; with four channels 4^8 would take long, and 2 levels are left
)
_TRAINING_IMAGES = 2000


def tiny_images(like: DataSpec, levels: int, at_least: int, contexts: NDArray[np.float32] | None = None) -> Dataset:
    """Return images of 2x2 pixels (1x2 of several channels) and few grey levels, of which some are far likelier than others.

    Args:
        like: channels and classes are as here.
        levels: grey levels; fewer where there would be too many images.
        at_least: how many images train; a batch must not be larger.
        contexts: [n, k], of which each image gets one at random; None for data without.
    """
    channels = like.shape[-1]
    shape = (2, 2, 1) if channels == 1 else (1, 2, channels)
    spec = DataSpec(
        "image",
        shape,
        like.classes,
        levels if levels ** int(np.prod(shape)) <= _MOST_IMAGES else 2,
        context=like.context,
    )
    images = all_images(spec)
    random = np.random.default_rng(_SEED)
    classes = like.classes or 1
    log_odds = random.normal(size=(classes, len(images)))
    probabilities = np.exp(log_odds) / np.exp(log_odds).sum(axis=1, keepdims=True)

    def split(count: int) -> Split:
        labels = random.integers(classes, size=count).astype(np.int32)
        steps = random.random(count)[:, None] < np.cumsum(probabilities, axis=1)[labels]
        x = images[steps.argmax(axis=1)]
        context = None if contexts is None else contexts[random.integers(len(contexts), size=count)]
        return Split(x, labels if like.classes else None, context)

    sizes = (max(_TRAINING_IMAGES, at_least), 200, 200)
    return Dataset("tiny_images", spec, {name: split(size) for name, size in zip(SPLITS, sizes, strict=True)})


def all_images(spec: DataSpec) -> NDArray[np.uint8]:
    """Return every image that there is, uint8 [levels^D, ...]."""
    values = np.array(list(itertools.product(range(spec.levels), repeat=spec.dimensions)), np.uint8)
    return values.reshape(-1, *spec.shape)
