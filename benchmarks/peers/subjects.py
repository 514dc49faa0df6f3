"""Options of a model that a contender of another library implements; others are refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfgen_benchmarks.worker import UnsuitableError


def require_model(contender: str, subject: Mapping[str, Any], *models: str) -> None:
    """Check that the subject is one of these models.

    Raises:
        UnsuitableError: when it is another.
    """
    if subject["model"] not in models:
        raise UnsuitableError(f"{contender} does not have the model {subject['model']}")


def require_options(contender: str, config: Mapping[str, Any], **able: Sequence[Any]) -> None:
    """Check that each option, where the model has it, is one of those that the contender is able to do.

    Raises:
        UnsuitableError: when one is not.
    """
    for name, values in able.items():
        value = config.get(name, values[0])
        if value not in values:
            raise UnsuitableError(f"{contender} does not do {name} = {value}; it does {', '.join(map(str, values))}")


def require_grey(contender: str, subject: Mapping[str, Any]) -> None:
    """Check that images have one channel of at most 256 levels.

    Raises:
        UnsuitableError: when they have not.
    """
    if len(subject["shape"]) != 3 or subject["shape"][-1] != 1:
        raise UnsuitableError(f"{contender} does images of one channel, not examples of shape {subject['shape']}")
