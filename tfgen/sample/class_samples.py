"""Conditional samples of given classes, in the given order."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.data.conditions import Conditions, contexts_for, joined
from tfgen.data.labels import class_numbers, require_classes
from tfgen.errors import CapabilityError, DataError
from tfgen.model.base import GenerativeModel
from tfgen.model.capabilities import require_no_context, uses_context
from tfgen.sample.sampling import sample_batches

_BATCH = 500  # examples drawn at a time


def generate_examples(
    model: GenerativeModel,
    labels: Any,
    seed: int = 0,
    wanted_by: str = "tfgen.generate",
    options: Mapping[str, Any] | None = None,
    context: Any = None,
) -> NDArray[np.generic]:
    """Sample one example for each label or context, in order: images [n, height, width, channels] uint8, or vectors [n, d].

    The example at a place is a function of seed, place and label, up to the rounding of products: the same label elsewhere
    gives another example, and labels that are added behind change none before them.

    Args:
        model: conditional, with a sampler.
        labels: classes, n integers or names; None for a model that is given a context alone.
        seed: same seed and labels, same examples.
        wanted_by: who asks, for the error message.
        options: of the model's sampler, by name.
        context: of a model that takes one, [n, k] numbers, or [k] for all.

    Raises:
        CapabilityError: when the model takes no labels, or does not sample.
        DataError: when labels are not integers, are none, or lie outside the classes.
    """
    if uses_context(model):
        known = _with_context(model, labels, context)
    else:
        require_conditional(model, wanted_by)
        if context is not None:
            raise DataError(f"model {type(model).__name__} takes no context; leave it out.")
        known = _known_labels(model, labels)
    batches = sample_batches(model, len(known), known, seed, min(_BATCH, len(known)), options)
    return np.concatenate(list(batches)).astype(model.data.dtype)


def require_conditional(model: GenerativeModel, wanted_by: str) -> None:
    """Check that a model is conditional: that the class of a sample can be chosen.

    Raises:
        CapabilityError: when it is not; names models that are.
    """
    if not model.conditional:
        raise CapabilityError(
            f"{wanted_by} needs a conditional model, and {type(model).__name__} takes no labels; "
            "train one that does; `tfgen list` says which"
        )
    require_no_context(model, wanted_by)


def _with_context(model: GenerativeModel, labels: Any, context: Any) -> Conditions:
    """Return labels and contexts as a model that takes contexts is given them, one for each example."""
    columns = model.data.context or ()
    numbers = None if model.data.classes is None else _known_labels(model, labels)
    if numbers is None and labels is not None:
        raise DataError(f"model {type(model).__name__} takes a context and no labels; leave them out.")
    if context is None:
        raise DataError(
            f"a context of {len(columns)} numbers is needed ({', '.join(column.name for column in columns)})."
        )
    rows = np.atleast_2d(np.asarray(context))
    count = len(rows) if numbers is None else len(numbers)
    if len(rows) not in (1, count):
        raise DataError(f"{count} labels need as many contexts, or one for all; got {len(rows)}.")
    found = joined(numbers, contexts_for(columns, count, rows))
    assert found is not None
    return found


def _known_labels(model: GenerativeModel, labels: Any) -> NDArray[np.int32]:
    values = np.asarray(labels, dtype=object)  # which keeps True apart from 1
    if model.data.class_names and values.ndim == 1 and any(isinstance(value, str) for value in values):
        values = np.asarray(class_numbers(values.tolist(), model.data), dtype=object)
    whole = [isinstance(value, int | np.integer) and not isinstance(value, bool) for value in values.ravel()]
    if values.ndim != 1 or not all(whole):
        given = " ".join(reprlib.repr(labels).split())
        raise DataError(f"labels must be a list of whole numbers, for example [0, 2]; got {given}.")
    if not len(values):
        raise DataError("labels must name at least one class, for example [0, 2]; got none.")
    require_classes(values, model.data.classes or 0, missing=model.labels_optional)
    return values.astype(np.int32)
