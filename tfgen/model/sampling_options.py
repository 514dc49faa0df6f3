"""Sampling options: what a model's sampler can be told by name, such as a temperature or a number of steps.

`ModelSpec.sampling` declares them by a frozen dataclass with defaults, and `sample` takes them as keyword arguments. So
`tfgen sample RUN --help` shows them, and their values are checked before anything is drawn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfgen.errors import CapabilityError
from tfgen.plugin.options import build

if TYPE_CHECKING:
    from tfgen.model.base import GenerativeModel


def sampling_options(model: GenerativeModel, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return all options of a model's sampler by name: those that are given, checked, and the defaults of the others.

    Args:
        model: its attribute `sampling` has the defaults.
        given: by name, as ``sample(..., **given)`` would have them.

    Raises:
        CapabilityError: when something is given, and the model declares no sampling options.
        UnknownNameError: for an option that the model does not have, with the closest one.
        OptionError: for a value of the wrong type or out of range.
    """
    if model.sampling is None:
        if given:
            raise CapabilityError(f"model {type(model).__name__} has no sampling options; leave out {min(given)}.")
        return {}
    options = build(type(model.sampling), given, model.sampling) if given else model.sampling
    return {entry.name: getattr(options, entry.name) for entry in dataclasses.fields(options)}


def changed_options(model: GenerativeModel, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return by name the given options of a model's sampler that are not its defaults; see `sampling_options`."""
    chosen, usual = sampling_options(model, given), sampling_options(model)
    return {name: value for name, value in chosen.items() if value != usual[name]}
