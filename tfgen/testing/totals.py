"""Total mass of a density: over a grid of the line or the plane, or over every tiny image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast
from unittest import SkipTest

import numpy as np
from numpy.typing import NDArray

from tfgen.data.conditions import middle_of
from tfgen.data.dataset import Dataset
from tfgen.errors import TfgenError
from tfgen.evaluate.scoring import score_batches
from tfgen.model.base import GenerativeModel
from tfgen.testing.model_under_test import ModelUnderTest
from tfgen.testing.tiny_images import all_images

#: ``(x, labels, seed) -> [batch]`` nats.
Score = Callable[[Any, Any, Any], Any]
#: A label, or the numbers of a context behind its label if it has one; None for an unconditional model.
Condition = int | tuple[float, ...] | None

_BATCH = 4096
_LABELS = 2  # so many classes of a conditional model are looked at


@dataclass(frozen=True)
class Grid:
    """Points of the line or the plane, and the length or area that each stands for.

    Attributes:
        points: [n, d] float32, d = 1 or 2.
        areas: [n].
        inner: whether a point lies among the data, [n].
    """

    points: NDArray[np.float32]
    areas: NDArray[np.float64]
    inner: NDArray[np.bool_]


def data_grid(data: Dataset, cells: int, reach: float) -> Grid:
    """Return a grid whose points lie close among the data and ever wider apart outside, by ``x = c + h sinh(u)``.

    Args:
        data: vectors of one or two coordinates; c is the centre of their box and h half its side.
        cells: points along each axis.
        reach: how far the grid goes, in units of h.
    """
    low, high = data.train.x.min(axis=0).astype(np.float64), data.train.x.max(axis=0).astype(np.float64)
    centre, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-3)
    step = 2 * np.arcsinh(reach) / cells
    u = (np.arange(cells) + 0.5) * step - np.arcsinh(reach)
    ticks, widths = np.sinh(u)[:, None] * half, np.cosh(u)[:, None] * half * step
    dimensions = data.spec.dimensions
    offsets = np.stack(np.meshgrid(*ticks.T, indexing="ij"), axis=-1).reshape(-1, dimensions)
    areas = np.prod(np.meshgrid(*widths.T, indexing="ij"), axis=0).reshape(-1)
    return Grid((centre + offsets).astype(np.float32), areas, np.all(np.abs(offsets) <= half, axis=1))


def scored(
    score: Score, x: NDArray[np.generic], label: Condition, seed: int = 0, batch: int = _BATCH
) -> NDArray[np.float64]:
    """Return the score of each example in nats [n], compiled, a batch at a time; all under one label."""
    parts = score_batches(score, x, [repeated(label, len(x))], seed=seed, block=batch)
    return np.concatenate([values[:, 0] for _, values in parts])


def repeated(label: Condition, count: int) -> NDArray[Any] | None:
    """Return a condition for each of some examples, as a model takes them: labels int32 [n], or float32 [n, k]."""
    if label is None:
        return None
    return (
        np.full(count, label, np.int32) if isinstance(label, int) else np.tile(np.array(label, np.float32), (count, 1))
    )


def labels_looked_at(model: GenerativeModel) -> Iterator[Condition]:
    """Yield None for an unconditional model, the first labels for a conditional one; of contexts the mean and another one."""
    context = model.data.context
    if not model.conditional:
        yield None
    elif not model.uses_context or context is None:
        yield from range(min(model.data.classes or 1, _LABELS))
    else:
        for number in range(_LABELS):
            label = () if model.data.classes is None else (float(number % model.data.classes),)
            steps = [0.0 if column.kind == "category" else number * (column.scale or 1.0) for column in context]
            yield (*label, *(float(at) + step for at, step in zip(middle_of(context), steps, strict=True)))


def given(label: Condition) -> str:
    """Return the words behind a number that is given a label, or a context."""
    if label is None:
        return ""
    return f" given label {label}" if isinstance(label, int) else f" given {', '.join(f'{at:.3g}' for at in label)}"


def mass_on_grid(score: Score, grid: Grid, label: Condition, seed: int = 0) -> float:
    """Return the integral of exp(score) over a grid.

    Raises:
        AssertionError: when a density among the data is no number.
    """
    values = scored(score, grid.points, label, seed)
    assert not np.isnan(values[grid.inner]).any(), f"log_prob is NaN in the midst of the data{given(label)}"
    # Far outside what overflows has no mass.
    return float(np.sum(np.exp(np.where(np.isnan(values), -np.inf, values)) * grid.areas))


def tiny_model(under_test: ModelUnderTest) -> GenerativeModel:
    """Return the model briefly trained on `tiny_images`.

    Raises:
        SkipTest: for a model of images that does not take such small ones.
    """
    try:
        return under_test.on_tiny_images.trained[1]
    except TfgenError as error:
        shape = "x".join(map(str, under_test.on_tiny_images.dataset.spec.shape))
        raise SkipTest(
            f"all images can be counted when they are of {shape}, which it does not take: {error}"
        ) from error


def image_probabilities(
    score: Score, model: GenerativeModel, label: Condition, draws: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
    """Return every tiny image, its probability as the mean of exp(score) over draws of the noise, and the standard error.

    Args:
        score: of images, with noise of its own for each of a batch.
        model: what it belongs to.
        label: of all images.
        draws: 1 for a score without noise.
    """
    images = all_images(model.data)
    values = np.exp(scored(score, np.repeat(images, draws, axis=0), label)).reshape(len(images), draws)
    error = values.std(axis=1, ddof=1) / np.sqrt(draws) if draws > 1 else np.zeros(len(images))
    return images, values.mean(axis=1), cast(NDArray[np.float64], error)
