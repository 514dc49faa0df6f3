"""Inputs on which an export is compared with its run: examples of the test split, or samples of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import TfgenError
from tfgen.model.capabilities import Samples
from tfgen.runs.run import Run
from tfgen.sample.sampling import given_of, labels_for

#: Examples that are compared.
EXAMPLES = 64


@dataclass(frozen=True)
class Compared:
    """Arrays for the inputs of signatures, by the inputs' names.

    Attributes:
        arrays: ``x``, ``z``, ``labels`` and ``context``, as far as the model has them; `EXAMPLES` of each.
        described: what they are, in words.
    """

    arrays: Mapping[str, NDArray[Any]]
    described: str


def to_compare(run: Run) -> Compared:
    """Return examples of the test split with their codes, or of samples of the model where the data are gone.

    Raises:
        DataError: when the data are gone and the model cannot sample.
    """
    model, numbers = run.model, np.arange(EXAMPLES)
    sampler: Any = model
    try:
        split = run.data.test
        examples = split.take(numbers % len(split))
    except TfgenError:
        if not isinstance(model, Samples):  # there is nothing else to compare it on
            raise
        given = labels_for(model, EXAMPLES, None)
        found = {"x": sampler.sample(EXAMPLES, given, seed=1).numpy(), **_parts(run, given)}
        described = f"{EXAMPLES} samples of the model, since its data cannot be read here"
    else:
        given = given_of(model, examples)
        found = {"x": examples.x, "labels": examples.labels, "context": examples.context}
        described = f"{EXAMPLES} examples of the test split"
        if len(split) < EXAMPLES:
            described = f"the {len(split)} examples of the test split, again and again up to {EXAMPLES}"
    if hasattr(model, "encode"):
        found["z"] = sampler.encode(found["x"], given, seed=0).numpy()
    elif hasattr(model, "prior"):
        prior = sampler.prior(given)
        found["z"] = prior.sample(() if prior.batch_shape.rank else EXAMPLES, seed=(0, 1)).numpy()
    return Compared({name: np.asarray(array) for name, array in found.items() if array is not None}, described)


def _parts(run: Run, given: Any) -> dict[str, Any]:
    """Return labels and contexts apart."""
    if given is None:
        return {}
    if given.ndim == 1:
        return {"labels": given}
    labelled = run.data_spec.classes is not None
    return {"labels": given[:, 0] if labelled else None, "context": given[:, 1:] if labelled else given}
