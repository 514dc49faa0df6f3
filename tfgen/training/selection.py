"""Selection of training examples: the first N of a stratified order, and draws that are balanced over the classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tfgen.data.dataset import Dataset, Split
from tfgen.errors import OptionError
from tfgen.plugin.train_options import TrainOptions
from tfgen.seeds import generator

_MOST_COPIED = 2 * 1000**3
_LIMIT, _BALANCE = 12, 13  # purposes of this module's random numbers, apart from any other use of a seed

Indices = NDArray[np.int32]


def training_data(data: Dataset, options: TrainOptions) -> Dataset:
    """Return the data set that is trained on: with ``--validation 0`` the validation examples follow those for training.

    Raises:
        OptionError: when both together, which are copied, take more than 2 GB.
    """
    if options.validation == "split":
        return data
    train, valid = data.train, data.valid
    if train.x.nbytes + valid.x.nbytes > _MOST_COPIED:
        raise OptionError(
            "--validation 0 copies the examples into memory, and these take more than 2 GB; give the validation split fewer of "
            "them by --split-sizes."
        )
    parts = [
        None if one is None or other is None else np.concatenate([one, other])
        for one, other in ((train.labels, valid.labels), (train.context, valid.context))
    ]
    whole = Split(np.concatenate([train.x, valid.x]), *parts)
    return replace(data, splits={**data.splits, "train": whole})


def stratified(labels: NDArray[np.integer] | None, examples: int, count: int) -> Indices:
    """Return the indices of `count` examples, ascending: the same ones each time, whatever the seed of a run.

    Each class has its share of them, up to one example, and at least one where there are as many examples as classes.
    The examples of a smaller count are among those of a larger one, so that learning curves are nested.

    Args:
        labels: [examples], or None for a set without.
        examples: size of the set.
        count: at most that.
    """
    order = generator(_LIMIT).permutation(examples)
    if labels is None:
        return np.sort(order[:count]).astype(np.int32)
    # Example r of the n of its class, in a random order, comes after the share r / n of all examples.
    shares = np.empty(examples)
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        shares[of_class] = np.arange(len(of_class)) / len(of_class)
    return np.sort(np.lexsort((labels, shares))[:count]).astype(np.int32)


def balanced(labels: NDArray[np.integer], seed: int, epoch: int, count: int) -> Indices:
    """Return the indices of the `count` examples of an epoch, in random order, each class equally often.

    What does not divide by the classes goes to some of them, others in each epoch. A class with n examples that is drawn
    q times has each of them floor(q / n) times, and q mod n chosen at random once more.

    Args:
        labels: [n], of the examples to choose from.
        seed: of the run.
        epoch: from 0.
        count: of the examples to draw.
    """
    random = generator(seed, _BALANCE, epoch)
    classes = random.permutation(np.unique(labels))
    drawn = []
    for place, label in enumerate(classes):
        of_class = np.flatnonzero(labels == label)
        times = count // len(classes) + (place < count % len(classes))
        whole, rest = divmod(times, len(of_class))
        drawn += [np.tile(of_class, whole), random.permutation(of_class)[:rest]]
    return random.permutation(np.concatenate(drawn)).astype(np.int32)


class Selection:
    """The training examples that the options select.

    Args:
        data: whose training split they are of.
        options: of training: ``limit`` and ``balance``.

    Raises:
        OptionError: for more examples than there are, or a balance where there are no labels.
    """

    def __init__(self, data: Dataset, options: TrainOptions) -> None:
        labels, size = data.train.labels, len(data.train)
        if options.limit > size:
            raise OptionError(f"--limit must be at most the {size} training examples, got {options.limit}.")
        if options.balance and labels is None:
            raise OptionError(f"--balance needs labels, and data set {data.name!r} has none; leave it out.")
        self._chosen = stratified(labels, size, options.limit) if options.limit else None
        self._labels = labels if self._chosen is None or labels is None else labels[self._chosen]
        self._seed, self._balance = options.seed, options.balance
        self._data = data

    def __len__(self) -> int:
        """Return how many examples there are to choose from."""
        return len(self._data.train) if self._chosen is None else len(self._chosen)

    @property
    def x(self) -> NDArray[np.generic]:
        """The examples to choose from, [n, ...]."""
        return self._data.train.x if self._chosen is None else self._data.train.x[self._chosen]

    def epoch(self, number: int, shuffled: Indices) -> Indices:
        """Return the examples of an epoch, as indices into the training split.

        Args:
            number: of the epoch, from 0.
            shuffled: numbers below ``len(self)``, which examples are taken where classes are not balanced.
        """
        if self._balance and self._labels is not None:
            shuffled = balanced(self._labels, self._seed, number, len(shuffled))
        return shuffled if self._chosen is None else self._chosen[shuffled]
