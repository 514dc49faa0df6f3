"""Shared data of a model's latent pictures: test examples, their codes, principal directions, notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset
from tfgen.data.labels import class_name
from tfgen.errors import DataError
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import HasPosterior
from tfgen.sample.latent import (
    Directions,
    Floats,
    Labels,
    LatentSpace,
    Whitening,
    active_dimensions,
    principal_components,
    whitening_of,
)
from tfgen.seeds import generator

#: Largest number of test examples whose codes are plotted.
MOST_CODES = 5000
#: Largest number of classes with their own row, column or panel.
MOST_CLASSES = 12
_DIRECTIONS = 10
_PIXELS_BATCH, _SMALLEST_BATCH = 400_000, 16  # 500 images of MNIST; of larger ones fewer
_CHOICE = 11  # purpose of the seed: the choice of test examples

Notes = Sequence[str]


class LatentSample:
    """Test examples of a model with their codes, whitening and directions: the data of all its latent pictures.

    Args:
        model: with latent codes.
        data: of the spec that the model was built for.
        seed: of the choice of examples and of all noise.
        projection: into the plane, where codes are drawn as points: pca, or one of `tfgen.sample.projection.PROJECTIONS`.

    Raises:
        CapabilityError: when the model has no latent codes.
        DataError: for fewer than two test examples.
    """

    def __init__(self, model: GenerativeModel, data: Dataset, seed: int = 0, projection: str = "pca") -> None:
        self.model = model
        self.seed = seed
        self.projection = projection
        self.levels = data.spec.levels
        largest = max(_SMALLEST_BATCH, _PIXELS_BATCH // data.spec.dimensions)
        self.space = LatentSpace(model, seed, min(largest, 500))
        if len(data.test) < 2:
            raise DataError(f"latent pictures need two test examples or more; data set {data.name!r} has one.")
        # Sets are not always shuffled: the first half of MNIST's test images are neater than the second.
        chosen = generator(seed, _CHOICE).permutation(len(data.test))[:MOST_CODES]
        self.x = data.test.x[chosen]
        self.labels: Labels | None = None if data.test.labels is None else data.test.labels[chosen]
        there = range(model.data.classes or 0) if model.conditional else ()
        self.classes = np.arange(min(len(there), MOST_CLASSES), dtype=np.int32)
        self.class_notes = [f"the first {MOST_CLASSES} of {len(there)} classes"] if len(there) > MOST_CLASSES else []

    def named(self, labels: Iterable[int]) -> list[str]:
        """Return the names of classes, or their numbers."""
        return [class_name(int(label), self.model.data) for label in labels]

    @cached_property
    def codes(self) -> Floats:
        """The codes of the examples, [n, latent]."""
        return self.space.encode(self.x, self.labels)

    @cached_property
    def whitening(self) -> Whitening:
        """The whitening of the codes."""
        return whitening_of(self.space, self.codes, self.labels)

    @cached_property
    def directions(self) -> Directions:
        """The ten most active dimensions; principal components for a model without a posterior."""
        find = active_dimensions if isinstance(self.model, HasPosterior) else principal_components
        return find(self.whitening, self.codes, self.labels, _DIRECTIONS)

    @property
    def whitening_notes(self) -> list[str]:
        """Notes on origin and unit, unless they are mean and standard deviation of the prior."""
        of_what = f"the test codes{' of each class' if len(self.whitening.origin) > 1 else ''}"
        if self.directions.components:
            return [f"components of {of_what}, around their mean, in units of the standard deviation along each"]
        if self.whitening.standard:
            return []
        return [f"the prior is not N(0, I): 0 is the mean of {of_what}, 1 their standard deviation"]

    def row(self, index: int) -> int:
        """Return the row of the whitening for one example."""
        return int(self.whitening.rows(0 if self.labels is None else int(self.labels[index])))

    def label(self, index: int, count: int) -> Labels | None:
        """Return the label of one example, `count` times."""
        return None if self.labels is None else np.repeat(self.labels[[index]], count)

    def decoded(self, codes: Floats, labels: Labels | None) -> NDArray[np.generic]:
        """Decode codes [..., latent] with labels [...] to examples [..., *shape]."""
        flat = codes.reshape(-1, codes.shape[-1])
        x = self.space.decode(flat, None if labels is None else labels.ravel())
        return x.reshape(*codes.shape[:-1], *x.shape[1:])


def plane_notes(plane: Directions, of_what: str = "the codes") -> list[str]:
    """Return notes on a plane of principal components."""
    if not plane.components:
        return []
    d, shares = plane.vectors.shape[1], plane.share.sum()
    return [
        f"{of_what} have {d} dimensions: drawn is the plane of their first two principal components"
        f"{' around the mean of each class' if len(plane.origin) > 1 else ''}, which hold {shares:.0%} of the variance"
    ]


def titled(title: str, notes: Iterable[str]) -> str:
    """Return a title with the notes below it, each in a line of its own."""
    return "\n".join([title, *(note[:1].upper() + note[1:] for note in notes)])
