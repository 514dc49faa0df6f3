"""Weights from another run as the start of training (``tfgen run MODEL --init RUN``): fine-tuning, and stages of models."""

from __future__ import annotations

from dataclasses import dataclass, field

import keras

from tfgen.errors import RunError
from tfgen.model.base import GenerativeModel
from tfgen.model.weights import named_weights
from tfgen.runs.run import Run

#: Most weights that a message names; config.json lists all of them.
_LISTED = 3


@dataclass(frozen=True)
class Taken:
    """What a model took from another run; `dataclasses.asdict` makes it fit for JSON.

    Attributes:
        run: folder of the other run.
        model: registered name of its model.
        taken: how many weights of the new model begin with values of the other.
        weights: how many the new model has.
        random: why each of the others begins at random, by its name.
        unused: names of weights of the other run that fit none.
    """

    run: str
    model: str
    taken: int
    weights: int
    random: dict[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    def __str__(self) -> str:
        rest = len(self.random)
        others = f"; the other {rest} begin at random: {_listed(self.random)}" if rest else ""
        return f"{self.taken} of {self.weights} weights begin as those of {self.run} ({self.model}){others}"


def take_weights(model: GenerativeModel, source: Run) -> Taken:
    """Give a model the weights that another run ended with, wherever one has the same name and shape.

    The name is the path of attributes, see `named_weights`: a model that keeps an autoencoder under the attribute
    ``autoencoder`` takes the weights of another that does so, and begins the rest at random.

    Args:
        model: freshly built; changed in place.
        source: the other run, whose model may be another one.

    Raises:
        RunError: when no weight fits, or the other run has no checkpoint.
    """
    ours, theirs = named_weights(model), named_weights(source.model)
    fitting = [name for name, weight in ours.items() if name in theirs and theirs[name].shape == weight.shape]
    if not fitting:
        raise RunError(
            f"{source.folder} has no weight of a name and shape that this model has: its first is "
            f"{_described(theirs)}, here it is {_described(ours)}; --init wants a run of the same or of a similar model."
        )
    for name in fitting:
        ours[name].assign(theirs[name].numpy())
    taken = set(fitting)
    random = {
        name: f"{list(weight.shape)} ({f'there {list(theirs[name].shape)}' if name in theirs else 'not there'})"
        for name, weight in ours.items()
        if name not in taken
    }
    unused = tuple(name for name in theirs if name not in taken)
    return Taken(str(source.folder), source.config.model, len(fitting), len(ours), random, unused)


def _listed(reasons: dict[str, str]) -> str:
    """Return the first names with their reasons, and how many more there are."""
    shown = ", ".join(f"{name} {reason}" for name, reason in list(reasons.items())[:_LISTED])
    more = len(reasons) - _LISTED
    return f"{shown} and {more} more (config.json lists them)" if more > 0 else shown


def _described(weights: dict[str, keras.Variable]) -> str:
    return next((f"{name} {list(weight.shape)}" for name, weight in weights.items()), "none")
