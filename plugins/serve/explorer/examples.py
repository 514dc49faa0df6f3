"""Examples of the test split for the page: images to begin from, or points to draw, and the frequencies of the labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen import Split, TfgenError
from tfgen_plugins.serve.model import ServedModel

#: Images that the page offers, and points that it draws.
MOST_IMAGES, MOST_POINTS = 40, 1000


def split_of(model: ServedModel) -> tuple[Split | None, str | None]:
    """Return the test split of a model's data, or why it cannot be read: the model can be explored all the same."""
    try:
        return model.run.data.test, None
    except TfgenError as error:
        return None, " ".join(str(error).split())


def examples_of(model: ServedModel, split: Split | None, why: str | None) -> dict[str, Any]:
    """Return examples as JSON: ``x``, their ``labels``, their place in the split, and ``log_prior`` of the classes.

    Args:
        model: whose data it is.
        split: the test split; None where it cannot be read.
        why: not.
    """
    classes = model.data.classes if "labels" in model.conditions else None
    if split is None:
        uniform = None if classes is None else [-float(np.log(classes))] * classes
        return {"x": [], "labels": None, "context": None, "index": [], "log_prior": uniform, "missing": why}
    images = model.data.kind == "image"
    chosen = _each_class(split.labels, len(split.x), MOST_IMAGES) if images else np.arange(len(split.x))[:MOST_POINTS]
    taken = split.take(chosen)
    return {
        "x": taken.x.tolist(),
        "labels": None if taken.labels is None else taken.labels.tolist(),
        "context": None if taken.context is None else taken.context.tolist(),
        "index": chosen.tolist(),
        "log_prior": None if classes is None else _log_prior(split.labels, classes),
        "missing": None,
    }


def _each_class(labels: NDArray[np.int32] | None, count: int, most: int) -> NDArray[np.intp]:
    """Return the places of the first examples of each class, as many of each, in the order of the classes."""
    if labels is None:
        return np.arange(count)[:most]
    classes = np.unique(labels[labels >= 0])
    if not len(classes):
        return np.arange(count)[:most]
    each = max(1, most // max(1, len(classes)))
    return np.concatenate([np.flatnonzero(labels == label)[:each] for label in classes[:most]])


def _log_prior(labels: NDArray[np.int32] | None, classes: int) -> list[float]:
    """Return log-frequencies of the classes, with one example more of each, so that none is impossible."""
    counts = np.ones(classes) if labels is None else 1 + np.bincount(labels[labels >= 0], minlength=classes)
    logs: list[float] = np.log(counts / counts.sum()).tolist()
    return logs
